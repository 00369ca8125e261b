//! Why cases did not pass, as it is told at the end.

use std::fmt::Write as _;
use std::path::Path;

use meshkat_model::results::{CaseResult, Status};
use owo_colors::OwoColorize as _;

use super::look::{Look, style};
use crate::bundle_path::{EXPLANATION, bundle_folder};
use crate::culprit::details;
use crate::explain::{self, Group};
use crate::place::SUMMARY;
use crate::record::Record;
use crate::text::{count, cut, line, number, time, title};

/// More than these are not read on a screen.
const EXPLAINED: usize = 10;
const VALUE_LINES: usize = 8;
const VALUE_CHARS: usize = 1_000;
const OTHERS: usize = 4;
const NOTES: usize = 10;
const FLAKES: usize = 20;
/// Characters before the text of a field.
const LABEL: usize = 13;
/// So many scenarios and, of each, so many of the cases that were run fit on a screen.
const CULPRITS: usize = 4;
const TRIALS: usize = 4;

/// All explanations, each after an empty line.
pub(super) fn render(record: &Record, dir: &Path, look: Look) -> String {
    let mut out = String::new();
    notes(&mut out, &record.cases);
    culprits(&mut out, record, dir, look);
    let groups = explain::groups(&record.cases);
    for group in groups.iter().take(EXPLAINED) {
        out.push('\n');
        out.push_str(&explanation(group, dir, look));
    }
    let left: usize = groups.iter().skip(EXPLAINED).map(|group| 1 + group.others.len()).sum();
    if left > 0 {
        let _ = writeln!(
            out,
            "\n+{} more in {}",
            number(left as u64),
            dir.join(SUMMARY).display()
        );
    }
    out
}

/// What failures have in common, before each of them is told: one screen at the most.
fn culprits(out: &mut String, record: &Record, dir: &Path, look: Look) {
    for culprit in record.culprits.iter().take(CULPRITS) {
        // Where none is found, none is promised.
        let word = if culprit.causes.is_empty() {
            "COMPARED"
        } else {
            "CULPRIT"
        };
        let (word, scenario) = (word.style(style(Status::Failed)), line(&culprit.scenario, 300));
        let _ = writeln!(out, "\n{word} {}", scenario.bold());
        for line in wrapped(&line(&culprit.sentence, 1_000), look, 2) {
            let _ = writeln!(out, "  {line}");
        }
        for (label, lines) in details(culprit, TRIALS) {
            let lines = lines.iter().flat_map(|text| wrapped(text, look, LABEL));
            for (at, text) in lines.enumerate() {
                let label = if at == 0 { label } else { "" };
                let _ = writeln!(out, "  {}  {text}", format!("{label:<9}").dimmed());
            }
        }
    }
    let left = record.culprits.len().saturating_sub(CULPRITS);
    if left > 0 {
        let (left, summary) = (number(left as u64), dir.join(SUMMARY));
        let _ = writeln!(out, "\n+{left} more culprits in {}", summary.display());
    }
}

/// A line as several, at the blanks, so that each with `before` characters before it is at most `width` wide. A word that is longer is
/// left whole: it is an id, or a path, and is copied.
fn wrapped(text: &str, look: Look, before: usize) -> Vec<String> {
    if !look.wraps {
        return vec![text.to_owned()];
    }
    let options = textwrap::Options::new(look.width.saturating_sub(before).max(20))
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(std::borrow::Cow::into_owned).collect()
}

fn explanation(group: &Group<'_>, dir: &Path, look: Look) -> String {
    let case = group.first;
    let folder = dir.join(bundle_folder(&case.id, case.round));
    let word = case.status.word().to_uppercase();
    let mut head = format!(
        "{} {}",
        word.style(style(case.status)),
        title(&case.id, case.round, 300).bold()
    );
    let attempt = if case.attempts > 1 {
        format!(", attempt {}", case.attempts)
    } else {
        String::new()
    };
    let _ = write!(
        head,
        "  {}",
        format!("after {}{attempt}", time(case.duration_ms)).dimmed()
    );
    let mut out = format!("{head}\n");
    if case.status == Status::Errored {
        for line in wrapped(explain::meaning(case.status), look, 2) {
            let _ = writeln!(out, "  {}", line.style(style(case.status)));
        }
    }
    let mut field = |label: &str, value: &str| {
        let cut = cut(value, VALUE_LINES, VALUE_CHARS);
        let mut lines = cut.text.lines().flat_map(|text| wrapped(text, look, LABEL));
        let Some(first) = lines.next() else { return };
        let _ = writeln!(out, "  {}  {first}", format!("{label:<9}").dimmed());
        for line in lines {
            let _ = writeln!(out, "  {:11}{line}", "");
        }
        if cut.short {
            let all = format!("… all of it in {}", folder.join(EXPLANATION).display());
            for line in wrapped(&all, look, LABEL) {
                let _ = writeln!(out, "  {:11}{}", "", line.dimmed());
            }
        }
    };
    field("promise", &line(&case.promise, 500));
    field("step", &explain::step(case).unwrap_or_default());
    field(
        "at",
        &case.failure.as_ref().and_then(explain::place).unwrap_or_default(),
    );
    field("message", &explain::message(case));
    if let Some(failure) = &case.failure {
        field("expected", &failure.expected);
        field("actual", &failure.actual);
        field("mesh", &failure.hints.join("\n"));
    }
    // What is copied stays in one line.
    for (label, text) in [
        ("reproduce", &case.reproduce),
        ("bundle", &folder.display().to_string()),
    ] {
        if !text.is_empty() {
            let _ = writeln!(out, "  {}  {}", format!("{label:<9}").dimmed(), line(text, 1_000));
        }
    }
    let mut field = |label: &str, lines: &[String]| {
        for (at, text) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let _ = writeln!(out, "  {}  {text}", format!("{label:<9}").dimmed());
        }
    };
    if !group.others.is_empty() {
        let shown = group
            .others
            .iter()
            .take(OTHERS)
            .map(|case| title(&case.id, case.round, 300));
        let mut list: Vec<String> = shown.collect();
        if group.others.len() > OTHERS {
            list.push(format!("+{} more", number((group.others.len() - OTHERS) as u64)));
        }
        field("same in", &list);
    }
    out
}

/// The cases that did not end in the same way in each round, a line each.
pub(super) fn flakes(record: &Record) -> String {
    let found: Vec<_> = record.flakes.found().collect();
    let mut out = String::new();
    for flake in found.iter().take(FLAKES) {
        let told = flake.told();
        let _ = write!(out, "\n{}: {}", line(&flake.id, 300), told.style(style(Status::Flaky)));
    }
    if found.len() > FLAKES {
        let _ = write!(out, "\n+{} more", number((found.len() - FLAKES) as u64));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// What was skipped and why, and what passed only on a retry.
fn notes(out: &mut String, cases: &[CaseResult]) {
    let word = "skipped".style(style(Status::Skipped)).to_string();
    let skips = explain::skips(cases).into_iter();
    let skips = skips.map(|(why, cases)| format!("{word} {}: {why}", count(cases.len() as u64, "case", "cases")));

    let word = "flaky".style(style(Status::Flaky)).to_string();
    let flaky = cases.iter().filter(|case| case.status == Status::Flaky).map(|case| {
        let why = case.earlier_failures.first().map_or(String::new(), |failure| {
            let place = explain::place(failure)
                .map(|place| format!("{place}: "))
                .unwrap_or_default();
            format!("; first {place}{}", line(&failure.message, 200))
        });
        format!(
            "{word} {} passed on attempt {}{why}",
            title(&case.id, case.round, 300),
            case.attempts
        )
    });
    let word = "void".style(style(Status::Flaky)).to_string();
    let voids = explain::voids(cases)
        .map(|(case, void)| format!("{word} {}: {}", title(&case.id, case.round, 300), line(&void.why, 300)));
    let notes: Vec<String> = skips.chain(flaky).chain(voids).collect();
    for note in notes.iter().take(NOTES) {
        let _ = writeln!(out, "{note}");
    }
    if notes.len() > NOTES {
        let _ = writeln!(out, "+{} more", number((notes.len() - NOTES) as u64));
    }
}
