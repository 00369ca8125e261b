//! A reader of JUnit files, apart from the one that writes them.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// What a file has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) cases: u64,
    pub(crate) failures: u64,
    pub(crate) errors: u64,
    pub(crate) skipped: u64,
    pub(crate) flaky: u64,
}

/// Counts the elements of `xml`, and holds the totals in its head to them.
pub(crate) fn count(xml: &str) -> Counts {
    let mut counts = Counts {
        cases: 0,
        failures: 0,
        errors: 0,
        skipped: 0,
        flaky: 0,
    };
    let mut head = Vec::new();
    let mut flaky_case = false;
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                // Reading an attribute's value is what finds a bad one.
                let attributes: Vec<(String, String)> = element
                    .attributes()
                    .map(|attribute| {
                        let attribute = attribute.unwrap();
                        let name = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                        (
                            name,
                            attribute
                                .normalized_value(XmlVersion::Implicit1_0)
                                .unwrap()
                                .into_owned(),
                        )
                    })
                    .collect();
                match element.name().as_ref() {
                    b"testsuites" => head = attributes,
                    b"testcase" => (counts.cases, flaky_case) = (counts.cases + 1, false),
                    b"failure" => counts.failures += 1,
                    b"error" => counts.errors += 1,
                    b"skipped" => counts.skipped += 1,
                    b"flakyFailure" if !flaky_case => (counts.flaky, flaky_case) = (counts.flaky + 1, true),
                    _ => {}
                }
            }
            Event::Eof => break,
            Event::Text(text) => assert!(text.decode().unwrap().chars().all(is_xml), "{xml}"),
            _ => {}
        }
    }
    for (name, wanted) in [
        ("tests", counts.cases),
        ("failures", counts.failures),
        ("errors", counts.errors),
    ] {
        let told = head
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        assert_eq!(told, Some(wanted.to_string().as_str()), "{name}");
    }
    counts
}

/// A character that XML 1.0 allows.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
