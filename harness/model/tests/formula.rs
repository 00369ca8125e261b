//! Expressions as formulas: what they say is what CEL says.

use meshkat_model::expression::{Budget, Expression, Variables, formula::Formula};
use serde_json::{Value, json};

/// What a formula says, beside what CEL says, of every combination of values; none where it is no formula.
fn agrees(text: &str, names: &[(&str, Vec<Value>)]) -> Option<Formula> {
    let expression = Expression::compile(text).expect("it is CEL");
    let given: Vec<(&str, Vec<&Value>)> = names
        .iter()
        .map(|(name, values)| (*name, values.iter().collect()))
        .collect();
    let formula = expression.formula(&given, text.contains("params"), &Budget::default())?;
    let mut at = vec![0; names.len()];
    for _ in 0..names.iter().map(|(_, values)| values.len()).product() {
        let values = names
            .iter()
            .zip(&at)
            .map(|((name, values), at)| ((*name).to_owned(), values[*at].clone()));
        let mut variables: Variables = values.collect();
        variables.insert("params".to_owned(), json!(variables.clone()));
        let truth = expression.truth(&variables, &Budget::default());
        assert_eq!(
            Ok(formula.value(&|name| at[name]) != 0),
            truth,
            "{text} of {variables:?}"
        );
        for (at, (_, values)) in at.iter_mut().zip(names).rev() {
            *at = (*at + 1) % values.len();
            if *at > 0 {
                break;
            }
        }
    }
    Some(formula)
}

#[test]
fn a_formula_says_what_its_expression_says() {
    let names = [
        ("a", vec![json!(0), json!(1), json!(-3)]),
        ("b", vec![json!(2), json!(5)]),
        ("os", vec![json!("linux"), json!("mac")]),
        ("other", vec![json!("mac"), json!("win"), json!("")]),
        ("on", vec![json!(true), json!(false)]),
    ];
    for text in [
        "a + b <= 4",
        "a - b * 3 + 2 * a > -7 || on",
        "(a + b) % 3 == 1",
        "-a + -(b - 7) >= 2",
        "os == other",
        "os != other && !(on && b == 5)",
        "os == 'mac' ? other != 'win' : on || a > 0",
        "(on ? 1 : 0) + (os == 'mac' ? 1 : 0) + (a == 0 ? 1 : 0) == 2",
        "a in [0, 1] || other.startsWith('w') && b / 2 == 1",
        "on == (a > 0)",
        "params.a + params['b'] < 3 || params.os == 'mac'",
        "[a, 1].exists(x, x == 1) && size(os) == 3 || b != 2",
    ] {
        assert!(agrees(text, &names).is_some(), "{text} is a formula");
    }
}

#[test]
fn what_may_have_no_value_is_none() {
    let names = [
        ("a", vec![json!(0), json!("x")]),
        ("b", vec![json!(2), json!(i64::MAX)]),
        ("c", vec![json!(0), json!(1)]),
        ("d", vec![json!(0.5), json!(1)]),
    ];
    for text in [
        "a + c > 0",
        "b + c > 0",
        "c * c > c + 1 && 1 / c > a",
        "d + c > 1.0",
        "c + 1",
        "[c, d].exists(x, x == 1)",
        "c % (c - 1) == 0 && a == d",
        "c || c > 0",
    ] {
        let named = names.iter().filter(|(name, _)| text.contains(name));
        let expression = Expression::compile(text).expect("it is CEL");
        let given: Vec<(&str, Vec<&Value>)> = named.map(|(name, values)| (*name, values.iter().collect())).collect();
        let found = expression.formula(&given, false, &Budget::default());
        assert_eq!(found, None, "{text}");
    }
}
