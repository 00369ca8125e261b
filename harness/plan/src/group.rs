//! Which cases share which mesh, and in what order.

use std::collections::HashMap;

use meshkat_model::{case::Case, scenario::verb::Impact};

use crate::{
    chain::chains,
    expected::Expected,
    member::Member,
    planner::{Order, Planner},
    route::in_order,
    shape::Shape,
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
    /// What runs on it, one after the other: it starts as the first needs it. What is done to it between two tells
    /// [`PlannedMesh::after`].
    pub cases: Vec<Case>,
    /// What all of it is expected to take, in milliseconds.
    pub expected_ms: u64,
}

/// What is done to a mesh between two of its cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Nothing: the next case finds it as the last one did, or there is none.
    Nothing,
    /// It is repaired: the case has an impact.
    Repair,
    /// Groups are given the numbers of pods that the next case needs, and what the case did is undone.
    Scale,
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
            cases: vec![case],
            expected_ms: 0,
        }
    }

    pub(crate) fn new(cases: Vec<Case>, expected: &Expected) -> Self {
        let mut mesh = Self { cases, expected_ms: 0 };
        let all = mesh.cases.iter().enumerate().map(|(number, case)| {
            let start = if number == 0 { expected.start(&case.mesh) } else { 0 };
            let after = match mesh.after(number) {
                Between::Nothing => 0,
                Between::Repair => expected.repair(&case.mesh),
                Between::Scale => expected.scaling(&case.mesh),
            };
            start + expected.case(case).ms + after
        });
        mesh.expected_ms = all.sum();
        mesh
    }

    /// What is done to the mesh after the case of this number, from 0.
    pub fn after(&self, number: usize) -> Between {
        match (self.cases.get(number), self.cases.get(number + 1)) {
            (Some(case), Some(next)) if case.mesh != next.mesh => Between::Scale,
            (Some(case), Some(_)) if case.impact() != Impact::None => Between::Repair,
            _ => Between::Nothing,
        }
    }

    /// How often that is done to the mesh.
    pub fn count(&self, what: Between) -> usize {
        (0..self.cases.len())
            .filter(|number| self.after(*number) == what)
            .count()
    }
}

impl Planner<'_> {
    /// Groups cases. A case shares a mesh with others that need the same one, or one that differs in how many pods groups have, as far
    /// as [`Sharing`] says. One that asks for the past is the first on its mesh, and one whose impact is lasting the last. A case that needs more than the runtime can do is
    /// on no mesh. The same cases give the same plan.
    pub fn plan(&self, cases: Vec<Case>) -> Plan {
        let mut skipped = Vec::new();
        let mut shapes: Vec<(Shape, Vec<Member>)> = Vec::new();
        // Where many cases have a mesh of their own each, it takes too long to compare every two.
        let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
        for (number, case) in cases.into_iter().enumerate() {
            if let Some(reason) = why_not(&case, self.capabilities) {
                skipped.push(Skipped { case, reason });
                continue;
            }
            let member = Member::new(number, case, self.expected);
            let shape = Shape::of(&member.case.mesh, self);
            let alike = alike.entry(shape.digest()).or_default();
            match alike.iter().find(|at| shapes[**at].0 == shape) {
                Some(at) => shapes[*at].1.push(member),
                None => {
                    alike.push(shapes.len());
                    shapes.push((shape, vec![member]));
                }
            }
        }
        let all: u64 = shapes
            .iter()
            .flat_map(|(_, members)| members)
            .map(|member| member.ms)
            .sum();
        let longest = match self.jobs {
            0 | 1 => u64::MAX,
            jobs => all.div_ceil(jobs as u64).max(1),
        };
        let mut meshes: Vec<(usize, PlannedMesh)> = Vec::new();
        for (shape, members) in shapes {
            for chain in chains(members, shape.sharing, longest) {
                let first = chain.iter().map(|member| member.number).min().unwrap_or_default();
                meshes.push((first, PlannedMesh::new(self.in_order(chain), self.expected)));
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

    /// The cases of a mesh: who asks for the past first, and whose impact lasts last.
    fn in_order(&self, mut chain: Vec<Member>) -> Vec<Case> {
        match self.order {
            Order::Longest | Order::Written => chain = in_order(chain),
            Order::Random(seed) => {
                fastrand::Rng::with_seed(seed).shuffle(&mut chain);
                chain.sort_by_key(Member::position);
            }
        }
        chain.into_iter().map(|member| member.case).collect()
    }
}
