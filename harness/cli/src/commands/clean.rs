//! `meshkat clean`: removes what ended runs left behind.

use meshkat_runtime::{
    Printable,
    run::{Swept, default_state_dir, sweep, sweep_runtime},
};
use meshkat_runtime_docker::{DockerSweeper, remove_images};

use crate::{
    args::CleanArgs,
    backend::{SWEEPERS, runtime_error},
    exit::{Exit, count},
    output::say,
};

pub(crate) async fn run(args: &CleanArgs) -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let force = args.force;
    let swept = tokio::task::spawn_blocking(move || {
        let mut swept = sweep(&state_dir, force, &SWEEPERS)?;
        // Where there is no Docker, nothing is left in it.
        let in_docker = sweep_runtime(&DockerSweeper, force).unwrap_or_default();
        // What has been told of already is not told again.
        let of_docker = in_docker.runs.into_iter().filter(|run| !swept.contains(run));
        swept.extend(of_docker.collect::<Vec<_>>());
        Ok((swept, in_docker.strangers))
    });
    let (swept, strangers) = swept
        .await
        .map_err(|error| Exit::environment(error.to_string()))?
        .map_err(|error| runtime_error(&error))?;
    let mut left = 0;
    for run in &swept {
        match &run.failure {
            None => say(&format!("removed {} ({})", run.id, what(run))),
            Some(failure) => {
                left += 1;
                let folder = run.folder.to_string_lossy();
                let failure = Printable(failure);
                say(&format!("failed to remove {}: {failure}", Printable(&folder)));
            }
        }
    }
    for stranger in strangers {
        say(&format!("note: left alone, as no run made it: {stranger}"));
    }
    if left > 0 {
        return Err(Exit::environment(format!(
            "{} could not be removed",
            count(left, "run")
        )));
    }
    let mut images = Vec::new();
    if args.images {
        images = remove_images().await.map_err(|error| runtime_error(&error))?;
        images
            .iter()
            .for_each(|image| say(&format!("removed the image {}", Printable(image))));
    }
    if swept.is_empty() && images.is_empty() {
        say("nothing was left behind");
    }
    Ok(())
}

fn what(run: &Swept) -> String {
    if run.containers + run.networks > 0 {
        let containers = count(run.containers, "container");
        return format!("{containers}, {}", count(run.networks, "network"));
    }
    format!("{} killed", count(run.killed.len(), "process"))
}
