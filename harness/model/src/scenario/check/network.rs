//! `network`: whom it is about, and which keys belong to what happens.

use super::Check;
use crate::{
    scenario::{
        step::{Network, NetworkStep},
        value::OneOrMany,
    },
    yaml::At,
};

impl Check<'_> {
    pub(super) fn network(&mut self, step: &NetworkStep) {
        self.network_keys(step);
        self.network_quantities(step);
        match (&step.of, &step.between) {
            (Some(_), Some(_)) => {
                let place = self.later("of", "between");
                let help =
                    "`of` is everything that a pod sends, `between` what two send one another; keep one of the two";
                self.wrong(
                    place,
                    "a network is harmed `of` somebody or `between` two, not both",
                    "beside the other",
                    help,
                );
            }
            (None, None) if step.network.value != Network::Restored => {
                let help = match step.network.value {
                    Network::Disconnected => "add `of`, such as `of: pet-1`",
                    _ => "add `between: [petstore, pet-1]`, or `of: pet-1` for all that it sends",
                };
                self.wrong(self.key(&["network"]), "nobody is named", "whose network?", help);
            }
            _ => {}
        }
        if let Some(of) = &step.of {
            self.at_least_one(of);
            of.iter().for_each(|name| self.on_network(name));
        }
        if let Some(between) = &step.between {
            self.between(between);
        }
    }

    /// Keys that say nothing of what happens.
    fn network_keys(&mut self, step: &NetworkStep) {
        let what = step.network.value;
        let belongs = [
            (
                "between",
                step.between.is_some() && step.of.is_none(),
                !matches!(what, Network::Disconnected | Network::Restored),
                match what {
                    Network::Disconnected => {
                        "a pod is off the network for everybody: name it with `of`; `black-holed` is between two"
                    }
                    _ => "name pods with `of`: what they have a part in is restored; without it, all is",
                },
            ),
            (
                "delay",
                step.delay.is_some(),
                what == Network::Slow,
                "it goes with `slow`; remove it",
            ),
            (
                "loss",
                step.loss.is_some(),
                what == Network::Lossy,
                "it goes with `lossy`; remove it",
            ),
            (
                "within",
                step.within.is_some(),
                what == Network::Restored,
                "it goes with `restored`; whatever else happens is waited for; remove it",
            ),
        ];
        for (key, is_there, fits, help) in belongs {
            if is_there && !fits {
                let message = format!("`{key}` says nothing of a network that is `{what}`");
                self.wrong(self.key(&[key]), message, "does not belong here", help);
            }
        }
    }

    /// How slow, and how lossy.
    fn network_quantities(&mut self, step: &NetworkStep) {
        let missing = match step.network.value {
            Network::Slow if step.delay.is_none() => Some(("how slow?", "add `delay`, such as `delay: 50ms`")),
            Network::Lossy if step.loss.is_none() => Some(("how lossy?", "add `loss`, such as `loss: 20%`")),
            _ => None,
        };
        if let Some((label, help)) = missing {
            let message = format!("a network that is `{}` has no measure", step.network.value);
            self.wrong(self.key(&["network"]), message, label, help);
        }
        if let Some(delay) = step.delay.as_ref().filter(|delay| delay.value.0.is_zero()) {
            let help = "for example `delay: 50ms`";
            self.wrong(delay.place, "a delay of nothing changes nothing", "no delay", help);
        }
    }

    fn between(&mut self, between: &At<OneOrMany<At<String>>>) {
        between.iter().for_each(|name| self.on_network(name));
        let [one, other] = &between[..] else {
            let message = format!("`between` names two, and not {}", between.len());
            let help = "for example `between: [petstore, pet-1]`; a group stands for all of its pods";
            self.wrong(between.place, message, "not two", help);
            return;
        };
        if one.value == other.value {
            let message = format!("there is no network between `{}` and itself", one.value);
            let help = "name another pod or group; `of` is between it and everybody else";
            self.wrong(other.place, message, "the same once more", help);
        }
    }

    /// A pod or a group, whatever it holds.
    fn on_network(&mut self, name: &At<String>) {
        match name.split_once('/') {
            Some((pod, _)) => {
                let help = format!("write `{pod}`");
                let message = format!("`{}` has no network of its own: its pod has", name.value);
                self.wrong(name.place, message, "a container", help);
            }
            None => self.pod_or_group(name),
        }
    }
}
