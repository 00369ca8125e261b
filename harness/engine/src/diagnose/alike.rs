//! What is so of several Envoys, told once.

use indexmap::IndexMap;

/// What is so of several Envoys is one thing: the rest of the sentence, for one and for several, with the pods.
#[derive(Default)]
pub(super) struct Alike(IndexMap<(String, String), Vec<String>>);

impl Alike {
    pub(super) fn add(&mut self, pod: &str, one: String, several: String) {
        self.0.entry((one, several)).or_default().push(pod.to_owned());
    }

    pub(super) fn sentences(self) -> Vec<String> {
        let sentence = |((one, several), pods): ((String, String), Vec<String>)| {
            let rest = if pods.len() == 1 { one } else { several };
            format!("{} {rest}", envoys_of(&pods))
        };
        self.0.into_iter().map(sentence).collect()
    }
}

/// `the Envoy of pet-1`, `the Envoys of pet-1, pet-2 and pet-3`.
pub(super) fn envoys_of(pods: &[String]) -> String {
    match pods {
        [one] => format!("the Envoy of {one}"),
        [first @ .., last] => format!("the Envoys of {} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Alike, envoys_of};

    #[test]
    fn what_is_so_of_several_envoys_is_told_once() {
        let mut alike = Alike::default();
        for pod in ["a-1", "a-2", "b"] {
            alike.add(pod, "asks for x".to_owned(), "ask for x".to_owned());
        }
        alike.add("b", "asks for y".to_owned(), "ask for y".to_owned());
        assert_eq!(
            alike.sentences(),
            ["the Envoys of a-1, a-2 and b ask for x", "the Envoy of b asks for y"]
        );
        assert_eq!(envoys_of(&["a".to_owned(), "b".to_owned()]), "the Envoys of a and b");
    }
}
