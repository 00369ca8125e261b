use super::*;
use crate::yaml;

fn picture(text: &str, line: usize, column: usize, len: usize) -> String {
    let source = Source::new("f.yaml", text);
    Diagnostic::new(&source, source.place(line, column, len), "wrong", "here").render(false)
}

#[test]
fn columns_count_characters_and_lengths_count_bytes() {
    let source = Source::new("f.yaml", "a: b\nkůň: žluť\n");
    let place = source.place(2, 6, 6);
    assert_eq!((place.offset, place.len, place.line, place.column), (12, 6, 2, 6));
    assert_eq!(&source.text()[place.offset..][..place.len], "žluť");
    assert_eq!(source.at(12, 6), place);
}

#[test]
fn a_place_ends_with_its_line_whatever_ends_the_line() {
    for ending in ["\n", "\r\n", "\r"] {
        let source = Source::new("f.yaml", format!("one: 1{ending}two: 2{ending}three: 3"));
        let place = source.place(2, 1, 100);
        assert_eq!(&source.text()[place.offset..][..place.len], "two: 2", "{ending:?}");
        assert_eq!(source.line(3), "three: 3", "{ending:?}");
        assert_eq!(source.at(place.offset, 3), source.place(2, 1, 3), "{ending:?}");
    }
}

#[test]
fn a_place_beyond_the_text_is_its_end() {
    let source = Source::new("f.yaml", "a: b\n");
    for place in [
        source.place(7, 1, 1),
        source.place(2, 9, 1),
        source.at(99, 9),
        source.at(5, usize::MAX),
    ] {
        assert_eq!((place.offset, place.len, place.line), (5, 0, 2));
    }
    assert_eq!(source.place(1, 99, 1).column, 5);
    // In the middle of a character is at the character.
    assert_eq!(Source::new("f.yaml", "ž").at(1, 1).offset, 0);
}

#[test]
fn the_heading_tells_the_column_in_characters() {
    assert!(
        picture("kůň: žluť\n", 1, 6, 6).contains("[f.yaml:1:6]"),
        "{}",
        picture("kůň: žluť\n", 1, 6, 6)
    );
}

#[test]
fn a_label_at_the_very_end_is_shown() {
    let told = picture("a:\n", 2, 1, 1);
    assert!(told.contains("╰── here") && told.contains("[f.yaml:2:1]"), "{told}");
    let told = picture("", 1, 1, 1);
    assert!(told.contains("╰── here"), "{told}");
}

#[test]
fn of_a_long_line_only_what_is_near_is_shown() {
    let text = format!("a: {}x{}\n", "b".repeat(5000), "c".repeat(5000));
    let told = picture(&text, 1, 5004, 1);
    assert!(
        told.contains("[f.yaml:1:5004]") && told.contains("bxc") && told.contains("╰── here"),
        "{told}"
    );
    assert!(told.len() < 1500, "{}", told.len());
}

#[test]
fn control_characters_cannot_reach_the_terminal() {
    let source = Source::new("f.yaml", "a: \u{1b}[31mred\u{0}\u{202e}\n");
    let told = Diagnostic::new(&source, source.place(1, 4, 4), "bad \u{1b}[0m", "\u{7}")
        .help("\u{9b}")
        .render(false);
    assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
    assert!(told.contains("␛[31mred␀"), "{told}");
}

#[test]
fn a_byte_that_is_not_utf8_is_told_with_its_place() {
    let wrong = Source::from_bytes("f.yaml", b"one: 1\nk\xc5\xaf: \xff\xfe\n".to_vec()).unwrap_err();
    assert_eq!((wrong.place.line, wrong.place.column), (2, 5));
    assert_eq!(wrong.label, "the byte 0xff, behind 12 bytes");
    assert!(wrong.render(false).contains("save the file as UTF-8"));
    let good = Source::from_bytes("f.yaml", "\u{feff}a: 1".as_bytes().to_vec()).unwrap();
    assert_eq!(good.text(), "a: 1", "a byte order mark is not part of the text");
}

#[test]
fn a_part_of_a_text_is_found_where_it_was_written() {
    let found = |written: &str, text: &str, part: &str| {
        let source = Source::new("f.yaml", written);
        let offset = text.find(part).unwrap();
        let place = source.inside(source.at(3, 1), text, offset, part.len())?;
        Some((
            place.line,
            place.column,
            source.text()[place.offset..][..place.len].to_owned(),
        ))
    };
    let at = |line, column, text: &str| Some((line, column, text.to_owned()));
    assert_eq!(found("a: b && c", "b && c", "c"), at(1, 9, "c"));
    assert_eq!(found("a: 'b && c'", "b && c", "c"), at(1, 10, "c"));
    assert_eq!(found("a: 'b' == c", "'b' == c", "c"), at(1, 11, "c"));
    assert_eq!(found("a: b\n   &&  ž\r\n   && c", "b && ž && c", "c"), at(3, 7, "c"));
    assert_eq!(
        found("a: \"b\\tc\"", "b\tc", "c"),
        None,
        "an escape is not what it reads as"
    );
    assert_eq!(found("a: ${x} c", "12 c", "c"), None, "a value was put in");
}

#[test]
fn what_is_missing_at_the_end_is_told_behind_the_end() {
    let source = Source::new("f.yaml", "a: 'b &&' # c\n");
    let place = source.inside(source.at(3, 1), "b &&", 4, 1).unwrap();
    assert_eq!((place.line, place.column), (1, 9));
}

#[test]
fn places_in_endless_lines_are_found_by_column_and_by_offset() {
    for letter in ["a", "ž", "𝄞", "až"] {
        let line = letter.repeat(3000);
        let source = Source::new("f.yaml", format!("x\n{line}\r\n{line}"));
        for column in [1, 2, 255, 256, 257, 258, 511, 512, 513, 514, 2999, 3000] {
            for number in [2, 3] {
                let place = source.place(number, column, 1);
                let before: usize = line.chars().take(column - 1).map(char::len_utf8).sum();
                let start = if number == 2 { 2 } else { 4 + line.len() };
                assert_eq!(
                    (place.offset, place.line, place.column),
                    (start + before, number, column),
                    "{letter}"
                );
                assert_eq!(source.at(place.offset, 0).column, column);
            }
        }
        assert_eq!(source.place(2, 99_999, 1).offset, 2 + line.len());
    }
}

#[test]
fn characters_that_hide_something_are_refused_at_their_place() {
    let told = |text: &str| match Source::new("f.yaml", text).check_letters() {
        Ok(()) => String::new(),
        Err(wrong) => format!(
            "{}:{} {} ({})",
            wrong.place.line, wrong.place.column, wrong.message, wrong.label
        ),
    };
    assert_eq!(
        told("a: ž\0b\n"),
        "1:5 the character U+0000 cannot stand in this file (a NUL character, at which a reader may take the file to end)"
    );
    assert_eq!(
        told("a: b\n  c\u{1b}[0m\n"),
        "2:4 the character U+001B cannot stand in this file (a control character)"
    );
    for (letter, number) in [
        ("\u{7f}", "U+007F"),
        ("\u{80}", "U+0080"),
        ("\u{85}", "U+0085"),
        ("\u{2028}", "U+2028"),
        ("\u{2029}", "U+2029"),
        ("\u{202e}", "U+202E"),
        ("\u{2066}", "U+2066"),
        ("\u{feff}", "U+FEFF"),
        ("\u{ffff}", "U+FFFF"),
        ("\u{8}", "U+0008"),
        ("\u{c}", "U+000C"),
    ] {
        assert!(
            told(&format!("a: b\nc: {letter}")).contains(&format!("2:4 the character {number} ")),
            "{number}"
        );
    }
    assert_eq!(told("\u{feff}a:\tb\r\nc: žluť 👩\u{200d}👩 \u{200f}אב\n"), "");
}

#[test]
fn a_place_is_in_its_line_however_lines_end() {
    // The last mark of a long line may lie in what ends it.
    for length in 250..260 {
        for end in ["\r\n", "\r", "\n", ""] {
            let source = Source::new("f.yaml", format!("# a\r{}{end}b", "x".repeat(length)));
            for column in [1, 2, 254, 255, 256, 257, 258, 259, 300, 1000] {
                let place = source.place(2, column, 1);
                assert!(
                    place.line == 2 || place.offset == source.text().len(),
                    "{length} {end:?} {column}: {place:?}"
                );
            }
        }
    }
    // Lines are those that YAML has, in what is told as well.
    let told = yaml::parse(&Source::new("f.yaml", format!("# a\r# b\r\n{}c: 1\n", " ".repeat(101)))).unwrap_err();
    assert_eq!(
        (told.place.line, told.message.as_str()),
        (3, "this is nested too deeply")
    );
}
