//! `meshkat list`: the plan, before anything starts.

use std::collections::HashMap;

use meshkat_model::case::Case;
use meshkat_plan::{Plan, Shard, in_shard, plan};
use serde_json::{Value, json};
use tabled::{builder::Builder, settings::Style};

use super::run::size;
use crate::{
    args::{ListArgs, ListFormat},
    exit::{Exit, count},
    load,
    output::{print, say},
};

pub(crate) fn run(args: &ListArgs) -> Result<(), Exit> {
    let project = load::project()?;
    let cases = load::selected(&project, &args.select)?;
    let shards = shards(&cases, args.shards);
    let plan = plan(cases);
    match args.format {
        ListFormat::Table => table(&plan),
        ListFormat::Json => {
            print(&format!("{:#}\n", Value::from(rows(&plan, &shards))));
            Ok(())
        }
        ListFormat::GithubMatrix => {
            let shards: Vec<Value> = (1..=args.shards)
                .map(|index| json!({ "shard": format!("{index}/{}", args.shards) }))
                .collect();
            print(&format!("{}\n", json!({ "include": shards })));
            Ok(())
        }
    }
}

/// A row for each case: which mesh it runs on, and with whom.
pub(crate) fn table(plan: &Plan) -> Result<(), Exit> {
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
    print(&format!("{}\n", rows.build().with(Style::sharp())));
    let (cases, meshes) = size(plan);
    say(&format!("{} on {}", count(cases, "case"), count(meshes, "mesh")));
    Ok(())
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

fn rows(plan: &Plan, shards: &HashMap<String, Shard>) -> Vec<Value> {
    let order = plan
        .meshes
        .iter()
        .flat_map(|mesh| mesh.cases.iter().map(move |case| (mesh, case)));
    order
        .map(|(mesh, case)| {
            json!({
                "id": case.id,
                "scenario": case.scenario,
                "params": case.params,
                "tags": case.tags,
                "mesh": mesh.spec.name,
                // Not known before the planner keeps the times of earlier runs.
                "expected_ms": null,
                "shard": shards.get(&case.id).map(Shard::to_string),
            })
        })
        .collect()
}
