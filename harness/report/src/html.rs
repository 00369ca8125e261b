//! `index.html`: the whole run on one page that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use meshkat_model::machine::Machine;
use meshkat_model::results::{CaseResult, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::bundle_path::{EXPLANATION, bundle_folder};
use crate::culprit::details;
use crate::explain::{self, Group};
use crate::loads;
use crate::record::{Record, ScenarioCount, others};
use crate::text::{count, cut, line, number, time, visible};

const STYLE: &str = include_str!("html.css");
const VALUE_LINES: usize = 400;
const VALUE_CHARS: usize = 16_000;
const TRIALS: usize = 400;
/// What may stand in the path of a link as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=');

pub(crate) fn render(record: &Record) -> String {
    let title = record.closing_line();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "meshkat: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "meshkat" }
                p.closing { (title) }
                @if let Some(run) = &record.run {
                    p.faint { "started " (visible(&run.started)) " · " (record.circumstances().unwrap_or_default()) }
                }
                (scenarios(record))
                (flakes(record))
                (culprits(record))
                (failures(record))
                (skips(record))
                (voids(record))
                (cases(record))
                (machine(record))
                @if !record.warnings.is_empty() {
                    h2 { "Warnings" }
                    ul { @for warning in &record.warnings { li { (line(warning, 1000)) } } }
                }
            }
        }
    };
    markup.into_string()
}

fn scenarios(record: &Record) -> Markup {
    let rows = record.scenarios();
    html! {
        h2 { "Scenarios" }
        table {
            thead {
                tr {
                    th { "scenario" } th { "promise" } th { "cases" } th { "passed" } th { "failed" } th { "errored" }
                    th { "skipped" } th { "flaky" } th { "checks" } th { "requests" } th { "time" }
                }
            }
            tbody { @for row in &rows { (scenario(row)) } }
        }
    }
}

fn scenario(row: &ScenarioCount) -> Markup {
    let totals = &row.totals;
    html! {
        tr {
            td { code { (visible(&row.scenario)) } }
            td { (line(&row.promise, 500)) }
            td.n { (number(totals.cases)) @if totals.cases < row.planned { " of " (number(row.planned)) } }
            td.n { (number(totals.passed)) }
            @for (status, n) in others(totals) {
                @if n > 0 { td.n.(status.word()) { (number(n)) } } @else { td.n.faint { "0" } }
            }
            td.n { (number(totals.checks)) }
            td.n { (number(totals.requests)) }
            td.n { (time(row.duration_ms)) }
        }
    }
}

/// The cases that did not end in the same way in each round.
fn flakes(record: &Record) -> Markup {
    let mut flakes = record.flakes.found().peekable();
    html! {
        @if flakes.peek().is_some() {
            h2 { "Not the same in each round" }
            ul { @for flake in flakes { li { code { (visible(&flake.id)) } ": " (flake.told()) } } }
        }
    }
}

fn culprits(record: &Record) -> Markup {
    html! {
        @if !record.culprits.is_empty() { h2 { "What failures have in common" } }
        @for culprit in &record.culprits {
            details open {
                summary { code { (visible(&culprit.scenario)) } " " (line(&culprit.sentence, 1_000)) }
                dl {
                    @for (label, lines) in details(culprit, TRIALS) {
                        dt { (label) }
                        dd { ul { @for text in &lines { li { (text) } } } }
                    }
                }
            }
        }
    }
}

fn failures(record: &Record) -> Markup {
    let groups = explain::groups(&record.cases);
    html! {
        @if !groups.is_empty() { h2 { "What did not pass" } }
        @for (at, group) in groups.iter().enumerate() { (failure(group, at < 3)) }
    }
}

fn failure(group: &Group<'_>, open: bool) -> Markup {
    let case = group.first;
    html! {
        details open[open] {
            summary {
                (badge(case.status)) " " (titled(case)) " " (line(&explain::message(case), 200))
                @if !group.others.is_empty() { " (and " (number(group.others.len() as u64)) " more)" }
            }
            p { (line(&case.promise, 500)) }
            p.faint { (explain::meaning(case.status)) }
            dl {
                @if let Some(step) = explain::step(case) { dt { "step" } dd { (step) } }
                @if let Some(failure) = &case.failure {
                    @if let Some(place) = explain::place(failure) { dt { "at" } dd { code { (place) } } }
                    (value("expected", &failure.expected))
                    (value("actual", &failure.actual))
                    (value("mesh", &failure.hints.join("\n")))
                }
                (value("reproduce", &case.reproduce))
                dt { "bundle" } dd { (bundle(case)) }
            }
            @if !case.earlier_failures.is_empty() {
                p { "Earlier attempts:" }
                ol { @for failure in &case.earlier_failures { li { (line(&failure.message, 1000)) } } }
            }
            @if !group.others.is_empty() {
                p { "The same in:" }
                ul {
                    @for other in &group.others {
                        li { (titled(other)) " " (bundle(other)) }
                    }
                }
            }
        }
    }
}

/// Each reason once, with whom it kept from running.
fn skips(record: &Record) -> Markup {
    let skips = explain::skips(&record.cases);
    html! {
        @if !skips.is_empty() { h2 { "Skipped" } }
        @for (why, cases) in &skips {
            details {
                summary {
                    (badge(Status::Skipped)) " " (count(cases.len() as u64, "case", "cases")) ": " (why)
                }
                ul { @for case in cases { li { code { (visible(&case.id)) } } } }
            }
        }
    }
}

/// The attempts that proved nothing.
fn voids(record: &Record) -> Markup {
    let voids: Vec<_> = explain::voids(&record.cases).collect();
    html! {
        @if !voids.is_empty() {
            h2 { "Void" }
            p.faint { "The machine may have decided these attempts, whether they passed or failed. Each was made again, and after the third the case is errored." }
            ul {
                @for (case, void) in &voids {
                    li { (titled(case)) " " (line(&void.why, 500)) " " span.faint { (void.machine.summary()) } }
                }
            }
        }
    }
}

/// So many points are drawn.
const POINTS: usize = 600;
/// The height of the drawing, in its own units.
const HEIGHT: f64 = 100.0;
/// Timers that are later than this are at its upper edge, in milliseconds.
const LATEST_MS: f64 = 100.0;

/// How the machine was: how busy, and how late it made others, from left to right.
fn machine(record: &Record) -> Markup {
    let seconds = &record.machine;
    let each = seconds.len().div_ceil(POINTS).max(1);
    // What is worst is what matters: of several seconds that are one point, the worst.
    let line = |of: &dyn Fn(&Machine) -> f64| {
        let points = seconds.chunks(each).enumerate().map(|(at, chunk)| {
            let share = chunk
                .iter()
                .map(|(_, machine)| of(machine))
                .fold(0.0, f64::max)
                .clamp(0.0, 1.0);
            format!("{at},{:.1}", HEIGHT * (1.0 - share))
        });
        points.collect::<Vec<_>>().join(" ")
    };
    let most = seconds.iter().map(|(meshes, _)| *meshes).max().unwrap_or_default();
    let latest = seconds
        .iter()
        .map(|(_, machine)| machine.timer_delay_max_ms)
        .fold(0.0, f64::max);
    html! {
        @if seconds.len() > 1 {
            h2 { "The machine" }
            p.faint {
                "Up to " (count(most as u64, "mesh", "meshes")) " at the same time; timers were late by up to "
                (format!("{latest:.0}")) " ms. From left to right, the whole run: "
                span.busy { "how busy its processors were" } " (to 100%), " span.late { "how late its timers were" }
                (format!(" (to {LATEST_MS:.0} ms)."))
            }
            svg.machine viewBox=(format!("0 0 {} {HEIGHT}", seconds.len().div_ceil(each).saturating_sub(1).max(1)))
                preserveAspectRatio="none" role="img" aria-label="how busy the machine was, and how late its timers were" {
                polyline.busy points=(line(&|machine| machine.cpu_busy.unwrap_or_default())) {}
                polyline.late points=(line(&|machine| machine.timer_delay_max_ms / LATEST_MS)) {}
            }
        }
    }
}

fn cases(record: &Record) -> Markup {
    html! {
        @if !record.cases.is_empty() { h2 { "Cases" } }
        @for row in record.scenarios() {
            @let cases: Vec<_> = record.cases.iter().filter(|case| case.scenario == row.scenario).collect();
            @if !cases.is_empty() {
                details {
                    summary { code { (visible(&row.scenario)) } " " (number(cases.len() as u64)) }
                    @for case in cases { (one_case(case)) }
                }
            }
        }
    }
}

fn one_case(case: &CaseResult) -> Markup {
    html! {
        details.case {
            summary { (badge(case.status)) " " (titled(case)) " " span.faint { (time(case.duration_ms)) } }
            @if case.status == Status::Skipped { p { (explain::skip_reason(case)) } }
            @if case.status == Status::Flaky { p { (bundle(case)) } }
            ol {
                @for step in &case.steps {
                    li { (badge(step.status)) " " (line(&step.name, 500)) " " span.faint { (time(step.duration_ms)) } }
                }
            }
            (loads::render(&case.loads))
            @if let Some(machine) = &case.machine { p.faint { (machine.summary()) } }
            pre { (visible(&case.reproduce)) }
        }
    }
}

/// A case's id, and its round.
fn titled(case: &CaseResult) -> Markup {
    html! { code { (visible(&case.id)) } @if let Some(round) = case.round { " " span.faint { (round) } } }
}

fn badge(status: Status) -> Markup {
    html! { span.badge.(status.word()) { (status.word()) } }
}

fn value(label: &str, value: &str) -> Markup {
    let cut = cut(value, VALUE_LINES, VALUE_CHARS);
    html! {
        @if !cut.text.is_empty() {
            dt { (label) }
            dd { pre { (cut.text) } @if cut.short { p.faint { "Cut; the bundle has all of it." } } }
        }
    }
}

fn bundle(case: &CaseResult) -> Markup {
    let path = format!("{}/{EXPLANATION}", bundle_folder(&case.id, case.round));
    html! { a href=(utf8_percent_encode(&path, PATH).to_string()) { (path) } }
}
