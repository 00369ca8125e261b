//! The flags that every service has.

use std::net::SocketAddr;

use clap::Args;

use crate::guard::GuardArgs;
use crate::identity::{Identity, InvalidInstance};

/// Where a service listens and who it is. Each flag is also an environment variable.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "LISTEN", value_name = "ADDR:PORT", default_value = "0.0.0.0:8080", value_parser = parse_listen)]
    pub listen: SocketAddr,

    /// Name that every response carries in `x-served-by` [default: the host's name]
    #[arg(long, env = "INSTANCE", value_name = "NAME", value_parser = parse_instance)]
    pub instance: Option<String>,

    /// Who may write.
    #[command(flatten)]
    pub guard: GuardArgs,
}

impl ServiceArgs {
    /// Who the service is: the name given, or the host's.
    ///
    /// # Errors
    /// The host has no name, or one that cannot stand in a header.
    pub fn identity(&self, service: &'static str) -> Result<Identity, InvalidInstance> {
        match &self.instance {
            Some(instance) => Identity::new(service, instance),
            None => {
                let host = hostname::get().map_err(|_| InvalidInstance { name: String::new() })?;
                Identity::new(service, &host.to_string_lossy())
            }
        }
    }
}

/// Reads an address and a port to listen on.
///
/// # Errors
/// It is none, with an example.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.trim_start_matches(':').parse::<u16>();
        let example = port.map_or_else(|_| "0.0.0.0:8080".to_owned(), |port| format!("0.0.0.0:{port}"));
        format!("an address and a port, such as {example} or [::]:8080")
    })
}

fn parse_instance(name: &str) -> Result<String, InvalidInstance> {
    Identity::new("", name).map(|identity| identity.instance().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        service: ServiceArgs,
    }

    #[test]
    fn the_instance_is_the_hosts_name_unless_given() {
        let cli = Cli::try_parse_from(["x", "--listen", "127.0.0.1:0"]).unwrap();
        assert_eq!(
            cli.service.identity("pet").unwrap().instance(),
            hostname::get().unwrap().to_string_lossy()
        );
        let cli = Cli::try_parse_from(["x", "--instance", "pet-1"]).unwrap();
        assert_eq!(cli.service.identity("pet").unwrap().instance(), "pet-1");
    }

    #[test]
    fn an_instance_that_no_header_can_carry_is_a_usage_error() {
        for name in ["", "two words", "line\nbreak", "naïve"] {
            assert!(Cli::try_parse_from(["x", "--instance", name]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_address_needs_its_port() {
        for (typed, way_out) in [
            ("127.0.0.1", "0.0.0.0:8080"),
            ("8089", "0.0.0.0:8089"),
            (":8089", "0.0.0.0:8089"),
        ] {
            let told = Cli::try_parse_from(["x", "--listen", typed])
                .err()
                .map(|error| error.to_string());
            assert!(
                told.is_some_and(|told| told.contains(&format!("such as {way_out}"))),
                "{typed}"
            );
        }
    }
}
