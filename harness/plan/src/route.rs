//! The order of the cases of a mesh.

use indexmap::IndexMap;
use meshkat_model::mesh::MeshSpec;

use crate::member::{Member, Position};

/// How many pods each group has whose pods are numbered, in the order of the groups' names.
type Sizes = Vec<u32>;

/// The cases of a mesh: who asks for the past first, and whose impact lasts last. Between them, those with the same numbers of pods
/// stay together, and of these who only looks comes before who has an impact.
pub(crate) fn in_order(chain: Vec<Member>) -> Vec<Member> {
    let (mut ordered, mut last, mut anywhere) = (Vec::new(), Vec::new(), Vec::new());
    for member in chain {
        match member.position() {
            Position::First => ordered.push(member),
            Position::Anywhere => anywhere.push(member),
            Position::Last => last.push(member),
        }
    }
    ordered.extend(by_size(anywhere));
    ordered.extend(last);
    ordered
}

/// Cases in an order in which few pods have to come: the largest mesh first, and from each to the nearest of those that are left.
pub(crate) fn by_size(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by_key(|member| (member.impact, member.number));
    let mut sized: IndexMap<Sizes, Vec<Member>> = IndexMap::new();
    for member in members {
        sized.entry(sizes(&member.case.mesh)).or_default().push(member);
    }
    let largest = sized.keys().max_by_key(|sizes| sizes.iter().sum::<u32>());
    let mut at = largest.cloned().unwrap_or_default();
    let mut ordered = Vec::new();
    loop {
        let left = sized.keys().enumerate();
        let nearest = left.min_by_key(|(_, sizes)| distance(&at, sizes));
        let Some((index, _)) = nearest else { return ordered };
        if let Some((next, members)) = sized.shift_remove_index(index) {
            at = next;
            ordered.extend(members);
        }
    }
}

fn sizes(mesh: &MeshSpec) -> Sizes {
    let mut groups: Vec<(&String, u32)> = mesh
        .groups
        .iter()
        .filter_map(|(name, group)| Some((name, group.replicas?)))
        .collect();
    groups.sort_unstable();
    groups.into_iter().map(|(_, replicas)| replicas).collect()
}

/// How many pods come, which takes their start, and how many go.
fn distance(from: &[u32], to: &[u32]) -> (u32, u32) {
    let both = || from.iter().zip(to);
    (
        both().map(|(from, to)| to.saturating_sub(*from)).sum(),
        both().map(|(from, to)| from.saturating_sub(*to)).sum(),
    )
}
