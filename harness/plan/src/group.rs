//! Which cases share which mesh, and in what order.

use meshkat_model::{capability::Capabilities, case::Case, mesh::MeshSpec};

use crate::skip::{Skipped, why_not};

/// What will run: meshes, and on each its cases; and what cannot.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they start.
    pub meshes: Vec<PlannedMesh>,
    /// The cases that the runtime cannot run, in the order in which they were asked for.
    pub skipped: Vec<Skipped>,
}

/// A mesh of the plan.
#[derive(Debug, Clone)]
pub struct PlannedMesh {
    /// What starts.
    pub spec: MeshSpec,
    /// What runs on it, one after the other.
    pub cases: Vec<Case>,
}

impl Plan {
    /// The cases that run, in the order in which they do if one mesh runs at a time.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.meshes.iter().flat_map(|mesh| &mesh.cases)
    }
}

/// Groups cases: those that only look at a mesh share it with others that need the same one; a case that changes its mesh
/// has it alone. The order of the cases is kept as far as sharing allows. A case that needs more than a runtime of these
/// capabilities can do is on no mesh.
pub fn plan(cases: Vec<Case>, capabilities: &Capabilities) -> Plan {
    let mut meshes: Vec<PlannedMesh> = Vec::new();
    let mut skipped = Vec::new();
    for case in cases {
        if let Some(reason) = why_not(&case, capabilities) {
            skipped.push(Skipped { case, reason });
            continue;
        }
        let shared = case.only_looks().then(|| {
            meshes
                .iter_mut()
                .find(|mesh| mesh.spec == case.mesh && mesh.cases.iter().all(Case::only_looks))
        });
        match shared.flatten() {
            Some(mesh) => mesh.cases.push(case),
            None => meshes.push(PlannedMesh {
                spec: case.mesh.clone(),
                cases: vec![case],
            }),
        }
    }
    Plan { meshes, skipped }
}
