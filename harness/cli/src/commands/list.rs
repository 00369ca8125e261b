//! `meshkat list`: the plan, before anything starts.

use std::collections::HashMap;

use meshkat_model::case::Case;
use meshkat_plan::{Between, Plan, PlannedMesh, Shard, by_cause};
use meshkat_report::time;
use serde_json::{Value, json};
use tabled::{builder::Builder, settings::Style};

use crate::{
    args::{ListArgs, ListFormat},
    backend::RuntimeHandle,
    envoys::EnvoySelection,
    exit::{Exit, count},
    load,
    output::{print, print_json, say},
    planning::PlanInputs,
    reports::Reports,
};

pub(crate) async fn run(args: &ListArgs) -> Result<(), Exit> {
    let project = load::project()?;
    let envoys = EnvoySelection::read(&args.envoy)?;
    let capabilities = RuntimeHandle::of(args.on.runtime).await?.capabilities().await?;
    let cases = load::selected(&project, &envoys, &args.select, args.choice, &capabilities)?;
    let (runtime, seed) = (args.on.runtime, args.choice.seed());
    let last = Reports::new(&project, None).last_if_any();
    let inputs = PlanInputs::new(&args.planning, seed, runtime, capabilities, last.as_deref())?;
    let cases = inputs.part(cases, args.select.shard)?;
    let shards = shards(&inputs, &cases, args.shards);
    let plan = inputs.plan(cases);
    match args.format {
        ListFormat::Table => table(&plan, &inputs),
        ListFormat::Json => print_json(Value::from(rows(&plan, &inputs, &shards)), true),
        ListFormat::GithubMatrix => {
            let shards: Vec<Value> = (1..=args.shards)
                .map(|index| json!({ "shard": format!("{index}/{}", args.shards) }))
                .collect();
            print_json(json!({ "include": shards }), false);
        }
    }
    Ok(())
}

/// A row for each case: which mesh it runs on, with whom, and what it is expected to take; or that it is skipped. Why, each cause
/// once, comes after.
pub(crate) fn table(plan: &Plan, inputs: &PlanInputs<'_>) {
    let mut rows = Builder::default();
    rows.push_record(["mesh", "case", "steps", "expected", "shares its mesh"]);
    let mut guessed = 0;
    for (number, mesh) in plan.meshes.iter().enumerate() {
        for (place, case) in mesh.cases.iter().enumerate() {
            let expected = inputs.expected.case(case);
            guessed += usize::from(!expected.seen);
            rows.push_record([
                format!("{} {}", number + 1, case.mesh.name),
                case.id.clone(),
                case.steps.len().to_string(),
                format!("{}{}", if expected.seen { "" } else { "~ " }, time(expected.ms)),
                shares(mesh, place),
            ]);
        }
    }
    for skipped in &plan.skipped {
        let (id, steps) = (skipped.case.id.clone(), skipped.case.steps.len().to_string());
        rows.push_record(["skipped", &id, &steps, "-", "-"]);
    }
    print(&format!("{}\n", rows.build().with(Style::sharp())));
    say(&in_all(plan, inputs, guessed));
    for (cause, cases) in by_cause(&plan.skipped) {
        say(&format!("skipped {}: {cause}", count(cases, "case")));
    }
}

/// With how many others, and what is done to the mesh after.
fn shares(mesh: &PlannedMesh, place: usize) -> String {
    let after = match mesh.after(place) {
        Between::Nothing => "",
        Between::Repair => ", repaired after",
        Between::Scale => ", scaled after",
    };
    match mesh.cases.len() - 1 {
        0 => "no".to_owned(),
        others => format!("with {}{after}", count(others, "other")),
    }
}

/// The plan in a line: `174 cases on 31 meshes, 120 repairs, 14 scalings, 22 skipped; about 2 min 10 s with 2 jobs`.
fn in_all(plan: &Plan, inputs: &PlanInputs<'_>, guessed: usize) -> String {
    let meshes = plan.meshes.len();
    let meshes = if meshes == 1 {
        "1 mesh".to_owned()
    } else {
        format!("{meshes} meshes")
    };
    let mut line = format!("{} on {meshes}", count(plan.cases().count(), "case"));
    for (what, word) in [(Between::Repair, "repair"), (Between::Scale, "scaling")] {
        let times: usize = plan.meshes.iter().map(|mesh| mesh.count(what)).sum();
        if times > 0 {
            line.push_str(&format!(", {}", count(times, word)));
        }
    }
    if !plan.skipped.is_empty() {
        line.push_str(&format!(", {} skipped", plan.skipped.len()));
    }
    if !plan.meshes.is_empty() {
        let takes = time(plan.expected_ms(inputs.jobs()));
        line.push_str(&format!("; about {takes} with {}", count(inputs.jobs(), "job")));
    }
    if guessed > 0 {
        line.push_str(&format!("; the time of {} is a guess (~)", count(guessed, "case")));
    }
    line
}

/// In which of so many parts each case is, just as `--shard` deals them out.
fn shards(inputs: &PlanInputs<'_>, cases: &[Case], of: u16) -> HashMap<String, Shard> {
    let of = usize::from(of);
    let parts = inputs.shards(cases, of).into_iter().zip(1..);
    let dealt = parts.flat_map(|(part, index)| part.into_iter().map(move |case| (case.id, Shard { index, of })));
    dealt.collect()
}

/// The cases that run, in the order of the plan, and then those that are skipped.
fn rows(plan: &Plan, inputs: &PlanInputs<'_>, shards: &HashMap<String, Shard>) -> Vec<Value> {
    let row = |case: &Case, skipped: Option<String>| {
        let expected = if skipped.is_some() {
            0
        } else {
            inputs.expected.case(case).ms
        };
        json!({
            "id": case.id,
            "scenario": case.scenario,
            "params": case.params,
            "tags": case.tags,
            "mesh": case.mesh.name,
            "expected_ms": expected,
            "shard": shards.get(&case.id).map(Shard::to_string),
            "skipped": skipped,
        })
    };
    let run = plan.cases().map(|case| row(case, None));
    let skipped = plan.skipped.iter();
    run.chain(skipped.map(|skipped| row(&skipped.case, Some(skipped.reason.to_string()))))
        .collect()
}
