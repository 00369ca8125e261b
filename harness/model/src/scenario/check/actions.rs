//! Steps that change the mesh, and steps that ask an Envoy.

use super::{Check, Kept};
use crate::{
    mesh_file::check_replicas,
    observation::ENVOY_VARIABLES,
    scenario::step::{Endpoints, EnvoyStep, FaultStep, RegisterStep, ScaleStep, StartStep, UnregisterStep},
    source::Place,
    suggest::did_you_mean,
    yaml::At,
};

/// What `/ready` can say (Envoy's `ServerInfo.State`), and that nothing answers.
const READY: [&str; 5] = ["LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING", "unreachable"];

impl Check<'_> {
    pub(super) fn fault(&mut self, fault: &FaultStep) {
        fault.fault.iter().for_each(|pod| self.application(pod));
        let place = fault.fault.place;
        if fault.status.is_none() && fault.delay.is_none() && !fault.abort {
            self.wrong(
                place,
                "this fault does nothing",
                "no effect",
                "give it a `status`, a `delay` or `abort: true`",
            );
        }
        if fault.status.is_some_and(|status| !(200..=599).contains(&status)) {
            self.wrong(
                place,
                "a fault's status is from 200 to 599",
                "out of range",
                "for example `status: 503`",
            );
        }
        if fault.probability.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
            self.wrong(
                place,
                "a probability is more than 0 and up to 1",
                "out of range",
                "for example `probability: 0.5`",
            );
        }
    }

    pub(super) fn envoy(&mut self, step: Place, envoy: &EnvoyStep) {
        envoy.envoy.iter().for_each(|pod| self.with_envoy(pod));
        if envoy.envoy.is_empty() {
            self.wrong(envoy.envoy.place, "no Envoy is asked", "an empty list", "name a pod");
        }
        let expects =
            envoy.ready.is_some() || !envoy.stats.is_empty() || !envoy.endpoints.is_empty() || !envoy.that.is_empty();
        if !expects && envoy.keep.is_none() {
            self.wrong(
                step,
                "this step expects nothing of the Envoy",
                "no expectation",
                "add `ready`, `stats`, `endpoints` or `that`",
            );
        }
        if let Some(ready) = envoy.ready.as_ref().filter(|ready| !READY.contains(&ready.as_str())) {
            let help = did_you_mean(ready, READY);
            self.wrong(
                ready.place,
                format!("`/ready` never says `{}`", ready.value),
                "unknown state",
                help,
            );
        }
        for (cluster, endpoints) in &envoy.endpoints {
            if let Endpoints::Pods(pods) = endpoints {
                for pod in pods {
                    self.pod(&At {
                        place: cluster.place,
                        value: pod.clone(),
                    });
                }
            }
        }
        self.either_within_or_for(step, envoy.within.is_some(), envoy.for_.is_some());
        if let Some(since) = &envoy.since {
            if self.kept.get(&since.value) != Some(&Kept::Envoy) {
                let known: Vec<String> = self
                    .kept
                    .iter()
                    .filter(|(_, what)| **what == Kept::Envoy)
                    .map(|(name, _)| name.clone())
                    .collect();
                let help = did_you_mean(since, known.iter().map(String::as_str));
                self.wrong(
                    since.place,
                    format!("no `envoy` step before this one kept `{}`", since.value),
                    "unknown name",
                    help,
                );
            }
            if envoy.envoy.len() != 1 {
                self.wrong(
                    since.place,
                    "`since` compares one Envoy with itself",
                    "several are asked",
                    "name one pod",
                );
            }
        }
        self.expressions(&envoy.that, &ENVOY_VARIABLES);
        if envoy.keep.is_some() && envoy.envoy.len() != 1 {
            self.wrong(
                step,
                "`keep` keeps what one Envoy says",
                "several are asked",
                "name one pod",
            );
        }
        self.keep(envoy.keep.as_ref(), Kept::Envoy);
    }

    pub(super) fn scale(&mut self, scale: &ScaleStep) {
        for (name, count) in &scale.scale {
            match self.mesh.groups.get(&name.value) {
                None => self.group(name),
                Some(group) => {
                    let wrong = check_replicas(self.source, name, count, group.replicas.is_some());
                    self.wrong.extend(wrong);
                }
            }
        }
    }

    fn needs_sds(&mut self, step: Place) {
        if !self.mesh.groups.contains_key("sds") {
            self.wrong(
                step,
                "this mesh has no discovery service",
                "there is no registry",
                "add `sds: {service: sds}` to the mesh",
            );
        }
    }

    pub(super) fn register(&mut self, step: Place, register: &RegisterStep) {
        self.needs_sds(step);
        for (service, pods) in &register.register {
            self.group(service);
            pods.iter().for_each(|pod| self.with_envoy(pod));
        }
    }

    pub(super) fn unregister(&mut self, step: Place, unregister: &UnregisterStep) {
        self.needs_sds(step);
        unregister.unregister.iter().for_each(|service| self.group(service));
    }

    pub(super) fn start(&mut self, start: &StartStep) {
        self.targets(&start.start);
        if start.empty && (start.start.len() != 1 || start.start[0].value != "sds") {
            self.wrong(
                start.start.place,
                "`empty` is about the registry of `sds`",
                "not `sds`",
                "write `start: sds` with it",
            );
        }
    }
}
