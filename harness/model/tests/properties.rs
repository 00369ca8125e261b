//! Whatever a file holds, it is read or refused: nothing panics, and every place that is told lies in the file.

use std::path::Path;

use indexmap::IndexMap;
use meshkat_model::{
    expression::{Budget, Expression, Known, Variables},
    mesh_file::read_mesh,
    scenario::{Scenario, SharedAxes},
    source::{Diagnostic, Source},
    yaml,
};
use proptest::prelude::*;
use serde_json::json;

/// That a diagnostic can be shown, and points into its file.
fn sound(wrong: &Diagnostic) -> Result<(), TestCaseError> {
    let (place, text) = (wrong.place, wrong.source.text());
    prop_assert!(
        text.get(place.offset..place.offset + place.len).is_some(),
        "{wrong:?} is not in {text:?}"
    );
    prop_assert!(
        !text[place.offset..place.offset + place.len].contains(['\n', '\r']),
        "{wrong:?} is in two lines"
    );
    prop_assert!(!wrong.message.is_empty() && wrong.place.line >= 1, "{wrong:?}");
    let picture = wrong.render(false);
    prop_assert!(
        picture.contains(&format!("f.yaml:{}:{}", place.line, place.column)),
        "{picture}"
    );
    prop_assert!(!picture.chars().any(|c| c.is_control() && c != '\n'), "{picture:?}");
    Ok(())
}

/// Texts that are near to YAML, and near to its borders.
fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("promise: ".to_owned()),
        Just("mesh: petshop\n".to_owned()),
        Just("steps:\n".to_owned()),
        Just("axes: {a: [1, 2]}\n".to_owned()),
        Just("pods:\n".to_owned()),
        Just("  - get: /${a}\n    status: 200\n".to_owned()),
        Just("    that: ".to_owned()),
        Just("  pet: {service: pet, envoy: pet.yaml}\n".to_owned()),
        "[\\[\\]{}:,#&*!|>'\"%@`?$\\- \t\r\n]{1,4}",
        "[a-zž0-9 \n:]{0,8}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![yamlish(), any::<String>()]) {
        let source = Source::new("f.yaml", text);
        if let Err(wrong) = yaml::parse(&source) {
            sound(&wrong)?;
        }
        if let Err(wrong) = Scenario::read("f", source.clone(), &SharedAxes::default()) {
            wrong.iter().try_for_each(sound)?;
        }
        if let Err(wrong) = read_mesh("f", &source, Path::new("nowhere")) {
            wrong.iter().try_for_each(sound)?;
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        match Source::from_bytes("f.yaml", bytes) {
            Ok(source) => {
                let _ = yaml::parse(&source).map_err(|wrong| sound(&wrong));
            }
            Err(wrong) => sound(&wrong)?,
        }
    }

    #[test]
    fn any_expression_is_compiled_or_refused(
        text in prop_oneof!["[a-z0-9.()\\[\\]{}<>=!&|+*/%?:,'\" -]{0,40}", "(status|json|text|size|all|==|&&|[().,x1' ]){0,20}", any::<String>()],
    ) {
        let known = Known { variables: vec!["status", "json"], not_truths: vec!["status"], axes: vec![] };
        let variables = Variables::from([("status".to_owned(), json!(200)), ("json".to_owned(), json!({"a": [1]}))]);
        let problems = match Expression::compile(&text) {
            Err(problem) => vec![problem],
            Ok(expression) => {
                let _ = expression.holds(&variables, &Budget::default());
                expression.problems(&known)
            }
        };
        for problem in problems {
            prop_assert!(text.get(problem.at..).is_some(), "{problem:?} is not in {text:?}");
            prop_assert!(!problem.message.is_empty() && !problem.help.is_empty());
        }
    }

    #[test]
    fn a_place_is_the_same_by_offset_and_by_line(text in any::<String>(), offset in 0_usize..200, len in 0_usize..20) {
        let source = Source::new("f.yaml", text);
        let place = source.at(offset, len);
        prop_assert_eq!(source.place(place.line, place.column, place.len), place);
        let shown = source.line(place.line);
        prop_assert!(place.column - 1 <= shown.chars().count() + 2, "a column beyond the line");
    }
}

#[test]
fn the_axes_of_a_scenario_keep_their_order() {
    let text = "promise: p\nmesh: m\naxes: {b: [2, 1], a: [x]}\nsteps: [{get: '/${a}${b}', status: 200}]\n";
    let scenario = Scenario::read("f", Source::new("f.yaml", text), &SharedAxes::default()).unwrap();
    let expected = IndexMap::from([
        ("b".to_owned(), vec![json!(2), json!(1)]),
        ("a".to_owned(), vec![json!("x")]),
    ]);
    assert!(scenario.axes.iter().eq(expected.iter()), "{:?}", scenario.axes);
}
