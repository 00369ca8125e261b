//! Access logs that go to files.

use serde_yaml::{Mapping, Value};

use super::value::remove;

const FILE: &str = ".FileAccessLog";
const STDOUT: &str = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";

/// Makes every access log of a file one of standard output, where it becomes a part of the pod's log: evidence, wherever it was
/// to go, and no matter who may write there. What goes nowhere stays so.
pub(super) fn to_standard_output(value: &mut Value) {
    if let Value::Mapping(fields) = value
        && is_to_a_file(fields)
    {
        into_stream(fields);
    }
    match value {
        Value::Mapping(fields) => {
            // The admin interface's, in its older spelling.
            for field in ["access_log_path", "accessLogPath"] {
                if let Some(path) = fields.get_mut(field).filter(|path| path.is_string()) {
                    *path = Value::from("/dev/null");
                }
            }
            fields.values_mut().for_each(to_standard_output);
        }
        Value::Sequence(items) => items.iter_mut().for_each(to_standard_output),
        _ => {}
    }
}

fn is_to_a_file(fields: &Mapping) -> bool {
    let kind = fields.get("@type").and_then(Value::as_str);
    let path = fields.get("path").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with(FILE)) && path.is_some_and(|path| path != "/dev/null")
}

/// `FileAccessLog` has formats of its own beside the one that all have.
fn into_stream(fields: &mut Mapping) {
    let mut value = Value::Mapping(std::mem::take(fields));
    remove(&mut value, "path");
    let mut format = None;
    for (old, new) in [
        ("format", "text_format_source"),
        ("json_format", "json_format"),
        ("typed_json_format", "json_format"),
    ] {
        let Some(written) = remove(&mut value, old) else {
            continue;
        };
        let written = match written {
            // Empty is as if it were not there.
            Value::String(text) if text.is_empty() => continue,
            Value::String(text) => mapping("inline_string", Value::String(text)),
            other => other,
        };
        format = Some(mapping(new, written));
    }
    if let Value::Mapping(mut rest) = value {
        rest.insert("@type".into(), STDOUT.into());
        if let Some(format) = format {
            rest.insert("log_format".into(), format);
        }
        *fields = rest;
    }
}

fn mapping(field: &str, value: Value) -> Value {
    let mut mapping = Mapping::new();
    mapping.insert(field.into(), value);
    Value::Mapping(mapping)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Bootstrap;

    #[test]
    fn logs_of_files_go_to_standard_output_in_their_format() {
        let log = "'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
        let stdout = format!("'@type': {STDOUT}");
        for (written, changed) in [
            (format!("{{{log}, path: /tmp/x}}"), format!("{{{stdout}}}")),
            (
                format!("{{{log}, path: /dev/stdout, format: \"%A%\\n\"}}"),
                format!("{{{stdout}, log_format: {{text_format_source: {{inline_string: \"%A%\\n\"}}}}}}"),
            ),
            (
                format!("{{{log}, path: x, jsonFormat: {{a: b}}}}"),
                format!("{{{stdout}, log_format: {{json_format: {{a: b}}}}}}"),
            ),
            (
                format!("{{{log}, path: x, log_format: {{json_format: {{a: b}}}}}}"),
                format!("{{log_format: {{json_format: {{a: b}}}}, {stdout}}}"),
            ),
            (
                format!("{{{log}, path: /dev/null}}"),
                format!("{{{log}, path: /dev/null}}"),
            ),
            (
                "{access_log_path: /x}".to_owned(),
                "{access_log_path: /dev/null}".to_owned(),
            ),
        ] {
            let read = |text: &str| Bootstrap::parse(Path::new("x.yaml"), &format!("{{a: [{text}]}}")).unwrap();
            let mut config = read(&written);
            to_standard_output(config.document_mut());
            assert_eq!(config, read(&changed), "{written}");
        }
    }
}
