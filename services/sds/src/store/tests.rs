//! One store: who sees what, and who is told.

use serde_json::json;

use super::*;
use crate::name::ServiceName;

fn assignment(name: &str, port: u16) -> Arc<Resource> {
    let endpoint = json!({"endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": port}}}});
    let text = json!({"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}).to_string();
    Arc::new(Resource::from_json(Kind::Endpoints, name, text.as_bytes()).unwrap())
}

fn service(port: u16) -> Service {
    serde_json::from_value(json!({"hosts": [{"ip_address": "10.0.0.1", "port": port}]})).unwrap()
}

#[test]
fn what_is_written_hides_the_registry_and_what_is_for_the_node_hides_both() {
    let store = Store::in_memory();
    let pet: ServiceName = "pet".parse().unwrap();
    let seen = |cluster: &str| {
        let world = store.world();
        let view = world.view(cluster);
        let found = view.get(Kind::Endpoints, "pet").map(|(_, resource)| resource.version);
        assert_eq!(
            view.all(Kind::Endpoints).get("pet").map(|resource| resource.version),
            found
        );
        found
    };
    let (general, own) = (assignment("pet", 2), assignment("pet", 3));
    let (general_version, own_version) = (general.version, own.version);

    store.apply(Change::Put(pet.clone(), service(1))).unwrap();
    let registered = seen("demo").unwrap();
    store
        .put(Kind::Endpoints, Layer::WrittenFor("demo"), "pet", own)
        .unwrap();
    store.put(Kind::Endpoints, Layer::Written, "pet", general).unwrap();
    assert_eq!(
        (seen("demo"), seen("other")),
        (Some(own_version), Some(general_version))
    );
    assert!(store.remove(Kind::Endpoints, Layer::WrittenFor("demo"), "pet").unwrap());
    assert_eq!(seen("demo"), Some(general_version));
    assert!(store.remove(Kind::Endpoints, Layer::Written, "pet").unwrap());
    assert_eq!(seen("demo"), Some(registered));
    store.apply(Change::Delete(pet)).unwrap();
    assert_eq!(seen("demo"), None);
}

#[test]
fn an_alias_is_found_and_not_listed_and_what_changes_together_is_told_once() {
    let store = Store::of_kubernetes(Names::new("shop".to_owned(), "cluster.local"));
    let mut watch = store.watch();
    let follow = |port: Option<u16>| {
        let key = ServiceKey::new("pet", "shop").unwrap();
        store.follow(vec![Followed {
            key,
            service: port.map(service),
            ports: vec![("http".to_owned(), port.map(service))],
        }]);
    };
    follow(Some(1));
    let world = Arc::clone(&watch.borrow_and_update());
    let view = world.view("");
    assert!(view.get(Kind::Endpoints, "pet").is_some() && view.get(Kind::Endpoints, "pet.shop").is_some());
    assert_eq!(view.all(Kind::Endpoints).into_keys().collect::<Vec<_>>(), ["pet.shop"]);
    for name in ["pet", "pet.shop", "pet.shop.svc", "pet:http", "pet.shop:http"] {
        assert_eq!(store.find(name), Some(Arc::new(service(1))), "{name}");
    }
    assert_eq!(store.services().into_keys().collect::<Vec<_>>(), ["pet.shop"]);
    follow(Some(1));
    assert!(!watch.has_changed().unwrap());
    follow(None);
    assert!(watch.has_changed().unwrap());
    assert!(store.world().view("").get(Kind::Endpoints, "pet").is_none());
}

#[test]
fn a_service_is_kept_as_it_was_written_even_where_envoys_are_told_the_same() {
    let store = Store::in_memory();
    let pet: ServiceName = "pet".parse().unwrap();
    let of = |addresses: [(u8, &str); 3]| -> Service {
        let hosts =
            addresses.map(|(last, az)| json!({"ip_address": format!("10.0.0.{last}"), "port": 1, "tags": {"az": az}}));
        serde_json::from_value(json!({ "hosts": hosts })).unwrap()
    };
    let (one, other) = (of([(1, "a"), (2, "b"), (3, "a")]), of([(1, "a"), (3, "a"), (2, "b")]));
    let version = || store.world().view("").get(Kind::Endpoints, "pet").unwrap().1.version;
    store.apply(Change::Put(pet.clone(), one)).unwrap();
    let before = version();
    store.apply(Change::Put(pet, other.clone())).unwrap();
    assert_eq!((version(), store.find("pet").as_deref()), (before, Some(&other)));
}

#[test]
fn only_a_change_is_told_and_only_of_its_type() {
    let store = Store::in_memory();
    let mut watch = store.watch();
    assert_eq!(
        store
            .put(Kind::Endpoints, Layer::Written, "pet", assignment("pet", 1))
            .unwrap(),
        Outcome::Created
    );
    assert!(watch.has_changed().unwrap());
    let before = Arc::clone(&watch.borrow_and_update());
    assert_eq!(
        store
            .put(Kind::Endpoints, Layer::Written, "pet", assignment("pet", 1))
            .unwrap(),
        Outcome::Replaced
    );
    assert!(!store.remove(Kind::Endpoints, Layer::Written, "other").unwrap());
    assert!(!watch.has_changed().unwrap());
    store
        .put(Kind::Endpoints, Layer::Written, "pet", assignment("pet", 2))
        .unwrap();
    let after = Arc::clone(&watch.borrow_and_update());
    assert_ne!(
        before.view("").generation(Kind::Endpoints),
        after.view("").generation(Kind::Endpoints)
    );
    assert_eq!(
        before.view("").generation(Kind::Routes),
        after.view("").generation(Kind::Routes)
    );
}
