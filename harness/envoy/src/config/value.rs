//! Steps through a YAML value. Envoy reads each field in two spellings, `load_assignment` and `loadAssignment`; so do these.

use serde_yaml::{Mapping, Value};

/// The spelling of field `name` that `mapping` uses, if it has the field.
fn spelling(mapping: &Mapping, name: &str) -> Option<String> {
    let camel = camel_case(name);
    [name.to_owned(), camel]
        .into_iter()
        .find(|spelled| mapping.contains_key(spelled.as_str()))
}

/// `load_assignment` as `loadAssignment`.
pub(super) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for (index, part) in name.split('_').enumerate() {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if index > 0 => camel.push(first.to_ascii_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    camel
}

/// The field `name` of a value that is a mapping.
pub(super) fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mapping = value.as_mapping()?;
    mapping.get(spelling(mapping, name)?.as_str())
}

/// The field at the end of `names`, one mapping after another.
pub(super) fn dig<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().try_fold(value, |value, name| get(value, name))
}

/// The field `name`, to be changed.
pub(super) fn get_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let mapping = value.as_mapping_mut()?;
    let spelled = spelling(mapping, name)?;
    mapping.get_mut(spelled.as_str())
}

/// The field `name` as a mapping; an empty one is put there where there is none. `None` where the value, or the field, is
/// something else.
pub(super) fn child<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let mapping = value.as_mapping_mut()?;
    let spelled = spelling(mapping, name).unwrap_or_else(|| name.to_owned());
    let entry = mapping
        .entry(Value::from(spelled))
        .or_insert_with(|| Value::Mapping(Mapping::new()));
    if entry.is_null() {
        *entry = Value::Mapping(Mapping::new());
    }
    entry.is_mapping().then_some(entry)
}

/// Sets the field `name` in place, or puts it at the end. Nothing happens to a value that is no mapping.
pub(super) fn set(value: &mut Value, name: &str, new: impl Into<Value>) {
    if let Some(mapping) = value.as_mapping_mut() {
        let spelled = spelling(mapping, name).unwrap_or_else(|| name.to_owned());
        mapping.insert(Value::from(spelled), new.into());
    }
}

/// Takes the field `name` away.
pub(super) fn remove(value: &mut Value, name: &str) -> Option<Value> {
    let mapping = value.as_mapping_mut()?;
    let spelled = spelling(mapping, name)?;
    mapping.shift_remove(spelled.as_str())
}

/// The items of the sequence in field `name`; none where there is no such field.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    get(value, name).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

/// The text in field `name`.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    get(value, name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_field() {
        let mut value: Value = serde_yaml::from_str("{portValue: 1, socket_address: {a: b}}").unwrap();
        assert_eq!(get(&value, "port_value"), Some(&Value::from(1)));
        set(&mut value, "port_value", 2);
        assert_eq!(
            serde_yaml::to_string(&value).unwrap(),
            "portValue: 2\nsocket_address:\n  a: b\n"
        );
        assert!(remove(&mut value, "port_value").is_some() && get(&value, "portValue").is_none());
        assert_eq!(dig(&value, &["socket_address", "a"]), Some(&Value::from("b")));
    }
}
