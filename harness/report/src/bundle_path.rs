//! What the folder of a case's bundle is called, and what may lie below it.

use std::path::{Component, Path};

use meshkat_model::round::Round;

use crate::place::FAILURES;
use crate::text::short_hash;

/// The explanation in every bundle.
pub(crate) const EXPLANATION: &str = "failure.txt";

/// Of a folder's name; file systems end at 255 bytes.
const LONGEST: usize = 120;

/// Of the parts of a folder's path; an id that has more of them is a name in itself.
const DEEPEST: usize = 16;

/// Whether a path has only ordinary names in it, on whichever system it is read.
pub(crate) fn is_plain(path: &str) -> bool {
    let names_only = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let plain = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.chars().any(is_unsafe);
    names_only && path.split('/').all(plain)
}

/// The bundle's folder of a case, below the report folder, such as `failures/eds/outage[pets=3]`.
///
/// It is the id itself as long as every system can have a folder of that name. Otherwise what is in the way becomes `_`
/// and a short hash of the id follows, so that no two cases share a folder, not even where upper and lower case are one. Each round has
/// a folder of its own, such as `failures/eds/outage[pets=3]~round-2`.
pub fn bundle_folder(id: &str, round: Option<Round>) -> String {
    let mut folder = of_id(id);
    if let Some(round) = round {
        // No hash is that long.
        folder.push_str(&format!("~round-{}", round.number));
    }
    folder
}

fn of_id(id: &str) -> String {
    // A value of an axis may be a path; only what comes before the values names folders.
    let values = id.find('[').unwrap_or(id.len());
    let (names, values) = id.split_at(values);
    let mut parts: Vec<String> = names.split('/').map(str::to_owned).collect();
    if let Some(last) = parts.last_mut() {
        last.push_str(values);
    }
    if parts.len() > DEEPEST {
        return format!("{FAILURES}/{}~{}", safe_name(&parts.concat()), short_hash(id));
    }
    let safe: Vec<String> = parts.iter().map(|part| safe_name(part)).collect();
    let same_everywhere = id.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase() && b != b'~');
    let joined = safe.join("/");
    if safe == parts && same_everywhere {
        format!("{FAILURES}/{joined}")
    } else {
        format!("{FAILURES}/{joined}~{}", short_hash(id))
    }
}

/// `name` without what some file system refuses.
fn safe_name(name: &str) -> String {
    let mut safe: String = name.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    let mut end = safe.len().min(LONGEST);
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    let kept = safe.trim_end_matches(['.', ' ']).len();
    if kept < safe.len() {
        safe.truncate(kept);
        safe.push('_');
    }
    if safe.is_empty() || is_reserved(&safe) {
        safe.insert(0, '_');
    }
    safe
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
}

/// Whether Windows takes the name for a device.
fn is_reserved(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_lowercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_id_is_its_own_folder() {
        assert_eq!(of_id("eds/walkthrough[pets=3]"), "failures/eds/walkthrough[pets=3]");
        assert_eq!(of_id("smoke"), "failures/smoke");
        let round = Round { number: 2, of: 20 };
        assert_eq!(bundle_folder("a/b", Some(round)), "failures/a/b~round-2");
    }

    #[test]
    fn names_that_some_system_refuses_are_changed_and_stay_apart() {
        let told: Vec<_> = [
            "a/b[p=/x]",
            "a/b[p=:x]",
            "a/../b",
            "con/x",
            "a/b.",
            "/a",
            "A/b",
            "a/b~1",
        ]
        .into_iter()
        .map(|id| {
            of_id(id)
                .rsplit_once('~')
                .map_or("no hash".to_owned(), |(folder, _)| folder.to_owned())
        })
        .collect();
        let wanted = [
            "failures/a/b[p=_x]",
            "failures/a/b[p=_x]",
            "failures/a/_/b",
            "failures/_con/x",
            "failures/a/b_",
            "failures/_/a",
            "failures/A/b",
            "failures/a/b~1",
        ];
        assert_eq!(told, wanted);
        assert_ne!(of_id("a/b[p=/x]"), of_id("a/b[p=:x]"));
        assert_ne!(of_id("A/b").to_lowercase(), of_id("a/b"));
        assert!(of_id(&format!("a/{}", "ü".repeat(500))).len() < 200);
    }

    #[test]
    fn only_plain_paths_are_written() {
        for path in ["config_dump.json", "petstore-1/config_dump.json", "a/b/c.txt", "..x"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "./a",
            "a/",
            "C:\\x",
            "a\\b",
            "C:x",
            "a\0b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
