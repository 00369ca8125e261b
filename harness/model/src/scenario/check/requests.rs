//! Steps that send requests, and steps that judge loads.

use indexmap::IndexMap;

use super::{Check, Kept, Load, split::Said};
use crate::{
    observation::{RESPONSE_VARIABLES, WINDOW_VARIABLES},
    scenario::{
        quantity::{Always, Bound, MAXIMUM_RATE_TOGETHER, Rate},
        step::{ExpectStep, LoadStep, RequestStep},
        value::Connections,
        wire,
    },
    source::Place,
    suggest::did_you_mean,
    yaml::At,
};

/// A step's requests are sent one after the other; more of them want a load.
const MAXIMUM_TIMES: u32 = 10_000;

impl Check<'_> {
    pub(super) fn request(&mut self, request: &RequestStep) {
        let methods = [
            &request.get,
            &request.head,
            &request.post,
            &request.put,
            &request.patch,
            &request.delete,
        ];
        let mut paths: Vec<&At<String>> = methods.into_iter().flatten().collect();
        paths.sort_by_key(|path| path.place.offset);
        if let [_, second, ..] = paths.as_slice() {
            self.wrong(
                second.place,
                "a step sends one request",
                "a second path",
                "make two steps of it",
            );
        }
        paths.iter().for_each(|path| self.path(path));
        self.route(request.at.as_ref(), request.from.as_ref(), request.straight_to.as_ref());
        self.headers(request.host.as_ref(), &request.headers);
        let expects_answer = request.expects_answer();
        if let (Some(error), true) = (&request.error, expects_answer) {
            let help = "remove one of the two";
            self.wrong(
                error.place,
                "a request has an answer or an `error`, not both",
                "contradicts the rest",
                help,
            );
        }
        if !expects_answer && request.error.is_none() && request.that.is_empty() && request.keep.is_none() {
            self.wrong(
                self.verb(),
                "this request expects nothing",
                "no expectation",
                "add one, such as `status: 200`",
            );
        }
        if let Some(times) = &request.times {
            if times.value == 0 || times.value > MAXIMUM_TIMES {
                let help = format!("it may be from 1 to {MAXIMUM_TIMES}; for more, use a `load`");
                self.wrong(
                    times.place,
                    format!("{} is not a number of requests", times.value),
                    "out of range",
                    help,
                );
            }
            if let Some(more) = request
                .connections
                .as_ref()
                .filter(|of| matches!(of.value, Connections::Of(n) if n > times.value))
            {
                let message = format!(
                    "{} requests go over {} connections at the most",
                    times.value, times.value
                );
                self.wrong(
                    more.place,
                    message,
                    "too many",
                    "ask for fewer, or say `connections: fresh`",
                );
            }
            if let Some(time) = ["within", "for"].into_iter().find(|key| self.has(key)) {
                let place = self.later("times", time);
                self.wrong(
                    place,
                    format!("`times` does not go with `{time}`"),
                    "one of them too many",
                    "choose one of the two",
                );
            }
        }
        self.either_within_or_for(request.within.is_some(), request.for_.is_some());
        if let Some(names) = &request.served_by {
            self.pods_or_groups("served-by", names);
        }
        self.distinct(&request.distinct);
        if let (Some(split), None) = (&request.split, &request.times) {
            let help = "say `times`, with as many requests as it takes to tell";
            self.wrong(
                split.place,
                "a split is judged over many requests",
                "of one request",
                help,
            );
        }
        self.split(&Said {
            split: request.split.as_ref(),
            false_alarm: request.false_alarm.as_ref(),
            misses: request.misses.as_ref(),
            requests: request.times.as_ref(),
        });
        self.request_can_fail(request);
        self.expressions(&request.that, &RESPONSE_VARIABLES);
        self.keep(request.keep.as_ref(), Kept::Response);
    }

    fn path(&mut self, path: &At<String>) {
        if let Some((host, rest)) = path
            .split_once("://")
            .map(|(_, rest)| rest.split_once('/').unwrap_or((rest, "")))
        {
            let help = format!("write `/{rest}`, and `host: {host}` beside it");
            self.wrong(path.place, "a path is not a URL", "not a path", help);
        } else if !path.starts_with('/') {
            let help = format!("write `/{}`; the host goes into `host`", path.value);
            self.wrong(path.place, "a path begins with a slash", "not a path", help);
        } else if wire::not_a_path(path).is_some() {
            self.wrong(
                path.place,
                "a path has no spaces",
                "not a path",
                "encode a space as %20",
            );
        }
    }

    fn headers(&mut self, host: Option<&String>, headers: &IndexMap<String, String>) {
        let help = "write it in one line: YAML's `>-` joins several";
        if let Some(why) = host.and_then(|host| wire::not_a_header_value(host)) {
            let message = format!("this cannot be sent as the `Host` header: {why}");
            self.wrong(self.value(&["host"]), message, "not a header's value", help);
        }
        for (name, value) in headers {
            if let Some(why) = wire::not_a_header_value(value) {
                let place = self.value(&["headers", name.as_str()]);
                let message = format!("this cannot be sent as the header `{name}`: {why}");
                self.wrong(place, message, "not a header's value", help);
            }
            let place = self.key(&["headers", name.as_str()]);
            if wire::not_a_header_name(name) {
                let message = format!("`{name}` is not the name of a header");
                self.wrong(place, message, "not a header's name", "letters, digits and hyphens");
            } else if name.eq_ignore_ascii_case("host") {
                let help = "use `host: …` beside `headers`";
                self.wrong(place, "the `Host` header has a key of its own", "not here", help);
            }
        }
    }

    fn route(&mut self, at: Option<&At<String>>, from: Option<&At<String>>, straight: Option<&At<String>>) {
        let mut ways: Vec<&At<String>> = [at, from, straight].into_iter().flatten().collect();
        ways.sort_by_key(|way| way.place.offset);
        if let [_, second, ..] = ways.as_slice() {
            let help = "choose one of `at`, `from` and `straight-to`";
            self.wrong(second.place, "a request goes one way", "a second way", help);
        }
        match (at, from, straight) {
            (Some(pod), _, _) | (_, Some(pod), _) => self.with_envoy(pod),
            (_, _, Some(pod)) => self.application(pod),
            (None, None, None) if !self.mesh.groups.contains_key("ingress") => {
                let help = "say `at: POD`, `from: POD` or `straight-to: POD`";
                self.wrong(
                    self.verb(),
                    "this mesh has no ingress to send the request to",
                    "goes nowhere",
                    help,
                );
            }
            _ => {}
        }
    }

    pub(super) fn either_within_or_for(&mut self, within: bool, for_: bool) {
        if within && for_ {
            let message = "a step becomes true `within` a time or stays true `for` a time, not both";
            self.wrong(
                self.later("within", "for"),
                message,
                "the second of the two",
                "make two steps of it",
            );
        }
    }

    /// How many pods of groups take part: the groups are there, and the bound says something about them.
    fn distinct(&mut self, distinct: &IndexMap<At<String>, Bound>) {
        for (group, bound) in distinct {
            match self.most(group) {
                None => self.group(group),
                Some(most) => {
                    let help = format!("the group `{}` has {most} pods at the most", group.value);
                    self.bound(
                        self.value(&["distinct", group.as_str()]),
                        bound.always(Some(most)),
                        help,
                    );
                }
            }
        }
    }

    /// An expectation that always holds, or never, expects nothing.
    pub(super) fn bound(&mut self, place: Place, always: Option<Always>, help: impl Into<String>) {
        match always {
            Some(Always::Holds) => self.wrong(place, "this holds whatever happens", "always true", help),
            Some(Always::Fails) => self.wrong(place, "this can never hold", "never true", help),
            None => {}
        }
    }

    pub(super) fn load(&mut self, load: &LoadStep) {
        self.path(&load.get);
        self.route(load.at.as_ref(), load.from.as_ref(), load.straight_to.as_ref());
        self.headers(load.host.as_ref(), &load.headers);
        if self.loads.contains_key(&load.load.value) {
            let message = format!("there is a load `{}` already", load.load.value);
            self.wrong(load.load.place, message, "the second one", "give it another name");
        }
        self.rates(load);
        let running = Load {
            place: load.load.place,
            rate: load.rate.0,
            judged: false,
            running: true,
        };
        self.loads.insert(load.load.value.clone(), running);
    }

    /// What runs at the same time is not more than this machine can be asked for.
    fn rates(&mut self, load: &LoadStep) {
        let others: Vec<f64> = self
            .loads
            .values()
            .filter(|other| other.running)
            .map(|other| other.rate)
            .collect();
        let before: f64 = others.iter().sum();
        let sum = before + load.rate.0;
        // Told where the limit is passed, and not once more at each load after it.
        if sum > MAXIMUM_RATE_TOGETHER && before <= MAXIMUM_RATE_TOGETHER {
            let message = format!(
                "with this one, {} loads of {} together run at the same time; {} are the most",
                others.len() + 1,
                Rate(sum),
                Rate(MAXIMUM_RATE_TOGETHER)
            );
            let help = "give the loads lower rates, or `stop-load` one of them before this step";
            self.wrong(self.value(&["rate"]), message, "too many requests", help);
        }
    }

    pub(super) fn stop_load(&mut self, name: &At<String>) {
        match self.loads.get_mut(&name.value) {
            Some(load) if load.running => load.running = false,
            Some(_) => {
                let message = format!("the load `{}` was stopped before", name.value);
                self.wrong(name.place, message, "stopped already", "remove this step");
            }
            None => self.unknown_load(name),
        }
    }

    fn unknown_load(&mut self, name: &At<String>) {
        let later = self.loads_later.iter().find(|load| load.value == name.value);
        let help = match later {
            Some(later) => format!(
                "it is started in line {}; a load is judged after it was started",
                later.place.line
            ),
            None => did_you_mean(name, self.loads.keys().map(String::as_str)),
        };
        self.wrong(
            name.place,
            format!("no load `{}` was started before this step", name.value),
            "unknown load",
            help,
        );
    }

    pub(super) fn expect(&mut self, expect: &ExpectStep) {
        match self.loads.get_mut(&expect.expect.value) {
            Some(load) => {
                load.judged = true;
                let running = load.running;
                if let Some(time) = ["for", "within"].into_iter().find(|key| !running && self.has(key)) {
                    let message = "this load was stopped: no request falls due any more";
                    self.wrong(
                        self.key(&[time]),
                        message,
                        "waits for a stopped load",
                        "judge it before `stop-load`",
                    );
                }
            }
            None => self.unknown_load(&expect.expect),
        }
        if !expect.expects() {
            self.wrong(
                self.verb(),
                "this step expects nothing of the load",
                "no expectation",
                "add one, such as `errors: 0`",
            );
        }
        self.either_within_or_for(expect.within.is_some(), expect.for_.is_some());
        if expect.window.is_some() && expect.within.is_none() {
            let help = "with `for: 2s` the window is these 2 seconds; with neither, it is all since the load began";
            self.wrong(
                self.key(&["window"]),
                "`window` goes with `within`",
                "there is no `within`",
                help,
            );
        }
        if let Some(time) = ["for", "within"]
            .into_iter()
            .find(|key| self.has("since") && self.has(key))
        {
            let help = format!("`{time}` says which requests are judged; remove one of the two");
            self.wrong(
                self.key(&["since"]),
                format!("`since` does not go with `{time}`"),
                "one of them too many",
                help,
            );
        }
        self.expect_bounds(expect);
        if let Some(names) = &expect.served_by {
            self.pods_or_groups("served-by", names);
        }
        self.distinct(&expect.distinct);
        self.split(&Said {
            split: expect.split.as_ref(),
            false_alarm: expect.false_alarm.as_ref(),
            misses: expect.misses.as_ref(),
            requests: None,
        });
        self.expressions(&expect.that, &WINDOW_VARIABLES);
    }

    fn expect_bounds(&mut self, expect: &ExpectStep) {
        if let Some(errors) = &expect.errors {
            self.bound(
                errors.place,
                errors.always(),
                "for example `errors: 0` or `errors: < 1%`",
            );
        }
        if let Some(requests) = &expect.requests {
            self.bound(
                requests.place,
                requests.always(None),
                "for example `requests: \">= 100\"`",
            );
        }
        for (name, bound) in [
            ("p50", &expect.p50),
            ("p95", &expect.p95),
            ("p99", &expect.p99),
            ("max", &expect.max),
        ] {
            if let Some(bound) = bound {
                self.bound(bound.place, bound.always(), format!("for example `{name}: < 100ms`"));
            }
        }
        for (status, share) in &expect.statuses {
            self.bound(
                self.value(&["statuses", &status.value.to_string()]),
                share.always(),
                "for example `statuses: {200: 100%}`",
            );
            if !(100..=599).contains(&status.value) {
                let message = format!("`{}` is not an HTTP status", status.value);
                self.wrong(status.place, message, "out of range", "it is a number from 100 to 599");
            }
        }
    }
}
