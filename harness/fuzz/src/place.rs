//! That what is told of a file is told at a place in it.

use meshkat_model::source::{Diagnostic, Source};

/// Each diagnostic has a sentence and a place inside of its file, and can be shown.
pub(crate) fn all_inside(wrong: &[Diagnostic]) {
    assert!(!wrong.is_empty(), "an error without a word about it");
    for diagnostic in wrong {
        let (text, place) = (diagnostic.source.text(), diagnostic.place);
        assert!(!diagnostic.message.is_empty(), "an empty message");
        assert!(
            text.get(place.offset..place.offset + place.len).is_some(),
            "{diagnostic}: {place:?} is outside of the file of {} bytes",
            text.len()
        );
        // A carriage return alone ends a line, too.
        let ends =
            |(at, byte): (usize, u8)| byte == b'\n' || (byte == b'\r' && text.as_bytes().get(at + 1) != Some(&b'\n'));
        let lines = 1 + text.bytes().enumerate().filter(|end| ends(*end)).count();
        assert!(
            (1..=lines).contains(&place.line),
            "{diagnostic}: there is no line {} of {lines}",
            place.line
        );
    }
    // What a person is shown; of many, the first do.
    for diagnostic in wrong.iter().take(20) {
        assert!(!diagnostic.render(false).is_empty());
    }
}

/// The file, if its bytes are text.
pub(crate) fn source(name: &str, data: &[u8]) -> Option<Source> {
    match Source::from_bytes(name, data.to_vec()) {
        Ok(source) => Some(source),
        Err(wrong) => {
            all_inside(&[wrong]);
            None
        }
    }
}
