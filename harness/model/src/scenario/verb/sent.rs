//! What loads send: a method, with one path or several in turn, and a body.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{contract::Impact, request::check_path, target::Target};
use crate::{
    scenario::{
        check::Check,
        value::{Body, OneOrMany},
    },
    yaml::At,
};

/// So many paths may be sent in turn.
const MOST_PATHS: usize = 1000;

/// Paths that are sent in turn.
type Paths = At<OneOrMany<At<String>>>;

/// What is sent. The keys are those of the step itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SentRequests {
    /// GET this path, or these in turn.
    pub get: Option<Paths>,
    /// HEAD this path, or these in turn.
    pub head: Option<Paths>,
    /// POST to this path, or to these in turn.
    pub post: Option<Paths>,
    /// PUT to this path, or to these in turn.
    pub put: Option<Paths>,
    /// PATCH this path, or these in turn.
    pub patch: Option<Paths>,
    /// DELETE this path, or these in turn.
    pub delete: Option<Paths>,
    /// The body to send: a text as it is, anything else as JSON.
    pub body: Option<Body>,
}

impl SentRequests {
    fn lines(&self) -> [(&'static str, Option<&Paths>); 6] {
        [
            ("GET", self.get.as_ref()),
            ("HEAD", self.head.as_ref()),
            ("POST", self.post.as_ref()),
            ("PUT", self.put.as_ref()),
            ("PATCH", self.patch.as_ref()),
            ("DELETE", self.delete.as_ref()),
        ]
    }

    /// The method and the paths; one that has none is a GET of nothing, which the checks before a run refuse.
    pub fn line(&self) -> (&'static str, Vec<&str>) {
        let mut lines = self.lines().into_iter();
        match lines.find_map(|(method, paths)| Some((method, paths?))) {
            Some((method, paths)) => (method, paths.iter().map(|path| path.as_str()).collect()),
            None => ("GET", vec![""]),
        }
    }

    /// It in a few words.
    pub(super) fn describe(&self) -> String {
        let (method, paths) = self.line();
        let method = method.to_lowercase();
        match paths.as_slice() {
            [path] => format!("{method} {path}"),
            [first, rest @ ..] => format!("{method} {first} and {} more in turn", rest.len()),
            [] => method,
        }
    }

    pub(super) fn check(&self, check: &mut Check<'_>, to: &Target) {
        let mut all: Vec<&Paths> = self.lines().into_iter().filter_map(|(_, paths)| paths).collect();
        all.sort_by_key(|paths| paths.place.offset);
        match all.as_slice() {
            [] => {
                let help = "say what it sends, such as `get: /stores/1`";
                check.wrong(check.verb(), "nothing is sent", "no request", help);
            }
            [_, second, ..] => {
                let help = "give the step one of them; several paths of one method are a list";
                check.wrong(second.place, "one method is sent", "a second one", help);
            }
            [_] => {}
        }
        for paths in all {
            if paths.is_empty() || paths.len() > MOST_PATHS {
                let message = format!("{} paths are out of range", paths.len());
                check.wrong(paths.place, message, "out of range", format!("from 1 to {MOST_PATHS}"));
            }
            for path in paths.iter() {
                check_path(check, path);
                to.check_http2(check, path);
            }
        }
    }

    /// Methods that RFC 9110 does not call safe may change anything.
    pub(super) fn impact(&self) -> Impact {
        match self.line() {
            ("GET" | "HEAD", _) => Impact::Repairable,
            _ => Impact::Lasting,
        }
    }
}
