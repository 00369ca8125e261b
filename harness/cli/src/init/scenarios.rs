//! A scenario for each route that a request can be thought out for.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_envoy::config::{Answer, Bootstrap, PathMatch, Route, Transport};

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
    let (mut filters, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (index, route) in ways.routes.iter().enumerate() {
        let way = match way(route.port, &route.transport, reached) {
            Ok(way) => way,
            Err(why) => {
                refused.insert(why);
                continue;
            }
        };
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
        let name = free_name(&mut taken, file_name(route, &asked, &way));
        written.push((name, scenario(mesh, pods, &promise, &asked, &way, &expected)));
    }
    for passed in ways.passed {
        let port = passed.port;
        let named = match way(port, &passed.transport, reached) {
            Ok(way) => served(&passed.clusters, pods).map(|groups| (way, groups)),
            Err(why) => {
                refused.insert(why);
                continue;
            }
        };
        let (way, groups) = match named {
            Ok(named) => named,
            Err(why) => {
                questions.push(format!(
                    "no scenario was written for the listener at port {port}, which passes bytes on: {why}"
                ));
                continue;
            }
        };
        let promise = format!("What comes at port {port} is passed on to {}.", groups.join(" or "));
        let asked = Asked {
            path: "/whoami".to_owned(),
            host: None,
            headers: &[],
        };
        let name = free_name(&mut taken, format!("port-{port}"));
        let expected = format!("status: 200, served-by: {}", one_or_list(&groups));
        written.push((name, scenario(mesh, pods, &promise, &asked, &way, &expected)));
    }
    questions.extend(
        refused
            .into_iter()
            .map(|why| format!("no scenario was written for {why}")),
    );
    if !filters.is_empty() {
        let names: Vec<&str> = filters.into_iter().map(String::as_str).collect();
        questions.push(format!(
            "these filters may answer before any route does: {}",
            names.join(", ")
        ));
    }
    written
}

/// How a request gets to a listener.
#[derive(Debug, Default)]
struct Way {
    /// Its port, where it is not the one at which a mesh is reached.
    port: Option<u16>,
    /// Over TLS, with this name where one is needed.
    tls: Option<Option<String>>,
}

/// How a request gets to the listener at a port, which expects that.
///
/// # Errors
/// Why none can, in words.
fn way(port: u16, transport: &Transport, reached: Option<u16>) -> Result<Way, String> {
    let of = |why: &str| Err(format!("the routes of the listener at port {port}, which {why}"));
    match transport {
        Transport::Plain if reached == Some(port) => Ok(Way::default()),
        Transport::Plain => Ok(Way {
            port: Some(port),
            tls: None,
        }),
        Transport::Tls {
            asks_for_certificate: true,
            ..
        } => of("asks for a client's certificate: say `tls: {certificate: FILE, key: FILE}`"),
        Transport::Tls { names, .. } => Ok(Way {
            port: Some(port),
            tls: Some(names.first().map(|name| {
                name.strip_prefix('*')
                    .map_or_else(|| name.clone(), |rest| format!("any{rest}"))
            })),
        }),
        Transport::Other(name) => of(&format!("expects `{name}`")),
    }
}

/// The name of a file that nobody has yet.
fn free_name(taken: &mut BTreeMap<String, usize>, name: String) -> String {
    let number = taken.entry(name.clone()).or_default();
    *number += 1;
    match *number {
        1 => format!("{name}.yaml"),
        number => format!("{name}-{number}.yaml"),
    }
}

fn scenario(mesh: &str, pods: &Pods, promise: &str, asked: &Asked<'_>, way: &Way, expected: &str) -> String {
    let mut step = format!("get: {}", quoted(&asked.path));
    match way.port {
        Some(port) => step.push_str(&format!(", to: \"{}:{port}\"", pods.edge)),
        None if pods.edge != "ingress" => step.push_str(&format!(", at: {}", pods.edge)),
        None => {}
    }
    if let Some(name) = &way.tls {
        let is_asked = asked.host.as_deref().is_none_or(|host| Some(host) != name.as_deref());
        let name = name.as_ref().filter(|_| is_asked);
        let name = name.map_or(String::new(), |name| format!(", server-name: {}", quoted(name)));
        // Of which CA its certificate comes, a person knows: with `ca` in the place of `verify` it is judged, too.
        step.push_str(&format!(", tls: {{verify: false{name}}}"));
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
    let told = pods
        .guards()
        .map(|guard| format!("  - {{put: /rules, direct: {guard}, body: {{otherwise: allow}}, status: 200}}\n"));
    let told: String = told.collect();
    format!(
        "promise: {}\nmesh: {mesh}\nsteps:\n{told}  - {{{step}, {expected}}}\n",
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
            let groups = served(clusters, pods)?;
            Ok((
                format!("{} is served by {}.", named(route), groups.join(" or ")),
                format!("status: 200, served-by: {}", one_or_list(&groups)),
            ))
        }
    }
}

/// The groups that answer for clusters.
fn served<'a>(clusters: &[String], pods: &'a Pods) -> Result<Vec<&'a str>, String> {
    let mut groups = BTreeSet::new();
    for cluster in clusters {
        let served = pods.served.get(cluster);
        let served = served.ok_or_else(|| format!("nobody in the mesh answers for the cluster `{cluster}`"))?;
        groups.extend(served.iter().map(String::as_str));
    }
    Ok(groups.into_iter().collect())
}

fn one_or_list(groups: &[&str]) -> String {
    match groups {
        [one] => (*one).to_owned(),
        several => format!("[{}]", several.join(", ")),
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
fn file_name(route: &Route, asked: &Asked<'_>, way: &Way) -> String {
    let port = way.port.map_or(String::new(), |port| format!("-{port}-"));
    let text = format!("{}{port}{}", asked.host.as_deref().unwrap_or_default(), asked.path);
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
