//! `discovery`: which keys belong to what happens.

use super::Check;
use crate::scenario::step::{Discovery, DiscoveryStep};

impl Check<'_> {
    pub(super) fn discovery(&mut self, step: &DiscoveryStep) {
        self.needs_sds();
        let what = step.discovery.value;
        let of_process = matches!(what, Discovery::Killed | Discovery::Hung | Discovery::Restored);
        let belongs = [
            ("delay", step.delay.is_some(), what == Discovery::Slow, "`slow`"),
            ("every", step.every.is_some(), what == Discovery::Flapping, "`flapping`"),
            (
                "only-for",
                step.only_for.is_some(),
                !of_process,
                "what it does to each Envoy by itself, such as `cut` or `refusing`",
            ),
            (
                "endpoints",
                !step.endpoints.is_empty(),
                what == Discovery::Restored,
                "`restored`",
            ),
            (
                "registry",
                step.registry.is_some(),
                what == Discovery::Restored,
                "`restored`",
            ),
            (
                "within",
                step.within.is_some(),
                what == Discovery::Restored,
                "`restored`",
            ),
        ];
        for (key, is_there, fits, whose) in belongs {
            if is_there && !fits {
                let message = format!("`{key}` says nothing of a discovery service that is `{what}`");
                self.wrong(
                    self.key(&[key]),
                    message,
                    "does not belong here",
                    format!("it goes with {whose}; remove it"),
                );
            }
        }
        if let Some(only) = &step.only_for {
            self.at_least_one(only);
            only.iter().for_each(|pod| self.with_envoy(pod));
        }
        self.hosts("endpoints", &step.endpoints);
    }
}
