//! What meshes have in common of which one can be made the other.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use meshkat_model::{capability::Capability, mesh::MeshSpec};

use crate::{planner::Planner, sharing::Sharing};

/// So many times as long as a start may a scaling take at the most, with as many jobs.
const OTHERS: u64 = 3;

/// Two meshes with the same shape are the same, or become so when groups are scaled.
#[derive(Debug, PartialEq)]
pub(crate) struct Shape {
    /// Where groups are scaled, without their numbers of pods.
    mesh: MeshSpec,
    scales: bool,
    /// Which cases may share it.
    pub(crate) sharing: Sharing,
}

impl Shape {
    /// The shape of a mesh. Its groups are scaled where the mesh can be repaired, and where that pays.
    pub(crate) fn of(mesh: &MeshSpec, planner: &Planner<'_>) -> Self {
        let expected = planner.expected;
        let start = expected.start(mesh);
        let sharing = match planner.sharing {
            // A repair that takes longer than a new mesh is none.
            Sharing::Repairs if expected.repair(mesh) > start => Sharing::Looks,
            sharing => sharing,
        };
        let can_scale = planner.capabilities.reason(Capability::Scale).is_none();
        let may_scale = sharing == Sharing::Repairs && mesh.alone.is_none() && mesh.is_whole();
        // A start is work for the processors. Scaling is waiting for Envoys that poll, while other meshes have the processors.
        let others = u64::try_from(planner.jobs).map_or(OTHERS, |jobs| jobs.clamp(1, OTHERS));
        let scales = can_scale && may_scale && expected.scaling(mesh) <= start.saturating_mul(others);
        let mut shape = mesh.clone();
        if scales {
            let groups = shape.groups.iter_mut();
            for (_, group) in groups.filter(|(name, _)| !mesh.fixed.contains(*name)) {
                // None is another name for a group's pod, and stays so.
                group.replicas = group.replicas.map(|_| 0);
            }
        }
        Self {
            mesh: shape,
            scales,
            sharing,
        }
    }

    /// A number that is the same for shapes that are the same, in whatever order their groups are.
    pub(crate) fn digest(&self) -> u64 {
        let of = |text: String| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let groups = self.mesh.groups.iter();
        let groups = groups.map(|(name, group)| of(format!("{name} {group:?}")));
        groups.fold(of(self.mesh.name.clone()), u64::wrapping_add)
    }
}
