//! A place for a program that judges what strangers wrote: it ends in time, and does no harm while it runs.
//!
//! What holds everywhere: a folder of its own, an environment of a few variables, a deadline after which it and all that it
//! started are killed, no core file, and limits of what it writes and of its memory. What holds where the system offers
//! it, is what [`Sandbox`] says.

mod child;
#[cfg(target_os = "linux")]
mod landlock;
mod run;

use std::sync::OnceLock;

pub(crate) use run::{Ended, Job, environment};

/// What a system offers to keep a program from harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sandbox {
    /// Linux's Landlock: writes nothing outside of its folder, reads only what the system and the project have, opens no TCP
    /// connection; and has no network at all where namespaces may be made.
    Landlock,
    /// Linux's namespaces: all but its folder is read-only, and there is no network. It reads whatever its user may read.
    Namespaces,
    /// None: only the deadline, the limits, the folder and the environment hold.
    Nothing,
}

impl Sandbox {
    /// The best that this system offers. Asked once.
    pub fn offered() -> Self {
        static OFFERED: OnceLock<Sandbox> = OnceLock::new();
        *OFFERED.get_or_init(|| {
            [Self::Landlock, Self::Namespaces]
                .into_iter()
                .find(|sandbox| sandbox.is_offered())
                .unwrap_or(Self::Nothing)
        })
    }

    /// Whether this system offers it.
    #[cfg(target_os = "linux")]
    pub fn is_offered(self) -> bool {
        match self {
            Self::Landlock => landlock::is_offered(),
            Self::Namespaces => child::namespaces_are_offered(),
            Self::Nothing => true,
        }
    }

    /// Whether this system offers it.
    #[cfg(not(target_os = "linux"))]
    pub fn is_offered(self) -> bool {
        self == Self::Nothing
    }

    /// What holds in it, for a person.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Landlock => {
                "in a sandbox (Landlock): it writes nothing, has no network, and reads only the system's and the project's files"
            }
            Self::Namespaces => {
                "in a sandbox (namespaces): it writes nothing and has no network, but reads what you can read"
            }
            Self::Nothing => {
                "without a sandbox, which this system does not offer (Landlock, or namespaces): a configuration can make Envoy \
                 write where you can write. Check those of strangers on a machine that has one"
            }
        }
    }
}
