//! The real binary with meshes in Docker: what it says, what it leaves, and how it ends. Where there is no Docker these tests
//! say so and pass, unless `MESHKAT_TEST_DOCKER=required`.

#![expect(clippy::disallowed_methods, reason = "a test tells by itself")]

#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "../it/lab.rs"]
mod lab;
#[path = "../it/permit.rs"]
mod permit;
#[path = "../it/process.rs"]
mod process;

mod apart;
mod as_it_is;
mod by_hand;
mod compose;
mod daemon;
mod envoys;
mod images;
mod killed;
mod limits;
mod missing;
mod strangers;
mod yard;
