//! Which cases share which mesh, and in what order.

use meshkat_model::{case::Case, mesh::MeshSpec};

/// What will run: meshes, and on each its cases.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they start.
    pub meshes: Vec<PlannedMesh>,
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
    /// All cases, in the order in which they run if one mesh runs at a time.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.meshes.iter().flat_map(|mesh| &mesh.cases)
    }
}

/// Groups cases: those that only look at a mesh share it with others that need the same one; a case that changes its mesh
/// has it alone. The order of the cases is kept as far as sharing allows.
pub fn plan(cases: Vec<Case>) -> Plan {
    let mut meshes: Vec<PlannedMesh> = Vec::new();
    for case in cases {
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
    Plan { meshes }
}
