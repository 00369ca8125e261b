//! Everything that a fuzzer ever found, and the seeds that it begins with, on every ordinary test run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use meshkat_fuzz::TARGETS;

/// The files of a target in a folder of `fuzz`, in order.
fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(folder)
        .join(target);
    let entries = fs::read_dir(&path).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_found_is_mended() {
    for (target, run) in TARGETS {
        for file in files("regressions", target) {
            eprintln!("{}", file.display());
            run(&fs::read(&file).expect("a file of this repository can be read"));
        }
    }
}

#[test]
fn seeds_hold() {
    for (target, run) in TARGETS {
        for file in files("seeds", target) {
            eprintln!("{}", file.display());
            run(&fs::read(&file).expect("a file of this repository can be read"));
        }
    }
}

#[test]
fn every_target_has_its_program_and_every_found_file_its_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(fuzz.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let targets: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    for folder in ["regressions", "seeds", "dictionaries"] {
        for name in names(folder) {
            assert!(targets.contains(&name), "fuzz/{folder}/{name} is of no target");
        }
    }
}
