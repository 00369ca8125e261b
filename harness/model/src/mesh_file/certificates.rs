//! Certificates in a mesh file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    certificates::Certificates,
    scenario::value::OneOrMany,
    source::{Diagnostic, Place, Source},
    yaml::At,
};

/// Certificates that are made for each run: of a CA, good ones and bad ones.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificatesKeys {
    /// The names of servers, of which they are: DNS names or addresses.
    pub names: OneOrMany<At<String>>,
}

impl CertificatesKeys {
    /// What is meant. What is wrong goes to `wrong`.
    pub(super) fn read(&self, source: &Source, place: Place, wrong: &mut Vec<Diagnostic>) -> Certificates {
        let mut tell = |place, message: String, label: &str, help: &str| {
            wrong.push(Diagnostic::new(source, place, message, label).help(help));
        };
        if self.names.is_empty() {
            let help = "name the server that clients ask for, as `names: [foo.com]`";
            tell(place, "certificates of nobody".to_owned(), "no names", help);
        }
        for name in self.names.iter() {
            let is_name = !name.is_empty()
                && name.len() <= 253
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.*:".contains(c))
                && !name.starts_with(['.', '-']);
            if !is_name {
                let message = format!("`{}` is not the name of a server", name.value);
                tell(name.place, message, "not a name", "for example `foo.com`");
            }
        }
        let names = self.names.iter().map(|name| name.value.clone());
        Certificates { names: names.collect() }
    }
}
