//! What a rule allows, as a graph: what can be continued alike is one node.
//!
//! "At most four of 24" has 4096 times 4096 rows, and a graph of some hundred nodes. So a rule is held against what is left of its
//! axes in one walk over its graph, whatever the number of rows (C. Lecoutre, R. Yap: Compressed tables, 2008; K. Cheng, R. Yap: An
//! MDD-based generalized arc consistency algorithm, 2010).

mod grow;

use std::collections::HashMap;

use super::{domains::Domains, level::Level};

/// What no row has.
const DEAD: u32 = u32::MAX;

/// The end of an allowed row.
const DONE: u32 = u32::MAX - 1;

/// A layer of nodes for each axis of a scope; each node has an edge for each level.
#[derive(Debug)]
pub(super) struct Diagram {
    /// How many levels each axis has.
    sizes: Vec<usize>,
    /// Where each node's edges begin.
    first: Vec<u32>,
    /// The node that each level leads to, or [`DEAD`], or [`DONE`].
    edges: Vec<u32>,
    root: u32,
}

/// What a walk needs, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The number of this walk, twice; odd where a node leads to a row.
    stamp: u32,
    /// For each rule and node, the last walk that came there, and what it found.
    seen: Vec<Vec<u32>>,
    /// The levels of each axis that rows have, as bits.
    supported: Vec<u64>,
    width: usize,
    /// How many levels there are that no row was found for.
    missing: usize,
    /// The edges that were looked at.
    looks: u64,
}

impl Diagram {
    /// Of an answer for each combination, the last axis fastest.
    pub(super) fn of_table(sizes: &[usize], allowed: &[bool]) -> Self {
        let mut nodes = Nodes::default();
        let mut below: Vec<u32> = allowed
            .iter()
            .map(|allowed| if *allowed { DONE } else { DEAD })
            .collect();
        for size in sizes.iter().rev() {
            nodes.known.clear();
            below = below.chunks(*size).map(|edges| nodes.of(edges)).collect();
        }
        Self {
            sizes: sizes.to_vec(),
            first: nodes.first,
            edges: nodes.edges,
            root: below.first().copied().unwrap_or(DEAD),
        }
    }

    /// Whether these levels are allowed, one for each axis.
    pub(super) fn allows(&self, levels: impl Iterator<Item = Level>) -> bool {
        let mut at = self.root;
        for level in levels {
            if at == DEAD {
                return false;
            }
            at = self.edges[self.first[at as usize] as usize + usize::from(level)];
        }
        at == DONE
    }

    /// Takes out of the axes what no row has. The axes that have less than before; none if no row is left. And how many edges
    /// were looked at. `number` tells the rule from others of the same walk.
    pub(super) fn narrow(
        &self,
        number: usize,
        scope: &[usize],
        domains: &mut Domains,
        walk: &mut Walk,
    ) -> (Option<Vec<usize>>, u64) {
        walk.start(number, self.first.len(), scope, domains);
        let is_possible =
            self.root == DONE || (self.root != DEAD && self.visit(number, self.root, 0, scope, domains, walk));
        let looks = walk.looks;
        if !is_possible {
            return (None, looks);
        }
        if walk.missing == 0 {
            return (Some(Vec::new()), looks);
        }
        let mut narrower = Vec::new();
        for (axis, supported) in scope.iter().zip(walk.supported.chunks(walk.width)) {
            if domains.keep(*axis, supported) {
                narrower.push(*axis);
            }
        }
        (Some(narrower), looks)
    }

    /// Whether a node leads to a row. Once every level has one, nothing more is looked at.
    fn visit(
        &self,
        number: usize,
        node: u32,
        layer: usize,
        scope: &[usize],
        domains: &Domains,
        walk: &mut Walk,
    ) -> bool {
        let seen = walk.seen[number][node as usize];
        if seen >= walk.stamp {
            return seen > walk.stamp;
        }
        let edges = &self.edges[self.first[node as usize] as usize..][..self.sizes[layer]];
        let mut leads = false;
        for level in domains.levels(scope[layer]) {
            walk.looks += 1;
            let next = edges[usize::from(level)];
            if next == DONE || (next != DEAD && self.visit(number, next, layer + 1, scope, domains, walk)) {
                leads = true;
                walk.support(layer, level);
                if walk.missing == 0 {
                    return true;
                }
            }
        }
        walk.seen[number][node as usize] = walk.stamp + u32::from(leads);
        leads
    }
}

impl Walk {
    fn start(&mut self, number: usize, nodes: usize, scope: &[usize], domains: &Domains) {
        if self.stamp >= u32::MAX - 4 {
            self.stamp = 0;
            self.seen.clear();
        }
        self.stamp += 2;
        if self.seen.len() <= number {
            self.seen.resize(number + 1, Vec::new());
        }
        if self.seen[number].is_empty() {
            self.seen[number] = vec![0; nodes];
        }
        self.width = domains.width();
        self.supported.clear();
        self.supported.resize(scope.len() * self.width, 0);
        self.missing = scope.iter().map(|axis| domains.len(*axis)).sum();
        self.looks = 0;
    }

    fn support(&mut self, layer: usize, level: Level) {
        let word = &mut self.supported[layer * self.width + usize::from(level) / 64];
        let bit = 1 << (level % 64);
        if *word & bit == 0 {
            *word |= bit;
            self.missing -= 1;
        }
    }
}

/// Nodes, each once.
#[derive(Debug, Default)]
struct Nodes {
    first: Vec<u32>,
    edges: Vec<u32>,
    /// The nodes of one layer by their edges.
    known: HashMap<Vec<u32>, u32>,
}

impl Nodes {
    fn of(&mut self, edges: &[u32]) -> u32 {
        if edges.iter().all(|edge| *edge == DEAD) {
            return DEAD;
        }
        if let Some(known) = self.known.get(edges) {
            return *known;
        }
        let node = self.first.len() as u32;
        self.first.push(self.edges.len() as u32);
        self.edges.extend(edges);
        self.known.insert(edges.to_vec(), node);
        node
    }
}
