//! `logged` of `envoy`: what is expected of the lines of an access log.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    observation::LOGGED_VARIABLES,
    scenario::{
        check::Check,
        quantity::Bound,
        value::{OneOrMany, Statuses},
    },
    yaml::At,
};

/// What `flags` says of lines without any.
pub const NO_FLAGS: &str = "none";

/// What is expected of the lines of an access log. Those count that are all that is said here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LoggedExpectations {
    /// How many such lines there are; at least one where nothing is said.
    pub count: Option<At<Bound>>,
    /// Each of these is a part of the line.
    pub contains: Option<At<OneOrMany<String>>>,
    /// `%REQ(:METHOD)%`.
    pub method: Option<At<String>>,
    /// `%REQ(:PATH)%`, or that before it was rewritten.
    pub path: Option<At<String>>,
    /// `%REQ(:AUTHORITY)%`.
    pub host: Option<At<String>>,
    /// `%RESPONSE_CODE%`, or the statuses of which it is one.
    pub status: Option<At<Statuses>>,
    /// `%RESPONSE_FLAGS%` has each of these; `none`: it has none.
    pub flags: Option<At<OneOrMany<String>>>,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: Option<At<String>>,
    /// `%UPSTREAM_CLUSTER%`.
    pub cluster: Option<At<String>>,
    /// `%UPSTREAM_HOST%` is one of these pods or groups.
    pub upstream: Option<At<OneOrMany<At<String>>>>,
    /// CEL over `lines`: the list of these lines, each with `text` and what its format has of `method`, `path`, `host`, `status`,
    /// `flags`, `details`, `cluster`, `upstream` and `duration_ms`.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

impl LoggedExpectations {
    /// The fields of a line of which something is said, each with its place.
    pub fn fields(&self) -> IndexMap<&'static str, usize> {
        let texts = [
            ("method", &self.method),
            ("path", &self.path),
            ("host", &self.host),
            ("details", &self.details),
            ("cluster", &self.cluster),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.as_ref()?.place.line)));
        let others = [
            ("status", self.status.as_ref().map(|at| at.place.line)),
            ("flags", self.flags.as_ref().map(|at| at.place.line)),
            ("upstream", self.upstream.as_ref().map(|at| at.place.line)),
        ];
        let others = others.into_iter().filter_map(|(name, line)| Some((name, line?)));
        texts.chain(others).collect()
    }

    pub(super) fn check(&self, check: &mut Check<'_>, logged: &At<Self>) {
        if self == &Self::default() {
            let help = "say how many lines, such as `count: 3`, or which, such as `status: 503`";
            check.wrong(
                logged.place,
                "nothing is expected of the access log",
                "no expectation",
                help,
            );
        }
        if let Some(count) = &self.count {
            check.bound(count.place, count.always(None), "for example `count: 3`, or `count: 0`");
        }
        for (index, part) in self.contains.iter().flat_map(|parts| parts.iter()).enumerate() {
            if part.is_empty() {
                let place = check.item(&["logged", "contains"], index);
                check.always(place, "every line has an empty part; write what it is to contain");
            }
        }
        if let Some(flags) = &self.flags
            && flags.len() > 1
            && flags.iter().any(|flag| flag == NO_FLAGS)
        {
            let help = "write `flags: none`, or the flags";
            check.wrong(flags.place, "a line has flags or none", "never so", help);
        }
        if let Some(upstream) = &self.upstream {
            upstream.iter().for_each(|name| check.pod_or_group(name));
        }
        let is_none = |count: &At<Bound>| count.holds(0.0) && !count.holds(1.0);
        if let (Some(_), Some(that)) = (self.count.as_ref().filter(|count| is_none(count)), self.that.first()) {
            let help = "remove `that`, or the `count`";
            check.wrong(that.place, "there is no such line to say it of", "of nothing", help);
        }
        check.expressions(&self.that, &LOGGED_VARIABLES);
    }
}
