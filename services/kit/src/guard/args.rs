//! What can be said about who may write.

use std::env;
use std::sync::Arc;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::{Guard, InvalidToken, Rules, Token};

/// The variable that has the token. There is no flag for it: everybody on a machine can read the command lines of all.
pub const TOKEN_VARIABLE: &str = "MESHKAT_TOKEN";

/// Who may write. Each flag is also an environment variable; one that is empty is not there.
#[derive(Debug, Clone, Default, Args)]
pub struct GuardArgs {
    /// Take writes from whoever reaches the port, where no token is set [default: from this user and root, over loopback]
    #[arg(long, env = "ALLOW_WRITES_FROM_ANYONE", value_parser = BoolishValueParser::new())]
    pub allow_writes_from_anyone: bool,

    /// A further name that it goes by in `Host`; may be given several times
    #[arg(long = "allow-host", env = "ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub allow_hosts: Vec<String>,

    /// An origin whose pages may write, such as `http://localhost:3000`; may be given several times
    #[arg(
        long = "allow-origin",
        env = "ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub allow_origins: Vec<String>,
}

/// Why nobody can be let in by these rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGuard {
    /// The token in the environment.
    #[error("{TOKEN_VARIABLE}: {0}")]
    Token(#[from] InvalidToken),
    /// A host that is no name.
    #[error("--allow-host: a name without a port is asked for, such as mesh.example, not {0:?}")]
    Host(String),
    /// An origin that no browser would send.
    #[error("--allow-origin: an origin is asked for, such as http://localhost:3000, not {0:?}")]
    Origin(String),
}

impl GuardArgs {
    /// The rules, with the token of the environment.
    ///
    /// # Errors
    /// One of them is invalid.
    pub fn guard(&self) -> Result<Guard, InvalidGuard> {
        let token = env::var_os(TOKEN_VARIABLE).filter(|token| !token.is_empty());
        let token = token
            .map(|token| Token::new(token.to_str().unwrap_or_default()))
            .transpose()?;
        self.with_token(token)
    }

    fn with_token(&self, token: Option<Token>) -> Result<Guard, InvalidGuard> {
        let given = |list: &[String]| list.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>();
        let (hosts, origins) = (given(&self.allow_hosts), given(&self.allow_origins));
        if let Some(host) = hosts.iter().find(|host| !is_name(host)) {
            return Err(InvalidGuard::Host(host.clone()));
        }
        if let Some(origin) = origins.iter().find(|origin| !is_origin(origin)) {
            return Err(InvalidGuard::Origin(origin.clone()));
        }
        Ok(Guard(Arc::new(Rules {
            token,
            anyone: self.allow_writes_from_anyone,
            hosts,
            origins,
        })))
    }
}

fn is_name(host: &str) -> bool {
    host.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && !host.ends_with('.')
}

fn is_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && !rest.is_empty()
            && !rest.contains('/')
            && origin.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_met_is_refused_at_the_start() {
        let args = |hosts: &[&str], origins: &[&str]| GuardArgs {
            allow_writes_from_anyone: false,
            allow_hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            allow_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        };
        args(&["mesh.example", ""], &["http://localhost:3000", ""])
            .with_token(None)
            .unwrap();
        for host in ["mesh.example:80", "http://mesh.example", "*.example", "mesh.example."] {
            assert!(args(&[host], &[]).with_token(None).is_err(), "{host}");
        }
        for origin in ["localhost:3000", "http://localhost:3000/", "*", "http://"] {
            assert!(args(&[], &[origin]).with_token(None).is_err(), "{origin}");
        }
    }
}
