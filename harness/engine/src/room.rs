//! Whether the machine has room for one more mesh.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use meshkat_model::machine::Machine;

use crate::{machine::Watch, options::Jobs};

/// What was measured in this time says how the machine is now.
const NOW: Duration = Duration::from_millis(500);
/// A mesh that has just begun to start does not show yet in what is measured.
const BETWEEN_STARTS: Duration = Duration::from_millis(150);
/// How often it is asked whether there is room.
pub(crate) const LOOK: Duration = Duration::from_millis(50);
/// Meshes for each processor, at the most: most of the time a mesh waits.
const MOST_FOR_EACH: usize = 6;
/// Above this share of the processors' time, whoever waits for one begins to be late.
const BUSY: f64 = 0.85;
/// A machine on which whoever wants a processor waits longer than this has none to give.
const WAIT_MS: f64 = 3.0;
/// A machine whose timers are later than this in the mean is not given more to do.
const LATE_MS: f64 = 2.0;
/// What a mesh of some ten processes may take, in MiB.
const MEMORY_MIB: u64 = 512;

/// How many meshes there are, and whether one more may start.
#[derive(Debug)]
pub(crate) struct Room {
    jobs: Jobs,
    processors: usize,
    /// Meshes that come up: what keeps processors busy most.
    starting: AtomicUsize,
}

impl Room {
    pub(crate) fn new(jobs: Jobs) -> Self {
        Self {
            jobs,
            processors: thread::available_parallelism().map_or(1, usize::from),
            starting: AtomicUsize::new(0),
        }
    }

    /// Whether one more mesh may start beside so many, the last of which began to start at `last`. One for each processor always
    /// may: a machine that others keep busy would run none at all.
    pub(crate) fn is_there(&self, running: usize, last: Option<Instant>, watch: &Watch) -> bool {
        match self.jobs {
            Jobs::Exactly(jobs) => running < jobs.max(1),
            Jobs::Auto => {
                running < self.processors
                    || (running < self.processors * MOST_FOR_EACH
                        && self.starting.load(Ordering::Relaxed) < self.processors.div_ceil(2)
                        && last.is_none_or(|last| last.elapsed() >= BETWEEN_STARTS)
                        && has_room(&watch.measured_since(Instant::now() - NOW)))
            }
        }
    }

    /// A mesh comes up, for as long as what this gives is there.
    pub(crate) fn starts(&self) -> Starting<'_> {
        self.starting.fetch_add(1, Ordering::Relaxed);
        Starting(self)
    }
}

/// A mesh that comes up.
#[derive(Debug)]
pub(crate) struct Starting<'a>(&'a Room);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.starting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn has_room(machine: &Machine) -> bool {
    machine.cpu_busy.is_none_or(|busy| busy < BUSY)
        && machine.cpu_wait_mean_ms.is_none_or(|wait| wait < WAIT_MS)
        && machine.timer_delay_mean_ms < LATE_MS
        && machine.memory_available_mib.is_none_or(|memory| memory > MEMORY_MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(busy: f64, late: f64) -> Machine {
        Machine {
            cpu_busy: Some(busy),
            timer_delay_mean_ms: late,
            ..Machine::default()
        }
    }

    #[test]
    fn a_busy_machine_has_no_room() {
        assert!(has_room(&machine(0.5, 0.1)));
        assert!(!has_room(&machine(0.9, 0.1)), "its processors");
        assert!(!has_room(&machine(0.5, 3.0)), "its timers");
        let wanted = Machine {
            cpu_wait_mean_ms: Some(4.0),
            ..machine(0.5, 0.1)
        };
        assert!(!has_room(&wanted), "its queue");
        let full = Machine {
            memory_available_mib: Some(100),
            ..machine(0.1, 0.1)
        };
        assert!(!has_room(&full), "its memory");
    }

    #[test]
    fn a_number_means_that_number() {
        let (watch, room) = (Watch::start(), Room::new(Jobs::Exactly(3)));
        assert!(room.is_there(2, Some(Instant::now()), &watch));
        assert!(!room.is_there(3, None, &watch));
        assert!(Room::new(Jobs::Exactly(0)).is_there(0, None, &watch));
    }

    #[test]
    fn one_for_each_processor_always_may_and_beyond_that_not_all_start_at_once() {
        let (watch, room) = (Watch::start(), Room::new(Jobs::Auto));
        let last = Some(Instant::now());
        assert!(room.is_there(room.processors - 1, last, &watch), "else none ever would");
        let starting: Vec<_> = (0..room.processors.div_ceil(2)).map(|_| room.starts()).collect();
        assert!(!room.is_there(room.processors, None, &watch));
        drop(starting);
        assert_eq!(room.starting.load(Ordering::Relaxed), 0);
    }
}
