//! Texts as YAML has them.

/// A text that YAML takes for that text: as it is where it is plain, and else as JSON writes it.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    match begins && !is_word && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// Sentences as comments, one a line.
pub(super) fn comments(sentences: &[String]) -> String {
    sentences
        .iter()
        .map(|sentence| {
            format!(
                "# ? {}\n",
                sentence.replace(
                    |letter: char| letter.is_control() || "\u{2028}\u{2029}".contains(letter),
                    " "
                )
            )
        })
        .collect()
}
