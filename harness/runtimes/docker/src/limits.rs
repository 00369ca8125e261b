//! How much of the machine a container may take, so that one that goes wrong ends alone.

use std::collections::HashMap;

use bollard::models::{HostConfig, HostConfigLogConfig};
use meshkat_runtime::run::LOG_LIMIT;
use serde_json::{Value, json};

/// What a container may take of memory, in bytes; without swap. The kernel kills the process that wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    /// It does nothing, and now and then changes a network: it has taken half a megabyte, and six for a change.
    Sandbox,
    /// `sds`, the largest of the services, takes 150 MB with two thousand clients.
    Application,
    /// An Envoy takes about 60 MB, and some hundred with ten thousand connections or a large configuration.
    Envoy,
}

/// How many processes and threads a container may have. An Envoy has one for each of its workers and about ten more, and the
/// services one for each core and some: it is far above that on the largest machines, and far below what a machine can have.
const PIDS: i64 = 1024;

/// How many files of [`LOG_LIMIT`] bytes Docker keeps for `docker logs`.
const LOG_FILES: &str = "2";

impl Limits {
    const fn memory(self) -> i64 {
        match self {
            Self::Sandbox => 64 << 20,
            Self::Application => 512 << 20,
            Self::Envoy => 1 << 30,
        }
    }

    /// What every container of this kind is held to: its limits, no right that it does not need, and a log that ends.
    ///
    /// Nothing that an application or an Envoy needs is taken away: they open ports above 1024, and files of their own.
    pub(crate) fn host_config(self) -> HostConfig {
        HostConfig {
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            memory: Some(self.memory()),
            memory_swap: Some(self.memory()),
            pids_limit: Some(PIDS),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), LOG_LIMIT.to_string()),
                    ("max-file".to_owned(), LOG_FILES.to_owned()),
                ])),
            }),
            ..Default::default()
        }
    }

    /// The same for a service of a compose file.
    pub(crate) fn compose(self) -> Value {
        json!({
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "mem_limit": self.memory(),
            "memswap_limit": self.memory(),
            "pids_limit": PIDS,
            "logging": {
                "driver": "json-file",
                "options": {"max-size": LOG_LIMIT.to_string(), "max-file": LOG_FILES},
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compose_file_has_what_the_runtime_has() {
        for limits in [Limits::Sandbox, Limits::Application, Limits::Envoy] {
            let (host, compose) = (limits.host_config(), limits.compose());
            let log = host.log_config.expect("it is bounded");
            let logging = json!({"driver": log.typ, "options": log.config});
            let as_compose = json!({
                "cap_drop": host.cap_drop,
                "security_opt": host.security_opt,
                "mem_limit": host.memory,
                "memswap_limit": host.memory_swap,
                "pids_limit": host.pids_limit,
                "logging": logging,
            });
            assert_eq!(compose, as_compose, "{limits:?}");
        }
    }
}
