//! How long things are expected to take: as in earlier runs, and where there was none, guessed from the steps.

use std::time::Duration;

use meshkat_model::{
    case::Case,
    mesh::MeshSpec,
    times::{Recent, RuntimeTimes, Times},
};

/// What a plan is made by. All times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Expected {
    seen: RuntimeTimes,
    guess: Guess,
}

/// Guesses for a runtime where nothing was seen. From runs on two cores; who is wrong by half makes a worse order, and nothing
/// else.
#[derive(Debug, Clone, Copy)]
struct Guess {
    /// The start of a mesh without pods, and of each pod.
    mesh: u64,
    pod: u64,
    repair: u64,
}

/// A time, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Milliseconds.
    pub ms: u64,
    /// Whether it was seen in an earlier run; else it is guessed.
    pub seen: bool,
}

impl Expected {
    /// What is known of a runtime by its name.
    pub fn new(runtime: &str, times: &Times) -> Self {
        let guess = |mesh, pod, repair| Guess { mesh, pod, repair };
        Self {
            seen: times.runtimes.get(runtime).cloned().unwrap_or_default(),
            guess: match runtime {
                "docker" => guess(800, 200, 300),
                "kubernetes" => guess(3000, 500, 1000),
                _ => guess(100, 10, 50),
            },
        }
    }

    /// Nothing is known.
    pub fn guessed(runtime: &str) -> Self {
        Self::new(runtime, &Times::default())
    }

    /// A case, without the start of its mesh.
    pub fn case(&self, case: &Case) -> Time {
        match self.seen.cases.get(&case.id).and_then(median) {
            Some(ms) => Time { ms, seen: true },
            None => Time {
                ms: case.steps.iter().map(|step| millis(step.takes())).sum(),
                seen: false,
            },
        }
    }

    /// From the start of a mesh until it is ready.
    pub fn start(&self, mesh: &MeshSpec) -> u64 {
        let seen = self.seen.meshes.get(&mesh.kind()).and_then(median);
        seen.unwrap_or_else(|| self.guess.mesh + self.guess.pod * mesh.pods().len() as u64)
    }

    /// From the end of a case until its mesh has other numbers of pods and is found to be so.
    pub fn scaling(&self, mesh: &MeshSpec) -> u64 {
        let seen = self.seen.scalings.get(&mesh.kind()).and_then(median);
        // Most often few pods come, at the same time.
        seen.unwrap_or_else(|| self.repair(mesh) + self.guess.pod)
    }

    /// From the end of a case until its mesh is found to be as it was.
    pub fn repair(&self, mesh: &MeshSpec) -> u64 {
        let seen = self.seen.repairs.get(&mesh.kind()).and_then(median);
        seen.unwrap_or(self.guess.repair)
    }
}

/// Longer than any run: what strangers wrote may have any number in it.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

fn median(recent: &Recent) -> Option<u64> {
    recent.median().map(|ms| ms.min(LONGEST_MS))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
