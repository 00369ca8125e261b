//! What holds a pod's network.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bollard::Docker;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::EndpointSettings;
use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use futures::StreamExt;
use meshkat_model::mesh::{PodPorts, Port};
use meshkat_runtime::RuntimeError;
use meshkat_runtime::run::LeaseId;
use tokio::sync::OnceCell;

use crate::api;
use crate::daemon::{failed, message};
use crate::image::POD;
use crate::launch::Launch;
use crate::reach::published;
use crate::remove;

/// A container that does nothing but be there: the pod's other containers are in its network, which stays when they end.
#[derive(Debug)]
pub(crate) struct Sandbox {
    docker: Docker,
    launch: Launch,
    run: LeaseId,
    /// Whether this process makes it; otherwise it is there.
    makes: bool,
    running: OnceCell<()>,
}

/// What a command in a sandbox wrote, and how it ended.
pub(crate) struct Answer {
    pub(crate) output: String,
    pub(crate) code: i64,
}

impl Sandbox {
    pub(crate) fn new(docker: Docker, launch: Launch, run: LeaseId, makes: bool) -> Self {
        Self {
            docker,
            launch,
            run,
            makes,
            running: OnceCell::new(),
        }
    }

    /// Sees to it that it runs; of one that another process has made, that it is that one.
    pub(crate) async fn up(&self) -> Result<(), RuntimeError> {
        let name = &self.launch.name;
        let start = async || {
            if self.makes {
                api::create(&self.docker, &self.launch).await?;
                return api::start(&self.docker, name).await;
            }
            match remove::is_of(&api::inspect(&self.docker, name).await?, &self.run) {
                true => Ok(()),
                false => Err(RuntimeError::other(format!(
                    "the container {name} is left alone: nothing proves that the mesh started it"
                ))
                .with_help(format!("look at it: docker inspect {name}"))),
            }
        };
        self.running.get_or_try_init(start).await.map(drop)
    }

    /// Where this machine reaches its ports, if they are published.
    pub(crate) async fn published(&self, ports: &PodPorts) -> Result<BTreeMap<Port, SocketAddr>, RuntimeError> {
        let seen = api::inspect(&self.docker, &self.launch.name).await?;
        let seen = seen
            .network_settings
            .and_then(|settings| settings.ports)
            .unwrap_or_default();
        Ok(published(ports, &seen))
    }

    /// Runs `meshkat-pod` in it.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Answer, RuntimeError> {
        self.up().await?;
        let name = &self.launch.name;
        let doing = || failed(format!("run {POD} {} in {name}", arguments.first().unwrap_or(&"")));
        let mut command = vec![format!("/usr/local/bin/{POD}")];
        command.extend(arguments.iter().map(|word| (*word).to_owned()));
        let options = CreateExecOptions {
            cmd: Some(command),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let exec = self.docker.create_exec(name, options).await.map_err(doing())?.id;
        let started = self
            .docker
            .start_exec(&exec, None::<StartExecOptions>)
            .await
            .map_err(doing())?;
        let mut text = Vec::new();
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(piece) = output.next().await {
                text.extend_from_slice(&piece.map_err(doing())?.into_bytes());
            }
        }
        let seen = self.docker.inspect_exec(&exec).await.map_err(doing())?;
        Ok(Answer {
            output: String::from_utf8_lossy(&text).trim().to_owned(),
            code: seen.exit_code.unwrap_or(-1),
        })
    }

    /// Takes it off a network; that it is off already is well.
    pub(crate) async fn disconnect(&self, network: &str) -> Result<(), RuntimeError> {
        self.up().await?;
        let request = NetworkDisconnectRequest {
            container: self.launch.name.clone(),
            force: Some(false),
        };
        done(
            self.docker.disconnect_network(network, request).await,
            "is not connected to",
        )
        .map_err(failed(format!("take {} off its network", self.launch.name)))
    }

    /// Puts it back where it was, with the address that it had; that it is there already is well.
    pub(crate) async fn connect(&self, network: &str) -> Result<(), RuntimeError> {
        self.up().await?;
        let endpoint: Option<EndpointSettings> = self
            .launch
            .body
            .networking_config
            .as_ref()
            .and_then(|config| config.endpoints_config.as_ref())
            .and_then(|endpoints| endpoints.get(network).cloned());
        let request = NetworkConnectRequest {
            container: self.launch.name.clone(),
            endpoint_config: endpoint,
        };
        done(
            self.docker.connect_network(network, request).await,
            "already exists in network",
        )
        .map_err(failed(format!("put {} back on its network", self.launch.name)))
    }

    /// The container's name.
    pub(crate) fn name(&self) -> &str {
        &self.launch.name
    }
}

/// What came of it, where the daemon saying `already` means that there was nothing left to do. Its code is that of any failure.
fn done(outcome: Result<(), Error>, already: &str) -> Result<(), Error> {
    match outcome {
        Err(error) if message(&error).contains(already) => Ok(()),
        outcome => outcome,
    }
}
