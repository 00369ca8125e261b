//! A step in one line, for reports.

use indexmap::IndexMap;

use super::{
    step::{Hosts, NetworkStep, RegistryThen, RequestStep, Step},
    value::{Connections, OneOrMany},
};
use crate::yaml::At;

fn list(names: &OneOrMany<At<String>>) -> String {
    names
        .iter()
        .map(|name| name.value.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn services(services: &IndexMap<At<String>, Hosts>) -> String {
    let services = services.iter().map(|(service, hosts)| {
        let hosts = match hosts {
            Hosts::First(count) => count.to_string(),
            Hosts::Weighted(pods) => {
                let pods = pods
                    .iter()
                    .map(|(pod, weight)| format!("{} with {}", pod.value, weight.value));
                pods.collect::<Vec<_>>().join(", ")
            }
            Hosts::Pods(pods) if pods.is_empty() => "none".to_owned(),
            Hosts::Pods(pods) => pods.iter().map(|pod| pod.value.as_str()).collect::<Vec<_>>().join(", "),
        };
        format!("{}: {hosts}", service.value)
    });
    services.collect::<Vec<_>>().join("; ")
}

fn over(connections: Option<&At<Connections>>) -> String {
    connections.map_or(String::new(), |connections| format!(" over {}", connections.value))
}

impl RequestStep {
    /// The method and the path; a step that has none is a GET of nothing, which the checks before a run refuse.
    pub fn line(&self) -> (&'static str, &str) {
        let methods = [
            ("GET", &self.get),
            ("HEAD", &self.head),
            ("POST", &self.post),
            ("PUT", &self.put),
            ("PATCH", &self.patch),
            ("DELETE", &self.delete),
        ];
        methods
            .into_iter()
            .find_map(|(method, path)| path.as_ref().map(|path| (method, path.as_str())))
            .unwrap_or(("GET", ""))
    }

    fn describe(&self) -> String {
        let (method, path) = self.line();
        let way = match (&self.at, &self.from, &self.straight_to) {
            (Some(pod), _, _) => format!(" at {}", pod.value),
            (_, Some(pod), _) => format!(" from {}", pod.value),
            (_, _, Some(pod)) => format!(" straight to {}", pod.value),
            _ => String::new(),
        };
        let host = self.host.as_ref().map_or(String::new(), |host| format!(" for {host}"));
        let times = self
            .times
            .as_ref()
            .map_or(String::new(), |times| format!(" {} times", times.value));
        let over = over(self.connections.as_ref());
        format!("{} {path}{host}{way}{times}{over}", method.to_lowercase())
    }
}

impl NetworkStep {
    fn describe(&self) -> String {
        let by = match (&self.delay, &self.loss) {
            (Some(delay), _) => format!(" by {}", delay.value),
            (_, Some(loss)) => format!(", {} lost", loss.value),
            _ => String::new(),
        };
        let whose = match (&self.of, &self.between) {
            (Some(of), _) => format!(" of {}", list(of)),
            (_, Some(between)) => {
                let names: Vec<&str> = between.iter().map(|name| name.as_str()).collect();
                format!(" between {}", names.join(" and "))
            }
            _ => String::new(),
        };
        format!("network {}{by}{whose}", self.network.value)
    }
}

impl Step {
    /// The step in one line.
    pub fn describe(&self) -> String {
        match self {
            Self::Load(load) => {
                let over = over(load.connections.as_ref());
                format!(
                    "load {}: get {} at {}{over}",
                    load.load.value, load.get.value, load.rate
                )
            }
            Self::Expect(expect) => {
                let time = match (expect.for_, expect.within) {
                    (Some(time), _) => format!(" for {time}"),
                    (_, Some(time)) => format!(" within {time}"),
                    _ => String::new(),
                };
                format!("expect of {}{time}", expect.expect.value)
            }
            Self::StopLoad(stop) => format!("stop load {}", stop.stop_load.value),
            Self::Fault(fault) => format!("fault in {}", list(&fault.fault)),
            Self::Heal(heal) => format!("heal {}", list(&heal.heal)),
            Self::Envoy(envoy) => format!("envoy of {}", list(&envoy.envoy)),
            Self::Scale(scale) => {
                let groups = scale
                    .scale
                    .iter()
                    .map(|(group, count)| format!("{} to {}", group.value, count.value));
                format!("scale {}", groups.collect::<Vec<_>>().join(", "))
            }
            Self::Register(register) => format!("register {}", services(&register.register)),
            Self::Unregister(unregister) => format!("unregister {}", list(&unregister.unregister)),
            Self::Discovery(step) => {
                let endpoints = match step.endpoints.is_empty() {
                    true => String::new(),
                    false => format!(", {}", services(&step.endpoints)),
                };
                let lost = match step.registry.as_ref().map(|registry| registry.value) {
                    Some(RegistryThen::Lost) => " with an empty registry",
                    Some(RegistryThen::Kept) | None => "",
                };
                let for_ = step
                    .only_for
                    .as_ref()
                    .map_or(String::new(), |only| format!(" for {}", list(only)));
                format!("discovery {}{for_}{lost}{endpoints}", step.discovery.value)
            }
            Self::Network(step) => step.describe(),
            Self::Start(start) => format!(
                "start {}{}",
                list(&start.start),
                if start.empty { " with an empty registry" } else { "" }
            ),
            Self::Stop(step) => format!("stop {}", list(&step.stop)),
            Self::Kill(step) => format!("kill {}", list(&step.kill)),
            Self::Pause(step) => format!("pause {}", list(&step.pause)),
            Self::Resume(step) => format!("resume {}", list(&step.resume)),
            Self::Check(check) => format!("check {}", list(&check.check)),
            Self::Get(step)
            | Self::Head(step)
            | Self::Post(step)
            | Self::Put(step)
            | Self::Patch(step)
            | Self::Delete(step) => step.describe(),
        }
    }

    /// The request of a step that sends one.
    pub fn request(&self) -> Option<&RequestStep> {
        match self {
            Self::Get(step)
            | Self::Head(step)
            | Self::Post(step)
            | Self::Put(step)
            | Self::Patch(step)
            | Self::Delete(step) => Some(step),
            _ => None,
        }
    }
}
