//! What each container of a pod is made from.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use bollard::models::{ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig};
use meshkat_envoy::command;
use meshkat_model::mesh::{Container, Port, Service};
use meshkat_model::program::Program;
use meshkat_runtime::pods::{Configuration, PodAddress, ProgramPlace, started};
use meshkat_runtime::run::{LeaseId, TOKEN, Token, certificates, log_file, program_folder};

use crate::image::{Images, POD};
use crate::labels;
use crate::limits::Limits;
use crate::options::DockerOptions;
use crate::reach::{Reach, exposed};

/// A container to be made.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) name: String,
    pub(crate) body: ContainerCreateBody,
    /// Where its output goes; nowhere for a sandbox.
    pub(crate) log: Option<PathBuf>,
}

/// What all containers of a run have in common.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) run: LeaseId,
    pub(crate) images: Images,
    pub(crate) reach: Reach,
    pub(crate) state_dir: PathBuf,
    /// The run's folder.
    pub(crate) folder: PathBuf,
    /// None of a mesh that another process holds.
    pub(crate) token: Option<Token>,
}

/// Where the file of an Envoy's configuration is in its container.
const CONFIGURATION: &str = "/etc/envoy/envoy.json";

/// Where the files that it names are.
pub(crate) const FILES: &str = "/etc/envoy/files";

/// Where the certificates are that were made for the run.
pub(crate) const CERTIFICATES: &str = "/etc/meshkat/certificates";

/// Where a program of a user's own finds its files.
const PROGRAM: &str = "/meshkat";

/// Where `sds` keeps its registry.
const STATE: &str = "/var/lib/meshkat/sds.json";

impl Launcher {
    /// The name of the mesh's network.
    pub(crate) fn network(&self) -> String {
        labels::network(&self.run)
    }

    /// A container that another process has made.
    pub(crate) fn made(&self, place: &PodAddress, container: Container) -> Launch {
        self.launch(place, container, ContainerCreateBody::default())
    }

    /// What holds a pod's network: it lives as long as the pod, however often the other two end and start.
    pub(crate) fn sandbox(&self, place: &PodAddress) -> Launch {
        let endpoint = EndpointSettings {
            ipam_config: Some(EndpointIpamConfig {
                ipv4_address: Some(place.address.to_string()),
                ..Default::default()
            }),
            aliases: Some(vec![place.name.clone(), place.group.clone()]),
            ..Default::default()
        };
        let network = labels::network(&self.run);
        let mut body = self.body(place, labels::SANDBOX, &self.images.services);
        body.hostname = Some(place.name.clone());
        // What cuts the network runs in here, and nothing else: the application and Envoy have no such right.
        body.user = Some("0:0".to_owned());
        body.entrypoint = Some(vec![format!("/usr/local/bin/{POD}"), "sandbox".to_owned()]);
        body.exposed_ports = Some(exposed(&place.ports));
        body.networking_config = Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.clone(), endpoint)])),
        });
        body.host_config = Some(HostConfig {
            network_mode: Some(network),
            cap_add: Some(vec!["NET_ADMIN".to_owned()]),
            port_bindings: self.reach.bindings(&place.ports),
            ..Limits::Sandbox.host_config()
        });
        Launch {
            name: labels::sandbox(&self.run, &place.name),
            body,
            log: None,
        }
    }

    /// A program of a user's own: what its image runs, in the network of its pod.
    pub(crate) fn program(&self, pod: &PodAddress, program: &Program) -> Launch {
        let place = ProgramPlace {
            listen: Ipv4Addr::UNSPECIFIED.into(),
            loopback: pod.loopback,
            folder: Path::new(PROGRAM),
            certificates: self.has_certificates().then(|| Path::new(CERTIFICATES)),
        };
        let started = started(program, pod, &place);
        let image = program.image.as_deref().unwrap_or_default();
        let mut body = self.body(pod, "application", image);
        let env = started.env.iter().map(|(name, value)| format!("{name}={value}"));
        body.env = Some(env.collect());
        let folder = program_folder(&self.folder, &pod.name);
        let mut binds = vec![format!("{}:{PROGRAM}:ro", folder.display())];
        binds.extend(self.certificates());
        body.host_config = Some(HostConfig {
            binds: Some(binds),
            ..self.beside(pod, Limits::Application)
        });
        self.launch(pod, Container::Application, body)
    }

    /// A service as a pod's application.
    pub(crate) fn service(&self, place: &PodAddress, service: Service) -> Launch {
        let program = format!("/usr/local/bin/{}", service.name());
        let mut command = vec![
            program,
            "--listen".to_owned(),
            format!("0.0.0.0:{}", Port::Application.number()),
            "--instance".to_owned(),
            place.name.clone(),
        ];
        match service {
            Service::Petstore => command.extend([
                "--egress".to_owned(),
                format!("http://localhost:{}", Port::Outbound.number()),
            ]),
            Service::Sds => command.extend([
                "--state".to_owned(),
                STATE.to_owned(),
                // Scenarios make it fail on purpose; nobody else reaches it.
                "--allow-faults".to_owned(),
            ]),
            Service::Pet | Service::Echo | Service::Authz | Service::Ratelimit | Service::Collector => {}
        }
        if let Some((flag, port)) = service.further_port() {
            command.extend([flag.to_owned(), format!("0.0.0.0:{port}")]);
        }
        let mut body = self.body(place, "application", &self.images.services);
        body.entrypoint = Some(command);
        body.host_config = Some(self.beside(place, Limits::Application));
        let token = self.token.iter();
        body.env = Some(token.map(|token| format!("{}={}", TOKEN, token.text())).collect());
        self.launch(place, Container::Application, body)
    }

    /// A pod's Envoy with a configuration.
    pub(crate) fn envoy(&self, options: &DockerOptions, place: &PodAddress, configuration: &Configuration) -> Launch {
        let parameters = command::parameters(&options.envoy_options);
        let parameters: Vec<String> = parameters
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut body = self.body(place, "envoy", &self.images.envoy);
        body.env = Some(vec![
            format!("ENVOY_CONFIG_PATH={CONFIGURATION}"),
            format!("ENVOY_STARTUP_PARAMS={}", parameters.join(" ")),
        ]);
        let mut binds = vec![format!("{}:{CONFIGURATION}:ro", configuration.file.display())];
        // The folder, and not its files one by one: what is moved to the place of a file is seen only so.
        let files = configuration.folder.iter();
        binds.extend(files.map(|files| format!("{}:{FILES}:ro", files.display())));
        binds.extend(self.certificates());
        body.host_config = Some(HostConfig {
            binds: Some(binds),
            ..self.beside(place, Limits::Envoy)
        });
        self.launch(place, Container::Envoy, body)
    }

    /// Whether some were made for the run.
    pub(crate) fn has_certificates(&self) -> bool {
        certificates(&self.folder).is_some()
    }

    /// The folder of certificates, as a container finds it.
    fn certificates(&self) -> Option<String> {
        let folder = certificates(&self.folder)?;
        Some(format!("{}:{CERTIFICATES}:ro", folder.display()))
    }

    fn launch(&self, place: &PodAddress, container: Container, body: ContainerCreateBody) -> Launch {
        Launch {
            name: labels::container(&self.run, &place.name, container),
            body,
            log: Some(log_file(&self.folder, &place.name, container)),
        }
    }

    fn body(&self, place: &PodAddress, container: &str, image: &str) -> ContainerCreateBody {
        let mut labels = labels::of_run(&self.run, &self.state_dir);
        labels.insert(labels::POD.to_owned(), place.name.clone());
        labels.insert(labels::CONTAINER.to_owned(), container.to_owned());
        ContainerCreateBody {
            image: Some(image.to_owned()),
            labels: Some(labels),
            ..Default::default()
        }
    }

    /// In the network of the pod's sandbox.
    fn beside(&self, place: &PodAddress, limits: Limits) -> HostConfig {
        HostConfig {
            network_mode: Some(format!("container:{}", labels::sandbox(&self.run, &place.name))),
            ..limits.host_config()
        }
    }
}
