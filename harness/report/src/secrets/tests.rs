use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::*;

const TOKEN: &str = "s3cr3t/Tök+n \"of\" <me> & \\you\\";

fn secrets(variables: &[(&str, &str)]) -> Secrets {
    Secrets::of(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

#[track_caller]
fn is_found(secrets: &Secrets, text: &str) {
    let told = format!("<<{text}>>");
    assert_eq!(secrets.redact(&told), "<<[API_TOKEN redacted]>>", "{text}");
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let secrets = secrets(&[("API_TOKEN", TOKEN)]);
    let json = serde_json::to_string(TOKEN).unwrap();
    let inner = json.trim_matches('"');
    let again = serde_json::to_string(inner).unwrap();
    let url = percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC).to_string();
    let xml = TOKEN
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&#62;")
        .replace('"', "&quot;");
    let ascii = inner.replace('ö', "\\u00f6");
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    for text in [
        TOKEN,
        inner,
        again.trim_matches('"'),
        &ascii,
        &url,
        &url.replace("%2F", "%2f").replace("%C3%B6", "%c3%b6"),
        &url.replace('%', "%25"),
        &xml,
        &TOKEN.escape_default().to_string(),
        &hex,
        &hex.to_uppercase(),
        "s3cr3t/Tök\n   +n \"of\" <me> & \\you\\",
        "s3cr3t/Tök+n\n    \"of\"\t<me>\r\n& \\you\\",
        "s3cr3t\r\n/Tök+n \"of\" <m\n\t\te> & \\you\\",
        "s3cr3t\\n/Tök+n \\\"of\\\" <me> & \\\\you\\\\",
    ] {
        is_found(&secrets, text);
    }
}

#[test]
fn a_secret_is_found_in_base64_wherever_it_begins() {
    let secrets = secrets(&[("API_TOKEN", TOKEN)]);
    for before in ["", "u", "us", "user:", "login=user&password="] {
        for after in ["", "\n", ":x", "&and=more"] {
            let text = format!("{before}{TOKEN}{after}");
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let told = secrets.redact(&encoded).into_owned();
                assert!(told.contains("[API_TOKEN redacted]"), "{text}: {told}");
                // Wrapped, as in a mail or a certificate.
                let wrapped: Vec<String> = encoded
                    .as_bytes()
                    .chunks(10)
                    .map(|line| String::from_utf8_lossy(line).into_owned())
                    .collect();
                let told = secrets.redact(&wrapped.join("\n")).into_owned();
                assert!(
                    told.contains("[API_TOKEN redacted]") && told.len() < encoded.len(),
                    "{text}: {told}"
                );
            }
        }
    }
}

#[test]
fn a_secret_of_several_lines_is_found_by_each() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4=\n-----END PRIVATE KEY-----\n";
    let secrets = secrets(&[("DEPLOY", key)]);
    for text in [
        key.trim().to_owned(),
        key.trim().replace('\n', "\n    "),
        key.trim().replace('\n', "\\n"),
    ] {
        assert_eq!(secrets.redact(&text), "[DEPLOY redacted]");
    }
    let logged = key.replace('\n', "\npetstore-1 | ");
    let told = secrets.redact(&logged);
    assert!(!told.contains("MIIE") && !told.contains("BKcw"), "{told}");
}

#[test]
fn names_and_forms_tell_secrets() {
    for (name, value) in [
        ("GITHUB_TOKEN", "anything goes here"),
        ("npm_config__authToken", "anything-goes"),
        ("dbPassword", "correcthorse"),
        ("MY_SECRET", "hushhush"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("DEPLOY_KEY", "0123456789abcdef0123"),
        ("SIGNING_CREDENTIAL", "anything-goes"),
        ("SESSION_COOKIE", "ab12cd34ef56"),
        ("BASIC_AUTH", "user:Passw0rd"),
        ("MYSQL_PWD", "hunter22"),
        ("SMTP_PASS", "hunter22"),
        ("GH_PAT", "abcdef0123456789"),
        ("X", "ghp_0123456789abcdefABCDEF0123456789abcd"),
        ("X", "github_pat_11ABCDEFG0abcdefghijkl_ABCDEFGHIJKLMNOP"),
        ("X", "glpat-AbCdEfGhIjKlMnOpQrSt"),
        ("X", "AKIAIOSFODNN7EXAMPLE"),
        ("X", "xoxb-123456789012-abcdefABCDEF"),
        (
            "X",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        ),
    ] {
        let told = secrets(&[(name, value)]).redact(value).into_owned();
        assert_eq!(told, format!("[{name} redacted]"));
    }
}

#[test]
fn parts_of_values_are_secrets() {
    for (name, value, part) in [
        (
            "DATABASE_URL",
            "postgres://shop:c0rrect%2Fhorse@db:5432/shop",
            "c0rrect/horse",
        ),
        (
            "REMOTE",
            "https://x-access-token:ghs_0123456789abcdefABCD@github.com/a/b",
            "ghs_0123456789abcdefABCD",
        ),
        (
            "DOCKER_AUTH_CONFIG",
            r#"{"auths": {"r.example": {"auth": "dXNlcjpodW50ZXIyMg=="}}}"#,
            "dXNlcjpodW50ZXIyMg==",
        ),
        (
            "GIT_CONFIG_VALUE_0",
            "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46Z2hzX3g=",
            "eC1hY2Nlc3MtdG9rZW46Z2hzX3g=",
        ),
        (
            "JAVA_OPTS",
            "-Xmx1g -Djavax.net.ssl.keyStorePassword=correcthorse -Da=b",
            "correcthorse",
        ),
        (
            "CONNECTION",
            "Server=db;User Id=shop;Password=correcthorse;",
            "correcthorse",
        ),
        (
            "CURL_ARGS",
            "-H 'Authorization: Bearer abcdef0123456789abcdef'",
            "abcdef0123456789abcdef",
        ),
    ] {
        let told = secrets(&[(name, value)])
            .redact(&format!("it says {part}!"))
            .into_owned();
        assert_eq!(told, format!("it says [{name} redacted]!"));
    }
}

#[test]
fn what_everybody_knows_is_no_secret() {
    let variables = [
        ("HOME", "/home/somebody"),
        ("PWD", "/home/somebody/project"),
        ("OLDPWD", "/home/somebody"),
        ("USER", "somebody-else"),
        ("TOKEN_OWNER", "somebody-else"),
        ("PATH", "/usr/bin:/bin"),
        ("GITHUB_REF_NAME", "main"),
        ("MAIN_TOKEN", "main"),
        ("USE_TOKEN", "1"),
        ("HAS_SECRET", "true"),
        ("PASSWORD", "password"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("TOKEN_EXPIRES", "1700000000"),
        ("TOKEN_TYPE", "urn-something"),
        ("SECRET_NAME", "my-secret-of-the-shop"),
        ("SSH_AUTH_SOCK", "/dev/null"),
        ("AUTH_URL", "http://localhost:8080/authorize"),
        ("AUTH_SERVICE", "pet-store"),
        ("XKB_KEYMAP", "evdev-qwerty1"),
        ("MONKEY", "banana123"),
        ("GIT_AUTHOR_NAME", "Somebody Else 2"),
        ("COMPASS", "north-by-n0rthwest"),
        ("SSH_PUBLIC_KEY", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI somebody@host"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00"),
        ("CI_SERVER_URL", "https://gitlab.example.com/"),
    ];
    let secrets = secrets(&variables);
    for (name, value) in variables {
        assert_eq!(secrets.redact(value), value, "{name}");
    }
    assert!(secrets.finder.is_none());
}

#[test]
fn of_two_names_the_first_is_told_and_a_name_is_a_word() {
    let value = "anything goes here";
    for order in [["A_TOKEN", "B_TOKEN"], ["B_TOKEN", "A_TOKEN"]] {
        assert_eq!(
            secrets(&order.map(|name| (name, value))).redact(value),
            "[A_TOKEN redacted]"
        );
    }
    assert_eq!(
        secrets(&[("a\n::b TOKEN", value)]).redact(value),
        "[a___b_TOKEN redacted]"
    );
    // The longer one is told where one has the other in it.
    let both = secrets(&[("A_TOKEN", "anything"), ("B_TOKEN", "anything goes here")]);
    assert_eq!(both.redact(value), "[B_TOKEN redacted]");
}

#[test]
fn names_of_fields_are_told_no_more_than_their_values() {
    let secrets = secrets(&[("API_TOKEN", "anything goes here")]);
    let mut value = serde_json::json!({"anything goes here": [{"a": "x anything goes here"}], "b": 1});
    assert!(secrets.redact_value(&mut value));
    assert_eq!(
        value,
        serde_json::json!({"[API_TOKEN redacted]": [{"a": "x [API_TOKEN redacted]"}], "b": 1})
    );
    assert!(!secrets.redact_value(&mut serde_json::json!({"a": ["b", 1, null]})));
}

proptest! {
    #[test]
    fn any_secret_in_any_text_is_found_and_the_rest_stays(
        secret in "[a-zA-Z0-9/+=&%\\\\\"<>ü ]{12,40}[a-z]{4}",
        before in "[a-z.\n ü]{0,20}",
        after in "[a-z.\n ü]{0,20}",
    ) {
        let secret = secret.trim();
        prop_assume!(secret.len() >= 12);
        let secrets = secrets(&[("API_TOKEN", secret)]);
        // Each end apart, so that nothing of what is around it could be one of its characters.
        let text = format!("{before}|{secret}|{after}");
        prop_assert_eq!(secrets.redact(&text), format!("{before}|[API_TOKEN redacted]|{after}"));
        let json = serde_json::to_string(&text).unwrap();
        let told: String = serde_json::from_str(&secrets.redact(&json)).unwrap();
        prop_assert_eq!(told, format!("{before}|[API_TOKEN redacted]|{after}"));
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>(), escapes in "[\\\\u%&#x;{}0-9a-fd]{0,60}") {
        let secrets = secrets(&[("API_TOKEN", "anything goes here")]);
        prop_assert_eq!(secrets.redact(&text), text.as_str());
        let mixed = format!("{escapes}{text}{escapes}");
        prop_assert_eq!(secrets.redact(&mixed), mixed.as_str());
    }
}

#[test]
fn what_is_left_of_a_secret_where_a_text_was_cut_is_not_told() {
    let secrets = secrets(&[
        ("API_TOKEN", TOKEN),
        ("DEPLOY_TOKEN", "hunter2SuperTopSecretValueXYZ99887766"),
    ]);
    let whole = format!("{}hunter2SuperTopSecretValueXYZ99887766 and more", "A".repeat(265));
    for most in 273..302 {
        let told = meshkat_model::shorten::shorten(&whole, most);
        let told = secrets.redact(&told);
        assert!(told.contains("A[DEPLOY_TOKEN redacted]… ("), "{most}: {told}");
    }
    // In whatever spelling.
    let json = serde_json::to_string(&format!("{TOKEN}{}", "A".repeat(300))).unwrap();
    let told = meshkat_model::shorten::shorten(&json, 20);
    assert!(secrets.redact(&told).contains("\"[API_TOKEN redacted]… ("), "{told}");
    // A word that begins alike is a word.
    assert_eq!(
        secrets.redact("hunter2S… (9 bytes)"),
        "[DEPLOY_TOKEN redacted]… (9 bytes)"
    );
    assert_eq!(secrets.redact("hunter2… (9 bytes)"), "hunter2… (9 bytes)");
    assert_eq!(secrets.redact("hunter2Super (9 bytes)"), "hunter2Super (9 bytes)");
}

#[test]
fn what_is_left_of_a_secret_where_a_text_begins_in_its_middle_is_not_told() {
    let secrets = secrets(&[
        ("API_TOKEN", TOKEN),
        ("DEPLOY_TOKEN", "hunter2SuperTopSecretValueXYZ99887766"),
    ]);
    let secret = "hunter2SuperTopSecretValueXYZ99887766";
    for left in 8..secret.len() {
        let log = format!("…{} and more\n", &secret[secret.len() - left..]);
        assert_eq!(secrets.redact(&log), "…[DEPLOY_TOKEN redacted] and more\n", "{left}");
    }
    let json = serde_json::to_string(TOKEN).unwrap();
    let end = &json[json.len() - 15..];
    assert_eq!(secrets.redact(&format!("…{end}")), "…[API_TOKEN redacted]\"");
    // Words that end alike are words.
    assert_eq!(secrets.redact("…9887766"), "…9887766");
    assert_eq!(secrets.redact("ValueXYZ99887766"), "ValueXYZ99887766");
}
