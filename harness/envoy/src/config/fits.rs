//! Whether configurations fit into a mesh.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use meshkat_model::{
    mesh::{GroupSpec, MeshSpec, Port, Service},
    suggest::did_you_mean,
};
use serde_yaml::Value;

use super::{
    Bootstrap, Diagnostic, DocPath, NamedEndpoint,
    place::Files,
    ports::{owners, socket_of},
    written::written,
};

/// Looks at whether the configurations of meshes, each with its overlays, fit into them: that somebody has the name of each
/// host, and that the application beside has the ports that it needs. Starts nothing, and asks no Envoy. Each is read once.
#[derive(Debug, Default)]
pub struct MeshLint(HashMap<(PathBuf, Vec<PathBuf>), Option<Read>>);

#[derive(Debug)]
pub(super) struct Read {
    pub(super) config: Bootstrap,
    pub(super) named: Vec<NamedEndpoint>,
    /// Those in the pod itself.
    pub(super) local: Vec<NamedEndpoint>,
}

impl MeshLint {
    /// What does not fit. What cannot be read is left to [`super::lint`].
    pub fn check(&mut self, mesh: &MeshSpec) -> Vec<Diagnostic> {
        self.check_groups(mesh, |_| true)
    }

    /// What does not fit of these groups, in whichever file it stands.
    pub fn check_groups(&mut self, mesh: &MeshSpec, is_asked: impl Fn(&GroupSpec) -> bool) -> Vec<Diagnostic> {
        let (mut found, mut files): (Vec<Diagnostic>, Files) = Default::default();
        for group in mesh.groups.values().filter(|group| is_asked(group)) {
            let Some(read) = self.read(group) else { continue };
            let told = unknown_hosts(&mut files, mesh, group, &read.named);
            let told = told.into_iter().chain(ports(&mut files, group, &read.config));
            for problem in told.chain(certificates(&mut files, mesh, &read.config)) {
                if !found.contains(&problem) {
                    found.push(problem);
                }
            }
        }
        found
    }

    /// Whether the Envoys of these pods or groups wait for ever for a discovery service that says nothing.
    pub fn wait_for_ever(&mut self, mesh: &MeshSpec, pods: &[String]) -> bool {
        pods.iter().all(|pod| {
            let is_its = |name: &str, group: &GroupSpec| name == pod || group.pod_names(name).contains(pod);
            let group = mesh.groups.iter().find(|(name, group)| is_its(name, group));
            let read = group.and_then(|(_, group)| self.read(group));
            read.is_some_and(|read| read.config.waits_for_ever())
        })
    }

    /// What the configuration of a group's Envoys says with its overlays; none if there is none, or it cannot be read.
    pub(super) fn read(&mut self, group: &GroupSpec) -> Option<&Read> {
        let file = group.envoy.as_ref()?;
        let key = (file.clone(), group.overlays.clone());
        let read = self.0.entry(key).or_insert_with(|| {
            let config = Bootstrap::read_with(file, &group.overlays).ok()?;
            let (named, local) = (config.named_endpoints(), config.local_endpoints());
            Some(Read { config, named, local })
        });
        read.as_ref()
    }
}

fn unknown_hosts(files: &mut Files, mesh: &MeshSpec, group: &GroupSpec, named: &[NamedEndpoint]) -> Vec<Diagnostic> {
    named
        .iter()
        .filter(|endpoint| !mesh.has_host(&endpoint.host))
        .map(|endpoint| {
            let host = Value::from(endpoint.host.as_str());
            let found = written(files, &endpoint.file, &endpoint.path, &host, &group.overlays);
            let (file, place) = match found {
                Some((file, place)) => (file, Some(place)),
                None => (endpoint.file.clone(), None),
            };
            let mut known: Vec<String> = mesh.groups.keys().cloned().collect();
            known.extend(mesh.pods().into_iter().map(|(_, pod)| pod));
            known.dedup();
            let help = did_you_mean(&endpoint.host, known.iter().map(String::as_str));
            Diagnostic {
                file,
                line: place.map(|(line, _)| line),
                column: place.map(|(_, column)| column),
                message: format!("nobody in the mesh `{}` is called `{}`", mesh.name, endpoint.host),
                help: Some(format!(
                    "{help}; `GROUP.NAMESPACE.svc.cluster.local` is a group, too. For a host outside of the mesh, add a group that \
                     stands for it"
                )),
            }
        })
        .collect()
}

/// Names of certificates that are made for a run, where the mesh has none made.
fn certificates(files: &mut Files, mesh: &MeshSpec, config: &Bootstrap) -> Vec<Diagnostic> {
    if mesh.certificates.is_some() {
        return Vec::new();
    }
    let made = config.made_files().into_iter();
    made.map(|(path, named)| {
        let place = files.find(config.file(), &path);
        Diagnostic {
            file: config.file().to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: format!("in the mesh `{}` nobody makes `{named}`", mesh.name),
            help: Some(
                "write `certificates: {names: [NAME OF THE SERVER]}` into the mesh file, or put the file beside the configuration"
                    .to_owned(),
            ),
        }
    })
    .collect()
}

/// What the application beside the Envoy needs.
fn ports(files: &mut Files, group: &GroupSpec, config: &Bootstrap) -> Vec<Diagnostic> {
    let Some(application) = &group.application else {
        return Vec::new();
    };
    let mut tell = |file: &Path, path: &DocPath, message: String, help: &str| {
        let place = files.find(file, path);
        Diagnostic {
            file: file.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message,
            help: Some(help.to_owned()),
        }
    };
    let outbound = Port::Outbound.number();
    let of_application = application.ports();
    let (mut found, mut has_outbound) = (Vec::new(), false);
    config.each_listener(&mut |file, path, listener| {
        for (path, owner) in owners(listener, path) {
            let Some(socket) = socket_of(owner) else { continue };
            has_outbound |= socket.port == outbound;
            let port = socket.port;
            if of_application.contains(&port) && !socket.is_udp {
                let path = path.field("address").field("socket_address").field("port_value");
                let message = format!("port {port} is the application's ({})", application.name());
                found.push(tell(file, &path, message, "give the listener another port"));
            }
        }
    });
    if application.service() == Some(Service::Petstore) && !has_outbound {
        let message = format!("no listener is on port {outbound}, where the pod's application reaches others");
        let all = DocPath::root().field("static_resources").field("listeners");
        found.push(tell(config.file(), &all, message, "add one that routes by host name"));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn certificates_that_nobody_makes_are_told_at_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("x.yaml");
        fs::write(
            &config,
            "a:\n- {filename: certificates/good.pem}\n- {filename: certificates/of-mine.pem}\n",
        )
        .unwrap();
        fs::create_dir(folder.path().join("certificates")).unwrap();
        fs::write(folder.path().join("certificates/of-mine.pem"), "").unwrap();
        let group = GroupSpec {
            application: None,
            envoy: Some(config.clone()),
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: false,
        };
        let mut mesh = MeshSpec {
            name: "m".to_owned(),
            groups: [("x".to_owned(), group)].into(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        };
        let told = MeshLint::default().check(&mesh);
        let [missing] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (missing.line, missing.message.as_str()),
            (Some(2), "in the mesh `m` nobody makes `certificates/good.pem`")
        );
        let names = vec!["foo.com".to_owned()];
        mesh.certificates = Some(meshkat_model::certificates::Certificates { names });
        assert_eq!(MeshLint::default().check(&mesh), []);
        // Neither made nor there.
        fs::remove_file(folder.path().join("certificates/of-mine.pem")).unwrap();
        let told = Bootstrap::read(&config).unwrap().with_files().unwrap_err().to_string();
        assert!(told.contains("none of this name is made for a run"), "{told}");
    }

    #[test]
    fn a_listener_at_the_application_s_port_is_told_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |port: u16| format!("address: {{socket_address: {{address: 0.0.0.0, port_value: {port}}}}}");
        let config = folder.path().join("x.yaml");
        let own = format!(
            "dynamic_resources: {{lds_config: {{path: lds.yaml}}}}\nstatic_resources:\n  listeners:\n  - {{{}, additional_addresses: \
             [{{{}}}]}}\n",
            at(10_000),
            at(9900)
        );
        fs::write(&config, own).unwrap();
        let kind = "'@type': type.googleapis.com/envoy.config.listener.v3.Listener";
        let resources = format!("resources:\n\n- {{{kind}, {}}}\n", at(8080));
        fs::write(folder.path().join("lds.yaml"), resources).unwrap();
        let group = GroupSpec {
            application: Some(Service::Petstore.into()),
            envoy: Some(config.clone()),
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: true,
        };
        let found = ports(&mut Files::default(), &group, &Bootstrap::read(&config).unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].file.ends_with("lds.yaml") && found[0].line == Some(3),
            "{found:?}"
        );
    }
}
