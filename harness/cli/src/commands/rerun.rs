//! `meshkat run --rerun failed`: what the last run leaves to do.

use std::{collections::BTreeSet, path::Path};

use clap::ValueEnum as _;
use meshkat_model::{
    capability::Capabilities,
    project::Project,
    results::{RunInfo, Status},
};
use meshkat_report::read_results;

use crate::{
    args::{Coverage, CoverageChoice, RunArgs, Select},
    envoys::EnvoySelection,
    exit::Exit,
    load,
    output::say,
};

/// What to select, where `dir` is the folder of the last run: of what failed or errored in the last run of the report folder, and what that run did not come to, all that
/// `args` selects. The coverage, the seed and the shard of `args` become those of that run where they are not given.
///
/// # Errors
/// There is no such run, or nothing is left to do.
pub(crate) fn failed(
    args: &mut RunArgs,
    project: &Project,
    dir: &Path,
    envoys: &EnvoySelection,
    capabilities: &Capabilities,
) -> Result<Select, Exit> {
    let last = read_results(dir).map_err(|error| {
        Exit::usage(format!("there is no last run in {}: {error}", dir.display()))
            .help("run without `--rerun` first, or say `--report-dir`")
    })?;
    let failed = last.cases.iter();
    let failed = failed.filter(|case| matches!(case.status, Status::Failed | Status::Errored));
    // A case may have failed in several rounds.
    let again: BTreeSet<&String> = failed.map(|case| &case.id).chain(&last.not_run).collect();
    let mut select = args.select.clone();
    // The report of a part has cases of this part alone: a part of them would leave some out.
    let shard = select
        .shard
        .take()
        .filter(|shard| last.run.shard != Some(shard.to_string()));
    // Whatever that run chose it is in its report, and is not to be chosen once more.
    let choice = CoverageChoice {
        coverage: Some(args.choice.coverage.unwrap_or(Coverage::Full)),
        ..args.choice
    };
    // As whole ids, those of that run's Envoys are cases whatever `--envoy` says now. What the words of `args` mean is read, too:
    // that a word means nothing that failed is no mistake.
    let words: Vec<String> = again.iter().copied().chain(&select.select).cloned().collect();
    let loaded = load::cases(project, envoys, &words, &[], choice)?;
    let cases = load::select_from(loaded, &select, choice, capabilities)?;
    let ids = cases.into_iter().map(|case| case.id);
    select.select = ids.filter(|id| again.contains(id)).collect();
    if select.select.is_empty() {
        say("nothing failed in the last run: there is nothing to run again");
        return Err(Exit::silent(0));
    }
    select.shard = shard;
    if args.select.shard.is_none() {
        args.select.shard = last.run.shard.as_ref().and_then(|shard| shard.parse().ok());
    }
    as_in(&last.run, &mut args.choice);
    Ok(select)
}

/// Takes what is not given from the last run, and says so where it is not what would be taken anyway.
fn as_in(last: &RunInfo, choice: &mut CoverageChoice) {
    let mut taken = Vec::new();
    if choice.coverage.is_none() {
        choice.coverage = Coverage::from_str(&last.coverage, false).ok();
        if choice.coverage() != meshkat_plan::Coverage::Full {
            taken.push(format!("--coverage {}", choice.coverage()));
        }
    }
    if choice.seed.is_none() {
        choice.seed = Some(last.seed);
        if last.seed != 0 {
            taken.push(format!("--seed {}", last.seed));
        }
    }
    if !taken.is_empty() {
        say(&format!("{}, as in the last run", taken.join(" ")));
    }
}
