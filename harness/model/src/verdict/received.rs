//! What reached backends.

use serde_json::Value;

use super::{
    answer::differs,
    checks::{Check, Checks, Surroundings},
};
use crate::{
    observation::received::{Reached, path, protocol, text, told, variables},
    scenario::verb::received::{Backends, ReceivedExpectations},
    shorten::shorten,
    yaml::At,
};

/// So many requests that are otherwise are told.
const OTHERS: usize = 3;

/// The longest text of a difference.
const LONGEST: usize = 200;

/// Holds what reached backends against what is expected of it. `reached` gives, for each pod or group of the expectation, what reached
/// its pods.
pub fn received(
    expected: &Backends,
    reached: impl Fn(&str) -> Vec<Reached>,
    surroundings: &Surroundings,
) -> Vec<Check> {
    let each = expected
        .iter()
        .map(|(name, expected)| of_backend(name, expected, &reached(name), surroundings));
    each.flatten().collect()
}

fn of_backend(
    name: &At<String>,
    expected: &ReceivedExpectations,
    reached: &[Reached],
    surroundings: &Surroundings,
) -> Vec<Check> {
    let all: Vec<(&str, &Value)> = reached
        .iter()
        .flat_map(|of| of.requests.iter().map(|request| (of.pod.as_str(), request)))
        .collect();
    let judged = all
        .iter()
        .map(|(pod, request)| (*pod, *request, difference(expected, request)));
    let (like, others): (Vec<_>, Vec<_>) = judged.partition(|(.., difference)| difference.is_none());
    let requests: Vec<&Value> = like.iter().map(|(_, request, _)| *request).collect();
    let (own, summary) = (|| variables(&requests), || seen(&like, &others));
    let mut checks = Checks::new(surroundings, &own, &summary);
    let forgotten: u64 = reached.iter().map(|of| of.forgotten).sum();
    let holds = match &expected.count {
        Some(count) => count.holds(requests.len() as f64),
        None => !requests.is_empty(),
    };
    let line = expected
        .count
        .as_ref()
        .map_or(name.place.line, |count| count.place.line);
    let bound = expected
        .count
        .as_ref()
        .map_or("1 or more".to_owned(), |count| count.value.to_string());
    let actual = match forgotten {
        0 => seen(&like, &others),
        _ => format!(
            "{forgotten} came that `{}` does not keep any more, so nobody can tell; of the last, {}",
            name.value,
            seen(&like, &others)
        ),
    };
    checks.add(
        line,
        holds && forgotten == 0,
        "the backend did not receive what it should",
        format!("{bound} at `{}`{}", name.value, which(expected)),
        actual,
    );
    checks.expressions(&expected.that);
    checks.all
}

/// What was seen, in a line: how many are as they should be, and what is otherwise in others.
fn seen(like: &[(&str, &Value, Option<String>)], others: &[(&str, &Value, Option<String>)]) -> String {
    let shown = |(pod, request, difference): &(&str, &Value, Option<String>)| {
        let why = difference.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        format!("{} at {pod}{why}", told(request))
    };
    let list = |all: &[(&str, &Value, Option<String>)]| {
        let first: Vec<String> = all.iter().take(OTHERS).map(shown).collect();
        let more = if all.len() > OTHERS { ", and others" } else { "" };
        format!("{}{more}", first.join(", "))
    };
    match (like.len(), others.len()) {
        (0, 0) => "nothing came".to_owned(),
        (count, 0) => format!("{count}: {}", list(like)),
        (0, count) => format!("0; {count} came that are otherwise: {}", list(others)),
        (count, other) => format!(
            "{count}: {}; {other} came that are otherwise: {}",
            list(like),
            list(others)
        ),
    }
}

/// Which requests are expected, behind how many.
fn which(expected: &ReceivedExpectations) -> String {
    let mut all = Vec::new();
    let texts = [
        ("method", &expected.method),
        ("path", &expected.path),
        ("host", &expected.host),
    ];
    let texts = texts.iter().filter_map(|(what, text)| Some((what, text.as_ref()?)));
    all.extend(texts.map(|(what, text)| format!("{what} {}", text.value)));
    for (name, value) in &expected.headers {
        all.push(match value {
            Some(value) => format!("{}: {value}", name.value),
            None => format!("no {}", name.value),
        });
    }
    if let Some(body) = &expected.body {
        all.push(format!("body {}", shorten(&body.0.to_string(), LONGEST)));
    }
    if let Some(protocol) = &expected.protocol {
        all.push(format!("in {}", protocol.value));
    }
    if let Some(certificate) = &expected.certificate {
        let of = certificate_fields(certificate).map(|(key, value)| format!("{key} {value}"));
        all.push(format!(
            "a client's certificate with {}",
            of.collect::<Vec<_>>().join(", ")
        ));
    }
    match all.is_empty() {
        true => String::new(),
        false => format!(" with {}", all.join(", ")),
    }
}

fn certificate_fields(
    certificate: &crate::scenario::verb::received::ClientCertificate,
) -> impl Iterator<Item = (&'static str, &String)> {
    let texts = [
        ("subject", &certificate.subject),
        ("issuer", &certificate.issuer),
        ("serial", &certificate.serial),
        ("sha256", &certificate.sha256),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)));
    texts.chain(certificate.names.iter().map(|name| ("names", name)))
}

/// What of a request is otherwise than expected; none if nothing is.
fn difference(expected: &ReceivedExpectations, request: &Value) -> Option<String> {
    let is_other = |what: &str, wanted: &Option<At<String>>, seen: &str| {
        let wanted = wanted.as_ref()?;
        (wanted.value != seen).then(|| format!("its {what} is {}", shorten(seen, LONGEST)))
    };
    is_other("method", &expected.method, text(request, &["method"]))
        .or_else(|| is_other("path", &expected.path, &path(request)))
        .or_else(|| is_other("host", &expected.host, text(request, &["host"])))
        .or_else(|| {
            let wanted = expected.protocol.as_ref()?.value.to_string();
            let spoken = protocol(request);
            (wanted != spoken).then(|| format!("it is {spoken}"))
        })
        .or_else(|| {
            expected
                .headers
                .iter()
                .find_map(|(name, value)| header(name, value.as_deref(), request))
        })
        .or_else(|| body(&expected.body.as_ref()?.0, request))
        .or_else(|| {
            let mut fields = certificate_fields(expected.certificate.as_ref()?);
            fields.find_map(|(key, value)| certificate(key, value, request))
        })
}

fn header(name: &str, wanted: Option<&str>, request: &Value) -> Option<String> {
    let seen = request
        .get("headers")
        .and_then(|all| all.get(name.to_lowercase()))
        .and_then(Value::as_str);
    (seen != wanted).then(|| match seen {
        Some(seen) => format!("its {name} is {}", shorten(seen, LONGEST)),
        None => format!("it has no {name}"),
    })
}

fn body(wanted: &Value, request: &Value) -> Option<String> {
    let seen = text(request, &["body"]);
    let shown = || shorten(seen, LONGEST);
    if request.get("body_truncated") == Some(&Value::Bool(true)) {
        let bytes = request.get("body_bytes").map(ToString::to_string).unwrap_or_default();
        return Some(format!("its body, of {bytes} bytes, is not kept whole"));
    }
    match wanted {
        Value::String(wanted) => (wanted != seen).then(|| format!("its body is {}", shown())),
        wanted => match serde_json::from_str::<Value>(seen) {
            Ok(seen) => differs(wanted, &seen, "").map(|what| format!("in its body, {what}")),
            Err(_) => Some(format!("its body is no JSON: {}", shown())),
        },
    }
}

fn certificate(key: &str, wanted: &str, request: &Value) -> Option<String> {
    let own = request.pointer("/tls/client_certificate").filter(|own| !own.is_null());
    let Some(own) = own else {
        return Some("its client had no certificate".to_owned());
    };
    let names: Vec<&str> = match own.get(key) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    };
    (!names.contains(&wanted)).then(|| format!("its client's certificate has {key} {}", names.join(", ")))
}
