//! Files that steps name.

use super::Check;
use crate::{certificates, suggest::did_you_mean, yaml::At};

/// What a file in PEM has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pem {
    /// Certificates.
    Certificate,
    /// A private key.
    Key,
}

impl Check<'_> {
    /// A file that is there and holds what it should.
    pub(crate) fn pem(&mut self, name: &At<String>, what: Pem) {
        let (label, words) = match what {
            Pem::Certificate => ("CERTIFICATE-----", "certificate"),
            Pem::Key => ("PRIVATE KEY-----", "private key"),
        };
        let has_made = self.mesh.certificates.is_some();
        if has_made && certificates::file(name).is_some() {
            return self.made(name, what);
        }
        let Some(content) = self.read(name, Some(what)) else {
            return;
        };
        let text = String::from_utf8_lossy(&content);
        let holds = text
            .lines()
            .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(label));
        if !holds {
            let message = format!("the file `{}` has no {words} in PEM", name.value);
            let help = format!("it has a line `-----BEGIN …{label}`");
            self.wrong(name.place, message, "something else", help);
        }
    }

    /// What is in a file that is there; from now on, the case knows where it is.
    pub(crate) fn file(&mut self, name: &At<String>) -> Option<Vec<u8>> {
        self.read(name, None)
    }

    fn read(&mut self, name: &At<String>, what: Option<Pem>) -> Option<Vec<u8>> {
        match self.meshes.file(self.source, name) {
            Err(why) => {
                let below = certificates::below_the_folder(name);
                if let (Some(below), true, Some(what)) = (below, self.mesh.certificates.is_some(), what) {
                    let known = certificates::files();
                    let known = known
                        .iter()
                        .map(String::as_str)
                        .filter(|file| file.ends_with(ending(what)));
                    let message = format!("no `{}` is made for the runs of this mesh", name.value);
                    self.wrong(name.place, message, "not made", did_you_mean(below, known));
                    return None;
                }
                let message = format!("the file `{}` cannot be read: {why}", name.value);
                let made = "`certificates` in the mesh file has some made for each run; others are looked for beside the \
                            scenario, and below the project's folder";
                let beside = "it is looked for beside the scenario, and below the project's folder";
                let help = if below.is_some() { made } else { beside };
                self.wrong(name.place, message, "no such file", help);
                None
            }
            Ok((path, content)) => {
                self.files.insert(name.value.clone(), path);
                Some(content)
            }
        }
    }

    /// A file that is made for each run of this mesh, whatever the project has of that name.
    fn made(&mut self, name: &At<String>, what: Pem) {
        if !name.ends_with(ending(what)) {
            let (message, help) = match what {
                Pem::Certificate => ("is no certificate", "certificates end in `.pem`"),
                Pem::Key => ("is no key", "keys end in `.key`"),
            };
            let message = format!("`{}` {message}", name.value);
            self.wrong(name.place, message, "something else", help);
        }
    }
}

/// How the names of files that are made end.
fn ending(what: Pem) -> &'static str {
    match what {
        Pem::Certificate => ".pem",
        Pem::Key => ".key",
    }
}
