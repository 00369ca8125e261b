//! `network`: what happens between pods.

use meshkat_model::{scenario::step::NetworkStep, yaml::At};

use super::{
    actions::{environment, limit},
    request::failed_check,
};
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    pub(super) async fn network(&mut self, line: usize, step: &NetworkStep) -> Result<(), Broken> {
        let Some(fault) = step.fault() else {
            return self.network_restored(line, step).await;
        };
        for (pod, peers) in self.parted(step)? {
            environment(self.mesh.harm_network(&pod, &peers, fault).await)?;
        }
        Ok(())
    }

    async fn network_restored(&mut self, line: usize, step: &NetworkStep) -> Result<(), Broken> {
        let of = match &step.of {
            Some(names) => Some(self.all_named(names.iter())?),
            None => None,
        };
        let outcome = self.mesh.heal_network(of.as_deref(), limit(step.within)).await;
        self.judge_mesh(
            line,
            outcome,
            "the network is whole, and every Envoy has acknowledged what the discovery service says",
        )
    }

    /// The pods to be harmed, each with its peers; no peers are everybody else.
    fn parted(&self, step: &NetworkStep) -> Result<Vec<(String, Vec<String>)>, Broken> {
        if let Some(of) = &step.of {
            let pods = self.all_named(of.iter())?;
            return Ok(pods.into_iter().map(|pod| (pod, Vec::new())).collect());
        }
        let Some([one, other]) = step.between.as_ref().map(|between| &between[..]) else {
            return Ok(Vec::new());
        };
        let (pods, peers) = (self.all_named([one])?, self.all_named([other])?);
        let pairs = pods.into_iter().map(|pod| {
            let peers = peers.iter().filter(|peer| **peer != pod).cloned().collect::<Vec<_>>();
            (pod, peers)
        });
        // A pod that is the only one of the other group has nobody there; no peers would be everybody.
        Ok(pairs.filter(|(_, peers)| !peers.is_empty()).collect())
    }

    fn all_named<'n>(&self, names: impl IntoIterator<Item = &'n At<String>>) -> Result<Vec<String>, Broken> {
        let mut all: Vec<String> = Vec::new();
        for name in names {
            let pods = self.mesh.pods_of(name);
            if pods.is_empty() {
                return Err(Broken::Expectation(failed_check(format!(
                    "there is no pod `{}` at this moment",
                    name.value
                ))));
            }
            for pod in pods {
                if !all.contains(&pod.name) {
                    all.push(pod.name);
                }
            }
        }
        Ok(all)
    }
}
