//! What the kernel counts of the machine. Each is none where the system does not tell it: then nothing is known of it, and nothing
//! is made up.

use std::{fs, sync::OnceLock};

/// Counted by the kernel, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Time that the processors have worked, and all the time that they had, in ticks (`/proc/stat`).
    pub(super) cpu: Option<(u64, u64)>,
    /// What this process's threads had of processors, and how they waited for them (`schedstat` of each thread).
    pub(super) own: Option<Own>,
    /// Microseconds in which somebody waited for a processor (`/proc/pressure/cpu`).
    pub(super) waited: Option<u64>,
    /// Microseconds in which a quota kept this control group from its processors (`cpu.stat`).
    pub(super) throttled: Option<u64>,
    /// Memory that can be had, in MiB (`/proc/meminfo`).
    pub(super) memory: Option<u64>,
}

impl Counters {
    /// What they are now.
    pub(super) fn now() -> Self {
        let stat = read("/proc/stat");
        Self {
            cpu: stat.as_deref().and_then(cpu),
            own: own(),
            waited: read("/proc/pressure/cpu").as_deref().and_then(waited),
            throttled: throttled_file().and_then(read).as_deref().and_then(throttled),
            memory: read("/proc/meminfo").as_deref().and_then(memory),
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The number behind a word at the begin of a line.
fn number(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `cpu  user nice system idle iowait irq softirq steal …`; what guests had is part of `user`.
fn cpu(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|tick| tick.parse().ok())
        .collect();
    let all: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}

/// What threads had of processors, and how they waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Nanoseconds in which they wanted one and had none.
    pub(super) waited: u64,
    /// How often they were given one.
    pub(super) turns: u64,
}

/// Those of all threads that there are.
fn own() -> Option<Own> {
    let mut sum = Own::default();
    for thread in fs::read_dir("/proc/self/task").ok()? {
        // One that ends meanwhile is not there any more.
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat"));
        if let Some(one) = text.ok().as_deref().and_then(schedstat) {
            sum.waited += one.waited;
            sum.turns += one.turns;
        }
    }
    (sum.turns > 0).then_some(sum)
}

fn schedstat(text: &str) -> Option<Own> {
    // The first is the time on a processor.
    let mut numbers = text.split_whitespace().skip(1).map(|number| number.parse().ok());
    Some(Own {
        waited: numbers.next()??,
        turns: numbers.next()??,
    })
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`.
fn waited(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    some.split("total=").nth(1)?.trim().parse().ok()
}

/// In microseconds in the second version of control groups, in nanoseconds in the first.
fn throttled(stat: &str) -> Option<u64> {
    number(stat, "throttled_usec ").or_else(|| number(stat, "throttled_time ").map(|ns| ns / 1000))
}

fn memory(info: &str) -> Option<u64> {
    number(info, "MemAvailable:").map(|kib| kib / 1024)
}

/// Where the control group of this process tells of its quota.
fn throttled_file() -> Option<&'static str> {
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    FILE.get_or_init(|| {
        let groups = read("/proc/self/cgroup")?;
        let own = groups.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            match controllers {
                "" => Some(format!("/sys/fs/cgroup{path}/cpu.stat")),
                _ if controllers.split(',').any(|name| name == "cpu") => {
                    Some(format!("/sys/fs/cgroup/cpu{path}/cpu.stat"))
                }
                _ => None,
            }
        });
        // In a container the path is the host's, and what is there is the container's own.
        let all = own.chain([
            "/sys/fs/cgroup/cpu.stat".to_owned(),
            "/sys/fs/cgroup/cpu/cpu.stat".to_owned(),
        ]);
        let mut all = all.filter(|file| read(file).as_deref().and_then(throttled).is_some());
        all.next()
    })
    .as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let stat = "cpu  100 10 50 700 40 5 5 10 3 0\ncpu0 1 2 3 4\nprocs_running 4\nprocs_blocked 0\n";
        assert_eq!(cpu(stat), Some((180, 920)));
        let own = Own {
            waited: 95_409,
            turns: 2,
        };
        assert_eq!(schedstat("647945 95409 2\n"), Some(own));
        let pressure = "some avg10=70.19 avg60=68.37 avg300=43.60 total=34129645896\nfull avg10=0.00 total=7\n";
        assert_eq!(waited(pressure), Some(34_129_645_896));
        assert_eq!(throttled("nr_throttled 3\nthrottled_usec 1500\n"), Some(1500));
        assert_eq!(
            throttled("nr_periods 0\nnr_throttled 0\nthrottled_time 2500000\n"),
            Some(2500)
        );
        assert_eq!(memory("MemTotal: 1 kB\nMemAvailable:   2097152 kB\n"), Some(2048));
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        for nothing in ["", "1 2", "1 x 3"] {
            assert_eq!(schedstat(nothing), None, "{nothing:?}");
        }
        for nothing in ["", "cpu", "cpu  1 2", "some total=x", "procs_running"] {
            assert_eq!((cpu(nothing), waited(nothing)), (None, None), "{nothing:?}");
            assert_eq!((throttled(nothing), memory(nothing)), (None, None), "{nothing:?}");
        }
    }
}
