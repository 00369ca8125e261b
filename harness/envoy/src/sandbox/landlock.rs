//! Landlock: a thread gives up what it does not need, and what it starts never gets it back.

use std::{
    io,
    path::{Path, PathBuf},
    thread,
};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

/// The newest that is asked for; an older kernel enforces what it knows of it.
const NEWEST: ABI = ABI::V6;

/// What programs, their libraries, name resolution and certificates are read from.
const SYSTEM: [&str; 20] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/opt",
    "/nix/store",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
];

/// What a program may do.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The program. Where it is a script, which starts others from who knows where, reading is not limited.
    pub(super) program: PathBuf,
    /// Its own folder, the only place that it may write to.
    pub(super) folder: PathBuf,
    /// What else it may read.
    pub(super) readable: Vec<PathBuf>,
}

/// Whether the kernel has it, and it is switched on.
pub(super) fn is_offered() -> bool {
    // In a thread of its own, since there is no way back.
    thread::spawn(|| enforce(&[]).is_ok()).join().unwrap_or(false)
}

impl Rules {
    /// Binds the calling thread, and all that it starts from now on.
    ///
    /// # Errors
    /// The kernel enforces nothing of it.
    pub(super) fn bind_this_thread(&self) -> io::Result<()> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let mut allowed = vec![
            (PathBuf::from("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile),
            (self.folder.clone(), AccessFs::from_all(NEWEST) & !AccessFs::Execute),
        ];
        if is_script(&self.program) {
            allowed.push((PathBuf::from("/"), read | AccessFs::Execute));
        } else {
            allowed.push((self.program.clone(), AccessFs::ReadFile | AccessFs::Execute));
            let system = SYSTEM.into_iter().map(|path| (path.into(), read | AccessFs::Execute));
            allowed.extend(system);
            allowed.extend(self.readable.iter().map(|path| (path.clone(), read)));
        }
        enforce(&allowed)
    }
}

fn is_script(program: &Path) -> bool {
    let mut magic = [0; 2];
    let read = std::fs::File::open(program).and_then(|mut file| io::Read::read_exact(&mut file, &mut magic));
    read.is_ok() && magic == *b"#!"
}

fn enforce(allowed: &[(PathBuf, BitFlags<AccessFs>)]) -> io::Result<()> {
    let failed = |error: landlock::RulesetError| io::Error::other(error.to_string());
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .map_err(failed)?
        .handle_access(AccessNet::from_all(NEWEST))
        .map_err(failed)?
        .scope(Scope::from_all(NEWEST))
        .map_err(failed)?
        .create()
        .map_err(failed)?;
    for (path, access) in allowed {
        // What is not there needs no permission.
        let Ok(at) = PathFd::new(path) else { continue };
        let of_files = AccessFs::from_file(NEWEST);
        let access = if path.is_dir() { *access } else { *access & of_files };
        ruleset = ruleset.add_rule(PathBeneath::new(at, access)).map_err(failed)?;
    }
    let status = ruleset.restrict_self().map_err(failed)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(io::Error::other("the kernel enforces no Landlock")),
        _ => Ok(()),
    }
}
