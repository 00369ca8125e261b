//! Any sequence of changes leaves the registry as it leaves a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sds::{Change, Hosts, Outcome, Service, ServiceName, Store, StoreError};
use serde_json::json;

type Model = BTreeMap<String, Service>;

fn names() -> impl Strategy<Value = ServiceName> {
    prop::sample::select(vec!["pet", "echo", "a.b_c"]).prop_map(|name| name.parse().unwrap())
}

fn services() -> impl Strategy<Value = Service> {
    let host = (0_u8..4, 1_u16.., any::<bool>(), 1_u32..1000, "[ab]?");
    prop::collection::vec(host, 0..4).prop_map(|hosts| {
        // Distinct addresses, so that the hosts hold together.
        let hosts: Vec<_> = hosts
            .into_iter()
            .enumerate()
            .map(|(index, (last, port, canary, weight, az))| {
                json!({"ip_address": format!("10.0.{index}.{last}"), "port": port,
                       "tags": {"az": az, "canary": canary, "load_balancing_weight": weight}})
            })
            .collect();
        Service {
            hosts: serde_json::from_value::<Hosts>(json!(hosts)).unwrap(),
        }
    })
}

fn changes(most: usize) -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (names(), services()).prop_map(|(name, service)| Change::Create(name, service)),
        (names(), services()).prop_map(|(name, service)| Change::Put(name, service)),
        names().prop_map(Change::Delete),
    ];
    prop::collection::vec(change, 0..most)
}

/// The rules, once more and as simply as can be: what the change does to a map, or `None` if it is refused.
fn model(map: &mut Model, change: &Change) -> Option<Outcome> {
    match change {
        Change::Create(name, _) if map.contains_key(name.as_str()) => None,
        Change::Create(name, service) | Change::Put(name, service) => {
            let known = map.insert(name.to_string(), service.clone()).is_some();
            Some(if known { Outcome::Replaced } else { Outcome::Created })
        }
        Change::Delete(name) => map.remove(name.as_str()).map(|_| Outcome::Deleted),
    }
}

fn content(store: &Store) -> Model {
    let services = store.services().into_iter();
    services.map(|(name, service)| (name, (*service).clone())).collect()
}

fn check(store: &Store, changes: Vec<Change>) -> Result<Model, TestCaseError> {
    let mut map = Model::new();
    for change in changes {
        let expected = model(&mut map, &change);
        let creates = matches!(change, Change::Create(..));
        match (store.apply(change), expected) {
            (Ok(found), Some(expected)) => prop_assert_eq!(found, expected),
            (Err(StoreError::Exists(_)), None) => prop_assert!(creates),
            (Err(StoreError::Unknown(_)), None) => prop_assert!(!creates),
            (found, expected) => prop_assert!(false, "{found:?} in place of {expected:?}"),
        }
        prop_assert_eq!(&content(store), &map);
    }
    Ok(map)
}

proptest! {
    #[test]
    fn in_memory(changes in changes(40)) {
        check(&Store::in_memory(), changes)?;
    }
}

proptest! {
    // Every change waits for the disk, so fewer and shorter.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn on_disk_and_read_again(changes in changes(12)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        let map = check(&Store::open(&path).unwrap(), changes)?;
        prop_assert_eq!(content(&Store::open(&path).unwrap()), map);
    }
}
