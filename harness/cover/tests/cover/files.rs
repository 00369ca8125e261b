//! Files for `meshkat cover`: what they mean, and what is said of those that are invalid.

use meshkat_cover::{Effort, cover, file};
use meshkat_model::source::Source;
use serde_json::{Value, json};

/// The rows of a file, or what is said of it.
fn rows(text: &str) -> Result<Vec<Value>, String> {
    let source = Source::new("f.yaml", text);
    let told = |wrong: Vec<meshkat_model::source::Diagnostic>| {
        let each: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        each.join("\n")
    };
    let asked = file::read(&source, None).map_err(told)?;
    let rows = cover(&asked.problem, Effort::Quick, 0).map_err(|failure| told(asked.tell(&failure)))?;
    let value = |row: &Vec<u16>| -> Value {
        let values = asked.problem.axes.iter().zip(row);
        values
            .map(|(axis, level)| (axis.name.clone(), axis.values[usize::from(*level)].value.clone()))
            .collect()
    };
    Ok(rows.iter().map(value).collect())
}

const BROWSERS: &str = "axes:
  os: [linux, mac, windows]
  browser: [firefox, chrome, safari, ie]
  bits: [32, 64]
";

#[test]
fn constraints_name_axes_by_themselves_or_as_params() {
    for constraints in [
        "constraints:\n  - browser != 'ie' || os == 'windows'\n  - os == 'mac' || browser != 'safari'\n",
        "constraints: [\"params.browser != 'ie' || params.os == 'windows'\", \"params['os'] == 'mac' || params.browser != 'safari'\"]\n",
        "constraints: \"(browser != 'ie' || os == 'windows') && (os == 'mac' || browser != 'safari')\"\n",
    ] {
        let rows = rows(&format!("{BROWSERS}{constraints}")).unwrap();
        for row in &rows {
            assert!(row["browser"] != "ie" || row["os"] == "windows", "{row}");
            assert!(row["browser"] != "safari" || row["os"] == "mac", "{row}");
        }
        // Eight pairs of system and browser are allowed, and each of them has a row.
        let mut pairs: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {}", row["os"], row["browser"]))
            .collect();
        pairs.sort();
        pairs.dedup();
        assert_eq!(pairs.len(), 8);
        assert!(rows.iter().any(|row| row["browser"] == "ie" && row["bits"] == 32));
    }
}

#[test]
fn include_exclude_and_seeds() {
    let text = format!(
        "{BROWSERS}exclude: [{{os: mac, bits: 32}}]\nseeds: [{{os: linux, browser: chrome, bits: 64}}]\ninclude: [{{os: beos, bits: 32}}, {{browser: ie}}]\n"
    );
    let rows = rows(&text).unwrap();
    assert_eq!(rows[0], json!({"os": "linux", "browser": "chrome", "bits": 64}));
    assert_eq!(rows.iter().filter(|row| row["os"] == "beos").count(), 1);
    assert!(rows[1]["os"] == "beos" && rows[1]["bits"] == 32 && rows[1]["browser"].is_string());
    assert!(!rows.iter().any(|row| row["os"] == "mac" && row["bits"] == 32));
}

#[test]
fn strength_weights_and_negative_values() {
    let text = "strength: 1
stronger: [{axes: [a, b], strength: 2}]
axes:
  a: [1, 2, {value: -1, negative: true}]
  b: [1, 2, 3]
  c: [x, {value: y, weight: 5}, {value: '?', negative: true}]
";
    let rows = rows(text).unwrap();
    for a in [1, 2, -1] {
        for b in 1..=3 {
            assert!(
                rows.iter()
                    .any(|row| row["a"] == a && row["b"] == b && (a < 0 || row["c"] != "?")),
                "{a} {b}"
            );
        }
    }
    assert!(!rows.iter().any(|row| row["a"] == -1 && row["c"] == "?"));
    let count = |value: &str| rows.iter().filter(|row| row["c"] == value).count();
    assert!(count("y") > count("x"), "{rows:?}");
}

#[test]
fn what_is_impossible_names_a_smallest_set_of_constraints() {
    let text =
        format!("{BROWSERS}constraints:\n  - bits == 64\n  - os != 'mac'\n  - browser != 'safari' || os == 'mac'\n");
    let told = rows(&text).unwrap_err();
    assert!(
        told.contains("f.yaml:7:5: no combination has the value `mac` of the axis `os`: one constraint leaves none"),
        "{told}"
    );
    let text = format!(
        "{BROWSERS}constraints:\n  - bits == 64 || os == 'linux'\n  - browser != 'safari' || os == 'mac'\nexclude:\n  - {{os: mac, browser: safari}}\n"
    );
    let told = rows(&text).unwrap_err();
    assert!(
        told.contains("`safari` of the axis `browser`: 2 constraints together leave none"),
        "{told}"
    );
    assert!(
        told.contains("f.yaml:7: `browser != 'safari' || os == 'mac'`"),
        "{told}"
    );
    assert!(told.contains("f.yaml:9: exclude {os: mac, browser: safari}"), "{told}");
    let told = rows("axes: {a: [1, 2]}\nconstraints: [a < 1, a > 0]\n").unwrap_err();
    assert!(
        told.contains("no combination is possible: one constraint leaves none") && told.contains("`a < 1`"),
        "{told}"
    );
    let told = rows(&format!(
        "{BROWSERS}exclude: [{{os: mac, bits: 32}}]\nseeds:\n  - {{os: mac, bits: 32}}\n"
    ))
    .unwrap_err();
    assert!(
        told.contains("the seed in line 7 is not possible: one constraint leaves none"),
        "{told}"
    );
}

#[test]
fn two_negative_values_in_a_seed_are_refused() {
    let text =
        "axes:\n  a: [1, {value: 2, negative: true}]\n  b: [1, {value: 2, negative: true}]\nseeds: [{a: 2, b: 2}]\n";
    let told = rows(text).unwrap_err();
    assert!(
        told.contains("the seed in line 4 is not possible") && told.contains("one negative value at the most"),
        "{told}"
    );
}

#[test]
fn what_does_not_hold_is_told_with_its_place() {
    let cases = [
        ("a list", "[1]", "a mapping"),
        ("no axes", "constraints: []", "`axes` is missing"),
        (
            "a misspelt key",
            "axes: {a: [1, 2]}\nconstraint: []",
            "did you mean `constraints`?",
        ),
        ("an axis without values", "axes: {a: []}", "the axis `a` has 0 values"),
        ("a value twice", "axes: {a: [1, '1']}", "`1` twice"),
        ("a value that is none", "axes: {a: [[1]]}", "a word, a number"),
        (
            "an odd weight",
            "axes: {a: [{value: 1, weight: heavy}]}",
            "a whole number",
        ),
        (
            "a misspelt axis",
            "axes: {size: [1, 2]}\nconstraints: [sise > 1]",
            "did you mean `size`?",
        ),
        (
            "a misspelt field",
            "axes: {size: [1, 2]}\nconstraints: [params.sise > 1]",
            "there is no axis `sise`",
        ),
        (
            "a function that is not there",
            "axes: {a: [1, 2]}\nconstraints: [sise(a) > 1]",
            "no function `sise`",
        ),
        (
            "not CEL",
            "axes: {a: [1, 2]}\nconstraints: [a = 1]",
            "`=` is no operator",
        ),
        (
            "no condition",
            "axes: {a: [1, 2]}\nconstraints: [a + 1]",
            "neither true nor false",
        ),
        (
            "sometimes no condition",
            "axes: {a: [1, x]}\nconstraints: [a > 0]",
            "with a=x the constraint has no value",
        ),
        (
            "about nothing",
            "axes: {a: [1, 2]}\nconstraints: [1 > 0]",
            "asks for no axis",
        ),
        (
            "an unknown value",
            "axes: {a: [one, two]}\nexclude: [{a: tow}]",
            "did you mean `two`?",
        ),
        (
            "an unknown axis",
            "axes: {a: [1, 2]}\ninclude: [{b: 1}]",
            "there is no axis `b`",
        ),
        ("an odd strength", "axes: {a: [1, 2]}\nstrength: none", "not a strength"),
        (
            "an odd set",
            "axes: {a: [1, 2]}\nstronger: [{axes: [z], strength: 2}]",
            "there is no axis `z`",
        ),
        (
            "too many",
            "axes: {a: [1, 2]}\nstronger: [{axes: [a]}]",
            "has `axes`, a list, and `strength`",
        ),
    ];
    for (what, text, expected) in cases {
        let told = rows(text).unwrap_err();
        assert!(told.contains(expected) && told.starts_with("f.yaml:"), "{what}: {told}");
        assert!(told.contains("help: "), "{what} has no way out: {told}");
    }
}

/// A constraint over so many axes that not all of its combinations can be asked.
#[test]
fn a_constraint_over_many_axes() {
    let axes: String = (0..11).map(|axis| format!("  a{axis}: [0, 1, 2]\n")).collect();
    let all: Vec<String> = (0..11).map(|axis| format!("a{axis}")).collect();
    let constraint = |more: &str| format!("axes:\n{axes}constraints:\n  - {} > 5{more}\n", all.join(" + "));
    let found = rows(&constraint("")).unwrap();
    let sum = |row: &Value| row.as_object().unwrap().values().filter_map(Value::as_i64).sum::<i64>();
    assert!(found.iter().all(|row| sum(row) > 5));
    assert!(found.iter().any(|row| row["a0"] == 0 && row["a10"] == 0));
    let told = rows(&constraint(" && a0 + 1")).unwrap_err();
    assert!(told.contains("the constraint"), "{told}");
}
