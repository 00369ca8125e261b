use serde_json::json;

use super::*;

fn holds(text: &str) -> Result<(), String> {
    let variables = Variables::from([
        ("status".to_owned(), json!(200)),
        (
            "json".to_owned(),
            json!({"pets": [{"id": 1, "name": "Rex"}, {"id": 2, "name": "Tom"}]}),
        ),
        ("rate".to_owned(), json!(0.5)),
    ]);
    Expression::compile(text)
        .unwrap()
        .holds(&variables, &Budget::default())
        .map_err(|unheld| unheld.actual)
}

#[test]
fn true_expressions_hold() {
    for text in [
        "status == 200",
        "status >= 200 && status < 300",
        "json.pets.size() == 2",
        "size(json.pets) == 2",
        "json.pets.all(pet, pet.id > 0)",
        "json.pets.exists(pet, pet.name == 'Rex')",
        "json.pets[0].name.startsWith('R')",
        "status in [200, 503]",
        "rate < 0.6 && rate > 0.4",
        "has(json.pets) && !has(json.cats)",
        "json.pets.map(pet, pet.id) == [1, 2]",
    ] {
        assert_eq!(holds(text), Ok(()), "{text}");
    }
}

#[test]
fn a_false_one_shows_both_sides() {
    assert_eq!(holds("json.pets.size() == 3"), Err("2 == 3 is false".to_owned()));
    assert_eq!(
        holds("status == 200 && json.pets[1].name == 'Rex'"),
        Err("\"Tom\" == \"Rex\" is false".to_owned())
    );
    assert_eq!(
        holds("status in [404, 503]"),
        Err("200 in [404,503] is false".to_owned())
    );
    assert!(
        holds("json.cats.size() == 1")
            .unwrap_err()
            .starts_with("it cannot be evaluated")
    );
    assert_eq!(holds("status + 1"), Err("neither true nor false: 201".to_owned()));
}

fn problems(text: &str) -> Vec<(String, String)> {
    let known = Known {
        variables: vec!["json", "status", "text", "params"],
        not_truths: vec!["status", "text"],
        axes: vec!["how"],
    };
    let found = Expression::compile(text).unwrap().problems(&known);
    found
        .into_iter()
        .map(|problem| (text[problem.at..][..problem.len].to_owned(), problem.message))
        .collect()
}

#[test]
fn unknown_names_are_found_before_anything_runs() {
    for fine in [
        "json.pets.all(pet, pet.id > 0) && status == 1",
        "json.pets.size() == 1 && json.pets.all(p, p.name.matches('^R')) || !(1 + 1 > -2)",
        "json.pets.exists(a, a.friends.exists(b, b == a.id))",
        "has(json.pets) && type(json.id) == int",
        "params.how == 'x' && params['how'] == \"x\"",
        "{'a': status}.a == 1 && [status][0] == 1",
        "status == 200 ? true : json.fine",
    ] {
        assert_eq!(problems(fine), [], "{fine}");
    }
    let first = |text: &str| problems(text).into_iter().next().unwrap();
    let told = |word: &str, message: &str| (word.to_owned(), message.to_owned());
    assert_eq!(
        first("\"žž\" == text && stauts == 1"),
        told("stauts", "there is no variable `stauts` here")
    );
    assert_eq!(
        first("lenght(json) == 1"),
        told("lenght", "CEL has no function `lenght`")
    );
    assert_eq!(first("max(status, 1) == 1"), told("max", "CEL has no function `max`"));
    assert_eq!(
        first("contains(text, 'a')"),
        told("contains", "`contains` is called on a value")
    );
    assert_eq!(
        first("json.id.int() == 1"),
        told("int", "`int` takes its value in brackets")
    );
    assert_eq!(first("json.pets.all(pet)"), told("all", "`all` is not called so"));
    assert_eq!(first("params.hwo == 'x'"), told("hwo", "there is no axis `hwo`"));
    assert_eq!(first("params['hwo'] == 'x'"), told("hwo", "there is no axis `hwo`"));
    // What a macro names is known inside it alone.
    assert_eq!(
        first("json.all(pet, pet > 0) && pet == 1"),
        told("pet", "there is no variable `pet` here")
    );
    assert_eq!(problems("a == b && c == a").len(), 3, "each name once");
}

#[test]
fn what_can_be_neither_true_nor_false_is_found_before_anything_runs() {
    for text in [
        "status",
        "1",
        "'a'",
        "[status]",
        "status + 1",
        "json.size()",
        "-status",
        "{'a': 1}",
    ] {
        assert_eq!(
            problems(text)[0].1,
            "this expression is neither true nor false",
            "{text}"
        );
    }
    for text in ["json", "true", "json.fine", "status == 200", "json.all(x, x)"] {
        assert_eq!(problems(text), [], "{text}");
    }
}

#[test]
fn every_function_that_is_offered_is_there() {
    let uses = [
        "[1].all(x, x > 0)",
        "bool('true')",
        "b'a' == bytes('a')",
        "'ab'.contains('a')",
        "double(1) > 0.5",
        "dyn(1) == 1",
        "'ab'.endsWith('b')",
        "[1].exists(x, x == 1)",
        "[1].exists_one(x, x == 1)",
        "[1].filter(x, x > 0) == [1]",
        "has({'a': 1}.a)",
        "int('1') == 1",
        "[1].map(x, x + 1) == [2]",
        "'ab'.matches('a.')",
        "matches('ab', 'a.')",
        "size([1]) == 1",
        "[1].size() == 1",
        "'ab'.startsWith('a')",
        "string(1) == '1'",
        "uint(1) == 1u",
        "type(1) == int",
    ];
    for text in uses {
        let expression = Expression::compile(text).unwrap();
        assert_eq!(expression.problems(&Known::default()), [], "{text}");
        assert_eq!(
            expression.holds(&Variables::new(), &Budget::default()),
            Ok(()),
            "{text}"
        );
    }
    for name in Expression::functions() {
        assert!(uses.iter().any(|text| text.contains(&format!("{name}("))), "{name}");
    }
}

#[test]
fn numbers_compare_whether_or_not_they_are_whole() {
    let variables = Variables::from([
        ("half".to_owned(), json!(0.5)),
        ("two".to_owned(), json!(2.0)),
        ("one".to_owned(), json!(1)),
    ]);
    for text in [
        "half < 1",
        "two == 2",
        "two > one",
        "one <= 1.0",
        "one + 1 == 2",
        "half * 2.0 == 1.0",
    ] {
        assert_eq!(
            Expression::compile(text).unwrap().holds(&variables, &Budget::default()),
            Ok(()),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_cel_is_told_at_its_word() {
    let told = |text: &str| {
        let problem = Expression::compile(text).unwrap_err();
        (
            text[problem.at..][..problem.len.min(text.len() - problem.at)].to_owned(),
            problem.message,
            problem.help,
        )
    };
    let expect = |text: &str, word: &str, message: &str, help: &str| {
        let (at, said, way_out) = told(text);
        assert_eq!(at, word, "{text}");
        assert!(said.contains(message), "{text}: {said}");
        assert!(way_out.contains(help), "{text}: {way_out}");
    };
    expect("status = 200", "=", "`=` is no operator", "`==`");
    expect("status == 200 and json", "and", "`and` cannot stand here", "`&&`");
    expect("not a", "a", "cannot stand here", "`!`");
    expect("status <> 200", ">", "cannot stand here", "`!=`");
    expect("a == 1 &", "&", "no operator", "`&&`");
    expect("a == ", "", "it ends too early", "for example");
    expect("(a == 1", "", "a `(` is not closed", "`)`");
    expect("a == 'b", "'", "a quote is not closed", "close it");
    expect("\"žž\" == x y", "y", "`y` cannot stand here", "for example");
    expect("if a", "a", "`a` cannot stand here", "for example");
    expect("", "", "the expression is empty", "for example");
    expect("${x} == 1", "$", "`$` means nothing", "params.NAME");
}

#[test]
fn what_is_not_cel_is_an_error_and_never_a_panic() {
    for text in [
        "status ==",
        "(",
        "status = 200",
        "'",
        "a b",
        "",
        "..",
        "${x}",
        "json.[0]",
        "\u{0}",
        "ž",
    ] {
        let problem = Expression::compile(text).map(|fine| fine.problems(&Known::default()));
        assert!(
            problem.is_err() || problem.is_ok_and(|found| !found.is_empty()),
            "{text}"
        );
    }
}

#[test]
fn what_is_endless_is_refused_before_the_parser_goes_down_into_it() {
    let endless = [
        ("(".to_owned(), "a".to_owned(), ")".to_owned()),
        ("[".to_owned(), String::new(), "]".to_owned()),
        ("a.all(x, ".to_owned(), "a".to_owned(), ")".to_owned()),
        ("!".to_owned(), "a".to_owned(), String::new()),
        ("1+".to_owned(), "1".to_owned(), String::new()),
        ("a==".to_owned(), "a".to_owned(), String::new()),
        (String::new(), "a".to_owned(), ".b".to_owned()),
        (String::new(), "a".to_owned(), "[0]".to_owned()),
        ("a?b:".to_owned(), "c".to_owned(), String::new()),
    ];
    for (before, middle, after) in endless {
        for times in [10_usize, 25, 100, 450, 10_000] {
            let text = format!("{}{middle}{}", before.repeat(times), after.repeat(times));
            // Whether or not it is taken, nothing overflows; what is taken can be evaluated.
            if let Ok(expression) = Expression::compile(&text) {
                let _ = expression.problems(&Known::default());
                let _ = expression.holds(&Variables::from([("a".to_owned(), json!([1]))]), &Budget::default());
            } else {
                assert!(times > 10, "{text}");
            }
        }
    }
}

#[test]
fn what_an_expression_refers_to() {
    let refers = |text: &str| {
        let refers = Expression::compile(text).unwrap().refers().clone();
        (refers.variables.join(" "), refers.fields.join(" "), refers.whole)
    };
    let expected = |variables: &str, fields: &str, whole| (variables.to_owned(), fields.to_owned(), whole);
    assert_eq!(refers("a == 1 || b in [a, c]"), expected("a b c", "", false));
    assert_eq!(
        refers("params.a > params['b-c'] && params.a < 3"),
        expected("", "a b-c", false)
    );
    assert_eq!(refers("size(params) > 1"), expected("", "", true));
    assert_eq!(refers("[a, b].all(x, x > c)"), expected("a b c", "", false));
    assert_eq!(refers("a.startsWith(b) ? c.d : true"), expected("a b c", "", false));
}

/// What is told of an expression over `list`, which has so many items, and `word`.
fn with_items(text: &str, items: usize) -> Result<(), String> {
    let variables = Variables::from([
        ("list".to_owned(), json!((0..items).collect::<Vec<_>>())),
        ("word".to_owned(), json!("pet ".repeat(items))),
    ]);
    let expression = Expression::compile(text).unwrap();
    let held = expression.holds(&variables, &Budget::default());
    held.map_err(|unheld| unheld.actual)
}

const TOO_MUCH: &str = "it needs more than 1,000,000 steps; look at fewer items, or at shorter texts";

#[test]
fn what_goes_on_without_end_is_ended_and_told() {
    for text in [
        "list.all(a, list.all(b, list.all(c, list.all(d, a + b + c + d >= 0))))",
        "list.map(a, list.map(b, list.map(c, list.map(d, [a, b, c, d])))).size() > 0",
        "list.filter(a, list.filter(b, list.filter(c, list.exists(d, d < 0)).size() > 0).size() > 0).size() == 0",
        "list.exists(a, list.exists_one(b, list.exists_one(c, list.all(d, d == a))))",
        // Errors that a later item might make good again do not let it go on.
        "list.all(a, list.all(b, list.all(c, list.all(d, a / 0 == 1 || d < 0))))",
        "list.map(a, list.map(b, list.map(c, [list, list, list, list, list, list]))).size() > 0",
        "[list, list].map(a, [a, a].map(b, [b, b].map(c, [c, c].map(d, [d, d].map(e, [e, e, list + list])))))\
         .map(f, list.map(g, f)).size() > 0",
        "list.map(a, list.map(b, list.map(c, list.map(d, {a: b, 'x': {'y': [c, d]}})))).size() > 0",
        "list.map(a, [word + word + word + word]).map(b, list.map(c, list.map(d, b))).size() > 0",
        "list.all(a, list.all(b, list.all(c, [list, list, list] == [list, list, list])))",
        "list.all(a, list.all(b, list.all(c, !(-1 in list))))",
        "list.all(a, list.all(b, list.all(c, word.contains('pet p'))))",
        "list.all(a, list.all(b, list.all(c, word.matches('(p|e|t| )*x') == false)))",
        "list.all(a, list.all(b, list.all(c, word.matches(string(a) + string(b) + string(c)) == false)))",
    ] {
        assert_eq!(with_items(text, 100), Err(TOO_MUCH.to_owned()), "{text}");
    }
    // The same of few items is nothing.
    assert_eq!(
        with_items("list.all(a, list.all(b, list.all(c, a + b + c >= 0)))", 10),
        Ok(())
    );
}

#[test]
fn what_doubles_is_ended_before_it_fills_the_memory() {
    let doubled = |begin: &str, times: usize| {
        let map = (0..times).fold(begin.to_owned(), |so_far, n| {
            format!("[{so_far}].map(x{n}, x{n} + x{n})[0]")
        });
        format!("{map}.size() > 0")
    };
    for begin in ["'0123456789'", "[1]", "list", "word"] {
        assert_eq!(
            with_items(&doubled(begin, 28), 100),
            Err(TOO_MUCH.to_owned()),
            "{begin}"
        );
        assert_eq!(with_items(&doubled(begin, 5), 100), Ok(()), "{begin}");
    }
}

#[test]
fn large_answers_are_told_and_those_nobody_asks_for_cost_nothing() {
    assert_eq!(with_items("list.size() > 0", 1_100_000), Err(TOO_MUCH.to_owned()));
    assert_eq!(with_items("word.size() > 0", 20_000_000), Err(TOO_MUCH.to_owned()));
    assert_eq!(with_items("1 + 1 == 2", 5_000_000), Ok(()));
    assert_eq!(
        with_items("list.all(x, x >= 0) && word.contains('pet')", 10_000),
        Ok(())
    );
}

#[test]
fn expressions_of_one_answer_share_a_budget() {
    let variables = Variables::from([("list".to_owned(), json!((0..100).collect::<Vec<_>>()))]);
    let budget = Budget::new(300_000);
    let expression = Expression::compile("list.all(a, list.all(b, a + b >= 0))").unwrap();
    let mut told = Vec::new();
    for _ in 0..10 {
        told.extend(expression.holds(&variables, &budget).err());
    }
    let together = "it and the expressions beside it need more than 300,000 steps together; look at fewer items, or at \
                    shorter texts";
    assert!(
        told.len() >= 3 && told.iter().all(|told| told.actual == together),
        "{told:?}"
    );
    assert_eq!(budget.left(), 0);
}

#[test]
fn a_pattern_that_takes_much_memory_is_refused() {
    let told = with_items(r"word.matches('((\\w{100}){100}){100}')", 1).unwrap_err();
    assert!(told.contains("the pattern takes more than 262144 bytes"), "{told}");
    let told = with_items("word.matches('(')", 1).unwrap_err();
    assert!(told.contains("not a valid regex"), "{told}");
    let told = with_items("list.matches('a')", 1).unwrap_err();
    assert!(told.contains("matches") && !told.contains('@'), "{told}");
}

#[test]
fn a_pattern_costs_what_it_may_take_and_not_what_it_has_letters() {
    let told = with_items("word.matches('[ept ]*p[ept ]{2000}c')", 25_000);
    assert_eq!(told, Err(TOO_MUCH.to_owned()));
    // One that has few states is searched for in as much.
    assert_eq!(with_items("!word.matches('c$')", 25_000), Ok(()));
}

fn foregone(text: &str, params: serde_json::Value) -> Option<Foregone> {
    let params = Variables::from([("params".to_owned(), params)]);
    Expression::compile(text).expect("it is CEL").foregone(&params)
}

#[test]
fn an_expression_that_always_holds_is_known() {
    for text in [
        "true",
        "1 == 1",
        "!false",
        "'a' in ['a', 'b']",
        "[1, 2].all(n, n > 0)",
        "params.n == 1",
        "params.n > 0 && params.who.startsWith('ann')",
        "status == 200 || status != 200",
        "status == 200 || !(status == 200)",
        "status < 500 || status >= 500",
        "!(status == 200 && status == 404)",
        "status >= 0",
        "duration_ms >= 0.0",
        "-1 < duration_ms",
        "text.matches('')",
        "text.matches('.*')",
        "text.matches('a*')",
        "matches(text, '(?s)^.*$')",
        "text.contains('')",
        "text.startsWith('') && headers['x-a'].endsWith('')",
        "text.size() >= 0",
        "size(json.pets) >= 0",
        "0 <= served_by.size()",
        "stats['cluster.pet.upstream_rq_5xx'] >= 0",
        "before.stats['cluster.pet.upstream_rq_5xx'] > -1",
        "json.id == json.id",
        "json.id == 1 || json.id != 1",
        "json == null || json != null",
        "has(json.error) || !has(json.error)",
        "'echo-1' in served_by || !('echo-1' in served_by)",
        "!!(ready == 'LIVE' || ready != 'LIVE')",
        "text == 'a' || text != 'a'",
        "status == 200 ? true : true",
        "served_by.all(pod, true)",
        "json.pets.all(pet, pet.name.contains(''))",
        "json.a == 1 || true",
    ] {
        assert_eq!(
            foregone(text, json!({"n": 1, "who": "ann"})),
            Some(Foregone::Holds),
            "{text}"
        );
    }
}

#[test]
fn an_expression_that_never_holds_is_known_where_it_names_nothing_or_denies_what_always_holds() {
    for text in [
        "false",
        "1 == 2",
        "params.n == 2",
        "params.who == 'bob'",
        "!text.matches('')",
        "!(status == 200 || status != 200)",
        "!(json.pets.size() >= 0)",
    ] {
        assert_eq!(
            foregone(text, json!({"n": 1, "who": "ann"})),
            Some(Foregone::Fails),
            "{text}"
        );
    }
    assert!(matches!(
        foregone("params.who > 1", json!({"who": "ann"})),
        Some(Foregone::Unevaluable(_))
    ));
}

/// Each of these can hold and can fail, however much it looks as if it could not.
#[test]
fn an_expression_that_can_be_otherwise_is_left_alone() {
    for text in [
        "status == 200",
        "status != 503",
        "!(status in [500, 503])",
        "status < 500 || text.contains('sorry')",
        "status != 200 || text.size() > 3",
        "error == null",
        "json != null",
        "json.id != 7",
        "json.a == 1 || json.b != 1",
        "json.a != 'x' && json.b != 'y'",
        "!has(json.error)",
        "has(json.pets) || status == 404",
        "!('pet-1' in served_by)",
        "!('pet-1' in served_by) && 'pet-2' in served_by",
        "!(params.whom in served_by)",
        "!(('pet-' + string(params.n)) in served_by)",
        "served_by.size() <= 2",
        "size(served_by) < 100",
        "text.size() < 1000",
        "!text.contains('secret')",
        "!text.startsWith('<html')",
        "!text.matches('pass(word)?=[a-z]+')",
        "text.matches('^[a-z]*$')",
        "text.matches('^.{0,80}$')",
        "headers['x-user'] != 'bob'",
        "!('set-cookie' in headers)",
        "duration_ms < 60000.0",
        "requests >= errors",
        "errors <= requests && p50_ms <= p99_ms",
        "failures.size() == 0",
        "failures.all(text, text.contains('upstream'))",
        "served_by.exists(pod, true)",
        "statuses['200'] + statuses['503'] == requests",
        "errors * 100 < requests * 60",
        "stats['cluster.pet.upstream_rq_5xx'] == 0",
        "stats['cluster.pet.upstream_rq_5xx'] >= 1",
        "'cluster.pet.upstream_rq_5xx' in stats",
        "!('cluster.pet.upstream_rq_5xx' in stats) || stats['cluster.pet.upstream_rq_5xx'] == 0",
        "ready == 'LIVE' || ready == 'DRAINING'",
        "ready != 'unreachable'",
        "pods['pet-1'].envoy && pods['pet-1'].application",
        "pods.all(name, pods[name].envoy)",
        "first.status == second.status",
        "first.json.id != second.json.id",
        "before.stats['a.b'] <= after.stats['a.b']",
        "type(json) == map",
        "params.n == 1 || status == 200",
        "params.n == 2 && status != 200 || status == 200",
        "endpoints.pet == ['pet-1']",
        "json.stores.size() > 0",
        "!json.stores.exists(store, store.name == 'x')",
    ] {
        assert_eq!(foregone(text, json!({"n": 3, "whom": "pet-1"})), None, "{text}");
    }
}

#[test]
fn a_field_that_other_languages_have_is_told_with_what_cel_has() {
    let variables = Variables::from([("json".to_owned(), json!({"pets": [1, 2]}))]);
    let unheld = Expression::compile("json.pets.length == 2")
        .unwrap()
        .holds(&variables, &Budget::default())
        .unwrap_err();
    assert!(
        unheld
            .actual
            .ends_with("; CEL counts with `size()`: write `.size()` in place of `.length`"),
        "{unheld:?}"
    );
    let has_it = Variables::from([("json".to_owned(), json!({"length": 2}))]);
    let expression = Expression::compile("json.length == 2").unwrap();
    assert_eq!(expression.holds(&has_it, &Budget::default()), Ok(()));
}
