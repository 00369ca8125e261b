//! What has to be there before a pod can start: programs, configurations, command lines.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use meshkat_envoy::command;
use meshkat_envoy::config::{Bootstrap, Rebind};
use meshkat_model::mesh::{Container, MeshSpec, Port, Service};
use rustix::fs::{Access, access};

use super::folder::{RunFolder, failed};
use super::members::Place;
use super::options::ProcessOptions;
use super::slot::Launch;
use crate::RuntimeError;

/// The Envoy configurations of a mesh with their overlays, each read once.
#[derive(Debug)]
pub(super) struct Bootstraps(HashMap<(PathBuf, Vec<PathBuf>), Bootstrap>);

impl Bootstraps {
    pub(super) fn read(mesh: &MeshSpec) -> Result<Self, RuntimeError> {
        let mut read = HashMap::new();
        for group in mesh.groups.values() {
            let Some(path) = &group.envoy else { continue };
            let key = (path.clone(), group.overlays.clone());
            if let Entry::Vacant(entry) = read.entry(key) {
                entry.insert(Bootstrap::read_with(path, &group.overlays)?);
            }
        }
        Ok(Self(read))
    }

    fn get(&self, path: &Path, overlays: &[PathBuf]) -> Result<Bootstrap, RuntimeError> {
        match self.0.get(&(path.to_owned(), overlays.to_owned())) {
            Some(bootstrap) => Ok(bootstrap.clone()),
            // Not reached: every group's was read when the mesh was started.
            None => Ok(Bootstrap::read_with(path, overlays)?),
        }
    }
}

/// Fails when a program that the mesh needs is missing.
pub(super) fn check_programs(options: &ProcessOptions, mesh: &MeshSpec) -> Result<(), RuntimeError> {
    for group in mesh.groups.values() {
        if let Some(service) = group.service {
            let path = binary(options, service);
            check_program(&path, || RuntimeError::MissingService {
                service: service.name(),
                path: path.clone(),
            })?;
        }
        if group.envoy.is_some() {
            let path = &options.envoy;
            check_program(path, || RuntimeError::MissingEnvoy { path: path.clone() })?;
        }
    }
    Ok(())
}

fn check_program(path: &Path, missing: impl Fn() -> RuntimeError) -> Result<(), RuntimeError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && access(path, Access::EXEC_OK).is_ok() => Ok(()),
        Ok(_) => Err(RuntimeError::NotExecutable { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// How a pod's application is started.
pub(super) fn application(options: &ProcessOptions, folder: &RunFolder, place: &Place, service: Service) -> Launch {
    let at = |port: Port| SocketAddr::new(place.address, port.number());
    let mut arguments: Vec<OsString> = vec![
        "--listen".into(),
        at(Port::Application).to_string().into(),
        "--instance".into(),
        place.name.as_str().into(),
    ];
    match service {
        Service::Petstore => {
            arguments.extend(["--egress".into(), format!("http://{}", at(Port::Outbound)).into()]);
        }
        Service::Sds => arguments.extend([
            "--state".into(),
            folder.sds_state(&place.name).into(),
            // Scenarios make it fail on purpose; nobody else reaches it.
            "--allow-faults".into(),
        ]),
        Service::Pet | Service::Echo => {}
    }
    Launch {
        program: binary(options, service),
        arguments,
        log: folder.log(&place.name, Container::Application),
    }
}

/// Writes a pod's Envoy configuration; how its Envoy is started.
pub(super) fn envoy(
    options: &ProcessOptions,
    folder: &RunFolder,
    place: &Place,
    hosts: BTreeMap<String, IpAddr>,
    bootstraps: &Bootstraps,
    source: &Path,
    overlays: &[PathBuf],
) -> Result<Launch, RuntimeError> {
    let bootstrap = bootstraps.get(source, overlays)?;
    let rebind = Rebind {
        address: place.address,
        node_id: place.name.clone(),
        hosts,
    };
    let text = bootstrap.rebind(&rebind)?.to_json()?;
    let path = folder.configuration(&place.name);
    std::fs::write(&path, text).map_err(failed("write", &path))?;
    Ok(Launch {
        program: options.envoy.clone(),
        arguments: command::arguments(&path, &options.envoy_options),
        log: folder.log(&place.name, Container::Envoy),
    })
}

fn binary(options: &ProcessOptions, service: Service) -> PathBuf {
    options
        .services_dir
        .join(format!("{}{}", service.name(), std::env::consts::EXE_SUFFIX))
}
