//! What is not shown of a resource to those who read it: keys, passwords, and whatever a secret is.

use serde_json::{Map, Value, json};

/// What stands in the place of a text, as in Envoy's own dumps.
const REDACTED: &str = "[redacted]";

/// The same where bytes are asked for, in base64.
const REDACTED_BYTES: &str = "W3JlZGFjdGVkXQ==";

/// The fields whose content is nobody's business, as Envoy's API marks them. What differs in them `meshkat sync` does not show
/// either (`harness/sync/src/sensitive.rs`).
const SENSITIVE: [&str; 19] = [
    "auth_password",
    "auth_passwords",
    "auth_username",
    "backend_token",
    "credentials_data_source",
    "downstream_auth_password",
    "downstream_auth_passwords",
    "downstream_auth_username",
    "generic_secret",
    "password",
    "pkcs12",
    "private_key",
    "private_key_provider",
    "secret_access_key",
    "secret_data",
    "session_ticket_keys",
    "session_token",
    "users",
    "web_identity_token_data_source",
];

/// Of these as well; what is in them has names of its own, or any.
const CREDENTIALS: &str = "credentials";
const CONTEXT: &str = "context_extensions";

/// Replaces what is not to be shown, wherever in a resource it is. Names of files and of variables stay.
pub(super) fn redact(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        // Of what was not typed, both spellings are there.
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let is = |known: &str| plain(known) == plain(name);
        match value {
            value if SENSITIVE.into_iter().any(is) => hide(value),
            // Those of API keys are a list, with whose each key is. Others of this name have fields that are looked at.
            Value::Array(items) if is(CREDENTIALS) => items.iter_mut().for_each(hide_key),
            Value::Object(texts) if is(CONTEXT) => texts.values_mut().for_each(hide),
            value => look(value),
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

fn hide_key(credential: &mut Value) {
    if let Some(key) = credential.get_mut("key") {
        hide(key);
    }
    look(credential);
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_text = !value.is_object() && !value.is_array();
                match name.as_str() {
                    // Not where a secret is called so.
                    "filename" | "environment_variable" | "provider_name" | "@type" | "type_url" if is_text => {}
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
            "generic_secret": {"secrets": {
                "a": {"inline_string": "KEY"},
                "filename": {"inline_string": "KEY"},
                "type_url": [{"inline_string": "KEY"}],
            }},
            "redis": {
                "auth_password": {"inline_string": "KEY"},
                "auth_passwords": [{"inline_string": "KEY"}],
                "downstream_auth_password": {"inline_string": "KEY"},
                "downstream_auth_passwords": [{"inline_bytes": "S0VZ"}, {"filename": "/pass"}],
                "credentials": [{"auth_password": {"inline_string": "KEY"}, "auth_username": {"inline_string": "KEY"}}],
            },
            "api": {"credentials": [{"key": "KEY", "client": "alice"}], "key_sources": [{"header": "x-key"}]},
            "lambda": {"credentials": {"access_key_id": "id", "secret_access_key": "KEY", "session_token": "KEY"}},
            "basic": {"users": {"inline_string": "bob:{SHA}KEY"}},
            "authz": {"context_extensions": {"filename": "KEY"}},
            "skywalking": {"backendToken": "KEY"},
            "untyped": {"privateKey": {"inlineString": "KEY"}, "private_keys": "shown"},
        });
        redact(fields.as_object_mut().unwrap());
        let text = fields.to_string();
        assert!(!text.contains("KEY") && !text.contains("S0VZ"), "{text}");
        for shown in [
            "chain", "/a.p12", "\"p\"", "\"t\"", "\"V\"", "server", "shown", "/pass", "alice", "x-key", "\"id\"",
        ] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
    }
}
