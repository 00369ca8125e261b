//! A file's document, as Envoy reads it: by the ending of its name as JSON, or as YAML.

use std::path::Path;

use serde_yaml::Value;

use super::{ConfigError, yaml};

/// The largest configuration that is read: a hundred times what people write.
pub(super) const LARGEST: u64 = 16 << 20;

/// Reads the document that `text`, the content of `file`, is.
///
/// # Errors
/// It is no JSON, or no YAML, of one document, or hides something; told with its place.
pub(super) fn read(file: &Path, text: &str) -> Result<Value, ConfigError> {
    super::readable::check(file, text)?;
    if is_json(file) {
        return serde_json::from_str(text).map_err(|error| ConfigError::NotYaml {
            file: file.to_owned(),
            line: Some(error.line().max(1)),
            column: Some(error.column().max(1)),
            message: error.to_string(),
        });
    }
    let (document, _) = yaml::read(text).map_err(|fault| ConfigError::not_yaml(file, fault))?;
    Ok(document)
}

/// Whether Envoy takes a file of this name for JSON, where `1.10` is a number.
fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_json_are_numbers() {
        let text = r#"{"a": 1.5, "b": "1.10", "c": 10000, "d": "\/"}"#;
        let json = |file: &str| serde_json::to_string(&read(Path::new(file), text).unwrap());
        assert_eq!(json("x.json").unwrap(), r#"{"a":1.5,"b":"1.10","c":10000,"d":"/"}"#);
        let text = r#"{"a": 1.5}"#;
        let read = read(Path::new("x.yaml"), text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"a":"1.5"}"#);
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        let error = read(Path::new("x.json"), "{\n  \"a\": yes\n}").unwrap_err().to_string();
        assert!(error.starts_with("failed to parse x.json:2:"), "{error}");
    }
}
