use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::json;

use super::parts::parse_partly;
use super::*;
use crate::source::Source;

fn source(text: &str) -> Source {
    Source::new("f.yaml", text)
}

fn node(text: &str) -> Node {
    parse(&source(text)).unwrap()
}

/// The line, the column and the text of what stands under `path`.
fn written(text: &str, path: &[&str]) -> (usize, usize, String) {
    let source = source(text);
    let root = parse(&source).unwrap();
    let found = path
        .iter()
        .try_fold(&root, |node, key| match (&node.kind, key.parse::<usize>()) {
            (Kind::Sequence(items), Ok(index)) => items.get(index),
            _ => node.get(key),
        });
    let place = found.unwrap().place;
    (
        place.line,
        place.column,
        source.text()[place.offset..][..place.len].to_owned(),
    )
}

fn at(line: usize, column: usize, text: &str) -> (usize, usize, String) {
    (line, column, text.to_owned())
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: At<String>,
    #[serde(default)]
    sizes: Vec<At<u32>>,
    #[serde(default)]
    by: IndexMap<At<String>, At<bool>>,
    inner: Option<Box<Thing>>,
}

fn told(text: &str) -> Vec<String> {
    let source = source(text);
    let wrong = match from_node::<Thing>(&parse(&source).unwrap()) {
        Ok(thing) => panic!("nothing is wrong with {thing:?}"),
        Err(errors) => diagnose(&source, errors),
    };
    wrong
        .iter()
        .map(|wrong| format!("{}:{} {}", wrong.place.line, wrong.place.column, wrong.message))
        .collect()
}

#[test]
fn every_part_knows_where_it_was_written() {
    let text = "a: word # not this\nlist:\n  - 'one'\n  - {b: \"two\", c: 3}\n  - d: four\n    e: 5\n\"q k\": ''\n";
    assert_eq!(written(text, &["a"]), at(1, 4, "word"));
    assert_eq!(written(text, &["list", "0"]), at(3, 5, "'one'"));
    assert_eq!(written(text, &["list", "1"]), at(4, 5, "{"));
    assert_eq!(written(text, &["list", "1", "b"]), at(4, 9, "\"two\""));
    assert_eq!(written(text, &["list", "1", "c"]), at(4, 19, "3"));
    assert_eq!(
        written(text, &["list", "2"]),
        at(5, 5, "d"),
        "a mapping without braces begins with its first key"
    );
    assert_eq!(written(text, &["list", "2", "e"]), at(6, 8, "5"));
    assert_eq!(written(text, &["q k"]), at(7, 8, "''"));
    let key = node(text).key("q k").unwrap().place;
    assert_eq!((key.line, key.column, key.len), (7, 1, 5), "quotes are part of a key");
}

#[test]
fn columns_count_characters_whatever_comes_before_them() {
    let text = "kůň: {žluťoučký: \"ď\", b: c}\n";
    assert_eq!(written(text, &["kůň", "žluťoučký"]), at(1, 18, "\"ď\""));
    assert_eq!(written(text, &["kůň", "b"]), at(1, 26, "c"));
    let from_windows = text.replace('\n', "\r\n");
    let twice = format!("a: b\r\n{from_windows}");
    assert_eq!(written(&twice, &["kůň", "b"]), at(2, 26, "c"));
    assert_eq!(written(&twice, &["a"]), at(1, 4, "b"));
    assert_eq!(written("\u{feff}a: b\n", &["a"]), at(1, 4, "b"));
}

#[test]
fn a_quoted_text_ends_with_its_quote() {
    for (text, quoted) in [
        ("a: 'it''s' # 'x'\n", "'it''s'"),
        (r#"a: "say \"x\"" # "y""#, r#""say \"x\"""#),
        (r#"a: "\\" # "y""#, r#""\\""#),
        ("a: ''\n", "''"),
    ] {
        assert_eq!(written(text, &["a"]), at(1, 4, quoted), "{text}");
    }
}

#[test]
fn a_block_of_text_stands_where_its_first_line_does() {
    assert_eq!(written("a: >\n  one\n  two\nb: c\n", &["a"]), at(2, 3, "one"));
    assert_eq!(written("a: |\n  one\n  two\nb: c\n", &["a"]), at(2, 3, "one"));
}

#[test]
fn what_was_not_written_stands_at_its_key_or_its_dash() {
    assert_eq!(written("a:\nb: c\n", &["a"]), at(1, 1, "a"));
    assert_eq!(
        written("a:\n  - one\n  -\n  - # nothing\n  - two\n", &["a", "1"]),
        at(3, 3, "-")
    );
    assert_eq!(
        written("a:\n  - one\n  -\n  - # nothing\n  - two\n", &["a", "2"]),
        at(4, 3, "-")
    );
    assert_eq!(written("a: ~\n", &["a"]), at(1, 4, "~"));
}

#[test]
fn what_is_quoted_is_a_text_and_what_is_not_is_what_it_looks_like() {
    let text =
        "{a: 5, b: \"5\", c: true, d: 'true', e: ~, f: '', g: 1.5, h: .inf, i: nan, j: -3, k: no, l: 0x1, m: 1e3}";
    let expected = json!({
        "a": 5, "b": "5", "c": true, "d": "true", "e": null, "f": "", "g": 1.5, "h": ".inf", "i": "nan", "j": -3, "k": "no",
        "l": "0x1", "m": 1000.0
    });
    assert_eq!(node(text).to_json(), expected);
}

#[test]
fn a_value_knows_its_place() {
    let thing: Thing = from_node(&node("name: x\nsizes: [1, 23]\nby: {žena: true}\n")).unwrap();
    assert_eq!(
        (thing.name.place.line, thing.name.place.column, thing.name.as_str()),
        (1, 7, "x")
    );
    assert_eq!((thing.sizes[1].place.column, thing.sizes[1].value), (12, 23));
    let (key, value) = thing.by.first().unwrap();
    assert_eq!(
        (key.place.column, key.as_str(), value.place.column, value.value),
        (6, "žena", 12, true)
    );
}

#[test]
fn every_mistake_is_told_and_none_of_their_consequences() {
    assert_eq!(
        told("name: [x]\nszies: [1]\nsizes: [1, two, 3, -4]\nby: {a: true, b: 7}\ninner:\n  nmae: y\n"),
        [
            "1:7 expected a text, found a list",
            "2:1 unknown key `szies`",
            "3:12 expected a whole number, 0 or more, found the text `two`",
            "3:20 expected a whole number, 0 or more, found the number -4",
            "4:18 expected `true` or `false`, found the number 7",
            "6:3 unknown key `nmae`",
        ]
    );
    assert_eq!(told("sizes: []\n"), ["1:1 the key `name` is missing"]);
    assert_eq!(
        told("name: x\ninner: {sizes: [1]}\n"),
        ["2:8 the key `name` is missing"]
    );
    assert_eq!(
        told("name: x\ninner: {name: y, inner: 5}\n"),
        ["2:25 expected a mapping, found the number 5"]
    );
    assert_eq!(told("name:\n"), ["1:1 expected a text, found nothing"]);
}

#[test]
fn of_endless_mistakes_some_are_told() {
    let sizes = vec!["x"; 500].join(", ");
    assert_eq!(told(&format!("name: x\nsizes: [{sizes}]\n")).len(), 50);
}

#[test]
fn what_is_nested_without_end_is_refused_and_never_overflows() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("- - ? ", "")] {
        for depth in [10_usize, 90, 200, 300, 20_000] {
            for text in [
                format!("a: {}x{}\n", open.repeat(depth), close.repeat(depth)),
                format!("a:\n  {}x{}\n", open.repeat(depth), close.repeat(depth)),
                format!("a: {}", open.repeat(depth)),
            ] {
                if let Ok(node) = parse(&source(&text)) {
                    let _ = from_node::<Thing>(&node);
                    let _ = node.to_json();
                }
            }
        }
    }
    let steps: String = (0..5000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(parse(&source(&steps)).unwrap_err().message, "this is nested too deeply");
}

#[test]
fn control_characters_and_endless_lines_are_only_text() {
    for text in [
        "a: \0b\n",
        "a\0: b\n",
        "\0",
        "a: \"\\0\"\n",
        "a: \u{1b}[0m\n",
        "\u{85}a: b",
        "a: b\u{2028}c: d\n",
    ] {
        let _ = parse(&source(text)).map_err(|wrong| wrong.render(false));
    }
    let long = "x".repeat(1_000_000);
    assert_eq!(written(&format!("a: {long}\nb: c\n"), &["b"]), at(2, 4, "c"));
    let told = parse(&source(&format!("a: {long}: b\n"))).unwrap_err();
    assert_eq!(told.place.column, 1_000_004);
    assert!(told.render(false).len() < 2000);
}

/// Everything that is no YAML, `LINE MESSAGE`, and the rest as JSON.
fn partly(text: &str) -> (Vec<String>, serde_json::Value) {
    let (wrong, rest) = parse_partly(&source(text)).expect_err("it is no YAML");
    let wrong = wrong
        .iter()
        .map(|wrong| format!("{} {}", wrong.place.line, wrong.message));
    (wrong.collect(), rest.map(|rest| rest.to_json()).unwrap_or_default())
}

#[test]
fn what_is_no_yaml_hides_no_other_part() {
    let (wrong, rest) = partly("a: 1\nb:\n  - [2, 3\n  - 4\n\n  - {c: 5, c: 6}\n  # no part\n  - 7\nd: \"8\n");
    assert_eq!(
        wrong,
        [
            "3 a bracket is not closed",
            "6 the key `c` is there twice",
            "9 a quote is not closed"
        ]
    );
    assert_eq!(rest, serde_json::json!({"a": 1, "b": [4, 7]}));
    // A key with all its items broken is not there.
    let (wrong, rest) = partly("a: 1\nb:\n- [2\n");
    assert_eq!((wrong.len(), rest), (1, serde_json::json!({"a": 1})));
    // Each is well alone.
    let (wrong, rest) = partly("a: 1\nb: 2\na: 3\n");
    assert_eq!(wrong, ["3 the key `a` is there twice"]);
    assert_eq!(rest, serde_json::json!({"a": 1, "b": 2}));
    // Nothing is left.
    assert_eq!(
        partly("[a"),
        (vec!["1 a bracket is not closed".to_owned()], serde_json::Value::Null)
    );
}

#[test]
fn each_part_has_its_own_mistake() {
    // The whole is told of in the line behind the bracket.
    let (wrong, rest) = partly("a:\n  - [1\n  - 2\n\t- 3\n  - 4\n");
    assert_eq!(wrong, ["2 a bracket is not closed", "4 a tab is where spaces belong"]);
    assert_eq!(rest, serde_json::json!({"a": [4]}));
}

#[test]
fn what_is_well_is_never_told() {
    let told = |text: &str| partly(text).0;
    // A list over lines, a text over lines, and one that goes on as an item would.
    let well = "tags: [\n  one,\n  two\n  ]\nabout: \"a\n  b: c\"\nsteps:\n- \"x\n - y\"\n- 1\n";
    assert!(parse(&source(well)).is_ok(), "{:?}", parse(&source(well)));
    assert_eq!(told(&format!("{well}z: [1\n")), ["11 a bracket is not closed"]);
    // In braces as a whole.
    assert_eq!(told("{\na: 1,\nb: [2,\nc: 3\n").len(), 1);
    // The colon of the key is missing, once.
    assert_eq!(told("a: 1\nb\n  - {c: 1}\n  - {c: 2}\n").len(), 1);
    // Two of one key, and a bracket.
    assert_eq!(told("a: 1\nb:\n  - [1\n  - 2\na: 2\n"), ["3 a bracket is not closed"]);
}

#[test]
fn what_would_take_long_is_told_by_its_first_mistake() {
    let items = "  - [1\n".repeat(2000);
    assert_eq!(partly(&format!("a: [{}\n{items}", "1,".repeat(100_000))).0.len(), 1);
    assert_eq!(partly(&format!("a:\n{items}")).0.len(), 2000);
    assert_eq!(partly(&format!("a:\n{items}{items}{items}")).0.len(), 1);
}

/// Regression: ids of 64 bits above the middle were floats, and other ones.
#[test]
fn a_whole_number_of_64_bits_stays_the_number_that_it_is() {
    for text in [
        "12345678901234567890",
        "18446744073709551615",
        "9223372036854775807",
        "-9223372036854775808",
    ] {
        assert_eq!(super::node::scalar(text, true).to_string(), text);
    }
}
