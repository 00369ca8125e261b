//! Which cases share which mesh, and in what order.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use meshkat_model::{capability::Capabilities, case::Case, mesh::MeshSpec, scenario::verb::Impact};

use crate::{
    chain::{Member, chains},
    expected::Expected,
    sharing::Sharing,
    skip::{Skipped, why_not},
};

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
    /// What runs on it, one after the other. After one with an impact, that is not the last, the mesh is repaired.
    pub cases: Vec<Case>,
    /// What all of it is expected to take, in milliseconds.
    pub expected_ms: u64,
}

/// In which order meshes start, and cases run on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The mesh that is expected to take the longest first, so that no long one is left for the end.
    Longest,
    /// As the cases are given.
    Written,
    /// At random, from this seed.
    Random(u64),
}

/// How a plan is made.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// What the runtime can do.
    pub capabilities: &'a Capabilities,
    /// What things are expected to take.
    pub expected: &'a Expected,
    /// Which cases may share a mesh.
    pub sharing: Sharing,
    /// What comes first.
    pub order: Order,
    /// How many meshes run at the same time: cases that could all share one mesh have several where one would run when all
    /// others have ended.
    pub jobs: usize,
}

impl Plan {
    /// The cases that run, in the order in which they do if one mesh runs at a time.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.meshes.iter().flat_map(|mesh| &mesh.cases)
    }

    /// What the run is expected to take with so many meshes at the same time, in milliseconds.
    pub fn expected_ms(&self, jobs: usize) -> u64 {
        let mut busy_until = vec![0; jobs.max(1)];
        for mesh in &self.meshes {
            // Whoever is free first takes the next.
            if let Some(free) = busy_until.iter_mut().min() {
                *free += mesh.expected_ms;
            }
        }
        busy_until.into_iter().max().unwrap_or(0)
    }
}

impl PlannedMesh {
    /// A mesh for one case, of which nothing is expected.
    pub fn alone(case: Case) -> Self {
        Self {
            spec: case.mesh.clone(),
            cases: vec![case],
            expected_ms: 0,
        }
    }

    pub(crate) fn new(spec: MeshSpec, cases: Vec<Case>, expected: &Expected) -> Self {
        let mut mesh = Self {
            spec,
            cases,
            expected_ms: 0,
        };
        let cases: u64 = mesh.cases.iter().map(|case| expected.case(case).ms).sum();
        mesh.expected_ms = expected.start(&mesh.spec) + cases + expected.repair(&mesh.spec) * mesh.repairs() as u64;
        mesh
    }

    /// Whether the mesh is repaired after the case of this number, from 0: that one has an impact, and another one follows.
    pub fn is_repaired_after(&self, number: usize) -> bool {
        number + 1 < self.cases.len() && self.cases[number].impact() != Impact::None
    }

    /// How often the mesh is repaired.
    pub fn repairs(&self) -> usize {
        (0..self.cases.len())
            .filter(|number| self.is_repaired_after(*number))
            .count()
    }
}

/// A number that is the same for meshes that are the same, in whatever order their groups are.
fn digest(mesh: &MeshSpec) -> u64 {
    let of = |text: String| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    };
    let groups = mesh.groups.iter().map(|(name, group)| of(format!("{name} {group:?}")));
    groups.fold(of(mesh.name.clone()), u64::wrapping_add)
}

impl Planner<'_> {
    /// Groups cases. A case shares a mesh with others that need the same one, as far as [`Sharing`] says. One that asks for the
    /// past is the first on its mesh, and one whose impact is lasting the last. A case that needs more than the runtime can do is
    /// on no mesh. The same cases give the same plan.
    pub fn plan(&self, cases: Vec<Case>) -> Plan {
        let mut skipped = Vec::new();
        let mut specs: Vec<(MeshSpec, Vec<Member>)> = Vec::new();
        // Where many cases have a mesh of their own each, it takes too long to compare every two.
        let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
        for (number, case) in cases.into_iter().enumerate() {
            if let Some(reason) = why_not(&case, self.capabilities) {
                skipped.push(Skipped { case, reason });
                continue;
            }
            let member = Member::new(number, case, self.expected);
            let alike = alike.entry(digest(&member.case.mesh)).or_default();
            match alike.iter().find(|at| specs[**at].0 == member.case.mesh) {
                Some(at) => specs[*at].1.push(member),
                None => {
                    alike.push(specs.len());
                    specs.push((member.case.mesh.clone(), vec![member]));
                }
            }
        }
        let all: u64 = specs
            .iter()
            .flat_map(|(_, members)| members)
            .map(|member| member.ms)
            .sum();
        let longest = match self.jobs {
            0 | 1 => u64::MAX,
            jobs => all.div_ceil(jobs as u64).max(1),
        };
        let mut meshes: Vec<(usize, PlannedMesh)> = Vec::new();
        for (spec, members) in specs {
            for chain in chains(members, self.sharing_of(&spec), longest) {
                let first = chain.iter().map(|member| member.number).min().unwrap_or_default();
                let cases = self.in_order(chain);
                meshes.push((first, PlannedMesh::new(spec.clone(), cases, self.expected)));
            }
        }
        meshes.sort_by_key(|(first, _)| *first);
        let mut meshes: Vec<PlannedMesh> = meshes.into_iter().map(|(_, mesh)| mesh).collect();
        match self.order {
            Order::Written => {}
            Order::Longest => meshes.sort_by_key(|mesh| std::cmp::Reverse(mesh.expected_ms)),
            Order::Random(seed) => fastrand::Rng::with_seed(seed).shuffle(&mut meshes),
        }
        Plan { meshes, skipped }
    }

    /// A repair that takes longer than a new mesh is none.
    fn sharing_of(&self, mesh: &MeshSpec) -> Sharing {
        match self.sharing {
            Sharing::Repairs if self.expected.repair(mesh) > self.expected.start(mesh) => Sharing::Looks,
            sharing => sharing,
        }
    }

    /// The cases of a mesh: who asks for the past first, who only looks before who has an impact, and whose impact lasts last.
    fn in_order(&self, mut chain: Vec<Member>) -> Vec<Case> {
        match self.order {
            Order::Longest | Order::Written => {
                chain.sort_by_key(|member| (member.position(), member.impact, member.number));
            }
            Order::Random(seed) => {
                fastrand::Rng::with_seed(seed).shuffle(&mut chain);
                chain.sort_by_key(Member::position);
            }
        }
        chain.into_iter().map(|member| member.case).collect()
    }
}
