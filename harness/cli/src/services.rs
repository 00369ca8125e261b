//! The services of a mesh, in this program: so that one that was installed alone has them.

use std::{env, ffi::OsString, process::ExitCode};

use meshkat_model::{mesh::Service, suggest::did_you_mean};

use crate::{exit, output::say};

/// The first argument of a process that is to be a service, whose name and arguments come behind it.
pub(crate) const COMMAND: &str = "service";

/// Is a service until it ends, if that is what the arguments ask for. What the rest of this program sets up is not set up then: a
/// service logs, and ends, as the binary of its own does.
pub(crate) fn run() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != COMMAND {
        return None;
    }
    let name = arguments.next().unwrap_or_default();
    let Some(service) = Service::ALL.into_iter().find(|service| name == service.name()) else {
        let help = did_you_mean(&name.to_string_lossy(), Service::ALL.map(Service::name));
        say(&format!(
            "error: `{COMMAND}` is followed by the name of a service; {help}"
        ));
        return Some(ExitCode::from(exit::USAGE));
    };
    let main: fn(Vec<OsString>) -> ExitCode = match service {
        Service::Pet => pet::main,
        Service::Petstore => petstore::main,
        Service::Echo => echo::main,
        Service::Sds => sds::main,
        Service::Authz => authz::main,
        Service::Ratelimit => ratelimit::main,
        Service::Collector => collector::main,
    };
    Some(main([name].into_iter().chain(arguments).collect::<Vec<_>>()))
}
