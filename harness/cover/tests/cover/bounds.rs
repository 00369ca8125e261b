//! What files may cost: whatever they ask for, the work has a bound, and all of it is counted.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use meshkat_cover::{Effort, Failure, Kind, Problem, Row, Rule, Strength, What, counted, file};
use meshkat_model::source::Source;

/// How far the last piece of work may lead beyond the bound: one question of CEL, or one row of many axes.
const BEYOND: u64 = 10_000_000;

/// Axes of the same values, named `f0` and so on.
fn axes(number: usize, values: &str) -> String {
    (0..number).fold("axes:\n".to_owned(), |mut text, axis| {
        writeln!(text, "  f{axis}: [{values}]").expect("it is a text");
        text
    })
}

fn joined(number: usize, by: &str, each: impl Fn(usize) -> String) -> String {
    (0..number).map(each).collect::<Vec<_>>().join(by)
}

fn sum(number: usize) -> String {
    joined(number, " + ", |axis| format!("f{axis}"))
}

fn constraints(all: &[String]) -> String {
    let each = all.iter().map(|one| format!("  - \"{one}\"\n"));
    format!("constraints:\n{}", each.collect::<String>())
}

/// One pigeon more than there are holes.
fn pigeons(holes: usize) -> String {
    let values = joined(holes, ", ", |hole| hole.to_string());
    let differ = (0..=holes).flat_map(|one| (0..one).map(move |other| format!("f{one} != f{other}")));
    axes(holes + 1, &values) + &constraints(&differ.collect::<Vec<_>>())
}

/// What a file comes to with an effort, within its bound: rows, or what is said of it.
fn within(text: &str, effort: Effort) -> Result<Vec<Row>, String> {
    let source = Source::new("f.yaml", text);
    let told = |wrong: Vec<meshkat_model::source::Diagnostic>| wrong[0].to_string();
    let asked = file::read(&source, None).map_err(told)?;
    let (rows, steps) = counted(&asked.problem, effort, 0);
    assert!(steps <= effort.steps() + BEYOND, "{steps} steps: {text}");
    assert_eq!(rows, counted(&asked.problem, effort, 0).0, "not the same again");
    rows.map_err(|failure| told(asked.tell(&failure)))
}

/// Whether each two levels of each two axes that `possible` allows are in a row.
fn has_pairs(rows: &[Row], possible: impl Fn(&[(usize, u16); 2]) -> bool, levels: u16) {
    let axes = rows[0].len();
    for (one, other) in (0..axes).flat_map(|one| (0..one).map(move |other| (one, other))) {
        for (a, b) in (0..levels).flat_map(|a| (0..levels).map(move |b| (a, b))) {
            let is_there = rows.iter().any(|row| row[one] == a && row[other] == b);
            assert_eq!(is_there, possible(&[(other, b), (one, a)]), "{other}={b} and {one}={a}");
        }
    }
}

/// Rules over any number of axes that count, add up, or join: found exactly, and within the bound of the quick effort.
#[test]
fn so_many_of_many_axes() {
    for number in [10, 12, 15, 16, 17, 24, 40] {
        let text = axes(number, "0, 1") + &constraints(&[format!("{} <= 4", sum(number))]);
        let rows = within(&text, Effort::Quick).unwrap();
        assert!(rows.iter().all(|row| row.iter().sum::<u16>() <= 4), "{number}");
        has_pairs(&rows, |_| true, 2);
    }
    for number in [12, 17, 24] {
        let some = number as u16 / 3;
        let text = axes(number, "0, 1") + &constraints(&[format!("{} == {some}", sum(number))]);
        let rows = within(&text, Effort::Quick).unwrap();
        assert!(rows.iter().all(|row| row.iter().sum::<u16>() == some), "{number}");
        has_pairs(&rows, |_| true, 2);
        let text = axes(number, "0, 1") + &constraints(&[format!("({}) % 2 == 1", sum(number))]);
        let rows = within(&text, Effort::Quick).unwrap();
        assert!(rows.iter().all(|row| row.iter().sum::<u16>() % 2 == 1), "{number}");
        has_pairs(&rows, |_| true, 2);
    }
}

#[test]
fn long_chains_and_long_choices() {
    // 0 of one axis means 0 of all that come after it.
    let chain: Vec<String> = (0..29)
        .map(|axis| format!("f{axis} != 0 || f{} == 0", axis + 1))
        .collect();
    let rows = within(&(axes(30, "0, 1, 2") + &constraints(&chain)), Effort::Quick).unwrap();
    assert!(
        rows.iter()
            .all(|row| row.windows(2).all(|two| two[0] != 0 || two[1] == 0))
    );
    has_pairs(&rows, |[(_, first), (_, later)]| *first != 0 || *later == 0, 3);
    let any = joined(60, " || ", |axis| format!("f{axis} == {}", axis % 2));
    let rows = within(&(axes(60, "0, 1") + &constraints(&[any])), Effort::Quick).unwrap();
    assert!(rows.iter().all(|row| {
        row.iter()
            .enumerate()
            .any(|(axis, level)| usize::from(*level) == axis % 2)
    }));
    has_pairs(&rows, |_| true, 2);
    let xor: Vec<String> = (0..28)
        .map(|axis| format!("(f{axis} + f{} + f{}) % 2 == 0", axis + 1, axis + 2))
        .collect();
    let rows = within(&(axes(30, "0, 1") + &constraints(&xor)), Effort::Quick).unwrap();
    assert!(
        rows.iter()
            .all(|row| row.windows(3).all(|three| three.iter().sum::<u16>() % 2 == 0))
    );
    // Three values in a row that add up to 0 repeat themselves: there are four rows in all.
    assert_eq!(rows.len(), 4);
}

/// One of many pigeons too many: nobody finds out in a bearable time, and nobody says that it is possible.
#[test]
fn what_nobody_finds_out_is_told_at_its_place() {
    let mut hard: Vec<(String, &str)> = Vec::new();
    for holes in [9, 10, 11] {
        hard.push((pigeons(holes), "f1 != f0"));
    }
    for number in [24, 40] {
        let of = |rest: usize| format!("({}) % 2 == {rest}", sum(number));
        hard.push((axes(number, "0, 1") + &constraints(&[of(1), of(0)]), "% 2 == 1"));
    }
    for (text, first) in &hard {
        let told = within(text, Effort::Quick).unwrap_err();
        let steps = "which combinations the constraints allow cannot be decided within 300,000,000 steps";
        assert!(told.contains(steps) && told.contains("--effort high"), "{told}");
        // At one of the constraints, and not at the axes.
        let line: usize = told
            .split(':')
            .nth(1)
            .and_then(|line| line.parse().ok())
            .expect("a line");
        let from = text.lines().position(|line| line.contains(first)).expect("it is there") + 1;
        assert!(line >= from, "line {line} of {text}\n{told}");
    }
}

/// Where it is found out that there is no row, but not who is to blame, there is no row all the same.
#[test]
fn no_rows_are_never_an_array() {
    // What the search for who is to blame may take.
    const BLAMING: u64 = 200_000_000;
    let asked = file::read(&Source::new("f.yaml", pigeons(9)), None).expect("it is a file");
    let (rows, steps) = counted(&asked.problem, Effort::High, 0);
    let failure = rows.expect_err("ten pigeons do not fit into nine holes");
    assert!(
        matches!(
            &failure,
            Failure::Impossible {
                what: What::Everything,
                ..
            }
        ),
        "{failure:?}"
    );
    assert!(steps > BLAMING, "who is to blame is found out in {steps} steps");
}

/// Expressions that are no formulas have to be asked again and again: each question is paid for.
#[test]
fn questions_are_counted_in_every_phase() {
    const QUESTION: u64 = 5_000;
    for most in [3_u16, 5, 9] {
        let asked = Arc::new(AtomicU64::new(0));
        let counter = asked.clone();
        let question = move |levels: &[u16]| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(levels.iter().sum::<u16>() <= most)
        };
        let mut problem = Problem::uniform(&[3; 12], 2);
        problem.axes[0].values[0].weight = 9;
        problem.axes[1].values[2].kind = Kind::Negative;
        problem.rules = vec![Rule::ask((0..12).collect(), &[3; 12], Box::new(question)).unwrap()];
        let (rows, steps) = counted(&problem, Effort::Quick, 0);
        if let Ok(rows) = rows {
            assert!(rows.iter().all(|row| row.iter().sum::<u16>() <= most));
        }
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked > 100, "it is asked at all");
        assert!(steps >= asked * QUESTION, "{asked} questions in {steps} steps");
        assert!(steps <= Effort::Quick.steps() + BEYOND, "{steps} steps");
    }
}

/// More rows than memory is for are refused before any is made, however they are asked for.
#[test]
fn too_many_rows_are_refused_in_every_branch() {
    let values = joined(2000, ", ", |value| value.to_string());
    let two = format!("axes:\n  a: [{values}]\n  b: [{values}]\n  c: [0, 1]\n");
    let branches = [
        "",
        "strength: full\n",
        "strength: 3\n",
        "constraints: [a != b]\n",
        "constraints: [a != b || c == 1]\nstrength: full\n",
        "exclude: [{a: 1, b: 2}]\n",
        "strength: 1\nstronger: [{axes: [a, b], strength: 2}]\n",
        "strength: 1\nstronger: [{axes: [c, b, a], strength: full}]\n",
        "include: [{a: x, b: 1}, {a: 3}]\n",
        "seeds: [{a: 1}]\n",
    ];
    for branch in branches {
        let told = within(&format!("{two}{branch}"), Effort::Default).unwrap_err();
        let rows = told.contains("rows") && told.contains("at most 100,000");
        let looked_at = told.contains("4,000,000 combinations of values to look at, or more; at most 1,000,000");
        assert!(
            rows || looked_at || told.contains("cannot be decided"),
            "{branch}: {told}"
        );
    }
    // Of three axes each two have fewer than all three.
    let values = joined(60, ", ", |value| value.to_string());
    let told = within(&(axes(3, &values) + "strength: 3\n"), Effort::Default).unwrap_err();
    assert!(told.contains("216,000 rows"), "{told}");
    // What nothing but negative values would make many is not many.
    let some = joined(400, ", ", |value| format!("{{value: {value}, negative: true}}"));
    let rows = within(&(axes(2, &format!("x, {some}")) + "strength: 2\n"), Effort::Quick).unwrap();
    assert_eq!(rows.len(), 801);
}

/// Problems of all sorts, none of which takes more than its bound.
#[test]
fn nothing_takes_more_than_its_bound() {
    let few = |number: usize, values: &str, more: &str| axes(number, values) + more;
    let products: Vec<String> = (0..30)
        .map(|axis| {
            let product = joined(5, " * ", |at| format!("f{}", (axis + at) % 30));
            format!("{product} < 3000")
        })
        .collect();
    let filter = |number: usize| {
        let list = joined(number, ", ", |axis| format!("f{axis}"));
        constraints(&[format!("[{list}].filter(x, x == 1).size() <= 4")])
    };
    let forbidden = |number: usize| {
        let each = (0..200).map(|at| {
            let (one, other) = (at * 7 % number, (at * 7 + 1 + at % 5) % number);
            format!("  - {{f{one}: {}, f{other}: {}}}\n", at % 3, (at / 3) % 3)
        });
        format!("exclude:\n{}", each.collect::<String>())
    };
    let included: String = (0..500)
        .map(|at| format!("  - {{f{}: x{at}, f{}: 1}}\n", at % 20, (at + 3) % 20))
        .collect();
    let weights = joined(5, ", ", |value| {
        format!("{{value: {value}, weight: {}}}", 1 + value * 3 % 5)
    });
    let texts = [
        few(30, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9", &constraints(&products)),
        few(12, "0, 1", &filter(12)),
        few(17, "0, 1", &filter(17)),
        few(17, "0.5, 1.5", &constraints(&[format!("{} <= 12.5", sum(17))])),
        few(20, "0, 1, 2", &format!("strength: 3\n{}", forbidden(20))),
        few(
            20,
            "0, 1",
            &format!("strength: 4\n{}", constraints(&[format!("{} <= 12", sum(20))])),
        ),
        few(20, "0, 1, 2, 3", &format!("include:\n{included}")),
        few(30, &weights, &constraints(&[format!("{} <= 50", sum(30))])),
        few(200, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9", ""),
        few(140, "0, 1", "strength: 3\n"),
        few(6, &joined(250, ", ", |value| value.to_string()), ""),
    ];
    for text in &texts {
        if let Err(told) = within(text, Effort::Quick) {
            assert!(told.starts_with("f.yaml:") && told.contains("help: "), "{told}");
        }
    }
}

/// What a problem is too hard for says so with its bound, and the bound is that of the effort.
#[test]
fn the_bound_grows_with_the_effort() {
    assert!(Effort::Quick.steps() < Effort::Default.steps() && Effort::Default.steps() < Effort::High.steps());
    let mut problem = Problem::uniform(&[60; 3], 3);
    problem.strength = Strength::Ways(3);
    assert!(matches!(
        counted(&problem, Effort::Quick, 0).0,
        Err(Failure::TooMany { .. })
    ));
}
