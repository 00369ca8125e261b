//! Scenario files, mesh files and shared axes.

use std::path::Path;

use meshkat_model::{
    mesh_file::read_mesh,
    scenario::{Scenario, SharedAxes},
    source::Source,
};

use crate::{
    files::{AXES, MESHES, PROJECT},
    place::{all_inside, source},
};

/// A file in `scenarios/`, read and expanded into its cases as `lint` does it.
pub fn scenario(data: &[u8]) {
    let Some(source) = source("scenarios/fuzz/made-up.yaml", data) else {
        return;
    };
    let scenario = match Scenario::read("fuzz/made-up", source, &AXES) {
        Ok(scenario) => scenario,
        Err(wrong) => return all_inside(&wrong),
    };
    match meshkat_plan::expand(&scenario, &*MESHES) {
        Err(wrong) => all_inside(&wrong),
        Ok(cases) => {
            for case in &cases {
                assert!(case.id.starts_with("fuzz/made-up"), "the id {}", case.id);
                assert!(!case.steps.is_empty(), "{} does nothing", case.id);
                // What a person is told of each step.
                assert!(case.steps.iter().all(|step| !step.value.describe().is_empty()));
            }
        }
    }
}

/// A file in `scenarios/meshes/`.
pub fn mesh(data: &[u8]) {
    let Some(source) = source("scenarios/meshes/made-up.yaml", data) else {
        return;
    };
    match read_mesh("made-up", &source, &PROJECT.configs()) {
        Err(wrong) => all_inside(&wrong),
        Ok(mesh) => {
            assert!(!mesh.groups.is_empty(), "a mesh without pods");
            for group in mesh.groups.values() {
                let inside = |file: &Path| file.starts_with(PROJECT.configs()) && file.is_file();
                assert!(group.envoy.as_deref().is_none_or(inside), "{:?}", group.envoy);
            }
        }
    }
}

/// `scenarios/axes.yaml`, and a scenario that uses each of its axes.
pub fn axes(data: &[u8]) {
    let Some(source) = source("scenarios/axes.yaml", data) else {
        return;
    };
    let shared = match SharedAxes::read(&source) {
        Ok(shared) => shared,
        Err(wrong) => return all_inside(&wrong),
    };
    let text = "promise: It answers.\nmesh: petshop\naxes: {one: $transports, two: $outages}\n\
                steps: [{get: '/stores/1?${one}&${two}', status: 200}]\n";
    let scenario = Scenario::read(
        "fuzz/made-up",
        Source::new("scenarios/fuzz/made-up.yaml", text),
        &shared,
    );
    if let Err(wrong) = scenario {
        all_inside(&wrong);
    }
}
