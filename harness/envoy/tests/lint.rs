//! Files that are invalid, and where they say so.

mod support;

use std::{fmt::Write as _, fs};

use meshkat_envoy::config::lint;
use support::{file, validator};

/// Lints the file `name` after `change`, and prints what was found: line, column, message, help.
fn lint_changed(name: &str, change: impl FnOnce(String) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("changed.yaml");
    let original = fs::read_to_string(file(name)).unwrap();
    let changed = change(original.clone());
    assert_ne!(changed, original, "the change did not apply");
    fs::write(&copy, changed).unwrap();
    let mut told = String::new();
    for found in lint(&copy, Some(&validator())) {
        assert_eq!(found.file, copy);
        let place = found.line.map(|line| (line, found.column));
        writeln!(told, "{place:?} {}", found.message).unwrap();
        if let Some(help) = found.help {
            writeln!(told, "    {help}").unwrap();
        }
    }
    told
}

#[test]
fn a_poll_that_would_crash_envoy() {
    for delay in ["0s", "0.0009s", "0.009s"] {
        let told = lint_changed("petstore", |text| {
            text.replace("refresh_delay: 0.2s", &format!("refresh_delay: {delay}"))
        });
        assert!(
            told.contains(&format!("a refresh_delay of {delay} is under 10 ms")),
            "{told}"
        );
        assert!(told.starts_with("Some((") && told.lines().count() == 2, "{told}");
    }
    assert!(
        lint_changed("petstore", |text| text
            .replace("refresh_delay: 0.2s", "refresh_delay: 0.01s"))
        .is_empty()
    );
}

#[test]
fn every_gap_is_told_at_once() {
    let told = lint_changed("pet", |text| {
        text.replacen(
            "address: 0.0.0.0, port_value: 10000",
            "address: 10.1.2.3, port_value: 8081",
            1,
        )
        .replace("port_value: 9900", "port_value: 8080")
    });
    insta::assert_snapshot!(told);
}

#[test]
fn a_field_that_envoy_does_not_know_is_told_with_its_place() {
    let told = lint_changed("pet", |text| {
        text.replace("connect_timeout: 0.25s", "connect_timeout: true")
    });
    assert!(
        told.contains("Envoy refuses it") && told.contains("connect_timeout"),
        "{told}"
    );
    assert!(!told.contains("None"), "{told}");
    let told = lint_changed("pet", |text| {
        text.replace("connect_timeout: 0.25s", "conect_timeout: 0.25s")
    });
    assert!(told.contains("conect_timeout"), "{told}");
}

#[test]
fn a_file_that_is_no_yaml_and_one_that_is_not_there() {
    let told = lint_changed("pet", |text| text.replace("admin:\n", "admin: [\n"));
    assert!(told.starts_with("Some(("), "{told}");
    let missing = lint("no/such/file.yaml".as_ref(), None);
    assert!(
        missing.len() == 1 && missing[0].message.contains("No such file"),
        "{missing:?}"
    );
}

#[test]
fn what_envoy_refuses_is_told_at_the_line_that_it_quotes() {
    let route = "route: {cluster: local_service, timeout: 5s}";
    let timeout = "connect_timeout: 0.25s";
    let domains = "domains: [\"*\"]";
    for (from, to) in [
        (route, "route: {cluster: local_servce, timeout: 5s}"),
        (route, "route: {cluster: local_service, timout: 5s}"),
        (route, "route: {cluster: local_service, timeout: -5s}"),
        (
            route,
            "route: {cluster: local_service, retry_policy: {num_retries: -1}}",
        ),
        (domains, "domains: [\"*\", \"*\"]"),
        (domains, "domains: [a, b, a]"),
        (timeout, "connect_timeout: -0.5s"),
        (timeout, "connect_timeout: 0.25s\n    lb_policy: ROUND"),
        (
            timeout,
            "connect_timeout: 0.25s\n    outlier_detection: {max_ejection_percent: 200}",
        ),
        (
            timeout,
            "connect_timeout: 0.25s\n    circuit_breakers: {thresholds: [{priority: LOW}]}",
        ),
        ("port_value: 8080", "port_value: 80800"),
        ("- match: {prefix: /}", "- match: {safe_regex: {regex: \"(\"}}"),
        ("stat_prefix: ingress_http", "stat_prefix: \"\""),
        ("v3.StdoutAccessLog", "v3.StdoutAccesLog"),
        ("name: local_service\n    type: STATIC", "name: \"\"\n    type: STATIC"),
    ] {
        let mut line = 0;
        let told = lint_changed("pet", |text| {
            let changed = text.replacen(from, to, 1);
            // The last line of what was put there is the wrong one, but where its first is.
            let at = changed.find(to).expect("it was put there");
            let within = if to.contains("type: STATIC") {
                0
            } else {
                to.matches('\n').count()
            };
            line = changed[..at].matches('\n').count() + 1 + within;
            changed
        });
        assert!(
            told.starts_with(&format!("Some(({line}, ")),
            "{to}, in line {line}: {told}"
        );
        assert!(told.contains("Envoy refuses it: "), "{told}");
        assert!(!told.contains("goo.gle"), "{told}");
    }
}
