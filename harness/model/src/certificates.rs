//! Certificates that are made for a run: which there are, and what they are called.

use serde::Serialize;

/// The folder that their names begin with, in Envoy configurations and in `tls` of requests.
pub const FOLDER: &str = "certificates";

/// The authorities: their certificates.
pub const AUTHORITIES: [(&str, &str); 2] = [
    ("ca", "the CA of all others but `stranger`"),
    ("stranger-ca", "another CA, which has signed `stranger`"),
];

/// What of a certificate is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It was valid until yesterday.
    Expired,
    /// It is valid from tomorrow on.
    NotYetValid,
    /// It is of another name.
    WrongName,
    /// It is of the other CA.
    Stranger,
    /// It is in the list of those that were revoked.
    Revoked,
}

/// What they sign: each has a certificate and a key.
pub const LEAVES: [(&str, Flaw, &str); 7] = [
    ("good", Flaw::None, "a server's, of the names of the mesh file"),
    ("client", Flaw::None, "a client's, of the name `client`"),
    ("expired", Flaw::Expired, "one that was valid until yesterday"),
    ("not-yet-valid", Flaw::NotYetValid, "one that is valid from tomorrow on"),
    ("wrong-name", Flaw::WrongName, "one of the name `wrong.invalid`"),
    ("stranger", Flaw::Stranger, "one of another CA"),
    ("revoked", Flaw::Revoked, "one that is in `ca.crl`"),
];

/// The list of those that the CA has revoked.
pub const REVOKED: &str = "ca.crl";

/// The certificates that a mesh has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Certificates {
    /// The names of servers, of which they are.
    pub names: Vec<String>,
}

/// The names of all files, without the folder.
pub fn files() -> Vec<String> {
    let authorities = AUTHORITIES.iter().map(|(name, _)| format!("{name}.pem"));
    let leaves = LEAVES.iter();
    let leaves = leaves.flat_map(|(name, ..)| [format!("{name}.pem"), format!("{name}.key")]);
    authorities.chain(leaves).chain([REVOKED.to_owned()]).collect()
}

/// The name below the folder, of what may be one of these files: `certificates/good.pem` is `good.pem`.
pub fn below_the_folder(named: &str) -> Option<&str> {
    named.strip_prefix("./").unwrap_or(named).strip_prefix("certificates/")
}

/// The name of one of these files, without the folder, where that is what is named.
pub fn file(named: &str) -> Option<&str> {
    below_the_folder(named).filter(|name| files().iter().any(|file| file == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        assert_eq!(file("certificates/good.key"), Some("good.key"));
        assert_eq!(file("./certificates/ca.crl"), Some("ca.crl"));
        for other in [
            "certificates/ca.key",
            "good.pem",
            "certs/good.pem",
            "certificates/",
            "/certificates/good.pem",
        ] {
            assert_eq!(file(other), None, "{other}");
        }
        assert_eq!(files().len(), 17);
        assert!(below_the_folder(&format!("{FOLDER}/x")).is_some());
    }
}
