//! Steps that change the mesh, and steps that ask an Envoy.

use indexmap::IndexMap;

use super::{Check, Kept};
use crate::{
    mesh_file::check_replicas,
    observation::ENVOY_VARIABLES,
    scenario::step::{Endpoints, EnvoyStep, FaultStep, Hosts, RegisterStep, ScaleStep, StartStep, UnregisterStep},
    suggest::did_you_mean,
    yaml::At,
};

/// What `/ready` can say (Envoy's `ServerInfo.State`), and that nothing answers.
const READY: [&str; 5] = ["LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING", "unreachable"];

impl Check<'_> {
    pub(super) fn fault(&mut self, fault: &FaultStep) {
        self.applications(&fault.fault);
        if fault.status.is_none() && fault.delay.is_none() && !fault.abort {
            let help = "give it a `status`, a `delay` or `abort: true`";
            self.wrong(self.verb(), "this fault does nothing", "no effect", help);
        }
        if fault.status.is_some() && fault.abort {
            let help = "a connection that is cut has no answer, and so no status; keep one of the two";
            self.wrong(
                self.later("status", "abort"),
                "a fault has a `status` or `abort`, not both",
                "contradicts the other",
                help,
            );
        }
        if fault.status.is_some_and(|status| !(200..=599).contains(&status)) {
            let place = self.value(&["status"]);
            self.wrong(
                place,
                "a fault's status is from 200 to 599",
                "out of range",
                "for example `status: 503`",
            );
        }
        if let Some(share) = fault.probability.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            let help = if share > 1.0 && share <= 100.0 {
                format!("for {share} of 100 requests write `probability: {}`", share / 100.0)
            } else {
                "for example `probability: 0.5`".to_owned()
            };
            self.wrong(
                self.value(&["probability"]),
                "a probability is more than 0 and up to 1",
                "out of range",
                help,
            );
        }
        for (index, path) in fault
            .paths
            .iter()
            .enumerate()
            .filter(|(_, path)| !path.starts_with('/'))
        {
            let place = self.item(&["paths"], index);
            self.wrong(
                place,
                "a path begins with a slash",
                "not a path",
                format!("write `/{path}`"),
            );
        }
    }

    pub(super) fn envoy(&mut self, envoy: &EnvoyStep) {
        self.at_least_one(&envoy.envoy);
        envoy.envoy.iter().for_each(|pod| self.with_envoy(pod));
        let expects = envoy.expects();
        if !expects && envoy.keep.is_none() {
            let help = "add `ready`, `stats`, `share`, `endpoints` or `that`";
            self.wrong(
                self.verb(),
                "this step expects nothing of the Envoy",
                "no expectation",
                help,
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
        for name in envoy.stats.keys() {
            self.stat(name);
        }
        if let Some(share) = &envoy.share {
            self.stat(&share.part);
            self.stat(&share.of);
        }
        for (cluster, endpoints) in &envoy.endpoints {
            if let Endpoints::Pods(pods) = endpoints {
                for (index, pod) in pods.iter().enumerate() {
                    let place = self.item(&["endpoints", cluster.as_str()], index);
                    self.pod_or_group(&At {
                        place,
                        value: pod.clone(),
                    });
                }
            }
        }
        self.envoy_can_fail(envoy);
        self.either_within_or_for(envoy.within.is_some(), envoy.for_.is_some());
        self.since(envoy);
        self.counter_share(envoy);
        self.expressions(&envoy.that, &ENVOY_VARIABLES);
        if envoy.keep.is_some() && envoy.envoy.len() > 1 {
            let place = self.key(&["keep"]);
            self.wrong(
                place,
                "`keep` keeps what one Envoy says",
                "several are asked",
                "name one pod",
            );
        }
        self.keep(envoy.keep.as_ref(), Kept::Envoy);
    }

    /// A name that no counter or gauge can have.
    fn stat(&mut self, name: &At<String>) {
        let parts = || name.split('.');
        if parts().count() < 2 || parts().any(str::is_empty) || name.contains(char::is_whitespace) {
            self.wrong(
                name.place,
                format!("`{}` cannot be the name of a counter or gauge", name.value),
                "not a name",
                "write it as the admin interface has it at `/stats`, such as `cluster.pet.upstream_rq_total`",
            );
        }
    }

    fn since(&mut self, envoy: &EnvoyStep) {
        let Some(since) = &envoy.since else { return };
        if self.kept.get(&since.value) != Some(&Kept::Envoy) {
            let known: Vec<&str> = self
                .kept
                .iter()
                .filter(|(_, what)| **what == Kept::Envoy)
                .map(|(name, _)| name.as_str())
                .collect();
            let help = match known.is_empty() {
                true => format!(
                    "add a step such as `{{envoy: petstore-1, keep: {}}}` before it",
                    since.value
                ),
                false => did_you_mean(since, known),
            };
            self.wrong(
                since.place,
                format!("no `envoy` step before this one kept `{}`", since.value),
                "unknown name",
                help,
            );
        }
        if envoy.envoy.len() > 1 {
            self.wrong(
                since.place,
                "`since` compares one Envoy with itself",
                "several are asked",
                "name one pod",
            );
        }
        if envoy.stats.is_empty() {
            self.wrong(
                self.key(&["since"]),
                "`since` compares `stats`, and this step has none",
                "compares nothing",
                "add `stats`",
            );
        }
    }

    pub(super) fn scale(&mut self, scale: &ScaleStep) {
        if scale.scale.is_empty() {
            self.wrong(
                self.value(&["scale"]),
                "no group is scaled",
                "an empty mapping",
                "for example `scale: {pet: 3}`",
            );
        }
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

    pub(super) fn needs_sds(&mut self) {
        if !self.mesh.groups.contains_key("sds") {
            let help = "add `sds: {service: sds}` to the mesh";
            self.wrong(
                self.verb(),
                "this mesh has no discovery service",
                "there is no registry",
                help,
            );
        }
    }

    /// The services below `key`, each with its hosts.
    pub(super) fn hosts(&mut self, key: &str, services: &IndexMap<At<String>, Hosts>) {
        for (service, hosts) in services {
            self.group(service);
            match hosts {
                Hosts::Pods(pods) => pods.iter().for_each(|pod| self.pod_or_group(pod)),
                Hosts::Weighted(pods) => {
                    for (pod, weight) in pods {
                        self.pod_or_group(pod);
                        if weight.value == 0 {
                            let help = "a weight is 1 or more; leave out whoever is to get nothing";
                            self.wrong(weight.place, "0 is not a weight", "out of range", help);
                        }
                    }
                    if key != "register" {
                        let help = "give the pods as a list, and their weights in a `register` after it";
                        self.wrong(
                            self.value(&[key, service.as_str()]),
                            "weights go with `register`",
                            "not here",
                            help,
                        );
                    }
                }
                Hosts::First(count) => {
                    let most = self.most(service).unwrap_or(*count);
                    if *count > most {
                        let help = format!("`{}` has {most} at the most; `scale` gives it more", service.value);
                        let message = format!("`{}` never has {count} pods", service.value);
                        self.wrong(self.value(&[key, service.as_str()]), message, "too many", help);
                    }
                }
            }
        }
    }

    pub(super) fn register(&mut self, register: &RegisterStep) {
        self.needs_sds();
        self.hosts("register", &register.register);
        if register.unawaited && register.within.is_some() {
            let help = "`within` is how long the mesh may take; remove one of the two";
            self.wrong(
                self.key(&["within"]),
                "what is not awaited has no time",
                "beside `unawaited`",
                help,
            );
        }
    }

    pub(super) fn unregister(&mut self, unregister: &UnregisterStep) {
        self.needs_sds();
        self.at_least_one(&unregister.unregister);
        unregister.unregister.iter().for_each(|service| self.group(service));
    }

    pub(super) fn start(&mut self, start: &StartStep) {
        self.targets(&start.start);
        if start.empty && (start.start.len() != 1 || start.start[0].value != "sds") {
            let help = "remove `empty`, or write `start: sds`";
            self.wrong(
                self.key(&["empty"]),
                "`empty` is about the registry of `sds`",
                "this is not `sds`",
                help,
            );
        }
    }
}
