//! Where in a document the thing stands that Envoy refuses it for: by the path, the field, the name or the value that it quotes.

use serde_yaml::Value;

use super::{DocPath, path::walk, value::get};

/// The place that Envoy's words mean; none where they mean none that can be found.
pub(super) fn place(document: &Value, message: &str) -> Option<DocPath> {
    let unknown_field = between(message, "no such field: '", "'");
    let place = said_path(message)
        .map(|path| path.then_if_there(document, unknown_field))
        .or_else(|| constraint(document, message))
        .or_else(|| duration(document, message))
        .or_else(|| pattern(document, message))
        .or_else(|| twice(document, message))
        .or_else(|| quoted(document, message));
    place.or_else(|| {
        let field = unknown_field?;
        get(document, field).map(|_| DocPath::root().field(field))
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// `… @ static_resources.listeners[0].typed_config.<any>.name: string …`: what an `Any` holds stands where the `Any` does.
fn said_path(message: &str) -> Option<DocPath> {
    let (_, after) = message.split_once(" @ ")?;
    let end = after.find([':', ',']).unwrap_or(after.len());
    steps(after.get(..end)?.trim())
}

/// Steps down into a document, as far as they can be read.
fn steps(text: &str) -> Option<DocPath> {
    let mut path = DocPath::root();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() && name != "<any>" {
            path = path.field(name);
        }
        rest = after;
        while let Some(inside) = rest.strip_prefix('[') {
            let (key, after) = inside.split_once(']')?;
            path = match key.parse() {
                Ok(index) => path.item(index),
                Err(_) => path.field(key.trim_matches('"')),
            };
            rest = after;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    (path != DocPath::root()).then_some(path)
}

impl DocPath {
    /// The field below it, if the document has it.
    fn then_if_there(self, document: &Value, field: Option<&str>) -> Self {
        match (field, at(document, &self)) {
            (Some(field), Some(value)) if get(value, field).is_some() => self.field(field),
            _ => self,
        }
    }
}

fn at<'a>(document: &'a Value, path: &DocPath) -> Option<&'a Value> {
    path.look(document)
}

/// `ClusterValidationError.LoadAssignment: … | caused by …ValidationError.Endpoints[0]: …`: a chain of fields, from a message
/// that stands somewhere in the document.
fn constraint(document: &Value, message: &str) -> Option<DocPath> {
    let (_, chain) = message.split_once("constraint validation failed (")?;
    let links = chain
        .split("caused by ")
        .filter_map(|link| link.split_once("ValidationError."));
    let mut links = links.map(|(message, field)| (message, field.split_once(": ").map_or(field, |(field, _)| field)));
    let (first, field) = links.next()?;
    let fields = std::iter::once(field).chain(links.map(|(_, field)| field));
    let below = fields.map(snake_case).collect::<Vec<_>>().join(".");
    // The field that has to be there is named when its message is reached.
    let missing = between(message, "field: \"", "\"");
    let lacks = message.contains("length must be at least") || message.contains("is required");
    let mut found: Vec<DocPath> = Vec::new();
    if first == "Bootstrap" {
        found.push(DocPath::root());
    } else {
        let ending = format!(".{first}");
        walk(document, &DocPath::root(), &mut |path, value| {
            let kind = value.as_mapping().and_then(|fields| fields.get("@type"));
            if kind.and_then(Value::as_str).is_some_and(|kind| kind.ends_with(&ending)) {
                found.push(path.clone());
            }
        });
    }
    let below = steps(&below)?;
    let all = found.into_iter().map(|path| path.join(&below));
    let all: Vec<DocPath> = all.map(|path| path.then_if_there(document, missing)).collect();
    // Of several messages of a kind, the one whose field is, or is not, as it is told.
    let fits = |path: &&DocPath| match at(document, path) {
        None | Some(Value::Null) => lacks,
        Some(Value::String(text)) => !lacks || text.is_empty(),
        Some(Value::Sequence(items)) => !lacks || items.is_empty(),
        Some(_) => !lacks || missing.is_some(),
    };
    all.iter().find(fits).or(all.first()).cloned()
}

/// `LbEndpoints[0]` as `lb_endpoints[0]`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `Expected positive duration: … seconds: -1`: the text of that duration.
fn duration(document: &Value, message: &str) -> Option<DocPath> {
    if !message.to_ascii_lowercase().contains("duration") {
        return None;
    }
    let number = |name: &str| {
        let (_, after) = message.split_once(name)?;
        let after = after.trim_start();
        let end = after
            .find(|c: char| !(c.is_ascii_digit() || c == '-'))
            .unwrap_or(after.len());
        after.get(..end)?.parse::<i64>().ok()
    };
    let (seconds, nanos) = (number("seconds:"), number("nanos:"));
    if seconds.is_none() && nanos.is_none() {
        return None;
    }
    let told = i128::from(seconds.unwrap_or(0)) * 1_000_000_000 + i128::from(nanos.unwrap_or(0));
    first(document, |_, text| nanoseconds(text) == Some(told))
}

/// A duration as protobuf's JSON writes it.
fn nanoseconds(text: &str) -> Option<i128> {
    let number = text.strip_suffix('s')?;
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 9 || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let nanos = format!("{whole}{part:0<9}").parse::<i128>().ok()?;
    Some(if negative { -nanos } else { nanos })
}

/// What RE2 says of a pattern: `missing ): (`, with the pattern or a part of it at the end.
fn pattern(document: &Value, message: &str) -> Option<DocPath> {
    const SAYS: [&str; 9] = [
        "missing )",
        "missing ]",
        "unexpected )",
        "invalid escape sequence",
        "trailing \\",
        "no argument for repetition operator",
        "bad repetition operator",
        "invalid character class range",
        "invalid perl operator",
    ];
    let says = SAYS.iter().find(|says| message.contains(**says))?;
    let (_, after) = message.split_once(says)?;
    let part = after.trim_start_matches(':').trim();
    let is_regex = |key: &str| key.contains("regex");
    first(document, |key, text| is_regex(key) && text == part).or_else(|| {
        first(document, |key, text| {
            is_regex(key) && !part.is_empty() && text.contains(part)
        })
    })
}

/// What may be there once: the second of it.
fn twice(document: &Value, message: &str) -> Option<DocPath> {
    let domain = if message.contains("single wildcard domain") {
        "*"
    } else {
        let (_, after) = message.split_once("Duplicate entry of domain ")?;
        after.split_whitespace().next()?
    };
    let route = message.rsplit_once("in route ").map(|(_, name)| name.trim());
    let mut found = Vec::new();
    walk(document, &DocPath::root(), &mut |path, value| {
        let is_it = get(value, "virtual_hosts").is_some()
            && route.is_none_or(|route| get(value, "name").and_then(Value::as_str).unwrap_or_default() == route);
        if is_it {
            found.push((path.clone(), value));
        }
    });
    found.into_iter().find_map(|(path, value)| {
        let mut all = Vec::new();
        strings(value, &path, "", &mut |path, key, text| {
            if key == "domains" && text == domain {
                all.push(path.clone());
            }
        });
        all.into_iter().nth(1)
    })
}

/// A name or a value in quotes, or after the word for what it is.
fn quoted(document: &Value, message: &str) -> Option<DocPath> {
    let mut words: Vec<&str> = Vec::new();
    for quote in ['\'', '"', '`'] {
        words.extend(message.split(quote).skip(1).step_by(2));
    }
    for (before, after) in [
        ("path: ", ""),
        ("cluster: ", ""),
        ("type: ", ""),
        ("address: ", ""),
        ("name: ", ""),
    ] {
        let rest = message.split_once(before).map(|(_, rest)| rest);
        words.extend(
            rest.and_then(|rest| rest.split([' ', ',', ';', '\n']).next())
                .filter(|word| *word != after),
        );
    }
    let is_told_twice = ["duplicate", "Duplicate", "already"]
        .iter()
        .any(|word| message.contains(word));
    // What is asked for is named where it is used, and what is there twice the second time.
    let of = if message.contains("unknown cluster") {
        "cluster"
    } else {
        ""
    };
    words.into_iter().filter(|word| !word.is_empty()).find_map(|word| {
        let all = every(document, |key, text| text == word && (of.is_empty() || key == of));
        match all.len() {
            0 => None,
            2.. if is_told_twice => all.into_iter().nth(1),
            _ => all.into_iter().next(),
        }
    })
}

fn first(document: &Value, is_it: impl Fn(&str, &str) -> bool) -> Option<DocPath> {
    every(document, is_it).into_iter().next()
}

fn every(document: &Value, is_it: impl Fn(&str, &str) -> bool) -> Vec<DocPath> {
    let mut found = Vec::new();
    strings(document, &DocPath::root(), "", &mut |path, key, text| {
        if is_it(key, text) {
            found.push(path.clone());
        }
    });
    found
}

/// Calls `visit` for each text and number of a document, with its place and the field that it is, or is in the list of.
fn strings(value: &Value, path: &DocPath, key: &str, visit: &mut impl FnMut(&DocPath, &str, &str)) {
    match value {
        Value::String(text) => visit(path, key, text),
        Value::Number(number) => visit(path, key, &number.to_string()),
        Value::Mapping(fields) => {
            for (name, value) in fields {
                if let Some(name) = name.as_str() {
                    strings(value, &path.field(name), name, visit);
                }
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &path.item(index), key, visit);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Bootstrap;

    const DOCUMENT: &str = "
static_resources:
  listeners:
  - name: inbound
    filter_chains:
    - filters:
      - name: http
        typed_config:
          '@type': type.googleapis.com/x.HttpConnectionManager
          stat_prefix: ok
          route_config: {name: local, virtual_hosts: [{name: a, domains: ['*', a]}, {name: b, domains: [a, '*']}]}
      - name: http
        typed_config:
          '@type': type.googleapis.com/x.HttpConnectionManager
          stat_prefix: ''
          route_config: {routes: [{match: {safe_regex: {regex: 'a(b'}}, route: {cluster: ecko, timout: 3s}}]}
  clusters:
  - {name: ecko, connect_timeout: -0.5s}
  - {name: echo, lb_policy: ROUND, outlier_detection: {max_ejection_percent: 200}}
  - {name: echo}
";

    #[test]
    fn the_place_is_that_of_what_envoy_quotes() {
        let config = Bootstrap::parse(Path::new("x.yaml"), DOCUMENT).unwrap();
        let filters = "static_resources.listeners[0].filter_chains[0].filters";
        for (message, path) in [
            (
                "invalid JSON in x @ static_resources.listeners[0].filter_chains[0].filters[1].typed_config.<any>.route_config.routes[0]\
                 .route: message y, no such field: 'timout') has unknown fields",
                format!("{filters}[1].typed_config.route_config.routes[0].route.timout"),
            ),
            (
                "Proto constraint validation failed (HttpConnectionManagerValidationError.StatPrefix: value length must be at least 1 \
                 characters)",
                format!("{filters}[1].typed_config.stat_prefix"),
            ),
            (
                "Proto constraint validation failed (BootstrapValidationError.StaticResources: embedded message failed validation | \
                 caused by StaticResourcesValidationError.Clusters[1]: embedded message failed validation | caused by \
                 ClusterValidationError.OutlierDetection: embedded message failed validation | caused by \
                 OutlierDetectionValidationError.MaxEjectionPercent: value must be less than or equal to 100)",
                "static_resources.clusters[1].outlier_detection.max_ejection_percent".to_owned(),
            ),
            (
                "route: unknown cluster 'ecko'",
                format!("{filters}[1].typed_config.route_config.routes[0].route.cluster"),
            ),
            (
                "unknown enum value: 'ROUND') has unknown fields",
                "static_resources.clusters[1].lb_policy".to_owned(),
            ),
            (
                "Invalid duration: Expected positive duration: nanos: -500000000",
                "static_resources.clusters[0].connect_timeout".to_owned(),
            ),
            (
                "missing ): a(b",
                format!("{filters}[1].typed_config.route_config.routes[0].match.safe_regex.regex"),
            ),
            (
                "Only a single wildcard domain is permitted in route local",
                format!("{filters}[0].typed_config.route_config.virtual_hosts[1].domains[1]"),
            ),
            (
                "Only unique values for domains are permitted. Duplicate entry of domain a in route local",
                format!("{filters}[0].typed_config.route_config.virtual_hosts[1].domains[0]"),
            ),
            (
                "cluster manager: duplicate cluster 'echo'",
                "static_resources.clusters[2].name".to_owned(),
            ),
            (
                "could not find @type 'type.googleapis.com/x.HttpConnectionManager')",
                format!("{filters}[0].typed_config.@type"),
            ),
        ] {
            let found = place(config.document(), message).map(|path| path.to_string());
            assert_eq!(found.as_deref(), Some(path.as_str()), "{message}");
        }
        for message in [
            "it ended with 1 and said nothing",
            "unknown cluster 'nobody'",
            "duration of 3",
        ] {
            assert_eq!(place(config.document(), message), None, "{message}");
        }
    }
}
