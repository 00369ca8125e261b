//! How many meshes run at once, over all tests and all test programs: two.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    thread,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

/// Leave to run meshes; given back when it is dropped.
pub(crate) struct Permit {
    _slots: Vec<File>,
}

impl Permit {
    /// For one mesh.
    pub(crate) fn one() -> Self {
        loop {
            // There is no waiting for the first of two locks that becomes free.
            if let Some(slot) = ["mesh-1", "mesh-2"].into_iter().find_map(try_slot) {
                return Self { _slots: vec![slot] };
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// For two meshes side by side. Whoever wants two waits for its turn first, so that two who hold one each do not wait
    /// for one another.
    pub(crate) fn two() -> Self {
        Self {
            _slots: ["turn", "mesh-1", "mesh-2"].map(slot).into(),
        }
    }
}

fn open(name: &str) -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lock"));
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .expect("the folder is the tests' own")
}

fn slot(name: &str) -> File {
    let file = open(name);
    flock(&file, FlockOperation::LockExclusive).expect("the file can be locked");
    file
}

fn try_slot(name: &str) -> Option<File> {
    let file = open(name);
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .ok()
        .map(|()| file)
}
