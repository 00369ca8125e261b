//! What a child does to itself between fork and exec.

use std::{
    ffi::CString, io, os::unix::ffi::OsStrExt as _, os::unix::process::CommandExt as _, path::Path, process::Command,
};

use rustix::process::{Resource, Rlimit, getpid, getrlimit, setrlimit, setsid};

/// The largest file that it may write, its own output too.
pub(super) const LARGEST_FILE: u64 = 16 << 20;

/// As much memory as it may fill. Reserved addresses do not count, of which WebAssembly takes many.
const MEMORY: u64 = 2 << 30;

/// What a child is cut off from.
#[derive(Debug)]
pub(super) enum Isolation {
    /// Nothing.
    None,
    /// The network, where that is possible.
    Network,
    /// The network, and writing anywhere but below this folder.
    Mounts(CString),
}

impl Isolation {
    /// Cut off from the network, and from writing anywhere but below `folder`.
    pub(super) fn mounts(folder: &Path) -> io::Result<Self> {
        Ok(Self::Mounts(CString::new(folder.as_os_str().as_bytes())?))
    }
}

/// Makes what `command` starts the leader of a session of its own, which dies with the calling thread, has its limits, and is
/// cut off.
pub(super) fn confine(command: &mut Command, isolation: Isolation) {
    let parent = getpid();
    let limits = [
        (Resource::Core, limit(Resource::Core, 0)),
        (Resource::Fsize, limit(Resource::Fsize, LARGEST_FILE)),
        (Resource::Data, limit(Resource::Data, MEMORY)),
    ];
    let in_child = move || {
        setsid()?;
        for (resource, limit) in &limits {
            setrlimit(*resource, *limit)?;
        }
        cut_off(&isolation)?;
        die_with(parent)
    };
    #[expect(unsafe_code, reason = "there is no safe way to act between fork and exec")]
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes system calls alone (setsid,
    // setrlimit, unshare, mount, mount_setattr, chdir, prctl, getppid); it takes no lock and allocates nothing: the one path was made
    // before the fork, and errors are plain numbers.
    unsafe {
        command.pre_exec(in_child);
    }
}

/// As much as is wanted, or what there is left of it.
fn limit(resource: Resource, wanted: u64) -> Rlimit {
    let most = getrlimit(resource).maximum.map_or(wanted, |most| most.min(wanted));
    Rlimit {
        current: Some(most),
        maximum: Some(most),
    }
}

#[cfg(not(target_os = "linux"))]
fn cut_off(_isolation: &Isolation) -> io::Result<()> {
    Ok(())
}

/// Other systems know no such thing.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: rustix::process::Pid) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
pub(super) use linux::namespaces_are_offered;
#[cfg(target_os = "linux")]
use linux::{cut_off, die_with};

#[cfg(target_os = "linux")]
mod linux {
    use std::{ffi::CStr, io, process::Command};

    use rustix::{
        io::Errno,
        mount::{MountPropagationFlags, mount_bind, mount_change},
        process::{Pid, Signal, chdir, geteuid, getppid, set_parent_process_death_signal},
        thread::UnshareFlags,
    };

    use super::{Isolation, confine};

    /// Whether a process of this user may make the namespaces that [`Isolation::Mounts`] needs.
    pub(in super::super) fn namespaces_are_offered() -> bool {
        let Ok(folder) = tempfile::tempdir() else { return false };
        // There is no such program: where the child comes as far as that, it has its namespaces.
        let mut command = Command::new(folder.path().join("none"));
        let Ok(isolation) = Isolation::mounts(folder.path()) else {
            return false;
        };
        confine(&mut command, isolation);
        command
            .spawn()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    pub(super) fn cut_off(isolation: &Isolation) -> io::Result<()> {
        match isolation {
            Isolation::None => Ok(()),
            Isolation::Network => {
                // Where it may not be, Landlock still refuses TCP.
                let _ = unshare(UnshareFlags::NEWNET);
                Ok(())
            }
            Isolation::Mounts(folder) => {
                unshare(UnshareFlags::NEWNET | UnshareFlags::NEWNS)?;
                // What is mounted from here on is nobody else's.
                mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
                mount_bind(folder.as_c_str(), folder.as_c_str())?;
                read_only(c"/", true)?;
                read_only(folder, false)?;
                // Where it stood until now is what lies beneath that mount.
                Ok(chdir(folder.as_c_str())?)
            }
        }
    }

    fn unshare(flags: UnshareFlags) -> io::Result<()> {
        // Root needs no namespace of users, and would lose its way to other users' files in one. Anybody else has in it what
        // the other namespaces ask for, until exec.
        let flags = if geteuid().is_root() {
            flags
        } else {
            flags | UnshareFlags::NEWUSER
        };
        #[expect(unsafe_code, reason = "it is unsafe for the sake of a flag that is not used here")]
        // SAFETY: without `CLONE_FILES` no file descriptor stops being what other threads take it for.
        unsafe {
            rustix::thread::unshare_unsafe(flags)?;
        }
        Ok(())
    }

    /// Makes the mount at `place` and all below it read-only, or the one at `place` writable.
    fn read_only(place: &CStr, yes: bool) -> io::Result<()> {
        const WHOLE_TREE: libc::c_uint = libc::AT_RECURSIVE as libc::c_uint;
        let (set, clear, flags) = if yes {
            (libc::MOUNT_ATTR_RDONLY, 0, WHOLE_TREE)
        } else {
            (0, libc::MOUNT_ATTR_RDONLY, 0)
        };
        let change = libc::mount_attr {
            attr_set: set,
            attr_clr: clear,
            propagation: 0,
            userns_fd: 0,
        };
        #[expect(unsafe_code, reason = "rustix does not have this system call")]
        // SAFETY: the path ends with a NUL, the structure is the kernel's own and its size is told with it, and both outlive
        // the call, which writes to neither.
        let done = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                libc::AT_FDCWD,
                place.as_ptr(),
                flags,
                &raw const change,
                size_of::<libc::mount_attr>(),
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Asks the kernel to kill this process when the thread that forked it is gone.
    pub(super) fn die_with(parent: Pid) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that was gone before that call sends no signal any more.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(Errno::SRCH.into())
        }
    }
}
