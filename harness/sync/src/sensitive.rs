//! What must not be shown of what differs.

use serde_json::Value;

/// The fields that Envoy's API marks as sensitive. The discovery service hides the same from those who read resources by its
/// HTTP interface (`http/redact.rs`); what it answers to discovery is whole.
const SENSITIVE: [&str; 21] = [
    "auth_password",
    "auth_passwords",
    "auth_username",
    "backend_token",
    "context_extensions",
    "credentials",
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

/// Whether a path goes through something sensitive.
pub(crate) fn is_sensitive(path: &str) -> bool {
    path.split(['.', '[']).any(is_sensitive_name)
}

/// Whether there is something sensitive in a value.
pub(crate) fn has_sensitive(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| is_sensitive_name(name) || has_sensitive(value)),
        Value::Array(items) => items.iter().any(has_sensitive),
        _ => false,
    }
}

/// Of what was not typed, both spellings are there.
fn is_sensitive_name(name: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let name = plain(name);
    SENSITIVE.iter().any(|sensitive| plain(sensitive) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discovery_service_hides_the_same() {
        let its = include_str!("../../../services/sds/src/http/redact.rs");
        let lists = ["const SENSITIVE: ", "const CREDENTIALS: ", "const CONTEXT: "]
            .iter()
            .flat_map(|list| {
                let (_, rest) = its.split_once(list).expect("the list");
                let names = rest.split_once(" = ").and_then(|(_, rest)| rest.split_once(';'));
                let (names, _) = names.expect("its end");
                names.split('"').skip(1).step_by(2)
            });
        let mut names: Vec<&str> = lists.collect();
        names.sort_unstable();
        assert_eq!(names, SENSITIVE);
    }
}
