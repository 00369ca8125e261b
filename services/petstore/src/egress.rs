//! Where the pod's own Envoy takes outgoing requests.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The URL of an Envoy's outbound listener: scheme, host and port, nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress(Url);

/// A URL that is no Envoy's outbound listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the egress is a URL such as http://localhost:9900, without a path: {reason}")]
pub struct InvalidEgress {
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Egress {
    type Err = InvalidEgress;

    fn from_str(text: &str) -> Result<Self, InvalidEgress> {
        let invalid = |reason: String| InvalidEgress { reason };
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        if url.scheme() != "http" {
            return Err(invalid(format!("the scheme is {:?}", url.scheme())));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("there is something after the port".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("there is a user".to_owned()));
        }
        Ok(Self(url))
    }
}

impl Egress {
    /// The URL of a path with one query parameter.
    pub(crate) fn url(&self, path: &str, name: &str, value: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url.query_pairs_mut().append_pair(name, value);
        url
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_egress_is_a_scheme_a_host_and_a_port() {
        for text in ["http://localhost:9900", "http://127.0.1.2:9900/"] {
            let egress: Egress = text.parse().unwrap();
            assert_eq!(egress.to_string(), text.trim_end_matches('/'));
            assert_eq!(
                egress.url("/pets", "store", "1").as_str(),
                format!("{egress}/pets?store=1")
            );
        }
        for text in [
            "",
            "localhost:9900",
            "https://localhost:9900",
            "http://localhost:9900/pet",
            "http://a@localhost",
        ] {
            text.parse::<Egress>().unwrap_err();
        }
    }
}
