//! Envoy configurations, overlays, and what an Envoy's admin interface answers.

use std::{net::Ipv4Addr, path::Path, sync::LazyLock};

use meshkat_envoy::{
    admin::{Clusters, Stats},
    config::{Bootstrap, ConfigError, Hosts, Overlay, Rebind, lint, lint_overlay},
};
use meshkat_sync::Live;

use crate::files::{Folder, PROJECT};

/// The configurations that overlays are put over.
static CONFIGS: LazyLock<Vec<Bootstrap>> = LazyLock::new(|| {
    let entries = std::fs::read_dir(PROJECT.configs()).expect("the project's configurations can be read");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    let read = files.iter().map(|file| Bootstrap::read(file));
    read.collect::<Result<_, _>>()
        .expect("the project's configurations are valid")
});

/// A file in `envoy-configs/`: read, checked, rebound to a pod, and written for Envoy.
pub fn envoy_config(data: &[u8]) {
    thread_local! {
        static FOLDER: Folder = Folder::new();
    }
    FOLDER.with(|folder| {
        let file = folder.write("envoy-configs/made-up.yaml", data);
        for wrong in lint(&file, None) {
            inside(wrong.line, data, &wrong.message);
        }
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = Path::new("envoy-configs/made-up.yaml");
    let config = match Bootstrap::parse(file, text) {
        Ok(config) => config,
        Err(error) => return told(&error, data),
    };
    survives(&config);
    let (_, _, _, _, _) = (
        config.named_endpoints(),
        config.listeners(),
        config.admin(),
        config.clusters(),
        config.eds_clusters(),
    );
    let address = Some(Ipv4Addr::new(127, 64, 0, 1).into());
    for address in [address, None] {
        let rebind = Rebind {
            address,
            node_id: "pet-1".to_owned(),
            hosts: Hosts::from([("sds".to_owned(), Ipv4Addr::new(127, 64, 0, 2).into())]),
            ports: config.ports(address.is_some(), &[8080]),
            ..Rebind::default()
        };
        match config.rebind(&rebind) {
            Ok(rebound) => survives(&rebound),
            Err(error) => told(&error, data),
        }
    }
}

/// A file in `envoy-configs/overlays/`, put over every configuration of the project.
pub fn overlay(data: &[u8]) {
    thread_local! {
        static FOLDER: Folder = Folder::new();
    }
    FOLDER.with(|folder| {
        let file = folder.write("overlays/made-up.yaml", data);
        for wrong in lint_overlay(&file, &[], None) {
            inside(wrong.line, data, &wrong.message);
        }
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    let overlay = match Overlay::parse(Path::new("overlays/made-up.yaml"), text) {
        Ok(overlay) => overlay,
        Err(error) => return told(&error, data),
    };
    for config in CONFIGS.iter() {
        let mut changed = config.clone();
        match overlay.apply(&mut changed) {
            Ok(true) => survives(&changed),
            Ok(false) => assert_eq!(&changed, config, "an overlay that does not apply changes nothing"),
            Err(error) => told(&error, data),
        }
    }
}

/// What an admin interface answers to `/stats`, `/clusters` and `/config_dump`: the first byte says to which.
pub fn envoy_says(data: &[u8]) {
    let Some((first, answer)) = data.split_first() else {
        return;
    };
    match first % 3 {
        0 => {
            let Ok(stats) = Stats::parse(answer) else { return };
            assert_eq!(stats.iter().count(), stats.len());
        }
        1 => {
            let Ok(clusters) = Clusters::parse(answer) else { return };
            for cluster in clusters.iter() {
                cluster.hosts.iter().for_each(|host| {
                    let (_, _) = (host.socket(), host.is_healthy());
                });
            }
        }
        _ => {
            let Ok(text) = std::str::from_utf8(answer) else { return };
            drop(Live::read(text, Clusters::default(), Stats::default()));
        }
    }
}

/// What was read is written for Envoy, and reads as the same again. What JSON cannot say is told.
fn survives(config: &Bootstrap) {
    let json = match config.to_json() {
        Ok(json) => json,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let again = Bootstrap::parse(config.file(), &json).expect("what was written for Envoy can be read");
    assert_eq!(again.to_json().ok(), Some(json), "it is the same once more");
}

fn told(error: &ConfigError, data: &[u8]) {
    assert!(!error.to_string().is_empty());
    if let ConfigError::NotYaml { line, .. } = error {
        inside(*line, data, &error.to_string());
    }
}

/// A line of the file, or the one after its last.
fn inside(line: Option<usize>, data: &[u8], message: &str) {
    let last = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 2;
    // Unicode has line breaks of its own, which the parser counts.
    let more = String::from_utf8_lossy(data)
        .matches(['\u{85}', '\u{2028}', '\u{2029}'])
        .count();
    assert!(
        line.is_none_or(|line| line >= 1 && line <= last + more),
        "line {line:?}: {message}"
    );
    assert!(!message.is_empty(), "an empty message");
}
