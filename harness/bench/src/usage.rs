//! What a process costs, as the kernel counts it.

use std::{fs, time::Duration};

use crate::Error;

/// The processor time that a process has had, in user and kernel mode, of all its threads (`/proc/PID/schedstat` of each,
/// in nanoseconds; the ticks of `/proc/PID/stat` are 10 ms).
///
/// # Errors
/// The process is gone, or the kernel does not count.
pub(crate) fn cpu(pid: u32) -> Result<Duration, Error> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look. Its time is then lost to us: the services' threads live as long as they do.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// The memory that a process alone has, in bytes (`Private_Clean` and `Private_Dirty` of `/proc/PID/smaps_rollup`). The
/// kernel's buffers of its sockets are not in it.
///
/// # Errors
/// The process is gone, or the kernel does not tell.
pub(crate) fn private_memory(pid: u32) -> Result<u64, Error> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kb = |name: &str| -> Result<u64, Error> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let line = line.ok_or_else(|| format!("no {name}"))?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok((kb("Private_Clean:")? + kb("Private_Dirty:")?) * 1024)
}
