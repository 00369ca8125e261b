//! The real binary on real Envoys: what it says, what it leaves, and how it ends. One test program, so that there is one
//! place that says how many meshes run at once.

#![expect(clippy::disallowed_methods, reason = "a test tells by itself")]

mod alone;
mod answers;
mod as_it_is;
mod balancing;
mod broken;
mod busy;
mod by_hand;
mod codes;
mod cover;
mod culprit;
mod ends;
mod envoys;
mod evidence;
mod examples;
mod flakes;
mod forged;
mod gate;
mod hostile;
mod init;
mod installed;
mod interrupted;
mod invariants;
mod killed;
mod lab;
mod left_out;
mod limits;
mod parity;
mod permit;
mod planned;
mod process;
mod programs;
mod protocols;
mod readme;
mod replay;
mod reports;
mod rerun;
mod room;
mod sds;
mod secrets;
mod selection;
mod skipped;
mod strangers;
mod sync;
mod tls;
mod tools;
mod unsafe_code;
