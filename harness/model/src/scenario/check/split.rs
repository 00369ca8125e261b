//! Splits: who shares, how much, and whether the requests suffice to tell.

use super::Check;
use crate::{
    scenario::split::{Misses, Part, Split, shares, strictness},
    source::Place,
    statistics::needed,
    yaml::At,
};

/// What a step says of a split.
pub(crate) struct Said<'a> {
    pub(crate) split: Option<&'a At<Split>>,
    pub(crate) false_alarm: Option<&'a At<f64>>,
    pub(crate) misses: Option<&'a At<Misses>>,
    /// How many requests there will be, where that is known.
    pub(crate) requests: Option<&'a At<u32>>,
}

impl Check<'_> {
    /// What is said of a split holds together, and so many requests suffice.
    pub(crate) fn split(&mut self, said: &Said<'_>) {
        let Some(split) = said.split else {
            let keys = [
                ("false-alarm", said.false_alarm.map(|value| value.place)),
                ("misses", said.misses.map(|value| value.place)),
            ];
            for (key, _) in keys.into_iter().filter(|(_, place)| place.is_some()) {
                let help = "say how the requests are split, such as `split: {echo: evenly}`";
                self.wrong(
                    self.key(&[key]),
                    format!("`{key}` goes with `split`"),
                    "there is no `split`",
                    help,
                );
            }
            return;
        };
        let before = self.wrong.len();
        self.classes(split);
        let strict = strictness(said.false_alarm.map(|at| at.value), said.misses.map(|at| at.value));
        let probability = |value: f64| value > 0.0 && value < 0.5;
        if let Some(wrong) = said.false_alarm.filter(|at| !probability(at.value)) {
            let message = format!("{} is not a probability of a false alarm", wrong.value);
            self.wrong(
                wrong.place,
                message,
                "out of range",
                "it is more than 0 and below 0.5, such as 1e-6",
            );
        }
        if let Some(wrong) = said.misses.filter(|_| !probability(strict.miss)) {
            let message = format!("{} is not a probability of a miss", strict.miss);
            self.wrong(
                wrong.place,
                message,
                "out of range",
                "`at` is more than 0 and below 0.5, such as 1e-3",
            );
        }
        if self.wrong.len() > before {
            return;
        }
        let pods = |group: &str| self.pods_at_most(group);
        let Some(classes) = shares(split, pods) else { return };
        let shares: Vec<f64> = classes.into_iter().map(|(_, share)| share).collect();
        let furthest = shares.iter().map(|share| share.max(1.0 - share)).fold(0.0, f64::max);
        let place = said.misses.map_or(split.place, |misses| misses.place);
        let points = strict.shift * 100.0;
        if !(strict.shift > 0.0 && strict.shift <= furthest) {
            let message = format!("no share can be off by {points} percentage points");
            let most = furthest * 100.0;
            self.wrong(
                place,
                message,
                "never noticed",
                format!("`shift` is more than 0 and here {most:.0} at the most"),
            );
            return;
        }
        self.enough(&shares, said.requests, place, strict);
    }

    fn enough(
        &mut self,
        shares: &[f64],
        requests: Option<&At<u32>>,
        place: Place,
        strict: crate::statistics::Strictness,
    ) {
        let number = requests.map_or(0, |requests| u64::from(requests.value));
        let least = needed(shares, number, strict);
        let Some(requests) = requests else {
            if least.is_none() {
                let help = "ask for a larger `shift`, or allow more false alarms or misses";
                self.wrong(place, "no number of requests suffices for this", "too strict", help);
            }
            return;
        };
        if least != Some(number) {
            let needs = match least {
                Some(least) => format!("{least} requests"),
                None => "more requests than can be sent".to_owned(),
            };
            let message = format!("judging this split needs {needs}, and there are {number}");
            let help = "send so many, ask for a larger `shift` in `misses`, or allow more misses or false alarms";
            self.wrong(requests.place, message, "too few", help);
        }
    }

    /// The pods that a group has at the most, by name.
    fn pods_at_most(&self, group: &str) -> Vec<String> {
        match (self.most.get(group), self.mesh.groups.contains_key(group)) {
            (Some(most), _) => (1..=*most).map(|ordinal| format!("{group}-{ordinal}")).collect(),
            (None, true) => vec![group.to_owned()],
            (None, false) => Vec::new(),
        }
    }

    /// Pods and groups that are there, nobody twice, with parts that can be compared.
    fn classes(&mut self, split: &At<Split>) {
        let mut taken: Vec<(Vec<String>, &str)> = Vec::new();
        for (name, part) in &split.value {
            let before = self.wrong.len();
            match part {
                Part::Evenly => self.group(name),
                Part::Of(_) => self.pod_or_group(name),
            }
            if self.wrong.len() > before {
                continue;
            }
            let is_group = self.mesh.groups.contains_key(&name.value);
            let pods = if is_group {
                self.pods_at_most(name)
            } else {
                vec![name.value.clone()]
            };
            if *part == Part::Evenly && (pods.len() < 2 || split.value.len() > 1) {
                let help = "`evenly` stands alone, at a group of several pods: `split: {echo: evenly}`";
                self.wrong(
                    name.place,
                    "there is nobody to split the requests with",
                    "not evenly",
                    help,
                );
            }
            if let Some((_, other)) = taken
                .iter()
                .find(|(known, _)| known.iter().any(|pod| pods.contains(pod)))
            {
                let message = format!("`{}` is a part of `{other}`, or the other way round", name.value);
                self.wrong(
                    name.place,
                    message,
                    "counted twice",
                    "name each pod once, by itself or by its group",
                );
            }
            taken.push((pods, name.value.as_str()));
        }
        let sum: f64 = split
            .value
            .values()
            .map(|part| if let Part::Of(part) = part { *part } else { 1.0 })
            .sum();
        if split.value.is_empty() || sum <= 0.0 {
            let help = "say the part of each, such as `split: {echo-1: 90, echo-2: 10}`";
            self.wrong(
                split.place,
                "nobody gets a part of the requests",
                "no part above 0",
                help,
            );
        }
    }
}
