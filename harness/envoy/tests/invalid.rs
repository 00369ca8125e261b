//! Every broken configuration of `scenarios/invalid/configs/` is told with its place and, where there is one, its way out.
//! A file of which nothing is said fails, and so does a picture whose file is gone.

mod support;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use insta::{Settings, assert_snapshot};
use meshkat_envoy::config::{Diagnostic, Use, lint, lint_overlay};
use support::{CONFIGS, file, validator};

fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// What is broken, and how it is looked at.
struct Corpus {
    broken: PathBuf,
    pictures: PathBuf,
    lint: fn(&Path) -> Vec<Diagnostic>,
}

fn corpora() -> [Corpus; 2] {
    let overlay = |broken: &Path| {
        let uses = CONFIGS.map(|name| Use {
            config: file(name),
            before: Vec::new(),
        });
        lint_overlay(broken, &uses, Some(&validator()))
    };
    [
        Corpus {
            broken: folder("../../scenarios/invalid/configs"),
            pictures: folder("tests/snapshots/invalid"),
            lint: |broken| lint(broken, Some(&validator())),
        },
        Corpus {
            broken: folder("../../scenarios/invalid/overlays"),
            pictures: folder("tests/snapshots/invalid/overlays"),
            lint: overlay,
        },
    ]
}

fn names(folder: &Path, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let files = entries.filter(|path| path.extension().is_some_and(|found| found == ending));
    files
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

/// What a person is told: `line:column message`, and the way out.
fn told(corpus: &Corpus, name: &str) -> String {
    let file = corpus.broken.join(format!("{name}.yaml"));
    let mut told = String::new();
    for found in (corpus.lint)(&file) {
        assert_eq!(found.file, file);
        let number = |number: Option<usize>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let (line, column) = (number(found.line), number(found.column));
        writeln!(told, "{name}.yaml:{line}:{column}: {}", found.message).unwrap();
        if let Some(help) = found.help {
            writeln!(told, "  help: {help}").unwrap();
        }
    }
    assert!(!told.is_empty(), "{name} is broken, and nothing is said of it");
    told
}

#[test]
fn every_broken_file_is_told() {
    for corpus in corpora() {
        let names = names(&corpus.broken, "yaml");
        assert!(!names.is_empty());
        let mut settings = Settings::clone_current();
        settings.set_snapshot_path(&corpus.pictures);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        // All of them, and not only the first that fails.
        let fails = |name: &&String| {
            catch_unwind(AssertUnwindSafe(|| {
                settings.bind(|| assert_snapshot!(name.as_str(), told(&corpus, name)));
            }))
            .is_err()
        };
        let failed: Vec<&String> = names.iter().filter(fails).collect();
        assert!(failed.is_empty(), "not told as they should be: {failed:?}");
    }
}

#[test]
fn no_picture_is_without_its_file() {
    for corpus in corpora() {
        let (files, pictures) = (names(&corpus.broken, "yaml"), names(&corpus.pictures, "snap"));
        let orphans: Vec<&String> = pictures.difference(&files).collect();
        assert!(orphans.is_empty(), "pictures whose file is gone: {orphans:?}");
    }
}
