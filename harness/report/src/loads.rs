//! The loads of a case on the page: what they came to, and their errors by kind over time.

use std::collections::BTreeMap;

use maud::{Markup, html};
use meshkat_model::results::{LoadResult, LoadSpan};

use crate::text::{count, line, number};

/// The height of a drawing, in its own units.
const HEIGHT: f64 = 40.0;

/// So many spans are drawn, and so many kinds of errors and trials listed.
const SPANS: usize = 400;
const KINDS: usize = 20;
const TRIALS: usize = 50;

pub(crate) fn render(loads: &[LoadResult]) -> Markup {
    html! {
        @for load in loads {
            div.load {
                p {
                    "load " code { (line(&load.name, 200)) } ": "
                    (count(load.requests, "request", "requests")) ", " (count(load.errors, "error", "errors"))
                    span.faint { " · p50 " (ms(load.p50_ms)) ", p99 " (ms(load.p99_ms)) ", max " (ms(load.max_ms)) ", of which 99 of 100 waited for up to " (ms(load.queue_p99_ms)) " before they were sent; no answer for up to " (ms(load.gap_ms)) }
                    @if let Some(window) = load.error_window_ms { span.faint { "; from the first error to the last " (ms(window)) } }
                }
                (kinds(load))
                @if load.spans.len() > 1 && load.errors > 0 { (drawing(load)) }
                (capacity(load))
            }
        }
    }
}

/// How often each kind of error came.
fn kinds(load: &LoadResult) -> Markup {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in load.spans.iter().flat_map(|span| &span.errors) {
        let sum = all.entry(kind).or_default();
        *sum = sum.saturating_add(*count);
    }
    html! {
        @if !all.is_empty() {
            ul { @for (kind, count) in all.iter().take(KINDS) { li { (number(*count)) " × " (line(kind, 100)) } } }
        }
    }
}

/// From left to right, which part of the requests of each span failed.
fn drawing(load: &LoadResult) -> Markup {
    let spans = &load.spans[..load.spans.len().min(SPANS)];
    let share = |span: &LoadSpan| {
        let errors = span
            .errors
            .values()
            .fold(0_u64, |sum, count| sum.saturating_add(*count));
        (errors as f64 / span.requests.max(1) as f64).clamp(0.0, 1.0)
    };
    let bars = spans.iter().enumerate().filter(|(_, span)| share(span) > 0.0);
    html! {
        p.faint { "Errors over time, each bar " (number(load.every_ms)) " ms, to 100% of what was due in it:" }
        svg.load viewBox=(format!("0 0 {} {HEIGHT}", spans.len())) preserveAspectRatio="none" role="img"
            aria-label="which part of the requests failed, over time" {
            @for (at, span) in bars {
                @let height = HEIGHT * share(span);
                rect x=(at) y=(format!("{:.1}", HEIGHT - height)) width="1" height=(format!("{height:.1}")) {
                    title { (told(span)) }
                }
            }
        }
    }
}

fn told(span: &LoadSpan) -> String {
    let kinds: Vec<String> = span
        .errors
        .iter()
        .take(KINDS)
        .map(|(kind, count)| format!("{count} × {}", line(kind, 100)))
        .collect();
    format!("{} requests: {}", span.requests, kinds.join(", "))
}

/// What a search for the highest rate found.
fn capacity(load: &LoadResult) -> Markup {
    html! {
        @if let Some(capacity) = &load.capacity {
            p { "highest rate at which all held: " (rate(capacity.rate)) " " span.faint { "(" (line(&capacity.ended, 200)) ")" } }
            table {
                thead { tr { th { "rate" } th { "requests" } th { "errors" } th { "p99" } th { "held" } } }
                tbody {
                    @for trial in capacity.trials.iter().take(TRIALS) {
                        tr {
                            td.n { (rate(trial.rate)) }
                            td.n { (number(trial.requests)) }
                            td.n { (number(trial.errors)) }
                            td.n { (ms(trial.p99_ms)) }
                            td { @if trial.held { span.passed { "yes" } } @else { span.failed { "no" } } }
                        }
                    }
                }
            }
        }
    }
}

fn rate(rate: f64) -> String {
    format!("{rate:.0}/s")
}

fn ms(time: f64) -> String {
    match time {
        time if time < 10.0 => format!("{time:.2} ms"),
        time => format!("{time:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use meshkat_model::results::{CapacityResult, CapacityTrial};

    use super::*;

    #[test]
    fn errors_are_told_by_kind_and_drawn_over_time() {
        let span = |errors: &[(&str, u64)]| LoadSpan {
            requests: 10,
            errors: errors
                .iter()
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect::<IndexMap<_, _>>(),
            max_ms: 3.0,
        };
        let load = LoadResult {
            name: "<visitors>".to_owned(),
            requests: 40,
            errors: 8,
            error_window_ms: Some(312.5),
            every_ms: 250,
            spans: vec![
                span(&[]),
                span(&[("503", 5)]),
                span(&[("503", 1), ("timeout", 2)]),
                span(&[]),
            ],
            capacity: Some(CapacityResult {
                rate: 400.0,
                ended: "its time was over".to_owned(),
                trials: vec![CapacityTrial {
                    rate: 800.0,
                    requests: 1600,
                    errors: 3,
                    p99_ms: 12.0,
                    held: false,
                }],
            }),
            ..LoadResult::default()
        };
        let page = render(&[load]).into_string();
        for text in [
            "&lt;visitors&gt;",
            "40 requests, 8 errors",
            "from the first error to the last 312 ms",
            "<li>6 × 503</li><li>2 × timeout</li>",
            "<rect x=\"1\" y=\"20.0\" width=\"1\" height=\"20.0\"><title>10 requests: 5 × 503</title></rect>",
            "highest rate at which all held: 400/s",
            "its time was over",
            "800/s",
        ] {
            assert!(page.contains(text), "{text} is not in {page}");
        }
        assert!(!page.contains("x=\"0\""), "what has no error is not drawn");
    }
}
