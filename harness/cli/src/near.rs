//! What a word may have meant that selects no case.

use std::collections::BTreeSet;

use meshkat_model::{case::Case, suggest::nearest};

/// The ids that are nearest to words, found while the cases are still there.
pub(crate) struct Near(Vec<String>);

impl Near {
    /// Of the whole ids among `words` that no case has, what each may have meant.
    pub(crate) fn of(words: &[String], cases: &[Case]) -> Self {
        let unknown = words.iter().filter(|word| !cases.iter().any(|case| case.id == **word));
        Self(unknown.filter_map(|word| meant(word, cases)).collect())
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

fn meant(word: &str, cases: &[Case]) -> Option<String> {
    if word.contains(['*', '?']) {
        return None;
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
    use super::parts;

    #[test]
    fn an_id_is_taken_apart() {
        assert_eq!(parts("a/b[x=1, y=2]"), Some(("a/b", vec!["x=1", "y=2"])));
        assert_eq!(parts("a/b"), None);
        assert_eq!(parts("a/b[x=1"), None);
    }
}
