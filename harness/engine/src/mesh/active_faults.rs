//! What is done to the network of a mesh.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_model::capability::Capability;
use meshkat_runtime::NetworkFault;

/// The faults that the network has now: between a pod and a peer, or between a pod and everybody else.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults(BTreeMap<(String, Option<String>), NetworkFault>);

impl ActiveFaults {
    /// No peers are everybody else. What was done between the same two before is replaced.
    pub(super) fn does(&mut self, pod: &str, peers: &[String], fault: NetworkFault) {
        if peers.is_empty() {
            self.heals(pod);
            self.0.insert((pod.to_owned(), None), fault);
        }
        for peer in peers {
            self.0.remove(&(peer.clone(), Some(pod.to_owned())));
            self.0.insert((pod.to_owned(), Some(peer.clone())), fault);
        }
    }

    /// All that a pod has a part in is undone.
    pub(super) fn heals(&mut self, pod: &str) {
        self.0
            .retain(|(one, other), _| one != pod && other.as_deref() != Some(pod));
    }

    /// Pods, such that there is no fault once each of them is healed.
    pub(super) fn pods(&self) -> BTreeSet<String> {
        self.0.keys().map(|(pod, _)| pod.clone()).collect()
    }

    /// Whether one of two does not hear from the other at all. What is said of the two alone goes before what is said of one
    /// and everybody.
    pub(super) fn parts(&self, one: &str, other: &str) -> bool {
        let of = |pod: &str, peer: Option<&str>| self.0.get(&(pod.to_owned(), peer.map(str::to_owned)));
        let fault = of(one, Some(other))
            .or_else(|| of(other, Some(one)))
            .or_else(|| of(one, None))
            .or_else(|| of(other, None));
        fault.is_some_and(|fault| fault.needs() == Capability::CutNetwork)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SLOW: NetworkFault = NetworkFault::Latency { delay: Duration::ZERO };

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn who_is_parted_is_said_by_the_last_that_was_done_to_the_two() {
        let mut faults = ActiveFaults::default();
        assert!(!faults.parts("a", "sds"));
        faults.does("a", &names(&["b", "sds"]), NetworkFault::BlackHole);
        assert!(faults.parts("a", "sds") && faults.parts("sds", "a") && !faults.parts("b", "sds"));
        faults.does("sds", &names(&["a"]), SLOW);
        assert!(!faults.parts("a", "sds"), "slow is not silent");
        assert!(faults.parts("a", "b"));
        faults.does("b", &[], NetworkFault::Refuse);
        assert!(faults.parts("b", "sds") && faults.parts("c", "b"));
        faults.does("b", &names(&["sds"]), SLOW);
        assert!(!faults.parts("b", "sds") && faults.parts("b", "a"));
        faults.heals("sds");
        assert!(
            faults.parts("b", "sds"),
            "what is between one and everybody is only undone for the one"
        );
        faults.heals("b");
        assert!(!faults.parts("b", "sds"));
    }

    #[test]
    fn to_heal_the_pods_that_it_names_heals_all() {
        let mut faults = ActiveFaults::default();
        faults.does("a", &names(&["b", "c"]), NetworkFault::BlackHole);
        faults.does("c", &names(&["d"]), SLOW);
        faults.does("e", &[], NetworkFault::Disconnect);
        assert_eq!(faults.pods(), names(&["a", "c", "e"]).into_iter().collect());
        for pod in faults.pods() {
            faults.heals(&pod);
        }
        assert!(faults.0.is_empty());
    }
}
