//! `meshkat run`.

use std::time::Duration;

use meshkat_engine::{CulpritOptions, Keep, RunOptions, Summary};
use meshkat_model::{event::Event, results::RunInfo};
use meshkat_plan::{Plan, by_cause};
use meshkat_report::{ReportOptions, Reporters};

use crate::{
    args::{Color, KeepChoice, Rerun, RunArgs, Runtime},
    backend::RuntimeHandle,
    commands::{list, rerun},
    envoys::EnvoySelection,
    exit::{ENVIRONMENT, Exit, FAILED, INTERRUPTED, count},
    limits, load,
    output::say,
    planning::PlanInputs,
    program,
    reports::Reports,
    signals,
    stress::Stress,
    used,
};

/// How long the repair of a mesh may take. One that takes longer than a new mesh is none; usually it is some 20 ms.
const REPAIRED: Duration = Duration::from_secs(5);

pub(crate) async fn run(mut args: RunArgs, color: Color) -> Result<(), Exit> {
    let project = load::project()?;
    let envoys = EnvoySelection::read(&args.envoy)?;
    let handle = RuntimeHandle::of(args.on.runtime).await?;
    let capabilities = handle.capabilities().await?;
    let reports = Reports::new(&project, args.report_dir.as_deref());
    let select = match args.rerun {
        None => args.select.clone(),
        Some(Rerun::Failed) => rerun::failed(&mut args, &project, &reports.last()?, &envoys, &capabilities)?,
    };
    if args.flakes.until_failure && args.select.shard.is_some() {
        let message = "`--until-failure` cannot be had with `--shard`: each part would end after another round, and their reports could not \
                       be put together";
        return Err(Exit::usage(message).help("`--repeat N` makes the same rounds in each part"));
    }
    let loaded = load::cases(&project, &envoys, &select.select, &select.tag, args.choice)?;
    let mut all = loaded.that_could_run();
    let cases = load::select_from(loaded, &select, args.choice, &capabilities)?;
    used::check_configs(&project, cases.iter().map(|case| &case.mesh))?;
    let (runtime, seed) = (args.on.runtime, args.choice.seed());
    let inputs = PlanInputs::new(
        &args.planning,
        seed,
        runtime,
        capabilities,
        reports.last_if_any().as_deref(),
    )?;
    let plan = inputs.plan(inputs.part(cases, select.shard)?);
    if args.dry_run {
        list::table(&plan, &inputs);
        if let Some(rounds) = args.flakes.rounds() {
            say(&format!("all of it: {rounds}"));
        }
        return Ok(());
    }
    limits::check()?;
    let why_nothing_runs = why_nothing_runs(&plan);
    let found = envoys.find(plan.cases()).await?;
    let cancel = signals::cancel_on_signal()?;
    let backend = handle.backend(&found)?;
    let mut options = options(&args, &envoys, found.versions(), backend.name());
    // Nothing is fetched only to find out more about a failure.
    all.retain(|case| found.has(case));
    options.culprit.cases = all;
    let mut stress = args.flakes.stress.map(Stress::start).transpose()?;
    let report = ReportOptions {
        dir: reports.make(&options.info.id)?,
        color: color.of_report(),
        progress: true,
    };
    let mut reporters = Reporters::for_run(&report).map_err(|error| Exit::report(&error))?;
    reports.publish(&report.dir);
    let tell = |event: Event| {
        let ends = matches!(event, Event::RunFinished { .. });
        if ends && stress.as_mut().is_some_and(Stress::has_ended) {
            let message = "the threads that were to be busy ended before the run did".to_owned();
            reporters.event(&Event::Warning { message });
        }
        reporters.event(&event);
    };
    let summary = meshkat_engine::run(plan, backend, options, cancel.clone(), tell).await;
    drop(stress);
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

fn options(args: &RunArgs, envoys: &EnvoySelection, envoy: Vec<String>, runtime: &str) -> RunOptions {
    let now = jiff::Timestamp::now();
    let mut reproduce = format!(" --seed {}{}", args.choice.seed(), envoys.reproduce());
    if args.on.runtime != Runtime::Process {
        reproduce.push_str(&format!(" --runtime {}", args.on.runtime));
    }
    reproduce.push_str(&args.flakes.reproduce());
    RunOptions {
        info: RunInfo {
            id: format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), std::process::id()),
            seed: args.choice.seed(),
            started: now.to_string(),
            duration_ms: 0,
            runtime: runtime.to_owned(),
            meshkat: env!("CARGO_PKG_VERSION").to_owned(),
            envoy,
            coverage: args.choice.coverage().to_string(),
            shard: args.select.shard.map(|shard| shard.to_string()),
            rounds: args.flakes.rounds(),
            stress: args.flakes.stress,
            interrupted: false,
        },
        jobs: args.planning.jobs,
        retries: args.retries,
        fail_fast: args.fail_fast,
        keep: match args.keep {
            KeepChoice::Never => Keep::Never,
            KeepChoice::Failed => Keep::Failed,
            KeepChoice::Always => Keep::Always,
        },
        ready_within: args.ready_within,
        repaired_within: REPAIRED,
        program: program::name(),
        reproduce,
        is_measured: true,
        culprit: CulpritOptions {
            within: args.culprit_within,
            cases: Vec::new(),
        },
    }
}
