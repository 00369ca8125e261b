//! What a word may have meant that selects no case.

use std::collections::BTreeSet;

use meshkat_model::{case::Case, suggest::nearest};

/// The ids that are nearest to words, found while the cases are still there.
pub(crate) struct Near(Vec<String>);

impl Near {
    /// Of the ids among `words` that no case and no scenario has, what each may have meant; `scenarios` are the ids of all that
    /// there are, of which not all may have been read.
    pub(crate) fn of<'a>(words: &[String], cases: &[Case], scenarios: impl Iterator<Item = &'a str> + Clone) -> Self {
        let unknown = words.iter().filter(|word| !cases.iter().any(|case| case.id == **word));
        Self(
            unknown
                .filter_map(|word| meant(word, cases, scenarios.clone()))
                .collect(),
        )
    }

    /// As help.
    pub(crate) fn tell(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join("\n"))
    }
}

/// `scenario[axis=value,…]`, taken apart.
fn parts(id: &str) -> Option<(&str, Vec<&str>)> {
    let (scenario, values) = id.strip_suffix(']')?.split_once('[')?;
    Some((scenario, values.split(',').map(str::trim).collect()))
}

fn meant<'a>(word: &str, cases: &[Case], scenarios: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if word.contains(['*', '?']) {
        return None;
    }
    let scenario = word.split('[').next().unwrap_or(word);
    if !scenarios.clone().any(|known| known == scenario) {
        let near = nearest(scenario, scenarios)?;
        return Some(format!("did you mean `{near}{}`?", &word[scenario.len()..]));
    }
    let (scenario, values) = parts(word)?;
    let of: Vec<&Case> = cases.iter().filter(|case| case.scenario == scenario).collect();
    let asked: BTreeSet<&str> = values.iter().copied().collect();
    let same =
        |case: &&&Case| parts(&case.id).is_some_and(|(_, own)| own.into_iter().collect::<BTreeSet<_>>() == asked);
    if let Some(case) = of.iter().find(same) {
        return Some(format!("the axes of an id are in the order of the file: `{}`", case.id));
    }
    let has_all = |case: &&&Case| parts(&case.id).is_some_and(|(_, own)| asked.iter().all(|value| own.contains(value)));
    if let Some(case) = of.iter().find(has_all) {
        return Some(format!(
            "an id has a value for each axis, such as `{}`; a pattern has some of them, such as `{scenario}[*{}*]`",
            case.id,
            values.join(",")
        ));
    }
    let ids: Vec<&str> = of.iter().map(|case| case.id.as_str()).collect();
    nearest(word, ids).map(|near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::{meant, parts};

    #[test]
    fn a_misspelt_scenario_is_found_with_and_without_values() {
        let told = |word: &str| meant(word, &[], ["mine/first", "eds/late"].into_iter());
        assert_eq!(told("mine/frist").as_deref(), Some("did you mean `mine/first`?"));
        assert_eq!(
            told("eds/lote[xds=rest]").as_deref(),
            Some("did you mean `eds/late[xds=rest]`?")
        );
        for other in ["mine/fr*", "mine/first", "something/else"] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn an_id_is_taken_apart() {
        assert_eq!(parts("a/b[x=1, y=2]"), Some(("a/b", vec!["x=1", "y=2"])));
        assert_eq!(parts("a/b"), None);
        assert_eq!(parts("a/b[x=1"), None);
    }
}
