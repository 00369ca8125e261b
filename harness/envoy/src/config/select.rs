//! Choosing places in a document: `static_resources.clusters[type=EDS].eds_cluster_config`.

use serde_yaml::Value;

use super::value::{child, get, get_mut, remove, set};

/// Places in a document: fields one below the other, and of lists the items that a filter lets through.
///
/// `clusters[name=sds]` are the items of the list `clusters` whose field `name` is `sds`; `clusters[*]` are all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Items(Filter),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    All,
    Equal { field: String, value: String },
}

impl Filter {
    fn lets_through(&self, item: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Equal { field, value } => match get(item, field) {
                Some(Value::String(text)) => text == value,
                Some(Value::Bool(flag)) => flag.to_string() == *value,
                Some(Value::Number(number)) => number.to_string() == *value,
                _ => false,
            },
        }
    }
}

impl Selector {
    /// The whole document.
    pub(super) fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads what people write.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!(
                    "`{text}` is no place: `{name}` is not a field's name; write for example `static_resources.clusters[name=pet]`"
                ));
            }
            steps.push(Step::Field(name.to_owned()));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let (filter, after) = inside
                    .split_once(']')
                    .ok_or_else(|| format!("`{text}` is no place: a bracket is not closed"))?;
                let filter = match (filter, filter.split_once('=')) {
                    ("*", _) => Filter::All,
                    (_, Some((field, value))) if !field.is_empty() && !value.is_empty() => Filter::Equal {
                        field: field.to_owned(),
                        value: value.to_owned(),
                    },
                    _ => {
                        return Err(format!(
                            "`{text}` is no place: of a list, choose items by a field, as in `[name=pet]`, or all with `[*]`"
                        ));
                    }
                };
                steps.push(Step::Items(filter));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Self(steps)),
                None => return Err(format!("`{text}` is no place: after a bracket comes a dot or nothing")),
            }
        }
    }

    /// Whether anything is there.
    pub(super) fn finds(&self, document: &Value) -> bool {
        fn look(value: &Value, steps: &[Step]) -> bool {
            match steps.split_first() {
                None => true,
                Some((Step::Field(name), rest)) => get(value, name).is_some_and(|below| look(below, rest)),
                Some((Step::Items(filter), rest)) => value
                    .as_sequence()
                    .is_some_and(|items| items.iter().any(|item| filter.lets_through(item) && look(item, rest))),
            }
        }
        look(document, &self.0)
    }

    /// Changes each of the places, and gives how many there were. A field that is missing at the end is put there first, as
    /// an empty mapping.
    pub(super) fn change(&self, document: &mut Value, change: &mut dyn FnMut(&mut Value)) -> usize {
        fn walk(value: &mut Value, steps: &[Step], change: &mut dyn FnMut(&mut Value)) -> usize {
            match steps.split_first() {
                None => {
                    change(value);
                    1
                }
                Some((Step::Field(name), [])) => {
                    if get(value, name).is_none() && child(value, name).is_none() {
                        return 0;
                    }
                    get_mut(value, name).map_or(0, |below| walk(below, &[], change))
                }
                Some((Step::Field(name), rest)) => get_mut(value, name).map_or(0, |below| walk(below, rest, change)),
                Some((Step::Items(filter), rest)) => {
                    let items = value.as_sequence_mut().map_or(&mut [][..], Vec::as_mut_slice);
                    let chosen = items.iter_mut().filter(|item| filter.lets_through(item));
                    chosen.map(|item| walk(item, rest, change)).sum()
                }
            }
        }
        walk(document, &self.0, change)
    }

    /// Takes each of the places away, and gives how many there were.
    pub(super) fn remove(&self, document: &mut Value) -> usize {
        let Some((last, above)) = self.0.split_last() else {
            return 0;
        };
        let mut removed = 0;
        Self(above.to_vec()).change(document, &mut |value| match last {
            Step::Field(name) => removed += usize::from(remove(value, name).is_some()),
            Step::Items(filter) => {
                if let Some(items) = value.as_sequence_mut() {
                    let before = items.len();
                    items.retain(|item| !filter.lets_through(item));
                    removed += before - items.len();
                }
            }
        });
        removed
    }
}

/// Puts `patch` over `target`: mappings are merged field by field, where `null` takes a field away; everything else, lists
/// too, is replaced. The rule of JSON Merge Patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Mapping(fields) = patch else {
        patch.clone_into(target);
        return;
    };
    if !target.is_mapping() {
        *target = Value::Mapping(serde_yaml::Mapping::new());
    }
    for (key, new) in fields {
        let Some(name) = key.as_str() else { continue };
        if new.is_null() {
            remove(target, name);
        } else if let Some(old) = get_mut(target, name) {
            merge(old, new);
        } else {
            let mut fresh = Value::Null;
            merge(&mut fresh, new);
            set(target, name, fresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn places_are_found_by_name_and_by_field() {
        let document = yaml("{a: {list: [{name: x.y, n: 1}, {name: z, n: 2}]}}");
        for (text, found) in [
            ("a", true),
            ("a.list[name=x.y].n", true),
            ("a.list[n=2]", true),
            ("a.list[*].name", true),
            ("a.list[name=q]", false),
            ("a.list.name", false),
            ("b", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().finds(&document), found, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_told() {
        for text in ["", ".a", "a..b", "a[", "a[]", "a[x]", "a[=1]", "a[*]b", "a b"] {
            let told = Selector::parse(text).unwrap_err();
            assert!(told.starts_with(&format!("`{text}` is no place")), "{told}");
        }
    }

    #[test]
    fn every_place_that_is_chosen_changes() {
        let mut document = yaml("{list: [{name: a}, {name: b, more: {x: 1}}, {name: a}]}");
        let selector = Selector::parse("list[name=a].more").unwrap();
        assert_eq!(
            selector.change(&mut document, &mut |value| merge(value, &yaml("{y: 2}"))),
            2
        );
        assert_eq!(
            document,
            yaml("{list: [{name: a, more: {y: 2}}, {name: b, more: {x: 1}}, {name: a, more: {y: 2}}]}")
        );
        assert_eq!(Selector::parse("list[name=a]").unwrap().remove(&mut document), 2);
        assert_eq!(Selector::parse("list[*].more.x").unwrap().remove(&mut document), 1);
        assert_eq!(document, yaml("{list: [{name: b, more: {}}]}"));
    }

    #[test]
    fn merging_keeps_replaces_and_takes_away() {
        let mut target = yaml("{keep: 1, both: {a: 1, b: 2}, list: [1, 2], gone: x, camelCase: 1}");
        merge(
            &mut target,
            &yaml("{both: {b: 3, c: {d: null, e: 1}}, list: [3], gone: null, camel_case: 2}"),
        );
        assert_eq!(
            target,
            yaml("{keep: 1, both: {a: 1, b: 3, c: {e: 1}}, list: [3], camelCase: 2}")
        );
    }
}
