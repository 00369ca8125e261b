//! `network`: what happens between pods.

use meshkat_model::scenario::verb::network::NetworkStep;

use crate::{
    case::{Broken, CaseRun, environment},
    wait::limit,
};

impl CaseRun<'_> {
    pub(super) async fn network(&mut self, step: &NetworkStep) -> Result<(), Broken> {
        let Some(fault) = step.fault() else {
            return self.network_restored(step).await;
        };
        for (pod, peers) in self.parted(step)? {
            environment(self.mesh.fault_network(&pod, &peers, fault).await)?;
        }
        Ok(())
    }

    async fn network_restored(&mut self, step: &NetworkStep) -> Result<(), Broken> {
        let of = match &step.of {
            Some(names) => Some(self.all_named(names.iter())?),
            None => None,
        };
        let outcome = self.mesh.heal_network(of.as_deref(), limit(step.within)).await;
        self.judge_mesh(
            outcome,
            "the network is whole, and every Envoy has acknowledged what the discovery service says",
        )
    }

    /// The pods that get the fault, each with its peers; no peers are everybody else.
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
}
