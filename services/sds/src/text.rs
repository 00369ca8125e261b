//! Texts that clients send, as far as they are kept.

/// The beginning of a text, of so many bytes at the most.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_text_and_no_longer_than_it_may_be() {
        assert_eq!(cut("žluť", 100), "žluť");
        assert_eq!(cut("žluť", 6), "žluť");
        assert_eq!(cut("žluť", 5), "žlu");
        assert_eq!(cut("žluť", 1), "");
        assert_eq!(cut("", 0), "");
    }
}
