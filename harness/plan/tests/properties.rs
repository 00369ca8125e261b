//! What holds of every plan: each combination once, no case lost, none twice; and no mutation of a good file can make the
//! reading of it panic.

mod support;

use std::{collections::BTreeSet, fs, path::Path, sync::OnceLock};

use meshkat_model::{
    case::Case,
    project::{MeshFiles, Project},
    scenario::{Scenario, SharedAxes},
    source::{Diagnostic, Source},
};
use meshkat_plan::expand;
use proptest::{prelude::*, sample::Index};
use support::Both;

fn cases_of(id: &str, text: &str) -> Result<Vec<Case>, Vec<Diagnostic>> {
    expand(
        &Scenario::read(id, Source::new(format!("{id}.yaml"), text), &SharedAxes::default())?,
        &Both::new(),
    )
}

fn ids<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<String> {
    cases.into_iter().map(|case| case.id.clone()).collect()
}

/// How many values each of up to four axes has.
fn axes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..5, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_combination_is_there_once_and_always_in_the_same_order(axes in axes()) {
        let written: Vec<String> = axes
            .iter()
            .enumerate()
            .map(|(axis, values)| format!("  a{axis}: [{}]\n", (0..*values).map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ")))
            .collect();
        let used: String = (0..axes.len()).map(|axis| format!("${{a{axis}}}")).collect();
        let heading = if written.is_empty() { String::new() } else { format!("axes:\n{}", written.concat()) };
        let text = format!("promise: p\nmesh: one\n{heading}steps:\n  - get: \"/{used}\"\n    status: 200\n");
        let cases = cases_of("s/all", &text).unwrap();
        prop_assert_eq!(cases.len(), axes.iter().product::<usize>());
        let different: BTreeSet<Vec<String>> =
            cases.iter().map(|case| case.params.values().map(ToString::to_string).collect()).collect();
        prop_assert_eq!(different.len(), cases.len(), "a combination is there twice");
        prop_assert_eq!(ids(&cases).into_iter().collect::<BTreeSet<_>>().len(), cases.len(), "an id is there twice");
        for case in &cases {
            let names: Vec<String> = (0..axes.len()).map(|axis| format!("a{axis}")).collect();
            prop_assert!(case.params.keys().eq(names.iter()), "{} has not every axis", case.id);
        }
        prop_assert_eq!(ids(&cases_of("s/all", &text).unwrap()), ids(&cases));
    }
}

/// The good scenarios of the project, its meshes, and the values that its scenarios share.
fn good() -> &'static (Vec<String>, MeshFiles, SharedAxes) {
    static GOOD: OnceLock<(Vec<String>, MeshFiles, SharedAxes)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let project = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let files = project.scenario_files().unwrap();
        let (meshes, wrong) = project.read_meshes().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        (
            files.values().map(|path| fs::read_to_string(path).unwrap()).collect(),
            meshes,
            project.read_axes().unwrap().unwrap(),
        )
    })
}

/// One change of a text, as a slip of the hand makes it.
#[derive(Debug, Clone)]
enum Slip {
    /// A part is gone.
    Cut(Index, usize),
    /// Something is put in.
    Insert(Index, String),
    /// A line is there twice, or somewhere else.
    Move(Index, Index, bool),
    /// Two words are swapped.
    Swap(Index, Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    let piece = prop_oneof![
        Just("${".to_owned()),
        Just("${pets}".to_owned()),
        Just("null".to_owned()),
        Just("- ".to_owned()),
        Just(": ".to_owned()),
        Just("\t".to_owned()),
        "[\\[\\]{}:,#&*!|>'\"%@`?$ \n-]{1,2}",
        "[a-z0-9]{1,4}",
        any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        (any::<Index>(), 1_usize..30).prop_map(|(at, len)| Slip::Cut(at, len)),
        (any::<Index>(), piece).prop_map(|(at, text)| Slip::Insert(at, text)),
        (any::<Index>(), any::<Index>(), any::<bool>()).prop_map(|(from, to, keep)| Slip::Move(from, to, keep)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Slip::Swap(one, other)),
    ]
}

fn after(text: &str, slip: &Slip) -> String {
    let chars: Vec<char> = text.chars().collect();
    match slip {
        _ if chars.is_empty() => String::new(),
        Slip::Cut(at, len) => {
            let at = at.index(chars.len());
            chars[..at]
                .iter()
                .chain(&chars[(at + len).min(chars.len())..])
                .collect()
        }
        Slip::Insert(at, piece) => {
            let at = at.index(chars.len());
            chars[..at]
                .iter()
                .copied()
                .chain(piece.chars())
                .chain(chars[at..].iter().copied())
                .collect()
        }
        Slip::Move(from, to, keep) => {
            let mut lines: Vec<&str> = text.lines().collect();
            let from = from.index(lines.len());
            let line = if *keep { lines[from] } else { lines.remove(from) };
            lines.insert(to.index(lines.len() + 1), line);
            lines.join("\n")
        }
        Slip::Swap(one, other) => {
            let mut words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
            let (one, other) = (one.index(words.len()), other.index(words.len()));
            words.swap(one, other);
            words.concat()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn a_good_file_with_slips_of_the_hand_is_read_or_refused(which in any::<Index>(), slips in prop::collection::vec(slip(), 0..5)) {
        let (texts, meshes, shared) = good();
        let text = slips.iter().fold(which.get(texts).clone(), |text, slip| after(&text, slip));
        let source = Source::new("f.yaml", text);
        let read = Scenario::read("f", source, shared).and_then(|scenario| expand(&scenario, meshes));
        if slips.is_empty() {
            prop_assert!(read.is_ok(), "a good file is refused: {:?}", read.err());
        }
        for wrong in read.err().unwrap_or_default() {
            let (place, text) = (wrong.place, wrong.source.text());
            prop_assert!(text.get(place.offset..place.offset + place.len).is_some(), "{wrong:?}");
            prop_assert!(place.line >= 1 && !wrong.message.is_empty() && wrong.help.as_ref().is_none_or(|help| !help.is_empty()));
            let heading = format!("f.yaml:{}:{}", place.line, place.column);
            prop_assert!(wrong.render(false).contains(&heading), "{wrong:?}");
        }
    }
}
