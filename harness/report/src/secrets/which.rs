//! Which values of an environment are secrets: by the name of the variable, or by their form.

use std::collections::BTreeMap;

use serde_json::Value;

/// Shorter ones are found everywhere by chance, and so is what they stand for.
const SHORTEST: usize = 8;

/// How sure a name makes that its value is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// It says nothing.
    None,
    /// It may be one, if it looks as if it was made at random.
    Weak,
    /// It is one, unless it is a word that everybody uses.
    Strong,
}

/// In any word of a name.
const STRONG: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"];
/// A whole word of a name.
const WEAK: [&str; 18] = [
    "KEY",
    "KEYS",
    "AUTH",
    "OAUTH",
    "AUTHORIZATION",
    "COOKIE",
    "COOKIES",
    "PRIVATE",
    "PAT",
    "PASS",
    "PASSCODE",
    "CREDS",
    "SIGNATURE",
    "SALT",
    "DSN",
    "WEBHOOK",
    "JWT",
    "BEARER",
];
/// The last word of a name that is about a secret, and whose value is none itself.
const ABOUT: [&str; 28] = [
    "TYPE",
    "NAME",
    "POLICY",
    "PATH",
    "FILE",
    "DIR",
    "FOLDER",
    "URL",
    "URI",
    "HOST",
    "PORT",
    "TTL",
    "TIMEOUT",
    "EXPIRY",
    "LENGTH",
    "SIZE",
    "ENABLED",
    "VERSION",
    "SOCK",
    "COUNT",
    "MODE",
    "FORMAT",
    "ALGORITHM",
    "ISSUER",
    "PROVIDER",
    "USER",
    "USERNAME",
    "EMAIL",
];
/// Values that stand in reports for what they say.
const COMMON: [&str; 30] = [
    "password",
    "postgres",
    "petstore",
    "petshop",
    "discovery",
    "kubernetes",
    "localhost",
    "localhost:8080",
    "127.0.0.1",
    "production",
    "development",
    "required",
    "optional",
    "disabled",
    "enabled",
    "undefined",
    "anonymous",
    "authorization",
    "application",
    "application/json",
    "meshkat",
    "scenario",
    "scenarios",
    "internal",
    "external",
    "username",
    "default-token",
    "changeme",
    "redacted",
    "********",
];
/// What issuers begin their tokens with; the rest is letters, digits, `_`, `-` and dots.
const PREFIXES: [&str; 36] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glcbt-",
    "glrt-",
    "glptt-",
    "glsoat-",
    "gloas-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "sk_live_",
    "rk_live_",
    "sk-",
    "npm_",
    "pypi-",
    "dckr_pat_",
    "hf_",
    "SG.",
    "AIza",
    "ya29.",
    "dop_v1_",
    "shpat_",
    "hvs.",
    "hvb.",
    "AGE-SECRET-KEY-",
    "ATATT",
    "whsec_",
];
/// Variables whose values everybody may know, also when another one that is named like a secret has the same.
const PUBLIC: [&str; 10] = [
    "USER",
    "LOGNAME",
    "HOSTNAME",
    "HOME",
    "PWD",
    "GITHUB_REPOSITORY",
    "GITHUB_ACTOR",
    "GITHUB_REF_NAME",
    "CI_PROJECT_NAME",
    "CI_COMMIT_REF_NAME",
];

/// Whether a variable that is public has this value.
pub(super) fn is_public(variables: &BTreeMap<String, String>, value: &str) -> bool {
    PUBLIC
        .iter()
        .any(|name| variables.get(*name).is_some_and(|known| known == value))
}

/// The secrets in the value of a variable. `harmless` says what is known to be none, such as a path.
pub(super) fn values(name: &str, value: &str, harmless: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let strength = strength(name);
    let mut take = |value: &str, strength: Strength| {
        if is_worth(value.trim(), strength) && !harmless(value.trim()) {
            found.push(value.to_owned());
        }
    };
    take(value, strength);
    for (name, part) in parts(value, strength) {
        take(
            &part,
            self::strength(&name).max(if strength == Strength::None {
                strength
            } else {
                Strength::Weak
            }),
        );
    }
    for part in after_schemes(value).chain(passwords_of_urls(value)) {
        take(&part, Strength::Strong);
    }
    found.extend(formed(value));
    found
}

/// What the name of a variable, or of a field, says.
fn strength(name: &str) -> Strength {
    let words = words(name);
    let has = |one: &str| words.iter().any(|word| word == one);
    if (has("PUBLIC") || has("PUB")) && !has("PRIVATE") {
        return Strength::None;
    }
    let last_is_about = words.last().is_some_and(|word| ABOUT.contains(&word.as_str()));
    let strong = words.iter().any(|word| STRONG.iter().any(|part| word.contains(part)));
    let ends = |word: &str| {
        let known = [
            "APIKEY",
            "ACCESSKEY",
            "SECRETKEY",
            "PRIVATEKEY",
            "DBPASS",
            "USERPASS",
            "ASKPASS",
        ];
        known.iter().any(|end| word.ends_with(end))
    };
    let weak = words.iter().any(|word| WEAK.contains(&word.as_str()) || ends(word));
    // `PWD` alone is a folder, and so is `OLDPWD`.
    let weak = weak || (words.len() > 1 && has("PWD"));
    match (strong, weak) {
        (true, _) if !last_is_about => Strength::Strong,
        (false, false) => Strength::None,
        _ => Strength::Weak,
    }
}

/// The words of a name in capitals: `API_TOKEN`, `apiToken`, `http.api-token`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase());
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_uppercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_worth(value: &str, strength: Strength) -> bool {
    let seen = value.chars().filter(|c| !c.is_whitespace()).count();
    if seen < SHORTEST || COMMON.contains(&value.to_ascii_lowercase().as_str()) {
        return false;
    }
    let any = |is: fn(char) -> bool| value.chars().any(is);
    let (lower, upper, digit) = (
        any(char::is_lowercase),
        any(char::is_uppercase),
        any(|c| c.is_ascii_digit()),
    );
    if !lower && !upper && value.len() < 16 {
        // A number, a date, an address.
        return false;
    }
    if value.contains("://") && !value.split(['/', '?', '&', '=', ':']).any(is_random) {
        return false;
    }
    match strength {
        Strength::None => false,
        Strength::Weak => (lower || upper) && (digit || (lower && upper) || value.len() >= 32),
        Strength::Strong => true,
    }
}

fn is_random(part: &str) -> bool {
    let any = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
    part.len() >= 16 && any(char::is_ascii_digit) && any(char::is_ascii_alphabetic)
}

/// The named parts of a value that is made of several: fields of JSON, and `name=value` in a list. Each line of a secret is
/// one of its spellings, and no part.
fn parts(value: &str, strength: Strength) -> Vec<(String, String)> {
    let text = value.trim();
    if text.starts_with(['{', '['])
        && strength != Strength::None
        && let Ok(json) = serde_json::from_str::<Value>(text)
    {
        let mut leaves = Vec::new();
        leaves_of(&json, "", &mut leaves);
        return leaves;
    }
    let pairs = text.split([';', '&', ',', ' ', '\n', '\'', '"']);
    let named = pairs.filter_map(|pair| pair.split_once('='));
    // `a==` is the end of something in base64.
    let named = named.filter(|(name, value)| !name.is_empty() && !value.trim_matches('=').is_empty());
    named
        .filter(|(name, _)| self::strength(name) != Strength::None)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn leaves_of(value: &Value, name: &str, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => leaves.push((name.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| leaves_of(item, name, leaves)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| leaves_of(field, name, leaves)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What comes after `basic`, `bearer` or `token`, as in a header.
fn after_schemes(value: &str) -> impl Iterator<Item = String> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| {
        let scheme = pair[0]
            .trim_matches(|c: char| !c.is_ascii_alphabetic())
            .to_ascii_lowercase();
        matches!(scheme.as_str(), "basic" | "bearer" | "token")
    });
    let told: Vec<String> = pairs.map(|pair| pair[1].trim_matches(['\'', '"']).to_owned()).collect();
    told.into_iter().filter(|word| word.len() >= 16)
}

/// The passwords of `scheme://user:password@host`, as they stand and as they are meant.
fn passwords_of_urls(value: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    for (at, _) in value.match_indices("://") {
        let rest = &value[at + 3..];
        let authority = rest.split(['/', '?', '#', ' ', '\n']).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            continue;
        };
        let password = user.split_once(':').map_or("", |(_, password)| password);
        let meant = percent_encoding::percent_decode_str(password)
            .decode_utf8_lossy()
            .into_owned();
        found.push(password.to_owned());
        if meant != password {
            found.push(meant);
        }
        // A token may stand where the user's name does.
        if is_random(user.split(':').next().unwrap_or_default()) {
            found.push(user.split(':').next().unwrap_or_default().to_owned());
        }
    }
    found.into_iter()
}

/// What in a value has the form of a secret, whatever the variable is called.
fn formed(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY") {
        found.push(value.to_owned());
    }
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '+');
    found.extend(
        value
            .split(|c| !in_word(c))
            .filter(|word| is_formed(word))
            .map(str::to_owned),
    );
    found
}

fn is_formed(word: &str) -> bool {
    let issued = |prefix: &&str| {
        word.strip_prefix(*prefix)
            .is_some_and(|rest| rest.len() >= 16 && rest.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()))
    };
    let of_amazon = || {
        let rest = ["AKIA", "ASIA"].iter().find_map(|prefix| word.strip_prefix(prefix));
        rest.is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
    };
    let is_jwt = || word.starts_with("eyJ") && word.matches('.').count() == 2 && word.len() >= 32;
    PREFIXES.iter().any(issued) || of_amazon() || is_jwt()
}
