//! A scenario for each route that a request can be thought out for.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_envoy::config::{Answer, Bootstrap, PathMatch, Route};

use super::{pods::Pods, yaml::quoted};

/// More than this many files are not what anybody reads.
const MOST: usize = 200;
/// Where a mesh is reached that says nothing else.
const INBOUND: u16 = 10_000;
/// Filters that answer nothing by themselves.
const QUIET: [&str; 8] = [
    "compressor",
    "cors",
    "grpc_stats",
    "grpc_web",
    "header_to_metadata",
    "health_check",
    "lua",
    "on_demand",
];

/// A request, and what is expected of it.
struct Asked<'a> {
    path: String,
    host: Option<String>,
    headers: &'a [(String, String)],
}

/// The scenarios by the names of their files. What no request is known for is asked.
pub(super) fn of(mesh: &str, config: &Bootstrap, pods: &Pods, questions: &mut Vec<String>) -> Vec<(String, String)> {
    let ways = config.ways();
    questions.extend(ways.others);
    let listeners = config.listeners();
    let port = listeners.iter().map(|listener| listener.port);
    let first = listeners
        .iter()
        .find(|listener| !listener.address.starts_with("127."))
        .map(|listener| listener.port);
    let reached = port.clone().find(|port| *port == INBOUND).or(first);
    let (mut written, mut taken): (Vec<(String, String)>, BTreeMap<String, usize>) = Default::default();
    let mut unreached = BTreeSet::new();
    let mut filters = BTreeSet::new();
    for (index, route) in ways.routes.iter().enumerate() {
        if Some(route.port) != reached || route.is_tls {
            unreached.insert((route.port, route.is_tls));
            continue;
        }
        filters.extend(
            route
                .filters
                .iter()
                .filter(|name| !QUIET.iter().any(|quiet| name.ends_with(quiet))),
        );
        let told = asked(route).and_then(|asked| {
            let before = ways.routes[..index].iter().filter(|other| other.host == route.host);
            shadowed(before, &asked)?;
            Ok((expected(route, pods)?, asked))
        });
        let ((promise, expected), asked) = match told {
            Ok(told) => told,
            Err(why) => {
                questions.push(format!("no scenario was written for the route {}: {why}", named(route)));
                continue;
            }
        };
        if written.len() == MOST {
            questions.push(format!("the first {MOST} routes have a scenario, and the others none"));
            break;
        }
        let name = file_name(route, &asked);
        let number = taken.entry(name.clone()).or_default();
        *number += 1;
        let name = if *number == 1 { name } else { format!("{name}-{number}") };
        written.push((
            format!("{name}.yaml"),
            scenario(mesh, pods, &promise, &asked, &expected),
        ));
    }
    for (port, is_tls) in unreached {
        let why = if is_tls {
            "expects TLS"
        } else {
            "is not the one at which a mesh is reached"
        };
        questions.push(format!(
            "no scenario was written for the routes of the listener at port {port}, which {why}"
        ));
    }
    if !filters.is_empty() {
        let names: Vec<&str> = filters.into_iter().map(String::as_str).collect();
        questions.push(format!(
            "these filters may answer before any route does: {}",
            names.join(", ")
        ));
    }
    written
}

fn scenario(mesh: &str, pods: &Pods, promise: &str, asked: &Asked<'_>, expected: &str) -> String {
    let mut step = format!("get: {}", quoted(&asked.path));
    if pods.edge != "ingress" {
        step.push_str(&format!(", at: {}", pods.edge));
    }
    if let Some(host) = &asked.host {
        step.push_str(&format!(", host: {}", quoted(host)));
    }
    if !asked.headers.is_empty() {
        let headers: Vec<String> = asked
            .headers
            .iter()
            .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
            .collect();
        step.push_str(&format!(", headers: {{{}}}", headers.join(", ")));
    }
    format!(
        "promise: {}\nmesh: {mesh}\nsteps:\n  - {{{step}, {expected}}}\n",
        quoted(promise)
    )
}

/// A request that a route matches.
fn asked(route: &Route) -> Result<Asked<'_>, String> {
    if let Some(condition) = route.conditions.first() {
        return Err(format!("it asks for `{condition}`"));
    }
    let path = match &route.path {
        PathMatch::Prefix(path) | PathMatch::Segments(path) | PathMatch::Exact(path) if path.is_empty() => {
            "/".to_owned()
        }
        PathMatch::Prefix(path) | PathMatch::Segments(path) | PathMatch::Exact(path) => path.clone(),
        PathMatch::Other(field) => return Err(format!("its paths are said by `{field}`")),
    };
    if !path.starts_with('/') || path.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err(format!("`{path}` is not the path of a request"));
    }
    let host = match route.domains.iter().find(|domain| !domain.contains('*')) {
        Some(domain) => Some(domain.clone()),
        None if route.domains.iter().any(|domain| domain == "*") => None,
        None => route.domains.first().map(|domain| match domain.strip_prefix('*') {
            Some(rest) => format!("any{rest}"),
            None => domain.replace('*', "any"),
        }),
    };
    Ok(Asked {
        path,
        host,
        headers: &route.headers,
    })
}

/// Whether an earlier route takes a request.
fn shadowed<'a>(mut before: impl Iterator<Item = &'a Route>, asked: &Asked<'_>) -> Result<(), String> {
    let path = asked.path.split('?').next().unwrap_or_default();
    let takes = |route: &&Route| {
        let headers = route.headers.iter().all(|header| asked.headers.contains(header));
        headers && route.conditions.is_empty() && route.path.has(path) != Some(false)
    };
    match before.find(takes) {
        Some(earlier) => Err(format!(
            "the route {} stands before it and may take its requests",
            named(earlier)
        )),
        None => Ok(()),
    }
}

/// What is promised, and what is expected of the answer.
fn expected(route: &Route, pods: &Pods) -> Result<(String, String), String> {
    match &route.answer {
        Answer::Status(status) => Ok((
            format!("{} is answered with {status}.", named(route)),
            format!("status: {status}"),
        )),
        Answer::Other(what) => Err(format!("where it leads is said by `{what}`")),
        Answer::Clusters(clusters) => {
            let mut groups = BTreeSet::new();
            for cluster in clusters {
                let served = pods
                    .served
                    .get(cluster)
                    .ok_or_else(|| format!("nobody in the mesh answers for the cluster `{cluster}`"))?;
                groups.extend(served.iter().map(String::as_str));
            }
            let groups: Vec<&str> = groups.into_iter().collect();
            let by = match groups.as_slice() {
                [one] => (*one).to_owned(),
                several => format!("[{}]", several.join(", ")),
            };
            Ok((
                format!("{} is served by {}.", named(route), groups.join(" or ")),
                format!("status: 200, served-by: {by}"),
            ))
        }
    }
}

/// `foo.com/api`.
fn named(route: &Route) -> String {
    let host = route
        .domains
        .first()
        .filter(|domain| *domain != "*")
        .map_or("", String::as_str);
    let path = match &route.path {
        PathMatch::Prefix(path) | PathMatch::Segments(path) | PathMatch::Exact(path) => path.as_str(),
        PathMatch::Other(field) => return format!("{host} with `{field}`").trim().to_owned(),
    };
    let headers: Vec<String> = route
        .headers
        .iter()
        .map(|(name, value)| format!(" with {name}: {value}"))
        .collect();
    format!("{host}{path}{}", headers.concat())
}

/// A name for its file.
fn file_name(route: &Route, asked: &Asked<'_>) -> String {
    let text = format!("{}{}", asked.host.as_deref().unwrap_or_default(), asked.path);
    let headers: Vec<String> = route
        .headers
        .iter()
        .map(|(name, value)| format!("-{name}-{value}"))
        .collect();
    let name: String = format!("{text}{}", headers.concat())
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("-").chars().take(80).collect();
    match name.is_empty() {
        true => "root".to_owned(),
        false => name,
    }
}
