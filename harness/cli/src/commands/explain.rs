//! `meshkat explain`: a case as it would run.

use meshkat_envoy::config::Bootstrap;
use meshkat_model::{case::Case, limits::listed, mesh::Application};
use meshkat_plan::why_not;

use crate::{
    args::{CoverageChoice, ExplainArgs},
    backend::RuntimeHandle,
    envoys::EnvoySelection,
    exit::Exit,
    load::{self, Loaded},
    near::Near,
    output::print,
    program,
};

pub(crate) async fn run(args: &ExplainArgs) -> Result<(), Exit> {
    let project = load::project()?;
    let envoys = EnvoySelection::read(&args.envoy)?;
    let choice = CoverageChoice::default();
    let loaded = load::cases(&project, &envoys, std::slice::from_ref(&args.case), &[], choice)?;
    let case = find(&loaded, &args.case)?;
    loaded.check_needs(case)?;
    let mut out = format!("{}\n\n{}\n\n", case.id, case.promise);
    for (name, value) in &case.params {
        out.push_str(&format!("  {name} = {value}\n"));
    }
    if let Some(reason) = why_not(case, &RuntimeHandle::of(args.on.runtime).await?.capabilities().await?) {
        out.push_str(&format!("\nskipped\n  {reason}\n"));
    }
    let with = case.mesh.envoy.as_ref().map(|envoy| format!(", with Envoy {envoy}"));
    out.push_str(&format!("\nmesh {}{}\n", case.mesh.name, with.unwrap_or_default()));
    for (name, group) in &case.mesh.groups {
        let told = |application: &Application| match application {
            Application::Service(service) => service.name().to_owned(),
            Application::Program(program) => format!("the program `{}`", program.name()),
        };
        let what = match (&group.application, &group.envoy) {
            (Some(application), Some(_)) => format!("{} and its Envoy", told(application)),
            (Some(application), None) => told(application),
            _ => "an Envoy alone".to_owned(),
        };
        let pods = group.pod_names(name).join(", ");
        let started = if group.started { "" } else { ", not started" };
        let is_never = group.application.as_ref().is_none_or(Application::is_control_plane);
        let registered = if group.registered || is_never {
            ""
        } else {
            ", not registered"
        };
        out.push_str(&format!("  {pods}: {what}{started}{registered}\n"));
    }
    if let Some(why) = &case.mesh.alone {
        out.push_str(&format!("  shared with no other case: {why}\n"));
    }
    out.push_str("\nsteps\n");
    for (number, step) in case.steps.iter().enumerate() {
        out.push_str(&format!(
            "  {}. {}   ({}:{})\n",
            number + 1,
            step.value.describe(),
            case.source.name(),
            step.place.line
        ));
    }
    if !case.allows.is_empty() {
        out.push_str("\nallows\n");
    }
    for allowance in case.allows.iter() {
        out.push_str(&format!(
            "  {}   ({}:{})\n",
            allowance.describe(),
            case.source.name(),
            allowance.invariant.place.line
        ));
    }
    let configs: std::collections::BTreeSet<_> = case
        .mesh
        .groups
        .values()
        .filter_map(|group| Some((group.envoy.as_ref()?, &group.overlays)))
        .collect();
    for (file, overlays) in configs {
        let bootstrap = Bootstrap::read_with(file, overlays).map_err(|error| Exit::usage(error.to_string()))?;
        let yaml = bootstrap.to_yaml().map_err(|error| Exit::usage(error.to_string()))?;
        out.push_str(&format!(
            "\n# {}{}, before its addresses become a pod's own\n{yaml}",
            file.display(),
            overlays
                .iter()
                .map(|overlay| format!(" with {}", overlay.display()))
                .collect::<String>()
        ));
    }
    out.push_str(&format!(
        "\nreproduce\n  {} run '{}'{}\n",
        program::name(),
        case.id,
        envoys.reproduce()
    ));
    print(&out);
    Ok(())
}

fn find<'a>(loaded: &'a Loaded, id: &str) -> Result<&'a Case, Exit> {
    let cases = &loaded.cases;
    if let Some(case) = cases.iter().find(|case| case.id == id) {
        return Ok(case);
    }
    let of_scenario: Vec<&Case> = cases.iter().filter(|case| case.scenario == id).collect();
    match of_scenario.as_slice() {
        [] => {
            let near = Near::of(&[id.to_owned()], cases, loaded.files.keys().map(String::as_str)).tell();
            Err(Exit::nothing(format!("there is no case `{id}`"))
                .help("`meshkat list` shows the ids")
                .maybe_help(near))
        }
        [only] => Ok(only),
        several => {
            let ids: Vec<&str> = several.iter().map(|case| case.id.as_str()).collect();
            Err(Exit::usage(format!("`{id}` has {} cases", ids.len()))
                .help(format!("choose one: {}", listed(&ids, 50))))
        }
    }
}
