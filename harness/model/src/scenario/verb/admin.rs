//! `admin`: asks or tells an Envoy by its admin interface.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    answer::AnswerExpectations,
    contract::{Impact, Verb, list},
    envoy,
    target::Target,
};
use crate::{
    scenario::{
        check::{Check, Kept},
        quantity::Time,
        value::{OneOrMany, Statuses},
        wire,
    },
    yaml::At,
};

/// Paths that only tell what is at the moment.
const OF_NOW: [&str; 10] = [
    "/",
    "/certs",
    "/config_dump",
    "/help",
    "/hot_restart_version",
    "/init_dump",
    "/listeners",
    "/ready",
    "/runtime",
    "/server_info",
];

/// Paths that only tell what is or has been, such as counters.
const OF_THE_PAST: [&str; 6] = [
    "/clusters",
    "/contention",
    "/memory",
    "/stats",
    "/stats/prometheus",
    "/stats/recentlookups",
];

/// Paths that Envoy takes by POST alone, since they change something.
const BY_POST: [&str; 14] = [
    "/allocprofiler",
    "/cpuprofiler",
    "/drain_listeners",
    "/healthcheck/fail",
    "/healthcheck/ok",
    "/heapprofiler",
    "/logging",
    "/quitquitquit",
    "/reopen_logs",
    "/reset_counters",
    "/runtime_modify",
    "/stats/recentlookups/clear",
    "/stats/recentlookups/disable",
    "/stats/recentlookups/enable",
];

/// Asks or tells an Envoy by its admin interface.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdminStep {
    /// The pods whose Envoys are asked; of several, each must hold.
    pub admin: At<OneOrMany<At<String>>>,
    /// `GET` asks, `POST` tells; GET by default.
    #[serde(default)]
    pub method: Method,
    /// The path with its query, such as `/runtime_modify?key=value`.
    pub path: At<String>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// With `within`: they have to be true so often in a row.
    pub in_a_row: Option<At<u32>>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know the last answer.
    pub keep: Option<At<String>>,
    /// What the answer must be.
    #[serde(rename = "$answer")]
    #[schemars(flatten)]
    pub answer: AnswerExpectations,
}

/// How an admin interface is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Method {
    /// Asks.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// Tells.
    #[serde(rename = "POST")]
    Post,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
        })
    }
}

impl AdminStep {
    /// What the answer must be, with the status that is expected by default of it.
    pub fn expected(&self) -> AnswerExpectations {
        let mut expected = self.answer.clone();
        expected.status.get_or_insert_with(|| At {
            place: self.admin.place,
            value: Statuses(vec![200]),
        });
        expected
    }

    /// The path without its query.
    fn path_alone(&self) -> &str {
        let path = self.path.split(['?', '#']).next().unwrap_or_default();
        match path.trim_end_matches('/') {
            "" => "/",
            path => path,
        }
    }

    fn check_path(&self, check: &mut Check<'_>) {
        let (path, place) = (self.path_alone(), self.path.place);
        if let Some(why) = wire::not_a_path(&self.path) {
            let help = "write it as the admin interface has it at `/help`, such as `/stats?filter=cluster.pet`";
            check.wrong(place, format!("this cannot be a path: {why}"), "not a path", help);
        } else if ["//", "/.", "%"].iter().any(|part| path.contains(part)) {
            let help = "write it as `/help` of the admin interface lists it";
            check.wrong(
                place,
                "Envoy takes this path for another one",
                "not as it is meant",
                help,
            );
        } else if path == "/quitquitquit" {
            let help = "write `stop: POD/envoy`, or `kill: POD/envoy`";
            check.wrong(
                place,
                "an Envoy that quits has crashed in a scenario",
                "ends the Envoy",
                help,
            );
        } else if path == "/tap" {
            let help = "judge what is sent by its answers, or by `received` of an `echo`";
            check.wrong(place, "the answer of `/tap` never ends", "never answers", help);
        } else if self.method == Method::Get && BY_POST.contains(&path) {
            let message = format!("`{path}` changes something, and Envoy takes it by POST alone");
            check.wrong(place, message, "refused with a 405", "add `method: POST`");
        }
    }
}

impl Verb for AdminStep {
    fn describe(&self) -> String {
        let method = self.method.to_string().to_lowercase();
        format!("admin of {}: {method} {}", list(&self.admin), self.path.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        check.at_least_one(&self.admin);
        self.admin.iter().for_each(|pod| check.with_envoy(pod));
        self.check_path(check);
        if self.method == Method::Get && !self.expects() && self.keep.is_none() {
            let help = "add one, such as `contains: LIVE`";
            check.wrong(
                check.verb(),
                "this step expects nothing of the answer",
                "no expectation",
                help,
            );
        }
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        check.in_a_row(self.in_a_row.as_ref());
        self.answer.check(check);
        self.answer.check_connection(check, &Target::default());
        check.awaited(self.expects(), "status: 200");
        check.keep_of_one(&self.admin, self.keep.as_ref());
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.answer.expects_answer() || !self.answer.that.is_empty()
    }

    /// What is not known to be read-only may have changed anything, and nobody can ask an Envoy for all of it.
    fn impact(&self) -> Impact {
        let path = self.path_alone();
        match self.method {
            Method::Get if OF_NOW.contains(&path) || OF_THE_PAST.contains(&path) => Impact::None,
            Method::Get | Method::Post => Impact::Lasting,
        }
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        let path = self.path_alone();
        // What only tells is told by POST as well.
        let asks = !OF_NOW.contains(&path) && (self.method == Method::Get || !BY_POST.contains(&path));
        asks || self.answer.asks_for_the_past(views)
    }

    fn takes(&self) -> Duration {
        envoy::takes(self.within, self.for_)
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Response))
    }
}
