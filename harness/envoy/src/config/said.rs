//! What Envoy says of a configuration, for a person.

/// Envoy's message without the log's prefix, the file's name, and the copy of the whole document that may follow.
pub(super) fn clean(log: &str) -> String {
    let mut in_copy = false;
    let messages: Vec<String> = log
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_about_the_sandbox(line))
        .filter_map(|line| {
            // The copy may be spread over lines.
            if in_copy {
                in_copy = !line.starts_with('}');
                return None;
            }
            in_copy = line.ends_with("): {");
            Some(clean_line(line.strip_suffix(": {").filter(|_| in_copy).unwrap_or(line)))
        })
        .collect();
    without_the_copy(&messages.join("\n"))
}

/// Envoy looks for how many processors it may use, where a sandbox has nothing to tell, and goes on without.
fn is_about_the_sandbox(line: &str) -> bool {
    line.contains("Cannot read /proc/self/mountinfo") || line.contains("Cannot read /proc/self/cgroup")
}

fn clean_line(line: &str) -> String {
    // `[time][pid][level][logger] [place in Envoy's source] message`
    let mut rest = line.trim();
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        rest = after.trim_start();
    }
    if let Some((_, after)) = rest
        .strip_prefix("error initializing configuration '")
        .and_then(|name| name.split_once("': "))
    {
        rest = after;
    }
    if let Some((before, _)) = rest.split_once("): {\"") {
        return one_spaced(&format!("{before})"));
    }
    one_spaced(rest)
}

/// Envoy judges a copy of the document, with its fields in no certain order: what it tells of places in the copy, and the copy
/// itself, which it may print before its reason, are different every time and are of no use to a reader.
fn without_the_copy(message: &str) -> String {
    let mut text = match (
        message.find("goo.gle/"),
        message.find("Proto constraint validation failed"),
    ) {
        (Some(copy), Some(reason)) if copy < reason => format!("{}{}", &message[..copy], &message[reason..]),
        _ => message.to_owned(),
    };
    while let Some((before, after)) = text.split_once(", near ")
        && let Some((_, rest)) = after.split_once(')')
    {
        text = format!("{before}{rest}");
    }
    without_random_words(&text)
}

/// `goo.gle/debugproto` stands before a message that is printed, each time with another end.
fn without_random_words(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once("goo.gle/debug") {
        kept.push_str(before);
        rest = after
            .trim_start_matches(|letter: char| letter.is_ascii_alphanumeric())
            .trim_start();
    }
    kept.push_str(rest);
    kept.trim().to_owned()
}

/// Envoy's protobuf library puts random spaces into its messages, so that nobody relies on them.
fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_say_the_same() {
        let told = |word: &str| {
            clean(&format!(
                "[a][b] Invalid duration: Expected positive duration: goo.gle/debug{word}   \nseconds: -1\n"
            ))
        };
        assert_eq!(told("str"), told("only"));
        assert_eq!(
            told("proto"),
            "Invalid duration: Expected positive duration: seconds: -1"
        );
    }

    #[test]
    fn what_remains_of_the_log_is_the_reason() {
        let line = "[2026-11-21 21:57:42.616][17911][critical][main] [source/server/config_validation/server.cc:76] error \
                    initializing configuration '/tmp/x.yaml': Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON in  \
                    envoy.config.bootstrap.v3.Bootstrap @  node.id:   string): {\"node\":{\"id\":true}}\n";
        assert_eq!(
            clean(line),
            "Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON in envoy.config.bootstrap.v3.Bootstrap @ node.id: \
             string)"
        );
        assert_eq!(
            clean("[a][b] route: unknown cluster 'nobody'\n\n"),
            "route: unknown cluster 'nobody'"
        );
    }
}
