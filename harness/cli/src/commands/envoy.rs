//! `meshkat envoy list|fetch|path`.

use meshkat_envoy::binary::{Request, list};

use crate::{
    args::{EnvoyChoice, EnvoyCommand},
    exit::Exit,
    locate,
    output::{print, say},
};

pub(crate) async fn run(command: EnvoyCommand) -> Result<(), Exit> {
    match command {
        EnvoyCommand::List => {
            let request = Request::from_environment(None)
                .map_err(|error| Exit::environment(error.to_string()).help(error.help()))?;
            for known in list(&request) {
                let path = known.path.map_or("-".to_owned(), |path| path.display().to_string());
                let default = if known.is_default { " (default)" } else { "" };
                print(&format!("{}{default}\t{path}\n", known.version));
            }
            Ok(())
        }
        EnvoyCommand::Fetch { wanted, force } => {
            let envoy = if force {
                locate::fetch_again(wanted).await?
            } else {
                locate::envoy(&EnvoyChoice { envoy: Some(wanted) }).await?
            };
            say(&format!("Envoy {} is at {}", envoy.version, envoy.path.display()));
            Ok(())
        }
        EnvoyCommand::Path(choice) => {
            let envoy = locate::envoy(&choice).await?;
            print(&format!("{}\n", envoy.path.display()));
            Ok(())
        }
    }
}
