//! Finding what Envoy says about a configuration that it does not take.

/// The reason, without the decoration of Envoy's log; none when the log tells of no such thing.
pub(super) fn find(log: &str) -> Option<String> {
    // Envoy 1.40: error `REASON` initializing config 'TEXT YAML FILE'
    let quoted = log.rsplit_once("` initializing config '").and_then(|(before, _)| {
        let (_, reason) = before.rsplit_once("error `")?;
        Some(reason)
    });
    // Older ones: error initializing config 'TEXT YAML FILE': REASON
    let followed = || {
        let (_, after) = log.rsplit_once("error initializing config '")?;
        let (_, reason) = after.split_once("': ")?;
        reason.lines().next()
    };
    quoted.or_else(followed).map(|reason| reason.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_reason_is_found_as_either_envoy_writes_it() {
        let now = "[2026-11-21 22:34:00.281][17535][critical][main] [source/server/server.cc:449] error `route: unknown \
                   cluster 'pets'` initializing config 'goo.gle/debugstr    \n  /runs/1/envoy/petstore-1.json'\n\
                   route: unknown cluster 'pets'\n";
        let before = "[2024-01-01 00:00:00.000][7][critical][main] [source/server/server.cc:131] error initializing config \
                      '  /runs/1/envoy/petstore-1.json': route: unknown cluster 'pets'\n[2024-01-01 00:00:00.000][7] exiting\n";
        for log in [now, before] {
            assert_eq!(find(log).as_deref(), Some("route: unknown cluster 'pets'"));
        }
    }

    #[test]
    fn a_reason_may_have_several_lines_and_backquotes() {
        let log = "[critical] error `Proto constraint validation failed (`weight`: value must be more):\nname: \"pet\"\n` \
                   initializing config '  /x.json'\n";
        let reason = "Proto constraint validation failed (`weight`: value must be more):\nname: \"pet\"";
        assert_eq!(find(log).as_deref(), Some(reason));
    }

    #[test]
    fn other_ends_are_no_refusal() {
        assert_eq!(
            find("[warning][main] something about initializing config\nSegmentation fault\n"),
            None
        );
        assert_eq!(find(""), None);
    }
}
