//! "Did you mean".

/// How many known words are listed beside the one that was probably meant.
const FEW: usize = 8;

/// How many known words are listed at the most.
const MANY: usize = 40;

/// Words that are longer are not compared, and more of them neither: the work grows with each letter.
const LONGEST: usize = 100;
const COMPARED: usize = 1000;

/// The word of `known` that `word` most likely was meant to be, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .take(COMPARED)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
            (distance, candidate)
        })
        // A third of the letters may be wrong, and at least one.
        .filter(|(distance, candidate)| *distance <= (word.len().max(candidate.len()) / 3).max(1))
        // A word of one letter is near to every other.
        .filter(|(distance, candidate)| *distance < word.len().min(candidate.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The way out of an unknown word: the nearest known one, and the others where they are few.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    let near = nearest(word, known.iter().copied());
    known.sort_unstable();
    known.dedup();
    let all = match known.len() {
        0 => "there is none".to_owned(),
        n if n > MANY => format!("known: {} and {} more", known[..MANY].join(", "), n - MANY),
        _ => format!("known: {}", known.join(", ")),
    };
    match near {
        Some(near) if known.len() == 1 || known.len() > FEW => format!("did you mean `{near}`?"),
        Some(near) => format!("did you mean `{near}`? {all}"),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("stauts", ["status", "text"]), Some("status"));
        assert_eq!(nearest("GET", ["get", "put"]), Some("get"));
        for far in ["zebra", "", "x"] {
            assert_eq!(nearest(far, ["status", "text", "y"]), None, "{far}");
        }
    }

    #[test]
    fn the_known_words_are_listed_as_far_as_they_help() {
        let words: Vec<String> = (10..100).map(|n| format!("word-{n}")).collect();
        let known = |n: usize| words[..n].iter().map(String::as_str);
        assert_eq!(
            did_you_mean("stauts", ["text", "status"]),
            "did you mean `status`? known: status, text"
        );
        assert_eq!(did_you_mean("zebra", ["text", "status", "text"]), "known: status, text");
        assert_eq!(did_you_mean("wrod-12", known(20)), "did you mean `word-12`?");
        assert!(did_you_mean("zebra", known(50)).ends_with("word-49 and 10 more"));
        assert_eq!(did_you_mean("zebra", []), "there is none");
    }
}
