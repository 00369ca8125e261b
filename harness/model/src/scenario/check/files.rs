//! Files that steps name.

use super::Check;
use crate::yaml::At;

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
        let Some(content) = self.file(name) else { return };
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
        match self.meshes.file(self.source, name) {
            Err(why) => {
                let message = format!("the file `{}` cannot be read: {why}", name.value);
                let help = "it is looked for beside the scenario, and below the project's folder";
                self.wrong(name.place, message, "no such file", help);
                None
            }
            Ok((path, content)) => {
                self.files.insert(name.value.clone(), path);
                Some(content)
            }
        }
    }
}
