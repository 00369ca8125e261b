//! Memory that is free is the system's again.
//!
//! glibc keeps what was freed: of each thread for itself, and all of it in case it is needed again. After many clients have
//! gone, that is most of what a service has.

/// From so many bytes on, what is had is the system's again as soon as it is freed. Left to itself, glibc sets this to the largest
/// thing that was ever freed: one body of 16 MB, and everything large is cut out of a heap that others are in the way of shrinking.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 64 << 10;

/// Keeps what threads free in few places, from where others can use it. To be called before there are threads.
pub(crate) fn keep_together() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "glibc is asked, which has no safe interface to its own settings"
        )]
        // SAFETY: `mallopt` takes two numbers and locks what it changes.
        let _taken = unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 2);
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE)
        };
    }
}

/// Gives back what is free. Takes some milliseconds where there is much.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "glibc is asked, which has no safe interface to its own memory"
        )]
        // SAFETY: `malloc_trim` takes a number, and touches only what nobody has.
        let _given = unsafe { libc::malloc_trim(0) };
    }
}
