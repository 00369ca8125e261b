//! What requests are sent in, and TLS of those that have it.

use meshkat_driver::{Request, Tls, TlsSettings};
use meshkat_model::{
    certificates, limits,
    scenario::verb::{target::Target, tls::TlsKeys},
    yaml::At,
};

use super::request::cannot_be_sent;
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    /// The request as it is to be sent.
    pub(super) fn over(&self, request: Request, to: &Target) -> Result<Request, Broken> {
        let tls = to.tls.as_ref().map(|keys| self.tls(keys, to)).transpose()?;
        request.over(to.spoken(), tls).map_err(cannot_be_sent)
    }

    fn tls(&self, keys: &TlsKeys, to: &Target) -> Result<Tls, Broken> {
        let named = keys.server_name.as_ref().map(|name| name.value.clone());
        let (min, max) = keys.versions();
        let identity = self.read(keys.certificate.as_ref())?.zip(self.read(keys.key.as_ref())?);
        let settings = TlsSettings {
            server_name: named.or_else(|| to.host.as_deref().map(without_port)),
            ca: self.read(keys.ca.as_ref())?,
            identity,
            alpn: to.alpn(),
            min,
            max,
        };
        Tls::new(settings).map_err(|problem| Broken::Environment(problem.to_string()))
    }

    /// What is in a file that the step names.
    pub(super) fn read(&self, name: Option<&At<String>>) -> Result<Option<Vec<u8>>, Broken> {
        let Some(name) = name else { return Ok(None) };
        let made = certificates::file(name).and_then(|file| Some(self.mesh.lease().certificates()?.join(file)));
        let path = made.as_ref().or_else(|| self.case.files.get(&name.value));
        let path = path.ok_or_else(|| Broken::Environment(format!("nobody knows where the file {} is", name.value)))?;
        let content = meshkat_files::read(path, limits::FILE);
        let content =
            content.map_err(|error| Broken::Environment(format!("failed to read {}: {error}", path.display())))?;
        Ok(Some(content))
    }
}

/// A host without what says the port.
fn without_port(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if port.chars().all(|c| c.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    };
    name.trim_matches(['[', ']']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_port() {
        let names = ["foo.com", "foo.com:8080", "127.0.0.1:80", "[::1]:80", "[::1]", "::1"];
        let wanted = ["foo.com", "foo.com", "127.0.0.1", "::1", "::1", "::1"];
        assert_eq!(names.map(without_port), wanted);
    }
}
