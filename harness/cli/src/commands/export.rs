//! `meshkat export`: a mesh for other programs.

use std::path::{Path, PathBuf};

use meshkat_runtime_docker::Compose;

use super::up;
use crate::{args::ComposeArgs, backend, envoys::ResolvedEnvoys, exit::Exit, load, locate, output::print};

pub(crate) async fn compose(args: &ComposeArgs) -> Result<(), Exit> {
    let project = load::project()?;
    let spec = up::mesh(&project, &args.mesh, &args.overlay)?;
    let envoy = locate::envoy(&args.envoy).await?;
    let envoys = ResolvedEnvoys::one(envoy, &args.envoy).envoys().clone();
    let docker = backend::docker().await?.with_envoys(envoys);
    let docker = docker.map_err(|error| backend::runtime_error(&error))?;
    let images = docker.images(&spec).await;
    let images = images.map_err(|error| backend::runtime_error(&error))?;
    let compose = Compose {
        images,
        network: args.network,
        port: args.port,
    };
    let folder = match &args.dir {
        Some(dir) => dir.clone(),
        None => default_folder(&spec.name)?,
    };
    let exported = compose
        .write(&spec, &folder)
        .map_err(|error| backend::runtime_error(&error))?;
    print(&format!("{}\n", exported.file.display()));
    crate::output::say(&format!(
        "{} services; start them: docker compose --file {} up --detach",
        exported.services,
        exported.file.display()
    ));
    if let Some(edge) = exported.edge {
        crate::output::say(&format!("then: curl {edge}/stores/1"));
    }
    Ok(())
}

/// `compose/MESH` of the folder that this was started in. What a stranger may have committed there leads nowhere else.
fn default_folder(mesh: &str) -> Result<PathBuf, Exit> {
    let below = Path::new("compose").join(mesh);
    meshkat_files::folder_below(Path::new(""), &below).map_err(|error| {
        Exit::environment(format!("failed to make the folder {}: {error}", below.display()))
            .help("name a folder to write to: --dir FOLDER")
    })
}
