//! What must hold of a mesh after every case, whatever the case promises.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What must not happen in a mesh while a case runs, unless the case says why it may. The name says what happened when it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// A container ended, or began anew, and no step made it.
    Crash,
    /// An Envoy refused an update of the discovery service.
    Nack,
    /// An Envoy or a service wrote an error into its log.
    ErrorLog,
    /// An Envoy counted other requests than clients sent.
    Miscount,
    /// A request was still open long after nobody waited for it.
    Hang,
    /// A service panicked.
    Panic,
    /// A process kept many more files open, or much more memory, than before.
    Growth,
}

/// How long requests may stay open in an Envoy when a case has ended: twice the longest timeout of a route (5 s).
pub const OPEN_FOR: Duration = Duration::from_secs(10);

/// So many more files may a process have open after a case: what is loaded late, and connections between neighbours.
pub const FILES: u64 = 64;
/// And so many for each request that clients had open at the same time: a connection in and one out for each of four hops, as
/// connections are kept.
pub const FILES_OF_A_REQUEST: u64 = 8;

/// So many more bytes of its own may a process have after a case: what an Envoy takes with its first requests, and some room.
pub const MEMORY: u64 = 64 << 20;
/// And so many for each request that clients had open at the same time: buffers of connections, which allocators keep.
pub const MEMORY_OF_A_REQUEST: u64 = 64 << 10;

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Crash,
        Self::Nack,
        Self::ErrorLog,
        Self::Miscount,
        Self::Hang,
        Self::Panic,
        Self::Growth,
    ];

    /// As `allows` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Nack => "nack",
            Self::ErrorLog => "error-log",
            Self::Miscount => "miscount",
            Self::Hang => "hang",
            Self::Panic => "panic",
            Self::Growth => "growth",
        }
    }

    /// What is expected, in a sentence without a full stop.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Crash => "every container runs until a step ends it, and begins anew only by a step",
            Self::Nack => "no Envoy refuses an update, unless a step makes the discovery service tell nonsense",
            Self::ErrorLog => {
                "no Envoy writes a line of the level error or critical, and no service one of the level ERROR"
            }
            Self::Miscount => "an Envoy counts the requests that clients sent to it",
            Self::Hang => "when a case has ended, no request stays open in an Envoy",
            Self::Panic => "no service panics",
            Self::Growth => "no process keeps many more files open, or much more memory, than before the case",
        }
    }

    /// How far it reaches, as the reference has it.
    pub fn bound(self) -> String {
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        match self {
            Self::Crash | Self::Nack | Self::ErrorLog | Self::Panic => "none".to_owned(),
            Self::Miscount => "answered <= counted, and at the edge counted <= sent".to_owned(),
            Self::Hang => format!("{} s", OPEN_FOR.as_secs()),
            Self::Growth => format!(
                "{FILES} files and {}, and for each request that was open at once {FILES_OF_A_REQUEST} files and {} KiB",
                mib(MEMORY),
                MEMORY_OF_A_REQUEST >> 10
            ),
        }
    }

    /// Whether what is told of it comes from a log, so that a text of it says which line is meant.
    pub fn has_lines(self) -> bool {
        matches!(self, Self::ErrorLog | Self::Panic)
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
