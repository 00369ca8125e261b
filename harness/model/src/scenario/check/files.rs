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
        if let (Some(below), true) = (certificates::below_the_folder(name), self.mesh.certificates.is_some()) {
            return self.made(name, below, what);
        }
        match self.meshes.file(self.source, name) {
            Err(why) => {
                let message = format!("the file `{}` cannot be read: {why}", name.value);
                let help = match certificates::below_the_folder(name) {
                    Some(_) => {
                        "`certificates` in the mesh file has some made for each run; others are looked for beside the scenario, and below the \
                                project's folder"
                    }
                    None => "it is looked for beside the scenario, and below the project's folder",
                };
                self.wrong(name.place, message, "no such file", help);
            }
            Ok((path, content)) => {
                let text = String::from_utf8_lossy(&content);
                let holds = text
                    .lines()
                    .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(label));
                if !holds {
                    let message = format!("the file `{}` has no {words} in PEM", name.value);
                    let help = format!("it has a line `-----BEGIN …{label}`");
                    self.wrong(name.place, message, "something else", help);
                }
                self.files.insert(name.value.clone(), path);
            }
        }
    }

    /// A file that is made for each run of this mesh.
    fn made(&mut self, name: &At<String>, below: &str, what: Pem) {
        let ending = match what {
            Pem::Certificate => ".pem",
            Pem::Key => ".key",
        };
        if certificates::file(name).is_none() || !below.ends_with(ending) {
            let known = certificates::files();
            let known = known.iter().map(String::as_str).filter(|file| file.ends_with(ending));
            let message = format!("no `{}` is made for the runs of this mesh", name.value);
            self.wrong(name.place, message, "not made", did_you_mean(below, known));
        }
    }
}
