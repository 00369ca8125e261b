//! A pod as it was seen: where it is, and what its containers do.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use meshkat_model::mesh::{Container, PodPorts, Port};
use serde::{Deserialize, Serialize};

/// What to do something to: a pod, or one container of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The pod's name.
    pub pod: String,
    /// The container; none is all that the pod has.
    pub container: Option<Container>,
}

impl Target {
    /// A whole pod.
    pub fn pod(name: impl Into<String>) -> Self {
        Self {
            pod: name.into(),
            container: None,
        }
    }

    /// One container of a pod.
    pub fn container(pod: impl Into<String>, container: Container) -> Self {
        Self {
            pod: pod.into(),
            container: Some(container),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.container {
            Some(container) => write!(f, "{} of {}", container, self.pod),
            None => f.write_str(&self.pod),
        }
    }
}

/// Which of a container's lives: a text that its runtime understands and a person too, such as `process 4711`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// The life that has this process on the machine that runs it.
    pub fn process(pid: u32) -> Self {
        Self(format!("process {pid}"))
    }

    /// The life that a runtime knows by another name.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a container has of its machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many files, connections among them, it has open.
    pub files: u64,
    /// The memory of its own, in bytes.
    pub memory: u64,
}

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ContainerState {
    /// It never ran.
    NotStarted,
    /// It runs.
    Running {
        /// Which of its lives.
        instance: InstanceId,
    },
    /// It is frozen.
    Paused {
        /// Which of its lives.
        instance: InstanceId,
        /// Whether somebody else did it, and not who holds the lease.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        from_outside: bool,
    },
    /// It ended.
    Exited {
        /// The exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Whether it was asked to end; `false` is a crash, or an exit by itself.
        expected: bool,
    },
}

impl ContainerState {
    /// Which of its lives it has now; none when it has none.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::Running { instance } | Self::Paused { instance, .. } => Some(instance),
            Self::NotStarted | Self::Exited { .. } => None,
        }
    }

    /// Whether it is there, running or paused.
    pub fn is_alive(&self) -> bool {
        self.instance().is_some()
    }

    /// Whether it ended without having been asked to.
    pub fn is_crashed(&self) -> bool {
        matches!(self, Self::Exited { expected: false, .. })
    }

    /// Whether it is frozen, and not by who holds the lease.
    pub fn is_paused_from_outside(&self) -> bool {
        matches!(self, Self::Paused { from_outside: true, .. })
    }

    /// The rest of a sentence that begins with the container.
    pub fn predicate(&self) -> String {
        let before = match self {
            Self::NotStarted => return "has not been started".to_owned(),
            Self::Running { .. } => return "runs".to_owned(),
            Self::Paused { from_outside, .. } => match from_outside {
                false => "is",
                true => "was",
            },
            Self::Exited { signal: Some(_), .. } => "was",
            Self::Exited { .. } => "has",
        };
        format!("{before} {self}")
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("not started"),
            Self::Running { .. } => f.write_str("running"),
            Self::Paused {
                from_outside: false, ..
            } => f.write_str("paused"),
            Self::Paused { from_outside: true, .. } => f.write_str("paused from outside"),
            Self::Exited {
                signal: Some(signal),
                expected,
                ..
            } => {
                let by = if *expected { "" } else { ", which meshkat did not send" };
                write!(f, "ended by signal {signal}{by}")
            }
            Self::Exited { code: Some(code), .. } => write!(f, "exited with code {code}"),
            Self::Exited { .. } => f.write_str("exited"),
        }
    }
}

/// A pod at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pod {
    /// Its name, `pet-2`; also its Envoy's node id and its application's instance.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// Where other pods reach it.
    pub address: IpAddr,
    /// Where this machine reaches its ports, if that is not at `address`: a runtime publishes them elsewhere.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<Port, SocketAddr>,
    /// Where its own application and Envoy reach one another.
    pub loopback: IpAddr,
    /// The numbers of its ports.
    #[serde(skip_serializing_if = "is_usual")]
    pub ports: PodPorts,
    /// Its application's state; none when it has no application.
    pub application: Option<ContainerState>,
    /// Its Envoy's state; none when it has no Envoy.
    pub envoy: Option<ContainerState>,
}

pub(crate) fn is_usual(ports: &PodPorts) -> bool {
    *ports == PodPorts::default()
}

impl Pod {
    /// Where this machine reaches one of its ports.
    pub fn socket(&self, port: Port) -> SocketAddr {
        let published = self.published.get(&port).copied();
        published.unwrap_or_else(|| SocketAddr::new(self.address, self.ports.number(port)))
    }

    /// Where this machine reaches any of its ports, as the configuration of its Envoy calls it; none where its address is out of reach,
    /// and this port is not published.
    pub fn at_port(&self, number: u16) -> Option<SocketAddr> {
        let real = self.ports.real(number);
        let mut known = Port::ALL.into_iter();
        match known.find(|port| self.ports.number(*port) == real) {
            Some(port) => Some(self.socket(port)),
            None => self.published.is_empty().then(|| SocketAddr::new(self.address, real)),
        }
    }

    /// Where other pods reach it, wherever this machine does: at its Envoy or, if it has none, at its application.
    pub fn endpoint(&self) -> SocketAddr {
        let port = match self.envoy {
            Some(_) => Port::Inbound,
            None => Port::Application,
        };
        SocketAddr::new(self.address, self.ports.number(port))
    }

    /// Whether its Envoy can be asked.
    pub fn has_running_envoy(&self) -> bool {
        matches!(self.envoy, Some(ContainerState::Running { .. }))
    }

    /// The state of one of its containers; none when it has no such container.
    pub fn container(&self, container: Container) -> Option<&ContainerState> {
        match container {
            Container::Application => self.application.as_ref(),
            Container::Envoy => self.envoy.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_ends_a_sentence() {
        let instance = InstanceId::process(1);
        let paused = |from_outside| ContainerState::Paused {
            instance: instance.clone(),
            from_outside,
        };
        let exited = |code, signal| ContainerState::Exited {
            code,
            signal,
            expected: true,
        };
        let running = ContainerState::Running {
            instance: instance.clone(),
        };
        let told = [
            (ContainerState::NotStarted, "has not been started"),
            (running, "runs"),
            (paused(false), "is paused"),
            (paused(true), "was paused from outside"),
            (exited(Some(1), None), "has exited with code 1"),
            (exited(None, Some(9)), "was ended by signal 9"),
            (exited(None, None), "has exited"),
        ];
        for (state, sentence) in told {
            assert_eq!(state.predicate(), sentence);
        }
    }
}
