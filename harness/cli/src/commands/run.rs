//! `meshkat run`.

use std::{collections::BTreeSet, time::Duration};

use meshkat_engine::{CulpritOptions, Keep, RunOptions, Summary};
use meshkat_model::{
    results::{CaseResult, Results, RunInfo, Status},
    scenario::ENVOY,
};
use meshkat_plan::{Plan, by_cause, plan};
use meshkat_report::{ColorChoice, ReportOptions, Reporters, read_results};

use crate::{
    args::{Color, KeepChoice, RunArgs, Runtime, Select},
    backend::Machine,
    commands::list,
    envoys::Asked,
    exit::{ENVIRONMENT, Exit, FAILED, INTERRUPTED, count},
    load,
    output::say,
    signals,
};

pub(crate) async fn run(args: RunArgs, color: Color) -> Result<(), Exit> {
    let project = load::project()?;
    let asked = Asked::read(&args.envoy)?;
    let select = rerun(&args, &asked)?;
    let loaded = load::cases(&project, &asked, &select.select)?;
    let mut all = loaded.cases.clone();
    let cases = load::select_from(loaded, &select, args.choice)?;
    let machine = Machine::of(args.on.runtime).await?;
    let plan = plan(cases, &machine.capabilities().await?);
    if args.dry_run {
        list::table(&plan);
        return Ok(());
    }
    let why_nothing_runs = why_nothing_runs(&plan);
    let envoys = asked.find(plan.cases()).await?;
    let cancel = signals::cancel_on_signal()?;
    let backend = machine.backend(&envoys)?;
    let mut options = options(&args, &asked, envoys.versions(), backend.name());
    // Nothing is fetched only to find out more about a failure.
    all.retain(|case| envoys.has(case));
    options.culprit.cases = all;
    let report = ReportOptions {
        dir: args.report_dir.clone(),
        color: match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        },
        progress: true,
    };
    let mut reporters = Reporters::for_run(&report).map_err(|error| Exit::environment(error.to_string()))?;
    let summary = meshkat_engine::run(plan, backend, options, cancel.clone(), |event| reporters.event(&event)).await;
    let written = reporters.finish().map_err(|error| Exit::environment(error.to_string()));
    verdict(&summary, cancel.is_cancelled(), why_nothing_runs)?;
    // A report that could not be written is no reason to hide a failure, and no success either.
    written
}

/// The exit code: a failed case is never the environment's code, and a broken environment is never a failed case's.
fn verdict(summary: &Summary, by_signal: bool, why_nothing_runs: Option<String>) -> Result<(), Exit> {
    let totals = summary.totals;
    if by_signal {
        Err(Exit::silent(INTERRUPTED))
    } else if totals.failed > 0 {
        Err(Exit::silent(FAILED))
    } else if totals.errored > 0 {
        Err(Exit::silent(ENVIRONMENT))
    } else if totals.passed + totals.flaky == 0 {
        let every = "every case was skipped";
        let why = why_nothing_runs.map_or_else(|| every.to_owned(), |why| format!("{every}: {why}"));
        Err(Exit::nothing(why).help("`meshkat list` shows which cases this runtime can run"))
    } else {
        Ok(())
    }
}

/// Why no case of a plan runs; none if one does.
fn why_nothing_runs(plan: &Plan) -> Option<String> {
    let causes = by_cause(&plan.skipped);
    let mut causes = causes.keys().filter(|_| plan.meshes.is_empty());
    let first = causes.next()?;
    Some(match causes.count() {
        0 => format!("it {first}"),
        more => format!("the first {first} (and {} more)", count(more, "reason")),
    })
}

/// What to select: with `--rerun failed`, what failed in the last run of the report folder, and what that run did not come
/// to if it was cut short.
fn rerun(args: &RunArgs, asked: &Asked) -> Result<Select, Exit> {
    let mut select = args.select.clone();
    if args.rerun.is_none() {
        return Ok(select);
    }
    let dir = &args.report_dir;
    let last = read_results(dir).map_err(|error| {
        Exit::usage(format!("there is no last run in {}: {error}", dir.display()))
            .help("run without `--rerun` first, or say `--report-dir`")
    })?;
    let again = |id: &str| match last.cases.iter().find(|case| case.id == id) {
        Some(case) => matches!(case.status, Status::Failed | Status::Errored),
        None => last.run.interrupted,
    };
    let project = load::project()?;
    let loaded = load::cases(&project, asked, &select.select)?;
    let ids: BTreeSet<String> = loaded.cases.iter().map(|case| case.id.clone()).collect();
    envoys_of(&last, &ids)?;
    let cases = load::select_from(loaded, &select, args.choice)?
        .into_iter()
        .map(|case| case.id);
    select.select = cases.filter(|id| again(id)).collect();
    // These are the part's already; a part of them would leave some out.
    select.shard = None;
    if select.select.is_empty() {
        say("nothing failed in the last run: there is nothing to run again");
        return Err(Exit::silent(0));
    }
    Ok(select)
}

/// Cases with an Envoy of their own are there only when the same Envoys are given.
fn envoys_of(last: &Results, ids: &BTreeSet<String>) -> Result<(), Exit> {
    let failed = |case: &&CaseResult| matches!(case.status, Status::Failed | Status::Errored);
    let gone = |case: &&CaseResult| case.params.contains_key(ENVOY) && !ids.contains(&case.id);
    let Some(case) = last.cases.iter().filter(failed).find(gone) else {
        return Ok(());
    };
    let all: BTreeSet<&str> = last
        .cases
        .iter()
        .filter_map(|case| case.params.get(ENVOY)?.as_str())
        .collect();
    let again: Vec<String> = all.iter().map(|envoy| format!("--envoy {envoy}")).collect();
    let message = format!("the last run had other Envoys than this one: {} failed in it", case.id);
    Err(Exit::usage(message).help(format!("say them again, of a binary its path: {}", again.join(" "))))
}

fn options(args: &RunArgs, asked: &Asked, envoy: Vec<String>, runtime: &str) -> RunOptions {
    let now = jiff::Timestamp::now();
    let mut reproduce = format!(" --seed {}{}", args.choice.seed, asked.reproduce());
    if args.on.runtime != Runtime::Process {
        reproduce.push_str(&format!(" --runtime {}", args.on.runtime));
    }
    RunOptions {
        info: RunInfo {
            id: format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), std::process::id()),
            seed: args.choice.seed,
            started: now.to_string(),
            duration_ms: 0,
            runtime: runtime.to_owned(),
            meshkat: env!("CARGO_PKG_VERSION").to_owned(),
            envoy,
            coverage: meshkat_plan::Coverage::from(args.choice.coverage).to_string(),
            shard: args.select.shard.map(|shard| shard.to_string()),
            interrupted: false,
        },
        jobs: usize::from(args.jobs),
        retries: args.retries,
        fail_fast: args.fail_fast,
        keep: match args.keep {
            KeepChoice::Never => Keep::Never,
            KeepChoice::Failed => Keep::Failed,
            KeepChoice::Always => Keep::Always,
        },
        ready_within: Duration::from_secs(args.ready_within),
        reproduce,
        culprit: CulpritOptions {
            within: args.culprit_within,
            cases: Vec::new(),
        },
    }
}
