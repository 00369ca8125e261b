//! Steps that send requests, and steps that judge loads.

use super::{Check, Kept, Load};
use crate::{
    observation::{RESPONSE_VARIABLES, WINDOW_VARIABLES},
    scenario::step::{ExpectStep, LoadStep, RequestStep},
    source::Place,
    suggest::did_you_mean,
    yaml::At,
};

/// A step's requests are sent one after the other; more of them want a load.
const MAXIMUM_TIMES: u32 = 10_000;

impl Check<'_> {
    pub(super) fn request(&mut self, step: Place, request: &RequestStep) {
        let methods = [
            &request.get,
            &request.head,
            &request.post,
            &request.put,
            &request.patch,
            &request.delete,
        ];
        let paths: Vec<&At<String>> = methods.into_iter().flatten().collect();
        if let [_, second, ..] = paths.as_slice() {
            self.wrong(
                second.place,
                "a step sends one request",
                "a second path",
                "make two steps of it",
            );
        }
        paths.iter().for_each(|path| self.path(path));
        self.route(
            step,
            request.at.as_ref(),
            request.from.as_ref(),
            request.straight_to.as_ref(),
        );
        self.headers(step, request.headers.keys());
        let expects_answer = request.status.is_some()
            || request.text.is_some()
            || request.contains.is_some()
            || request.json.is_some()
            || request.served_by.is_some()
            || !request.response_headers.is_empty()
            || !request.distinct.is_empty();
        if let (Some(error), true) = (&request.error, expects_answer) {
            self.wrong(
                error.place,
                "a request has an answer or an `error`, not both",
                "contradicts the rest",
                "remove one of the two",
            );
        }
        if !expects_answer && request.error.is_none() && request.that.is_empty() && request.keep.is_none() {
            self.wrong(
                step,
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
            if request.within.is_some() || request.for_.is_some() {
                self.wrong(
                    times.place,
                    "`times` does not go with `within` or `for`",
                    "one of them too many",
                    "choose one of the three",
                );
            }
        }
        self.either_within_or_for(step, request.within.is_some(), request.for_.is_some());
        if let Some(names) = &request.served_by {
            self.pods_or_groups(names);
        }
        request.distinct.keys().for_each(|group| self.group(group));
        self.expressions(&request.that, &RESPONSE_VARIABLES);
        self.keep(request.keep.as_ref(), Kept::Response);
    }

    fn path(&mut self, path: &At<String>) {
        if !path.starts_with('/') {
            self.wrong(
                path.place,
                "a path begins with a slash",
                "not a path",
                format!("write `/{}`; the host goes into `host`", path.value),
            );
        } else if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.wrong(
                path.place,
                "a path has no spaces",
                "not a path",
                "encode a space as %20",
            );
        }
    }

    fn headers<'a>(&mut self, step: Place, names: impl Iterator<Item = &'a String>) {
        for name in names {
            let token = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
            if !token {
                self.wrong(
                    step,
                    format!("`{name}` is not the name of a header"),
                    "in this step",
                    "letters, digits and hyphens",
                );
            } else if name.eq_ignore_ascii_case("host") {
                self.wrong(
                    step,
                    "the `Host` header has a key of its own",
                    "in this step",
                    "use `host: …` beside `headers`",
                );
            }
        }
    }

    fn route(
        &mut self,
        step: Place,
        at: Option<&At<String>>,
        from: Option<&At<String>>,
        straight: Option<&At<String>>,
    ) {
        let ways: Vec<&At<String>> = [at, from, straight].into_iter().flatten().collect();
        if let [_, second, ..] = ways.as_slice() {
            self.wrong(
                second.place,
                "a request goes one way",
                "a second way",
                "choose one of `at`, `from` and `straight-to`",
            );
        }
        match (at, from, straight) {
            (Some(pod), _, _) | (_, Some(pod), _) => self.with_envoy(pod),
            (_, _, Some(pod)) => self.application(pod),
            (None, None, None) if !self.mesh.groups.contains_key("ingress") => self.wrong(
                step,
                "this mesh has no ingress to send the request to",
                "goes nowhere",
                "say `at: POD`, `from: POD` or `straight-to: POD`",
            ),
            _ => {}
        }
    }

    pub(super) fn either_within_or_for(&mut self, step: Place, within: bool, for_: bool) {
        if within && for_ {
            self.wrong(
                step,
                "a step becomes true `within` a time or stays true `for` a time",
                "has both",
                "make two steps of it",
            );
        }
    }

    pub(super) fn load(&mut self, load: &LoadStep) {
        self.path(&load.get);
        self.route(
            load.load.place,
            load.at.as_ref(),
            load.from.as_ref(),
            load.straight_to.as_ref(),
        );
        self.headers(load.load.place, load.headers.keys());
        if self.loads.contains_key(&load.load.value) {
            self.wrong(
                load.load.place,
                format!("there is a load `{}` already", load.load.value),
                "the second one",
                "give it another name",
            );
        }
        self.loads.insert(
            load.load.value.clone(),
            Load {
                place: load.load.place,
                judged: false,
                running: true,
            },
        );
    }

    pub(super) fn stop_load(&mut self, name: &At<String>) {
        match self.loads.get_mut(&name.value) {
            Some(load) if load.running => load.running = false,
            Some(_) => self.wrong(
                name.place,
                format!("the load `{}` was stopped before", name.value),
                "stopped already",
                "remove this step",
            ),
            None => self.unknown_load(name),
        }
    }

    fn unknown_load(&mut self, name: &At<String>) {
        let known: Vec<String> = self.loads.keys().cloned().collect();
        let help = did_you_mean(name, known.iter().map(String::as_str));
        self.wrong(
            name.place,
            format!("no load `{}` was started before this step", name.value),
            "unknown load",
            help,
        );
    }

    pub(super) fn expect(&mut self, step: Place, expect: &ExpectStep) {
        match self.loads.get_mut(&expect.expect.value) {
            Some(load) => {
                load.judged = true;
                if !load.running && (expect.for_.is_some() || expect.within.is_some()) {
                    self.wrong(
                        step,
                        "this load was stopped: no request falls due any more",
                        "waits for a stopped load",
                        "judge it before `stop-load`",
                    );
                }
            }
            None => self.unknown_load(&expect.expect),
        }
        let expects = expect.errors.is_some()
            || expect.requests.is_some()
            || !expect.statuses.is_empty()
            || [&expect.p50, &expect.p95, &expect.p99, &expect.max]
                .iter()
                .any(|bound| bound.is_some())
            || expect.served_by.is_some()
            || !expect.distinct.is_empty()
            || !expect.that.is_empty();
        if !expects {
            self.wrong(
                step,
                "this step expects nothing of the load",
                "no expectation",
                "add one, such as `errors: 0`",
            );
        }
        self.either_within_or_for(step, expect.within.is_some(), expect.for_.is_some());
        if expect.window.is_some() && expect.within.is_none() {
            self.wrong(
                step,
                "`window` goes with `within`",
                "no `within`",
                "with `for: 2s` the window is these 2 seconds",
            );
        }
        if let Some(names) = &expect.served_by {
            self.pods_or_groups(names);
        }
        expect.distinct.keys().for_each(|group| self.group(group));
        self.expressions(&expect.that, &WINDOW_VARIABLES);
    }
}
