//! Which mesh runs when: as many at the same time as there is room for, and last what has to be run again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesUnordered};
use meshkat_model::{
    event::Event,
    round::{Round, Rounds},
};
use meshkat_plan::PlannedMesh;

use crate::{
    group::{self, Again, Shared},
    room,
};

/// How often the machine is told of.
const EACH_SECOND: Duration = Duration::from_secs(1);

/// Runs all meshes in each round. Each round starts its own meshes.
pub(crate) async fn all(planned: &[PlannedMesh], rounds: Option<Rounds>, shared: Shared) {
    let waits = rounds.is_some_and(|rounds| rounds.until_failure);
    let rounds: Vec<Option<Round>> = match rounds {
        None => vec![None],
        Some(rounds) => rounds.all().map(Some).collect(),
    };
    let mut numbers = 0..;
    // Unless the next round depends on how the one before it ends, no processor waits for its last mesh.
    for rounds in rounds.chunks(if waits { 1 } else { rounds.len().max(1) }) {
        let of_round = |round: &Option<Round>| {
            let round = *round;
            planned.iter().map(move |mesh| in_round(mesh, round))
        };
        let all_passed = while_there_is_room(rounds.iter().flat_map(of_round), &mut numbers, &shared).await;
        if waits && !all_passed || shared.stop.is_cancelled() {
            break;
        }
    }
}

/// Runs these meshes, and gives whether every case passed.
async fn while_there_is_room(
    meshes: impl Iterator<Item = PlannedMesh>,
    numbers: &mut impl Iterator<Item = usize>,
    shared: &Shared,
) -> bool {
    let mut meshes = meshes.peekable();
    let mut running = FuturesUnordered::new();
    let (mut later, mut all_passed): (VecDeque<Again>, bool) = (VecDeque::new(), true);
    let (mut last, mut told) = (None, Instant::now());
    loop {
        // A run that is stopped has no use for the many that thousands of rounds may have left.
        while !shared.stop.is_cancelled()
            && meshes.peek().is_some()
            && shared.room.is_there(running.len(), last, &shared.watch)
            && let Some((mesh, number)) = meshes.next().zip(numbers.next())
        {
            running.push(group::run(number, mesh, shared.clone()));
            last = Some(Instant::now());
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some(came) = running.next() => {
                later.extend(came.later);
                all_passed &= came.all_passed;
            }
            () = tokio::time::sleep(room::LOOK) => {}
        }
        if told.elapsed() >= EACH_SECOND {
            let machine = shared.watch.measured_since(told);
            told = Instant::now();
            let meshes = running.len();
            shared.sink.send(Event::Machine { meshes, machine });
        }
    }
    // One after the other, so that they have no neighbours.
    while let Some(void) = later.pop_front() {
        let Some(number) = numbers.next().filter(|_| !shared.stop.is_cancelled()) else {
            break;
        };
        let came = group::again(number, void, shared.clone()).await;
        later.extend(came.later);
        all_passed &= came.all_passed;
    }
    all_passed
}

/// A mesh of the plan for the cases of one round.
fn in_round(mesh: &PlannedMesh, round: Option<Round>) -> PlannedMesh {
    let mut mesh = mesh.clone();
    for case in &mut mesh.cases {
        case.round = round;
    }
    mesh
}
