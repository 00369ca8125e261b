use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::lines::LONGEST;
use super::*;
use crate::text::is_hidden;

/// What the readers of logs do, as far as it is known: GitHub's runner and its kin, GitLab, TeamCity, Azure, Buildkite, Travis.
fn is_obeyed(text: &str) -> bool {
    let bare = anstream::adapter::strip_str(text).to_string();
    [text, &bare].iter().any(|text| {
        text.split(['\n', '\r', '\u{85}', '\u{2028}']).any(|line| {
            let begin = line.trim();
            let named = |at: usize| {
                let rest = line[at + 2..]
                    .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
                rest.starts_with('[')
            };
            let folds = ["--- ", "+++ ", "~~~ ", "^^^ "];
            begin.starts_with("::")
                || line.match_indices("##").any(|(at, _)| named(at))
                || ["section_start:", "section_end:", "travis_fold:"]
                    .iter()
                    .any(|word| line.contains(word))
                || folds.iter().any(|fold| format!("{begin} ").starts_with(fold))
        })
    })
}

#[test]
fn commands_are_read_and_not_obeyed() {
    for (said, told) in [
        (
            "\n::stop-commands::x\n##[error]y",
            "\n\\::stop-commands::x\n#\\#[error]y",
        ),
        ("  \t::error file=x::y", "  \t\\::error file=x::y"),
        ("\u{a0}\u{3000}::error::y", "\u{a0}\u{3000}\\::error::y"),
        ("see ##[group]x and ##[endgroup]", "see #\\#[group]x and #\\#[endgroup]"),
        ("###[error]", "##\\#[error]"),
        (
            "##vso[task.setvariable variable=x]y",
            "#\\#vso[task.setvariable variable=x]y",
        ),
        ("##VSO[task.complete]", "#\\#VSO[task.complete]"),
        ("##teamcity[buildStop]", "#\\#teamcity[buildStop]"),
        (
            "section_start:1:a[collapsed=true]\r\u{1b}[0Kx",
            "section\\_start:1:a[collapsed=true]\\r\\u{1b}[0Kx",
        ),
        ("x section_end:1:a\r\u{1b}[0K", "x section\\_end:1:a\\r\\u{1b}[0K"),
        ("travis_fold:start:x\r", "travis\\_fold:start:x\\r"),
        ("--- x\n+++\n ~~~ y\n^^^ +++", "\\--- x\n\\+++\n \\~~~ y\n\\^^^ +++"),
        (
            "\u{1b}]0;title\u{7}\u{8}\u{9b}2J",
            "\\u{1b}]0;title\\u{7}\\u{8}\\u{9b}2J",
        ),
        ("a\r::error::b", "a\\r::error::b"),
        ("a\u{2028}::error::b", "a\\u{2028}::error::b"),
        ("a\u{202e}b\u{61c}c\u{200b}d", "a\\u{202e}b\\u{61c}c\\u{200b}d"),
        ("\u{200b}::error::b", "\\u{200b}::error::b"),
        ("\u{1b}[31m::error::x", "\\u{1b}[31m::error::x"),
    ] {
        let plain = plain(said);
        assert_eq!(plain, told);
        assert!(!is_obeyed(&plain), "{plain:?}");
        assert_eq!(super::plain(&plain), plain, "once is enough");
    }
}

#[test]
fn what_is_no_command_stays_as_it_is() {
    for text in [
        "all 6 failures have a::b\nstd::io::Error: x\n# heading\n## heading [x]\n",
        "| a | b |\n|---|---|\n-- x\n---x\n----\n",
        "a ::1 b\n#[error]\nsection_started: 1\n👩‍👩‍👧 ünïcödé\tx",
    ] {
        assert_eq!(plain(text), text);
    }
}

#[test]
fn of_styles_only_colours_are_left() {
    let ours = "\u{1b}[1m\u{1b}[38;5;8mbold\u{1b}[0m \u{1b}[31;1mred\u{1b}[39m";
    assert_eq!(styled(ours), ours);
    for (said, told) in [
        ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
        ("\u{1b}[1;08mhidden", "\\u{1b}[1;08mhidden"),
        ("\u{1b}[38;5;8;8mhidden", "\\u{1b}[38;5;8;8mhidden"),
        ("\u{1b}[2J", "\\u{1b}[2J"),
        ("\u{1b}[31", "\\u{1b}[31"),
        ("a\u{1b}[31m\n\u{1b}[0m ::error::", "a\u{1b}[31m\n\u{1b}[0m \\::error::"),
        ("#\u{1b}[0m#[error]", "#\u{1b}[0m\\#[error]"),
        ("sec\u{1b}[0mtion_start:", "sec\u{1b}[0mtion\\_start:"),
    ] {
        let styled = styled(said);
        assert_eq!(styled, told);
        assert!(!is_obeyed(&styled), "{styled:?}");
    }
}

#[test]
fn json_means_the_same() {
    let value = json!({"##[error]": ["##vso[x]", "a\n::error::", "\u{202e}\u{9b}2J\u{e0041}", "###[", "ü"]});
    for pretty in [false, true] {
        let text = json(value.clone(), pretty);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(!is_obeyed(&text), "{text}");
        assert!(!text.contains(is_hidden), "{text:?}");
    }
}

#[test]
fn a_word_in_two_parts_is_one_word() {
    let mut told = Vec::new();
    let mut lines = Lines::new(&mut told);
    for part in [
        "\n  :",
        ":error::x\r\n#",
        "#",
        "[group]y\n10%\r",
        "::notice::20%\r",
        "\nend",
        " ##",
        "[error]",
    ] {
        lines.write_all(part.as_bytes()).unwrap();
        lines.flush().unwrap();
    }
    drop(lines);
    let told = String::from_utf8(told).unwrap();
    assert_eq!(
        told,
        "\n  \\::error::x\n#\\#[group]y\n10%\n\\::notice::20%\nend #\\#[error]"
    );
}

#[test]
fn a_line_without_end_becomes_several() {
    let mut told = Vec::new();
    let mut lines = Lines::new(&mut told);
    for _ in 0..100 {
        lines.write_all(&[b'x'; 10_000]).unwrap();
    }
    drop(lines);
    assert_eq!(told.iter().filter(|byte| **byte == b'x').count(), 1_000_000);
    assert!(
        told.split(|byte| *byte == b'\n')
            .all(|line| line.len() <= LONGEST + 10_000)
    );
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "::",
            ":",
            "#",
            "##",
            "[",
            "##[",
            "vso",
            "teamcity",
            "\n",
            "\r",
            " ",
            "\t",
            "\u{1b}[31m",
            "\u{1b}[0K",
            "\u{1b}",
            "section_start:",
            "section_",
            "end:",
            "travis_fold:",
            "---",
            "+",
            "~~~ ",
            "\u{200b}",
            "\u{2028}",
            "\u{a0}",
            "\\",
            "ü",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_is_obeyed(text in pieces()) {
        for told in [plain(&text), styled(&text)] {
            prop_assert!(!is_obeyed(&told), "{:?}", told);
        }
        let plain = plain(&text);
        prop_assert!(!plain.contains(|c: char| is_hidden(c)), "{:?}", plain);
        prop_assert_eq!(super::plain(&plain), plain);
    }

    #[test]
    fn a_stream_in_parts_is_obeyed_no_more(text in pieces(), at in 0..40_usize) {
        let mut told = Vec::new();
        let mut lines = Lines::new(&mut told);
        let at = at.min(text.len());
        lines.write_all(&text.as_bytes()[..at]).unwrap();
        lines.write_all(&text.as_bytes()[at..]).unwrap();
        drop(lines);
        let told = String::from_utf8(told).unwrap();
        prop_assert!(!is_obeyed(&told), "{:?}", told);
    }
}
