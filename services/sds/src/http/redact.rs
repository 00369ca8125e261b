//! What is not shown of a resource to those who read it: keys, passwords, and whatever a secret is.

use serde_json::{Map, Value, json};

/// What stands in the place of a text, as in Envoy's own dumps.
const REDACTED: &str = "[redacted]";

/// The same where bytes are asked for, in base64.
const REDACTED_BYTES: &str = "W3JlZGFjdGVkXQ==";

/// The fields whose content is nobody's business, as Envoy's API marks them.
const SENSITIVE: [&str; 6] = [
    "generic_secret",
    "password",
    "pkcs12",
    "private_key",
    "private_key_provider",
    "session_ticket_keys",
];

/// Replaces what is not to be shown, wherever in a resource it is. Names of files and of variables stay.
pub(super) fn redact(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        // Of what was not typed, both spellings are there.
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        if SENSITIVE.iter().any(|sensitive| plain(sensitive) == plain(name)) {
            hide(value);
        } else {
            look(value);
        }
    }
}

fn look(value: &mut Value) {
    match value {
        Value::Object(fields) => redact(fields),
        Value::Array(items) => items.iter_mut().for_each(look),
        _ => {}
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "filename" | "environment_variable" | "provider_name" | "@type" | "type_url" => {}
                    "inline_bytes" => *value = json!(REDACTED_BYTES),
                    _ => hide(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::String(_) | Value::Number(_) => *value = json!(REDACTED),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown_and_everything_else_is() {
        let mut fields = json!({
            "name": "server",
            "tls_certificate": {
                "certificate_chain": {"inline_string": "chain"},
                "private_key": {"inline_string": "KEY"},
                "password": {"inline_bytes": "S0VZ"},
                "pkcs12": {"filename": "/a.p12", "watched_directory": {"path": "/KEY"}},
                "private_key_provider": {"provider_name": "p", "typed_config": {"@type": "t", "x": ["KEY", 7, true]}},
            },
            "session_ticket_keys": {"keys": [{"inline_bytes": "S0VZ"}, {"environment_variable": "V"}]},
            "generic_secret": {"secrets": {"a": {"inline_string": "KEY"}}},
            "untyped": {"privateKey": {"inlineString": "KEY"}, "private_keys": "shown"},
        });
        redact(fields.as_object_mut().unwrap());
        let text = fields.to_string();
        assert!(!text.contains("KEY") && !text.contains("S0VZ"), "{text}");
        for shown in ["chain", "/a.p12", "\"p\"", "\"t\"", "\"V\"", "server", "shown"] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
    }
}
