//! The list of all `unsafe` is whole.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if name != "target" {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") || name == "Cargo.toml" {
            found.push(path);
        }
    }
}

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for part in ["harness", "services"] {
        walk(&root().join(part), &mut found);
    }
    assert!(found.len() > 100, "{}", found.len());
    found
}

/// How often the keyword stands in a file's code: at the beginning of a block, a function, or what else can be unsafe. Comments
/// do not count, nor do other words with it.
fn count(text: &str) -> usize {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let follows = |rest: &str| {
        let rest = rest.trim_start();
        ["{", "fn ", "impl ", "impl<", "trait ", "extern ", "(", "mod "]
            .iter()
            .any(|start| rest.starts_with(start))
            || rest.is_empty()
    };
    let in_line = |line: &str| -> usize {
        let mut found = 0;
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("unsafe") {
            let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '`' | '"' | '\''));
            found += usize::from(is_word && follows(after));
            rest = after;
        }
        found
    };
    code.map(in_line).sum()
}

#[test]
fn every_unsafe_is_in_the_list_and_the_list_has_no_other() {
    let mut found = BTreeMap::new();
    for file in files()
        .iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "rs"))
    {
        let number = count(&fs::read_to_string(file).expect("it can be read"));
        if number > 0 {
            let name = file.strip_prefix(root()).expect("it is below").display().to_string();
            found.insert(name, number);
        }
    }
    let listed = fs::read_to_string(root().join("docs/design/unsafe.md")).expect("there is a list");
    let rows = listed.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let file = cells.next()?.trim_end_matches('`').to_owned();
        Some((file, cells.next()?.parse::<usize>().ok()?))
    });
    assert_eq!(
        found,
        rows.collect::<BTreeMap<_, _>>(),
        "docs/design/unsafe.md lists each, with how many"
    );
}

#[test]
fn no_crate_lets_unsafe_in_by_another_door() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("it can be read");
    assert!(workspace.contains("unsafe_code = \"deny\""));
    for file in files().iter().filter(|file| file.ends_with("Cargo.toml")) {
        let text = fs::read_to_string(file).expect("it can be read");
        assert!(text.contains("[lints]\nworkspace = true"), "{}", file.display());
    }
    for file in files()
        .iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "rs"))
    {
        let text = fs::read_to_string(file).expect("it can be read");
        let door = ["#![allow(", "#[allow("]
            .iter()
            .any(|door| text.contains(&format!("{door}unsafe_code")));
        assert!(
            !door,
            "{}: say #[expect(unsafe_code, reason = ...)] at the place",
            file.display()
        );
    }
}

#[test]
fn the_keyword_is_found_and_other_words_are_not() {
    let key = concat!("un", "safe");
    for (code, number) in [
        (format!("{key} {{ a() }}"), 1),
        (format!("let x = {key} {{ a({key} {{ b() }}) }};"), 2),
        (format!("pub {key} fn a()"), 1),
        (format!("#[{key}(no_mangle)]"), 1),
        (format!("// {key} {{"), 0),
        (format!("is_{key}(c)"), 0),
        (format!("\"{key} {{\""), 0),
        (format!("{key}_code"), 0),
    ] {
        assert_eq!(count(&code), number, "{code}");
    }
}
