//! `summary.md`: what a person reads on the page of a CI run.

use std::fmt::Write as _;

use meshkat_model::results::{CaseResult, Status};

use crate::bundle_path::bundle_folder;
use crate::culprit::details;
use crate::explain::{self, Group};
use crate::record::{Record, others};
use crate::text::{count, cut, line, number, time};

/// GitHub refuses a step's summary above 1 MiB, together with whatever else the step wrote.
const FAILURES_BYTES: usize = 256 * 1024;
/// For each of the lists besides.
const LIST_BYTES: usize = 32 * 1024;
const VALUE_LINES: usize = 40;
const VALUE_CHARS: usize = 4_000;
const OTHERS: usize = 10;
const TRIALS: usize = 40;

pub(crate) fn render(record: &Record) -> String {
    let mut out = String::from("# meshkat\n\n");
    let _ = writeln!(out, "**{}**", text(&record.closing_line(), 300));
    if let Some(circumstances) = record.circumstances() {
        let _ = writeln!(out, "\n{}", text(&circumstances, 500));
    }
    scenarios(&mut out, record);
    flakes(&mut out, record);
    culprits(&mut out, record);
    failures(&mut out, record);
    retries_and_skips(&mut out, record);
    if !record.warnings.is_empty() {
        out.push_str("\n## Warnings\n\n");
    }
    list(
        &mut out,
        record
            .warnings
            .iter()
            .map(|warning| format!("- {}\n", text(warning, 500))),
    );
    out
}

fn scenarios(out: &mut String, record: &Record) {
    let rows = record.scenarios();
    if rows.is_empty() {
        return;
    }
    out.push_str("\n| scenario | promise | cases | passed |");
    let shown: Vec<Status> = others(&record.totals())
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(status, _)| status)
        .collect();
    for status in &shown {
        let _ = write!(out, " {} |", status.word());
    }
    out.push_str(" checks | requests | time |\n|---|---|--:|--:|");
    out.push_str(&"--:|".repeat(shown.len() + 3));
    out.push('\n');
    let rows = rows.iter().map(|row| {
        let totals = &row.totals;
        let cases = if totals.cases < row.planned {
            format!("{} of {}", number(totals.cases), number(row.planned))
        } else {
            number(row.planned)
        };
        let (scenario, promise) = (text(&row.scenario, 200), text(&row.promise, 300));
        let mut line = String::new();
        let _ = write!(line, "| {scenario} | {promise} | {cases} | {} |", number(totals.passed));
        for (status, n) in others(totals) {
            if shown.contains(&status) {
                let _ = write!(line, " {} |", number(n));
            }
        }
        let (checks, requests) = (number(totals.checks), number(totals.requests));
        let _ = writeln!(line, " {checks} | {requests} | {} |", time(row.duration_ms));
        line
    });
    list(out, rows);
}

fn culprits(out: &mut String, record: &Record) {
    if record.culprits.is_empty() {
        return;
    }
    out.push_str("\n## What failures have in common\n\n");
    let items = record.culprits.iter().map(|culprit| {
        let mut item = format!(
            "- {}: **{}**\n",
            code(&culprit.scenario, 300),
            text(&culprit.sentence, 1_000)
        );
        for (label, lines) in details(culprit, TRIALS) {
            let _ = writeln!(item, "  - {label}: {}", text(&lines[0], 500));
            for line in &lines[1..] {
                let _ = writeln!(item, "    - {}", text(line, 500));
            }
        }
        item
    });
    list(out, items);
}

fn failures(out: &mut String, record: &Record) {
    let groups = explain::groups(&record.cases);
    if groups.is_empty() {
        return;
    }
    out.push_str("\n## What did not pass\n");
    let limit = out.len() + FAILURES_BYTES;
    for (at, group) in groups.iter().enumerate() {
        let told = explain_group(group);
        if out.len() + told.len() > limit {
            let left: usize = groups[at..].iter().map(|group| 1 + group.others.len()).sum();
            let _ = writeln!(
                out,
                "\n+{} more in the report's `failures` folder.",
                number(left as u64)
            );
            return;
        }
        out.push_str(&told);
    }
}

fn explain_group(group: &Group<'_>) -> String {
    let case = group.first;
    let mut out = String::new();
    let _ = writeln!(out, "\n### {}: {}\n", case.status.word(), titled(case));
    if case.status == Status::Errored {
        let _ = writeln!(out, "*{}.*\n", capital(explain::meaning(case.status)));
    }
    let _ = writeln!(out, "{}\n", text(&case.promise, 500));
    let mut rows = Vec::new();
    if let Some(step) = explain::step(case) {
        rows.push(format!("- step: {}", code(&step, 300)));
    }
    if let Some(place) = case.failure.as_ref().and_then(explain::place) {
        rows.push(format!("- at: {}", code(&place, 300)));
    }
    rows.push(format!("- bundle: {}", code(&bundle_folder(&case.id, case.round), 300)));
    let _ = writeln!(
        out,
        "{}\n\n**{}**",
        rows.join("\n"),
        text(&explain::message(case), 2_000)
    );
    if let Some(failure) = &case.failure {
        value(&mut out, "expected", &failure.expected);
        value(&mut out, "actual", &failure.actual);
        value(&mut out, "mesh", &failure.hints.join("\n"));
    }
    value(&mut out, "reproduce", &case.reproduce);
    also(&mut out, &group.others);
    out
}

/// A case's id, and its round.
fn titled(case: &CaseResult) -> String {
    let round = case.round.map_or_else(String::new, |round| format!(", {round}"));
    format!("{}{round}", code(&case.id, 300))
}

fn also(out: &mut String, cases: &[&CaseResult]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nThe same in {} more:\n", number(cases.len() as u64));
    for case in cases.iter().take(OTHERS) {
        let _ = writeln!(out, "- {}", titled(case));
    }
    more(out, cases.len().saturating_sub(OTHERS));
}

/// The cases that did not end in the same way in each round.
fn flakes(out: &mut String, record: &Record) {
    let mut flakes = record.flakes.found().peekable();
    if flakes.peek().is_some() {
        out.push_str("\n## Not the same in each round\n\n");
        list(
            out,
            flakes.map(|flake| format!("- {}: {}\n", code(&flake.id, 300), flake.told())),
        );
    }
}

fn retries_and_skips(out: &mut String, record: &Record) {
    let mut flaky = record
        .cases
        .iter()
        .filter(|case| case.status == Status::Flaky)
        .peekable();
    if flaky.peek().is_some() {
        out.push_str("\n## Flaky\n\n");
        let lines = flaky.map(|case| {
            let why = case.earlier_failures.first().or(case.failure.as_ref());
            let why = why.map_or(String::new(), |failure| format!(": {}", text(&failure.message, 300)));
            format!("- {}{why}\n", titled(case))
        });
        list(out, lines);
    }
    let mut voids = explain::voids(&record.cases).peekable();
    if voids.peek().is_some() {
        out.push_str("\n## Void: attempts that the machine may have decided\n\n");
        let lines = voids.map(|(case, void)| format!("- {}: {}\n", titled(case), text(&void.why, 500)));
        list(out, lines);
    }
    let skips = explain::skips(&record.cases);
    if !skips.is_empty() {
        out.push_str("\n## Skipped\n\n");
        let lines = skips.iter().map(|(why, cases)| {
            let whose = match cases.as_slice() {
                [only] => code(&only.id, 300),
                several => count(several.len() as u64, "case", "cases"),
            };
            format!("- {whose}: {}\n", text(why, 500))
        });
        list(out, lines);
    }
}

/// As many lines as there is room for.
fn list(out: &mut String, mut lines: impl Iterator<Item = String>) {
    let limit = out.len() + LIST_BYTES;
    for line in &mut lines {
        if out.len() + line.len() > limit {
            more(out, 1 + lines.count());
            return;
        }
        out.push_str(&line);
    }
}

fn more(out: &mut String, left: usize) {
    if left > 0 {
        let _ = writeln!(out, "\n+{} more", number(left as u64));
    }
}

/// A labelled code block, with a fence that nothing in it can close.
fn value(out: &mut String, label: &str, value: &str) {
    let cut = cut(value, VALUE_LINES, VALUE_CHARS);
    if cut.text.is_empty() {
        return;
    }
    let fence = "`".repeat(longest_run(&cut.text).max(2) + 1);
    let rest = if cut.short {
        "\n… (cut; the bundle has all of it)"
    } else {
        ""
    };
    let _ = writeln!(out, "\n{label}\n\n{fence}text\n{}{rest}\n{fence}", cut.text);
}

/// One line in a code span.
fn code(value: &str, chars: usize) -> String {
    let value = line(value, chars);
    let fence = "`".repeat(longest_run(&value) + 1);
    let space = if value.starts_with('`') || value.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{value}{space}{fence}")
}

/// One line in which nothing is markup.
fn text(value: &str, chars: usize) -> String {
    let mut out = String::new();
    let value = line(value, chars);
    // What a line begins with may make it a list, a heading or a rule.
    let number = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    for (at, c) in value.char_indices() {
        let always = matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '#' | '~' | '@' | '$'
        );
        let begins =
            (at == 0 && matches!(c, '-' | '+' | '=' | ':')) || (number > 0 && at == number && matches!(c, '.' | ')'));
        // An address becomes a link by itself.
        let before = out.len().saturating_sub(3);
        let in_address = (c == ':' && value[at + 1..].starts_with("//"))
            || (c == '.' && out.get(before..).is_some_and(|end| end.eq_ignore_ascii_case("www")));
        if always || begins || in_address {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn nothing_of_others_is_markup() {
        for (said, written) in [
            ("1. one", "1\\. one"),
            ("12) one", "12\\) one"),
            ("- one", "\\- one"),
            ("+ one", "\\+ one"),
            ("=====", "\\====="),
            ("--- x", "\\--- x"),
            ("::error::x", "\\::error::x"),
            ("# one", "\\# one"),
            ("> one", "\\> one"),
            ("![x](http://a/b)", "!\\[x\\](http\\://a/b)"),
            ("see https://a.b/c?d=e", "see https\\://a.b/c?d=e"),
            ("see WWW.a.b", "see WWW\\.a.b"),
            ("$x^2$ and <b>|</details>", "\\$x^2\\$ and \\<b\\>\\|\\</details\\>"),
            ("@somebody #1", "\\@somebody \\#1"),
            ("a\n\n# b\u{202e}", "a \\# b\\\\u{202e}"),
            ("a:b - c. 1. d", "a:b - c. 1. d"),
        ] {
            assert_eq!(text(said, 100), written);
        }
    }
}
