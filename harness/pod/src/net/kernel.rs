//! The way to the kernel: one netlink message, one answer.

use std::{fmt, io};

use netlink_bindings::traits::{LookupFn, NetlinkChained, NetlinkRequest};
use netlink_socket2::{NetlinkSocket, ReplyError};

/// What the kernel said instead of doing it.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// An `errno`; none when the answer could not be read.
    errno: Option<i32>,
    text: String,
}

impl Refusal {
    /// Whether this is the kernel's reason.
    pub(crate) fn is(&self, errno: i32) -> bool {
        self.errno == Some(errno)
    }

    /// Whether the kernel lacks what was asked for, or a part of it.
    pub(crate) fn is_unsupported(&self) -> bool {
        [
            libc::ENOENT,
            libc::EOPNOTSUPP,
            libc::EPROTONOSUPPORT,
            libc::EAFNOSUPPORT,
        ]
        .iter()
        .any(|errno| self.is(*errno))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<ReplyError> for Refusal {
    fn from(error: ReplyError) -> Self {
        let said = error
            .ext_ack()
            .and_then(|ack| Some(ack.get_msg().ok()?.to_str().ok()?.to_owned()));
        let error = error.as_io_error();
        Self {
            errno: error.raw_os_error(),
            text: said.map_or_else(|| error.to_string(), |said| format!("{error}: {said}")),
        }
    }
}

/// A socket to the kernel, one for each of its protocols, opened at need.
pub(crate) struct Kernel(NetlinkSocket);

impl Kernel {
    pub(crate) fn new() -> Self {
        Self(NetlinkSocket::new())
    }

    /// Asks for one thing to be done, and waits until it is.
    pub(crate) fn order<R: NetlinkRequest>(&mut self, request: &R) -> Result<(), Refusal> {
        Ok(self.0.request(request).map_err(not_sent)?.recv_ack()?)
    }

    /// Asks for one thing to be told.
    pub(crate) fn ask<R: NetlinkRequest, T>(
        &mut self,
        request: &R,
        read: impl FnOnce(R::ReplyType<'_>) -> T,
    ) -> Result<T, Refusal> {
        Ok(read(self.0.request(request).map_err(not_sent)?.recv_one()?))
    }

    /// Asks for a list, and keeps of it what `read` keeps.
    pub(crate) fn list<R: NetlinkRequest, T>(
        &mut self,
        request: &R,
        mut read: impl FnMut(R::ReplyType<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let mut kept = Vec::new();
        let mut replies = self.0.request(request).map_err(not_sent)?;
        while let Some(reply) = replies.recv() {
            kept.extend(read(reply?));
        }
        Ok(kept)
    }

    /// The number of the first message of a transaction of at most `messages`.
    pub(crate) fn reserve(&mut self, messages: u32) -> u32 {
        self.0.reserve_seq(messages)
    }

    /// Orders a transaction: all of it is done or nothing. Its first and last message are its brackets.
    pub(crate) fn transact(&mut self, transaction: &(impl NetlinkChained + Send + Sync)) -> Result<(), Refusal> {
        let transaction = Bracketed(transaction);
        Ok(self.0.request_chained(&transaction).map_err(not_sent)?.recv_all()?)
    }
}

/// A netlink socket that cannot be opened or written to: the kernel does not speak this protocol. (Opening one needs no
/// privilege; the library below tells a failure to open as the `errno` 1.)
fn not_sent(error: io::Error) -> Refusal {
    Refusal {
        errno: Some(libc::EPROTONOSUPPORT),
        text: format!("this kernel does not speak the netlink protocol ({error})"),
    }
}

/// A transaction whose brackets are not waited for: kernels before 6.10 do not acknowledge them. The library knows this too,
/// but tells brackets by the addresses of functions, which an optimiser may merge.
struct Bracketed<'a, T>(&'a T);

impl<T: NetlinkChained> NetlinkChained for Bracketed<'_, T> {
    fn protonum(&self) -> u16 {
        self.0.protonum()
    }

    fn payload(&self) -> &[u8] {
        self.0.payload()
    }

    fn chain_len(&self) -> usize {
        self.0.chain_len()
    }

    fn get_index(&self, seq: u32) -> Option<usize> {
        self.0.get_index(seq)
    }

    fn name(&self, index: usize) -> &'static str {
        self.0.name(index)
    }

    fn lookup(&self, index: usize) -> LookupFn {
        self.0.lookup(index)
    }

    fn supports_ack(&self, index: usize) -> Option<bool> {
        let end = self.chain_len();
        (index < end).then_some(index != 0 && index + 1 != end)
    }
}
