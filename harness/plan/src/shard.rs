//! A part of the whole, for several machines.

use std::{collections::HashMap, str::FromStr};

use meshkat_model::{capability::Capabilities, case::Case};

use crate::{
    expected::Expected,
    planner::{Order, Planner},
    sharing::Sharing,
};

/// `I/N`: the I-th of N parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a shard; write I/N, such as 1/4, with I from 1 to N");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of) = (index.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
        if index >= 1 && index <= of {
            Ok(Self { index, of })
        } else {
            Err(wrong())
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// The cases of each of `of` shards, in their order: each case is in exactly one. Cases that share a mesh stay together as far as
/// that leaves the shards equally long. The same cases, times and capabilities give the same shards, whatever else differs
/// between the machines that ask.
pub fn shards(cases: &[Case], of: usize, capabilities: &Capabilities, expected: &Expected) -> Vec<Vec<Case>> {
    let planner = Planner {
        capabilities,
        expected,
        sharing: Sharing::Repairs,
        order: Order::Longest,
        jobs: of,
    };
    let plan = planner.plan(cases.to_vec());
    let mut loads = vec![(0, 0); of.max(1)];
    let mut shard_of: HashMap<&str, usize> = HashMap::new();
    let meshes = plan.meshes.iter().map(|mesh| (mesh.expected_ms, mesh.cases.as_slice()));
    // What is skipped takes no time, but has to be told by somebody, and is spread by number.
    let skipped = plan
        .skipped
        .iter()
        .map(|skipped| (0, std::slice::from_ref(&skipped.case)));
    for (ms, cases) in meshes.chain(skipped) {
        let least = loads
            .iter()
            .enumerate()
            .min_by_key(|(_, load)| **load)
            .map_or(0, |(shard, _)| shard);
        loads[least].0 += ms;
        loads[least].1 += cases.len();
        shard_of.extend(cases.iter().map(|case| (case.id.as_str(), least)));
    }
    let mut shards = vec![Vec::new(); of.max(1)];
    for case in cases {
        if let Some(shard) = shard_of.get(case.id.as_str()) {
            shards[*shard].push(case.clone());
        }
    }
    shards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_and_refused() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, of: 4 }));
        for wrong in ["0/4", "5/4", "1", "1/0", "a/b", "1/2/3", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
