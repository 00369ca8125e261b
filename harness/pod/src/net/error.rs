//! Why the network is not as it was asked to be.

use std::fmt;

use super::kernel::Refusal;

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum NetError {
    /// What was asked makes no sense, here or anywhere. Nothing was changed.
    Input(String),
    /// The kernel did not do some of it; the rest is done.
    Kernel(Vec<String>),
}

impl NetError {
    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Kernel(_) => 1,
            Self::Input(_) => 2,
        }
    }

    /// The kernel refused one thing. `what` completes "failed to".
    pub(crate) fn refused(what: impl fmt::Display, refusal: &Refusal) -> Self {
        Self::Kernel(vec![told(what, refusal)])
    }
}

/// A refusal in words. `what` completes "failed to".
pub(crate) fn told(what: impl fmt::Display, refusal: &Refusal) -> String {
    if refusal.is(libc::EPERM) {
        format!("failed to {what}: needs CAP_NET_ADMIN ({refusal})")
    } else {
        format!("failed to {what}: {refusal}")
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(why) => f.write_str(why),
            Self::Kernel(why) => f.write_str(&why.join("\n")),
        }
    }
}
