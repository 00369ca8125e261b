//! Who served: the same keys for all that is answered by pods.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    scenario::{
        check::Check,
        quantity::Bound,
        split::{Misses, Part, Split, shares, strictness},
        value::OneOrMany,
    },
    source::Place,
    statistics::{Strictness, needed},
    yaml::At,
};

/// Who is to serve. The keys are those of the step itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ServedExpectations {
    /// The pods, or the groups of pods, of which one gave each answer.
    pub served_by: Option<At<OneOrMany<String>>>,
    /// How many different pods of a group took part in answering, over all requests.
    #[serde(default)]
    pub distinct: IndexMap<At<String>, Bound>,
    /// How the requests are split: the part of each pod or group, or `{GROUP: evenly}`.
    pub split: Option<At<Split>>,
    /// With `split`: the most probable that a right one fails; 1e-6 by default.
    pub false_alarm: Option<At<f64>>,
    /// With `split`: from when on one is wrong, and the most probable that it passes.
    pub misses: Option<At<Misses>>,
}

impl ServedExpectations {
    /// Whether anything is expected.
    pub(super) fn expects(&self) -> bool {
        self.served_by.is_some() || !self.distinct.is_empty() || self.split.is_some()
    }

    /// How sure the judgement of the split is.
    pub fn strictness(&self) -> Strictness {
        strictness(
            self.false_alarm.as_ref().map(|at| at.value),
            self.misses.as_ref().map(|at| at.value),
        )
    }

    /// `requests` is how many requests there will be, where that is known.
    pub(super) fn check(&self, check: &mut Check<'_>, requests: Option<&At<u32>>) {
        if let Some(names) = &self.served_by {
            check.pods_or_groups("served-by", names);
        }
        check_distinct(check, &self.distinct);
        self.check_split(check, requests);
    }

    /// What is said of a split holds together, and so many requests suffice.
    fn check_split(&self, check: &mut Check<'_>, requests: Option<&At<u32>>) {
        let Some(split) = &self.split else {
            for key in ["false-alarm", "misses"] {
                if !check.has(key) {
                    continue;
                }
                let help = "say how the requests are split, such as `split: {echo: evenly}`";
                check.wrong(
                    check.key(&[key]),
                    format!("`{key}` goes with `split`"),
                    "there is no `split`",
                    help,
                );
            }
            return;
        };
        let before = check.wrong.len();
        check_classes(check, split);
        let strict = self.strictness();
        let probability = |value: f64| value > 0.0 && value < 0.5;
        if let Some(wrong) = self.false_alarm.as_ref().filter(|at| !probability(at.value)) {
            let message = format!("{} is not a probability of a false alarm", wrong.value);
            check.wrong(
                wrong.place,
                message,
                "out of range",
                "it is more than 0 and below 0.5, such as 1e-6",
            );
        }
        if let Some(wrong) = self.misses.as_ref().filter(|_| !probability(strict.miss)) {
            let message = format!("{} is not a probability of a miss", strict.miss);
            check.wrong(
                wrong.place,
                message,
                "out of range",
                "`at` is more than 0 and below 0.5, such as 1e-3",
            );
        }
        if check.wrong.len() > before {
            return;
        }
        let pods = |group: &str| pods_at_most(check, group);
        let Some(classes) = shares(split, pods) else { return };
        let shares: Vec<f64> = classes.into_iter().map(|(_, share)| share).collect();
        let furthest = shares.iter().map(|share| share.max(1.0 - share)).fold(0.0, f64::max);
        let place = self.misses.as_ref().map_or(split.place, |misses| misses.place);
        let points = strict.shift * 100.0;
        if !(strict.shift > 0.0 && strict.shift <= furthest) {
            let message = format!("no share can be off by {points} percentage points");
            let most = furthest * 100.0;
            check.wrong(
                place,
                message,
                "never noticed",
                format!("`shift` is more than 0 and here {most:.0} at the most"),
            );
            return;
        }
        check_enough(check, &shares, requests, place, strict);
    }
}

/// How many pods of groups take part: the groups are there, and the bound says something about them.
fn check_distinct(check: &mut Check<'_>, distinct: &IndexMap<At<String>, Bound>) {
    for (group, bound) in distinct {
        match check.most(group) {
            None => check.group(group),
            Some(most) => {
                let help = format!("the group `{}` has {most} pods at the most", group.value);
                check.bound(
                    check.value(&["distinct", group.as_str()]),
                    bound.always(Some(most)),
                    help,
                );
            }
        }
    }
}

fn check_enough(check: &mut Check<'_>, shares: &[f64], requests: Option<&At<u32>>, place: Place, strict: Strictness) {
    let number = requests.map_or(0, |requests| u64::from(requests.value));
    let least = needed(shares, number, strict);
    let Some(requests) = requests else {
        if least.is_none() {
            let help = "ask for a larger `shift`, or allow more false alarms or misses";
            check.wrong(place, "no number of requests suffices for this", "too strict", help);
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
        check.wrong(requests.place, message, "too few", help);
    }
}

/// The pods that a group has at the most, by name.
fn pods_at_most(check: &Check<'_>, group: &str) -> Vec<String> {
    match (check.most.get(group), check.mesh.groups.contains_key(group)) {
        (Some(most), _) => (1..=*most).map(|ordinal| format!("{group}-{ordinal}")).collect(),
        (None, true) => vec![group.to_owned()],
        (None, false) => Vec::new(),
    }
}

/// Pods and groups that are there, nobody twice, with parts that can be compared.
fn check_classes(check: &mut Check<'_>, split: &At<Split>) {
    let mut taken: Vec<(Vec<String>, &str)> = Vec::new();
    for (name, part) in &split.value {
        let before = check.wrong.len();
        match part {
            Part::Evenly => check.group(name),
            Part::Of(_) => check.pod_or_group(name),
        }
        if check.wrong.len() > before {
            continue;
        }
        let is_group = check.mesh.groups.contains_key(&name.value);
        let pods = if is_group {
            pods_at_most(check, name)
        } else {
            vec![name.value.clone()]
        };
        if *part == Part::Evenly && (pods.len() < 2 || split.value.len() > 1) {
            let help = "`evenly` stands alone, at a group of several pods: `split: {echo: evenly}`";
            check.wrong(
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
            check.wrong(
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
        check.wrong(
            split.place,
            "nobody gets a part of the requests",
            "no part above 0",
            help,
        );
    }
}
