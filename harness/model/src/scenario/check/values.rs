//! Values of earlier answers in a step: `${first.json.id}`.

use super::{Check, Kept};
use crate::{
    observation::RESPONSE_VARIABLES,
    scenario::reference::{Part, Reference, Way, split, takes_values},
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{Kind, Node},
};

/// Parts of an answer that have parts themselves.
const WITH_PARTS: [&str; 5] = ["certificate", "headers", "json", "served_by", "trailers"];

/// Values of earlier answers in steps where none is put in: they would be taken as they are written.
pub(in crate::scenario) fn misplaced(source: &Source, node: &Node) -> Vec<Diagnostic> {
    let steps = match node.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(steps)) => steps.as_slice(),
        _ => &[],
    };
    let mut wrong = Vec::new();
    let mut tell = |text: &str, place: Place, key: &str| {
        for part in split(text) {
            let Part::Reference { at, name } = part else { continue };
            let here = source.inside(place, text, at, name.len() + 3).unwrap_or(place);
            let help = match key {
                "that" | "check" => format!("an expression knows what was kept: write `{name}`, without `${{` and `}}`"),
                "status" => format!("compare it in an expression: `that: status == {name}`"),
                _ => "it can be put into a path, `host`, `headers`, `body`, and into expectations that are texts or JSON; \
                      expressions know it without `${}`"
                    .to_owned(),
            };
            let message = "a value of an earlier answer is not put in here";
            wrong.push(Diagnostic::new(source, here, message, "taken as it is").help(help));
        }
    };
    for step in steps {
        let Kind::Mapping(entries) = &step.kind else {
            step.visit(&mut |text, place| tell(text, place, ""));
            continue;
        };
        for (key, value) in entries {
            tell(&key.text, key.place, "");
            if takes_values(step, &key.text) {
                keys(value, &mut |text, place| tell(text, place, ""));
            } else {
                value.visit(&mut |text, place| tell(text, place, &key.text));
            }
        }
    }
    wrong
}

/// Calls `look` on every key below a node.
fn keys<'a>(node: &'a Node, look: &mut impl FnMut(&'a str, Place)) {
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::Sequence(items) => items.iter().for_each(|item| keys(item, look)),
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                look(&key.text, key.place);
                keys(value, look);
            }
        }
    }
}

impl Check<'_> {
    /// The values of earlier answers to which this step refers: there is such an answer, and it can have such a value.
    pub(crate) fn values(&mut self) {
        let mut found = Vec::new();
        self.node.visit(&mut |text, place| {
            for part in split(text) {
                if let Part::Reference { at, name } = part {
                    let here = self.source.inside(place, text, at, name.len() + 3).unwrap_or(place);
                    found.push((name, here));
                }
            }
        });
        for (text, place) in found {
            self.value_of(text, place);
        }
    }

    fn value_of(&mut self, text: &str, place: Place) {
        let name = Reference::name_of(text);
        match self.kept.get(name) {
            Some(Kept::Response) => {}
            Some(Kept::Envoy) => {
                let message = format!("`{name}` is what an Envoy says, and no answer");
                let help = format!("expressions know it, as in `that: {name}.stats['…'] > 0`");
                self.wrong(place, message, "no answer", help);
                return;
            }
            None => {
                let elsewhere = self.kept_in_file.iter().find(|(kept, _)| kept == name);
                let line = elsewhere.map_or(0, |(_, place)| place.line);
                let (message, label, help) = match self.kept_later.iter().find(|kept| kept.value == name) {
                    Some(later) => (
                        format!("`{name}` is not kept before this step"),
                        "kept later",
                        format!(
                            "it is kept in line {}; a step knows what the steps before it kept",
                            later.place.line
                        ),
                    ),
                    None => (
                        format!("`{name}` is kept by a step that this case does not have"),
                        "not kept here",
                        format!(
                            "the step in line {line} has a `when`: give this one the same, or keep it in every case"
                        ),
                    ),
                };
                self.wrong(place, message, label, help);
                return;
            }
        }
        let example =
            format!("for example `${{{name}.headers['x-id']}}`, `${{{name}.json.items[0].id}}` or `${{{name}.text}}`");
        let Some(reference) = Reference::parse(text) else {
            self.wrong(place, "this is no part of an answer", "not a part", example);
            return;
        };
        let part = match reference.way.first() {
            Some(Way::Field(part)) => *part,
            Some(Way::Item(_)) | None => {
                let message = format!("`{name}` is a whole answer, and a part of it has to be named");
                self.wrong(place, message, "which part", example);
                return;
            }
        };
        if !RESPONSE_VARIABLES.contains(&part) {
            let help = did_you_mean(part, RESPONSE_VARIABLES);
            self.wrong(place, format!("an answer has no `{part}`"), "unknown part", help);
        } else if reference.way.len() > 1 && !WITH_PARTS.contains(&part) {
            let help = format!("write `${{{name}.{part}}}`");
            self.wrong(
                place,
                format!("`{part}` of an answer has no parts"),
                "never there",
                help,
            );
        } else if let (true, Some(Way::Field(header))) = (part == "headers" || part == "trailers", reference.way.get(1))
            && header.contains(|c: char| c.is_ascii_uppercase())
        {
            let help = format!("write `${{{name}.{part}['{}']}}`", header.to_lowercase());
            let message = "the names of an answer's headers are lower case here";
            self.wrong(place, message, "never there", help);
        }
    }
}
