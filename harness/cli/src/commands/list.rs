//! `meshkat list`: the plan, before anything starts.

use std::collections::HashMap;

use meshkat_model::case::Case;
use meshkat_plan::{Plan, Shard, by_cause, in_shard, plan};
use serde_json::{Value, json};
use tabled::{builder::Builder, settings::Style};

use crate::{
    args::{ListArgs, ListFormat},
    backend::Machine,
    envoys::Asked,
    exit::{Exit, count},
    load,
    output::{print, say},
};

pub(crate) async fn run(args: &ListArgs) -> Result<(), Exit> {
    let project = load::project()?;
    let asked = Asked::read(&args.envoy)?;
    let cases = load::selected(&project, &asked, &args.select, args.choice)?;
    let shards = shards(&cases, args.shards);
    let plan = plan(cases, &Machine::of(args.on.runtime).await?.capabilities().await?);
    match args.format {
        ListFormat::Table => table(&plan),
        ListFormat::Json => print(&format!("{:#}\n", Value::from(rows(&plan, &shards)))),
        ListFormat::GithubMatrix => {
            let shards: Vec<Value> = (1..=args.shards)
                .map(|index| json!({ "shard": format!("{index}/{}", args.shards) }))
                .collect();
            print(&format!("{}\n", json!({ "include": shards })));
        }
    }
    Ok(())
}

/// A row for each case: which mesh it runs on, and with whom; or that it is skipped. Why, each cause once, comes after.
pub(crate) fn table(plan: &Plan) {
    let mut rows = Builder::default();
    rows.push_record(["mesh", "case", "steps", "shares its mesh"]);
    for (number, mesh) in plan.meshes.iter().enumerate() {
        for case in &mesh.cases {
            let shares = if mesh.cases.len() > 1 {
                format!("with {}", count(mesh.cases.len() - 1, "other"))
            } else {
                "no".to_owned()
            };
            rows.push_record([
                format!("{} {}", number + 1, mesh.spec.name),
                case.id.clone(),
                case.steps.len().to_string(),
                shares,
            ]);
        }
    }
    for skipped in &plan.skipped {
        let (id, steps) = (skipped.case.id.clone(), skipped.case.steps.len().to_string());
        rows.push_record(["skipped".to_owned(), id, steps, "-".to_owned()]);
    }
    print(&format!("{}\n", rows.build().with(Style::sharp())));
    let on = |cases| format!("{} on {}", count(cases, "case"), count(plan.meshes.len(), "mesh"));
    match plan.skipped.len() {
        0 => say(&on(plan.cases().count())),
        skipped => say(&format!("{}, {skipped} skipped", on(plan.cases().count()))),
    }
    for (cause, cases) in by_cause(&plan.skipped) {
        say(&format!("skipped {}: {cause}", count(cases, "case")));
    }
}

/// In which of so many parts each case is, just as `--shard` deals them out.
fn shards(cases: &[Case], of: u16) -> HashMap<String, Shard> {
    let of = usize::from(of);
    let parts = (1..=of).map(|index| Shard { index, of });
    let dealt = parts.flat_map(|shard| {
        in_shard(cases.to_vec(), shard)
            .into_iter()
            .map(move |case| (case.id, shard))
    });
    dealt.collect()
}

/// The cases that run, in the order of the plan, and then those that are skipped.
fn rows(plan: &Plan, shards: &HashMap<String, Shard>) -> Vec<Value> {
    let row = |case: &Case, skipped: Option<String>| {
        json!({
            "id": case.id,
            "scenario": case.scenario,
            "params": case.params,
            "tags": case.tags,
            "mesh": case.mesh.name,
            // Not known before the planner keeps the times of earlier runs.
            "expected_ms": null,
            "shard": shards.get(&case.id).map(Shard::to_string),
            "skipped": skipped,
        })
    };
    let run = plan.cases().map(|case| row(case, None));
    let skipped = plan.skipped.iter();
    run.chain(skipped.map(|skipped| row(&skipped.case, Some(skipped.reason.to_string()))))
        .collect()
}
