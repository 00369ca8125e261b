//! Access logs in any format: which lines of an Envoy's log are theirs, and what a line says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use serde_yaml::Value;

use crate::config::Bootstrap;

/// What Envoy writes by default.
const DEFAULT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
                       %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
                       \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \
                       \"%UPSTREAM_HOST%\"";

/// The access loggers that write into the log.
const LOGGERS: [&str; 3] = [".FileAccessLog", ".StdoutAccessLog", ".StderrAccessLog"];

/// What a line of an access log says, as far as its format has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// A text without any operator below the key `listener` of a JSON format: by it a log of several listeners tells them apart.
    pub listener: Option<String>,
    /// `%START_TIME%`, in RFC 3339 where nothing else is said.
    pub start: Option<String>,
    /// `%REQ(:METHOD)%`.
    pub method: Option<String>,
    /// `%REQ(:AUTHORITY)%`.
    pub authority: Option<String>,
    /// `%REQ(:PATH)%`, or that before it was rewritten.
    pub path: Option<String>,
    /// `%RESPONSE_CODE%`; 0 where there was no response.
    pub code: Option<u16>,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: Option<String>,
    /// `%RESPONSE_FLAGS%`.
    pub flags: Option<String>,
    /// `%UPSTREAM_CLUSTER%`.
    pub cluster: Option<String>,
    /// `%UPSTREAM_HOST%`.
    pub upstream: Option<String>,
    /// `%DURATION%`, in milliseconds.
    pub duration_ms: Option<u64>,
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`.
    pub reason: Option<String>,
}

/// The formats of the access logs of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessFormats {
    formats: Vec<Format>,
    /// Whether the configuration has such a log itself.
    is_any_kept: bool,
    /// Whether the last format is none of the configuration's.
    is_default_added: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    Text(Vec<Part>),
    /// The texts of a JSON object, each with the keys that lead to it.
    Json(Vec<(Vec<String>, Vec<Part>)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Operator(Operator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Start,
    Method,
    Authority,
    Path,
    Code,
    Details,
    Flags,
    Cluster,
    Upstream,
    Duration,
    Reason,
    Other,
}

impl AccessFormats {
    /// Those of a configuration and of the files of resources that it names; and those that Envoy has by itself.
    pub fn of(config: &Bootstrap) -> Self {
        let mut formats = Vec::new();
        collect(config.document(), &mut formats);
        for listener in config.resources_of("Listener") {
            collect(&listener, &mut formats);
        }
        let is_any_kept = !formats.is_empty();
        let default = Format::Text(parts(DEFAULT));
        let is_default_added = !formats.contains(&default);
        if is_default_added {
            formats.push(default);
        }
        Self {
            formats,
            is_any_kept,
            is_default_added,
        }
    }

    /// Whether the configuration has an access log that goes to a file or to an output. What comes by discovery may have one
    /// where it has none.
    pub fn is_any_kept(&self) -> bool {
        self.is_any_kept
    }

    /// What lines tell, by the names `method`, `host`, `path`, `status`, `details`, `flags`, `cluster` and `upstream`: of all
    /// formats of the configuration, or, where it has none, of that which Envoy has by itself.
    pub fn tells(&self) -> BTreeSet<&'static str> {
        let own = self.formats.len() - usize::from(self.is_default_added);
        let formats = match own {
            0 => &self.formats[..],
            own => &self.formats[..own],
        };
        let of = |parts: &[Part]| parts.iter().filter_map(named).collect::<Vec<_>>();
        formats
            .iter()
            .flat_map(|format| match format {
                Format::Text(parts) => of(parts),
                Format::Json(fields) => fields.iter().flat_map(|(_, parts)| of(parts)).collect(),
            })
            .collect()
    }

    /// What a line says; none of a line that is in no format that is known.
    pub fn read(&self, line: &str) -> Option<Access> {
        let json = line
            .starts_with('{')
            .then(|| serde_json::from_str::<Json>(line).ok())
            .flatten();
        self.formats.iter().find_map(|format| match (format, &json) {
            (Format::Text(parts), None) => read_text(parts, line),
            (Format::Json(fields), Some(json)) => read_json(fields, json),
            _ => None,
        })
    }
}

/// The lines that are Envoy's own log, and those of access logs. What may be either, as a message of its own of several lines, is
/// in both.
pub fn split(log: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut own, mut access) = (Vec::new(), Vec::new());
    let mut goes_on = false;
    for line in log.lines() {
        if is_own(line) {
            own.push(line);
            goes_on = true;
            continue;
        }
        goes_on = goes_on && !line.starts_with(['{', '[']);
        if goes_on {
            own.push(line);
        }
        access.push(line);
    }
    (own, access)
}

/// How many lines are no message of Envoy's own.
pub fn count(log: &str) -> usize {
    log.lines().filter(|line| !is_own(line)).count()
}

/// What a line of Envoy's own log says if it is of an error: its level, who says it, and the message, without the time, the thread
/// and the place in Envoy's source.
pub fn error(line: &str) -> Option<String> {
    // `[time][thread][error][lua] [source/….cc:1] what happened`.
    let (_, rest) = line.split_once("][").filter(|_| is_own(line))?;
    let (_, said) = rest.split_once(']')?;
    let (who, message) = said.split_once("] ")?;
    let is_error = who.starts_with("[error]") || who.starts_with("[critical]");
    let behind_place = message.strip_prefix('[').and_then(|place| place.split_once("] "));
    let message = behind_place.map_or(message, |(_, message)| message);
    is_error.then(|| format!("{who}] {message}"))
}

/// `[2026-11-29 10:14:52.229][16262][warning]…`, and what the harness itself puts in.
fn is_own(line: &str) -> bool {
    const WORDS: [&str; 7] = ["trace", "debug", "info", "warning", "error", "critical", "meshkat"];
    let Some((first, rest)) = line.strip_prefix('[').and_then(|inside| inside.split_once(']')) else {
        return false;
    };
    let is_time = first.len() == 23 && first.as_bytes().get(10) == Some(&b' ') && rest.starts_with('[');
    WORDS.contains(&first)
        || (is_time
            && first
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"-:. ".contains(&byte)))
}

fn collect(value: &Value, formats: &mut Vec<Format>) {
    match value {
        Value::Mapping(fields) => {
            let kind = fields.get("@type").and_then(Value::as_str).unwrap_or_default();
            if LOGGERS.iter().any(|logger| kind.ends_with(logger)) {
                let format = format_of(value);
                if !formats.contains(&format) {
                    formats.push(format);
                }
            }
            fields.values().for_each(|value| collect(value, formats));
        }
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, formats)),
        _ => {}
    }
}

/// The format of an access logger.
fn format_of(logger: &Value) -> Format {
    let inner = either(logger, "log_format", "logFormat").unwrap_or(logger);
    let text = either(logger, "format", "format")
        .or_else(|| either(inner, "text_format", "textFormat"))
        .or_else(|| {
            let source = either(inner, "text_format_source", "textFormatSource")?;
            either(source, "inline_string", "inlineString")
        });
    let json = [logger, inner].into_iter().find_map(|of| {
        either(of, "json_format", "jsonFormat").or_else(|| either(of, "typed_json_format", "typedJsonFormat"))
    });
    match (text.and_then(Value::as_str), json) {
        (Some(text), _) if !text.is_empty() => Format::Text(parts(text.trim_end_matches('\n'))),
        (_, Some(json)) => {
            let mut fields = Vec::new();
            texts(json, &mut Vec::new(), &mut fields);
            Format::Json(fields)
        }
        _ => Format::Text(parts(DEFAULT)),
    }
}

fn either<'a>(value: &'a Value, snake: &str, camel: &str) -> Option<&'a Value> {
    let fields = value.as_mapping()?;
    fields.get(snake).or_else(|| fields.get(camel))
}

fn texts(value: &Value, keys: &mut Vec<String>, found: &mut Vec<(Vec<String>, Vec<Part>)>) {
    match value {
        Value::String(text) => found.push((keys.clone(), parts(text))),
        Value::Mapping(fields) => {
            for (key, value) in fields {
                if let Some(key) = key.as_str() {
                    keys.push(key.to_owned());
                    texts(value, keys, found);
                    keys.pop();
                }
            }
        }
        _ => {}
    }
}

/// A format in its parts; `%%` is a percent sign.
fn parts(format: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        literal.push_str(before);
        let Some((name, after)) = after.split_once('%') else {
            literal.push('%');
            rest = after;
            continue;
        };
        if name.is_empty() {
            literal.push('%');
        } else {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Operator(operator(name)));
        }
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    parts
}

/// What a part of a format tells, by its name.
fn named(part: &Part) -> Option<&'static str> {
    let Part::Operator(operator) = part else { return None };
    Some(match operator {
        Operator::Method => "method",
        Operator::Authority => "host",
        Operator::Path => "path",
        Operator::Code => "status",
        Operator::Details => "details",
        Operator::Flags => "flags",
        Operator::Cluster => "cluster",
        Operator::Upstream => "upstream",
        Operator::Start | Operator::Duration | Operator::Reason | Operator::Other => return None,
    })
}

fn operator(name: &str) -> Operator {
    let (name, argument) = name.split_once('(').unwrap_or((name, ""));
    let name = name.split(':').next().unwrap_or_default();
    let header = argument.split(')').next().unwrap_or_default().to_ascii_uppercase();
    match name {
        "REQ" | "REQUEST_HEADER" if header.contains(":METHOD") => Operator::Method,
        "REQ" | "REQUEST_HEADER" if header.contains(":AUTHORITY") || header == "HOST" => Operator::Authority,
        "REQ" | "REQUEST_HEADER" if header.contains(":PATH") => Operator::Path,
        "START_TIME" if argument.is_empty() => Operator::Start,
        "PATH" => Operator::Path,
        "RESPONSE_CODE" => Operator::Code,
        "RESPONSE_CODE_DETAILS" => Operator::Details,
        "RESPONSE_FLAGS" | "RESPONSE_FLAGS_LONG" => Operator::Flags,
        "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Operator::Cluster,
        "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => Operator::Upstream,
        "DURATION" => Operator::Duration,
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => Operator::Reason,
        _ => Operator::Other,
    }
}

fn read_text(parts: &[Part], line: &str) -> Option<Access> {
    let mut found = BTreeMap::new();
    matched(parts, line, &mut found)?;
    // A line of something else may fit a format that has hardly anything of its own.
    found
        .contains_key(&Operator::Code)
        .then(|| access(found))
        .filter(|access| access.code.is_some())
}

fn read_json(fields: &[(Vec<String>, Vec<Part>)], json: &Json) -> Option<Access> {
    let mut found = BTreeMap::new();
    let mut listener = None;
    for (keys, parts) in fields {
        // What has no value is left out where the format says so.
        let Some(value) = keys.iter().try_fold(json, |value, key| value.get(key)) else {
            continue;
        };
        let text = match value {
            Json::Null => "-".to_owned(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        matched(parts, &text, &mut found)?;
        if let ([key], [Part::Literal(literal)]) = (keys.as_slice(), parts.as_slice())
            && key == "listener"
        {
            listener = Some(literal.clone());
        }
    }
    let access = Access {
        listener,
        ..access(found)
    };
    access.code.is_some().then_some(access)
}

/// Finds the operators' texts in a line: each goes as far as what follows it in the format.
fn matched(parts: &[Part], line: &str, found: &mut BTreeMap<Operator, String>) -> Option<()> {
    let mut rest = line;
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Part::Operator(operator) => {
                let end = match parts.get(index + 1) {
                    Some(Part::Literal(literal)) => rest.find(literal.as_str())?,
                    Some(Part::Operator(_)) => rest.find(' ').unwrap_or(rest.len()),
                    None => rest.len(),
                };
                let (text, after) = rest.split_at(end);
                found.entry(*operator).or_insert_with(|| text.to_owned());
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(())
}

fn access(mut found: BTreeMap<Operator, String>) -> Access {
    let mut take = |operator| found.remove(&operator).filter(|text| text != "-" && !text.is_empty());
    Access {
        listener: None,
        start: take(Operator::Start),
        method: take(Operator::Method),
        authority: take(Operator::Authority),
        path: take(Operator::Path),
        code: take(Operator::Code).and_then(|code| code.parse().ok()),
        details: take(Operator::Details),
        flags: take(Operator::Flags),
        cluster: take(Operator::Cluster),
        upstream: take(Operator::Upstream),
        duration_ms: take(Operator::Duration).and_then(|duration| duration.parse().ok()),
        reason: take(Operator::Reason),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn formats(logger: &str) -> AccessFormats {
        let kind = "'@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
        let text = format!("{{a: [{{typed_config: {{{kind}, {logger}}}}}]}}");
        AccessFormats::of(&Bootstrap::parse(Path::new("x.yaml"), &text).unwrap())
    }

    #[test]
    fn the_default_format_is_read() {
        // As Envoy 1.40 writes it.
        let line = "[2026-11-29T10:14:53.946Z] \"GET /dead HTTP/1.1\" 503 UF 0 98 7 - \"-\" \"a b\" \
                    \"fbe07ee4-8c85-43bc-b007-ab030de58572\" \"localhost:28000\" \"127.0.0.1:28001\"";
        let text = |text: &str| Some(text.to_owned());
        let expected = Access {
            start: text("2026-11-29T10:14:53.946Z"),
            method: text("GET"),
            path: text("/dead"),
            authority: text("localhost:28000"),
            code: Some(503),
            flags: text("UF"),
            upstream: text("127.0.0.1:28001"),
            duration_ms: Some(7),
            ..Access::default()
        };
        assert_eq!(formats("").read(line), Some(expected));
        assert_eq!(formats("").read("[2026] something else"), None);
    }

    #[test]
    fn any_text_is_read_by_its_format() {
        let formats = formats(
            "log_format: {text_format_source: {inline_string: \"%REQ(:METHOD)% 100%% %RESPONSE_CODE%/%RESPONSE_FLAGS% to \
             %UPSTREAM_CLUSTER% (%RESPONSE_CODE_DETAILS%)\\n\"}}",
        );
        let read = formats.read("PUT 100% 504/UT to pets (response_timeout)").unwrap();
        assert_eq!((read.code, read.flags.as_deref()), (Some(504), Some("UT")));
        assert_eq!(
            (read.cluster.as_deref(), read.details.as_deref()),
            (Some("pets"), Some("response_timeout"))
        );
        assert_eq!(formats.read("PUT 100% nothing/UT to pets (x)"), None);
    }

    #[test]
    fn json_is_read_under_any_keys() {
        let formats = formats(
            "log_format: {json_format: {s: '%RESPONSE_CODE%', listener: edge, http: {why: 'flags: %RESPONSE_FLAGS%', verb: \
             '%REQ(:method)%'}, took: '%DURATION%'}}",
        );
        let read = formats
            .read(r#"{"took":12,"http":{"verb":"GET","why":"flags: UH"},"s":503,"listener":"edge"}"#)
            .unwrap();
        assert_eq!((read.code, read.duration_ms), (Some(503), Some(12)));
        assert_eq!(
            (read.flags.as_deref(), read.method.as_deref()),
            (Some("UH"), Some("GET"))
        );
        assert_eq!(read.listener.as_deref(), Some("edge"));
        assert!(formats.read(r#"{"s":null}"#).is_none());
        assert!(formats.read(r#"{"s":"#).is_none());
    }

    #[test]
    fn lines_are_envoys_own_or_those_of_access_logs() {
        let log = "[2026-11-29 10:14:52.229][16262][warning][main] [a.cc:1] one\nsecond line of it\n\
                   [2026-11-29T10:14:53.946Z] \"GET / HTTP/1.1\" 200\nGET / 200\n{\"a\":1}\n[critical] two\n\
                   [2026-11-29 10:14:59.916][16262][warning][main] three\n{\"a\":2}\n";
        let (own, access) = split(log);
        assert_eq!(own.len(), 4, "{own:?}");
        assert_eq!(
            access,
            [
                "second line of it",
                "[2026-11-29T10:14:53.946Z] \"GET / HTTP/1.1\" 200",
                "GET / 200",
                "{\"a\":1}",
                "{\"a\":2}"
            ]
        );
        assert_eq!(count(log), 5);
    }

    #[test]
    fn errors_are_told_without_what_differs_from_one_to_the_next() {
        // As Envoy 1.40 writes it.
        let line = |level: &str| {
            format!("[2026-11-29 10:14:52.229][16262][{level}][lua] [source/a/lua.cc:9] script log: x [y] z")
        };
        for level in ["error", "critical"] {
            let told = format!("[{level}][lua] script log: x [y] z");
            assert_eq!(error(&line(level)), Some(told));
        }
        assert_eq!(error(&line("warning")), None);
        assert_eq!(error("[error][lua] somebody else's"), None);
        assert_eq!(error("{\"a\":1}"), None);
    }
}
