//! Names of pods that come and go.

use meshkat_model::mesh::GroupSpec;

/// The name of a group's pod of that number, counted from 1. A group of exactly one pod gives its own name to the first.
pub(crate) fn pod_name(group: &str, spec: &GroupSpec, ordinal: u32) -> String {
    match (spec.replicas, ordinal) {
        (None, 1) => group.to_owned(),
        _ => format!("{group}-{ordinal}"),
    }
}

/// The lowest number whose name is not taken, and that name.
pub(crate) fn next_free(group: &str, spec: &GroupSpec, taken: impl Fn(&str) -> bool) -> (u32, String) {
    let mut ordinal = 1;
    loop {
        let name = pod_name(group, spec, ordinal);
        if !taken(&name) {
            return (ordinal, name);
        }
        ordinal += 1;
    }
}

/// How many pods a group has at the start.
pub(crate) fn initial(spec: &GroupSpec) -> u32 {
    spec.replicas.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(replicas: Option<u32>) -> GroupSpec {
        GroupSpec {
            application: None,
            envoy: None,
            overlays: Vec::new(),
            replicas,
            started: true,
            registered: true,
        }
    }

    #[test]
    fn names_agree_with_the_model() {
        for replicas in [None, Some(0), Some(1), Some(3)] {
            let spec = group(replicas);
            let names: Vec<_> = (1..=initial(&spec))
                .map(|ordinal| pod_name("pet", &spec, ordinal))
                .collect();
            assert_eq!(names, spec.pod_names("pet"));
        }
    }

    #[test]
    fn the_lowest_free_number_is_taken() {
        let next = |replicas, taken: &[&str]| next_free("pet", &group(replicas), |name| taken.contains(&name));
        assert_eq!(next(Some(0), &[]), (1, "pet-1".to_owned()));
        assert_eq!(next(Some(3), &["pet-1", "pet-2", "pet-4"]), (3, "pet-3".to_owned()));
        assert_eq!(next(None, &[]), (1, "pet".to_owned()));
        assert_eq!(next(None, &["pet"]), (2, "pet-2".to_owned()));
        assert_eq!(
            next(None, &["pet", "pet-2"]),
            (3, "pet-3".to_owned()),
            "also a name of another group"
        );
    }
}
