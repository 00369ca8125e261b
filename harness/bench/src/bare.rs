//! The bare script: the same twelve processes, started at once, with everything prepared beforehand.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use meshkat_discovery::{DiscoveryClient, Host};
use meshkat_envoy::{
    command,
    config::{Bootstrap, Hosts, Rebind},
};
use meshkat_model::mesh::Port;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{Error, poll};

/// Outside the blocks that meshkat takes.
const BLOCK: [u8; 3] = [127, 127, 1];

/// A script and the folder that it needs.
pub(crate) struct Bare {
    folder: tempfile::TempDir,
    script: PathBuf,
}

/// A pod of the petshop.
struct Pod {
    name: &'static str,
    service: Option<&'static str>,
    config: Option<&'static str>,
}

const PODS: [Pod; 7] = [
    Pod {
        name: "sds",
        service: Some("sds"),
        config: None,
    },
    Pod {
        name: "ingress",
        service: None,
        config: Some("ingress.yaml"),
    },
    Pod {
        name: "petstore-1",
        service: Some("petstore"),
        config: Some("petstore.yaml"),
    },
    Pod {
        name: "petstore-2",
        service: Some("petstore"),
        config: Some("petstore.yaml"),
    },
    Pod {
        name: "pet-1",
        service: Some("pet"),
        config: Some("pet.yaml"),
    },
    Pod {
        name: "pet-2",
        service: Some("pet"),
        config: Some("pet.yaml"),
    },
    Pod {
        name: "pet-3",
        service: Some("pet"),
        config: Some("pet.yaml"),
    },
];

fn address(name: &str) -> IpAddr {
    let number = PODS.iter().position(|pod| pod.name == name).unwrap_or_default();
    let [a, b, c] = BLOCK;
    IpAddr::V4(Ipv4Addr::new(a, b, c, u8::try_from(number + 1).unwrap_or(u8::MAX)))
}

fn at(name: &str, port: Port) -> SocketAddr {
    SocketAddr::new(address(name), port.number())
}

impl Bare {
    /// Writes the configurations, the registry and the script.
    pub(crate) async fn prepare(bin: &Path, envoy: &Path, configs: &Path) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("sds.json");
        fill_registry(bin, &state).await?;
        let hosts = Hosts::from([("sds".to_owned(), address("sds"))]);
        let mut lines = vec!["#!/bin/sh".to_owned()];
        for pod in &PODS {
            if let Some(service) = pod.service {
                let mut line = format!(
                    "{} --listen {} --instance {}",
                    bin.join(service).display(),
                    at(pod.name, Port::Application),
                    pod.name
                );
                match service {
                    "petstore" => line.push_str(&format!(" --egress http://{}", at(pod.name, Port::Outbound))),
                    "sds" => line.push_str(&format!(" --state {}", state.display())),
                    _ => {}
                }
                lines.push(format!("{line} >/dev/null 2>&1 &"));
            }
            if let Some(config) = pod.config {
                let rebind = Rebind {
                    address: Some(address(pod.name)),
                    node_id: pod.name.to_owned(),
                    hosts: hosts.clone(),
                    ..Rebind::default()
                };
                let file = folder.path().join(format!("{}.json", pod.name));
                fs::write(
                    &file,
                    Bootstrap::read(&configs.join(config))?.rebind(&rebind)?.to_json()?,
                )?;
                let arguments = command::arguments(&file, &command::Options::default());
                let arguments: Vec<String> = arguments
                    .iter()
                    .map(|word| word.to_string_lossy().into_owned())
                    .collect();
                lines.push(format!("{} {} >/dev/null 2>&1 &", envoy.display(), arguments.join(" ")));
            }
        }
        lines.push("wait".to_owned());
        let script = folder.path().join("bare.sh");
        fs::write(&script, lines.join("\n"))?;
        Ok(Self { folder, script })
    }

    /// Starts the script, in a process group of its own.
    pub(crate) fn start(&self) -> Result<Running, Error> {
        let mut command = Command::new("sh");
        command
            .arg(&self.script)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .process_group(0);
        Ok(Running(command.spawn()?))
    }

    /// Where the first 200 is waited for.
    pub(crate) fn ingress() -> SocketAddr {
        at("ingress", Port::Inbound)
    }
}

/// The script and all that it started; dropped, they are killed.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _gone_already = kill_process_group(group, Signal::KILL);
        }
        drop(self.0.wait());
        // The group's processes are the shell's children, not ours: their addresses are free when nobody listens.
        let deadline = Instant::now() + Duration::from_secs(10);
        for socket in PODS
            .iter()
            .flat_map(|pod| [at(pod.name, Port::Inbound), at(pod.name, Port::Application)])
        {
            while Instant::now() < deadline && std::net::TcpStream::connect(socket).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Lets `sds` itself write the registry that the script's will start with.
async fn fill_registry(bin: &Path, state: &Path) -> Result<(), Error> {
    let sds = at("sds", Port::Application);
    let mut child = Command::new(bin.join("sds"))
        .args(["--listen", &sds.to_string(), "--state"])
        .arg(state)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let filled = fill(sds).await;
    child.kill()?;
    child.wait()?;
    filled
}

async fn fill(sds: SocketAddr) -> Result<(), Error> {
    let limit = Duration::from_secs(5);
    poll::until_200(sds, "/readyz", limit)?;
    let client = DiscoveryClient::new(sds, limit)?;
    for service in ["petstore", "pet"] {
        let pods = PODS.iter().filter(|pod| pod.service == Some(service));
        let hosts = pods.map(|pod| Host::new(at(pod.name, Port::Inbound)));
        client.put_service(service, &hosts.collect()).await?;
    }
    Ok(())
}
