//! As it was recorded.

use super::Recording;

#[test]
fn what_was_taken_is_in_sync() {
    let seen = Recording::parse(include_str!("recorded/synced.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads ads endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    ads-all ads clusters SYNCED: pet
    ads-all ads endpoints SYNCED: pet (2)
    ads-all ads listeners SYNCED: in
    ads-all ads routes SYNCED: to-pet
    delta-ads delta-ads endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    delta-ads-all delta-ads clusters SYNCED: pet
    delta-ads-all delta-ads endpoints SYNCED: pet (2)
    delta-ads-all delta-ads listeners SYNCED: in
    delta-ads-all delta-ads routes SYNCED: to-pet
    delta-grpc delta-grpc endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    delta-grpc-all delta-grpc clusters SYNCED: pet
    delta-grpc-all delta-grpc endpoints SYNCED: pet (2)
    delta-grpc-all delta-grpc listeners SYNCED: in
    delta-grpc-all delta-grpc routes SYNCED: to-pet
    grpc grpc endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    grpc-all grpc clusters SYNCED: pet
    grpc-all grpc endpoints SYNCED: pet (2)
    grpc-all grpc listeners SYNCED: in
    grpc-all grpc routes SYNCED: to-pet
    rest rest endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    rest-all rest clusters SYNCED: pet
    rest-all rest endpoints SYNCED: pet (2)
    rest-all rest listeners SYNCED: in
    rest-all rest routes SYNCED: to-pet
    ");
}

#[test]
fn what_is_refused_is_told_with_what_envoy_says() {
    let seen = Recording::parse(include_str!("recorded/rejected.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads ads endpoints REJECTED: malformed IP address: no-address. Consider setting resolver_name or setting clus…; `pet` (cluster `pets`) lacks no-address:1, has pet-1 and pet-2 too many
    ads-all ads clusters REJECTED: Error adding/updating cluster(s) pet: eds_cluster_config set in a non-EDS cluste…; `pet` has EDS in `type`, not STRICT_DNS
    ads-all ads endpoints SYNCED: pet (2)
    ads-all ads listeners SYNCED: in
    ads-all ads routes SYNCED: to-pet
    delta-ads delta-ads endpoints REJECTED: malformed IP address: no-address. Consider setting resolver_name or setting clus…; `pet` (cluster `pets`) lacks no-address:1, has pet-1 and pet-2 too many
    delta-ads-all delta-ads clusters REJECTED: Error adding/updating cluster(s) pet: eds_cluster_config set in a non-EDS cluste…; `pet` has EDS in `type`, not STRICT_DNS
    delta-ads-all delta-ads endpoints SYNCED: pet (2)
    delta-ads-all delta-ads listeners SYNCED: in
    delta-ads-all delta-ads routes SYNCED: to-pet
    delta-grpc delta-grpc endpoints REJECTED: malformed IP address: no-address. Consider setting resolver_name or setting clus…; `pet` (cluster `pets`) lacks no-address:1, has pet-1 and pet-2 too many
    delta-grpc-all delta-grpc clusters REJECTED: Error adding/updating cluster(s) pet: eds_cluster_config set in a non-EDS cluste…; `pet` has EDS in `type`, not STRICT_DNS
    delta-grpc-all delta-grpc endpoints SYNCED: pet (2)
    delta-grpc-all delta-grpc listeners SYNCED: in
    delta-grpc-all delta-grpc routes SYNCED: to-pet
    grpc grpc endpoints REJECTED: malformed IP address: no-address. Consider setting resolver_name or setting clus…; `pet` (cluster `pets`) lacks no-address:1, has pet-1 and pet-2 too many
    grpc-all grpc clusters REJECTED: Error adding/updating cluster(s) pet: eds_cluster_config set in a non-EDS cluste…; `pet` has EDS in `type`, not STRICT_DNS
    grpc-all grpc endpoints SYNCED: pet (2)
    grpc-all grpc listeners SYNCED: in
    grpc-all grpc routes SYNCED: to-pet
    rest rest endpoints REJECTED: malformed IP address: no-address. Consider setting resolver_name or setting clus…; `pet` (cluster `pets`) lacks no-address:1, has pet-1 and pet-2 too many
    rest-all rest clusters REJECTED: Error adding/updating cluster(s) pet: eds_cluster_config set in a non-EDS cluste…; `pet` has EDS in `type`, not STRICT_DNS
    rest-all rest endpoints SYNCED: pet (2)
    rest-all rest listeners SYNCED: in
    rest-all rest routes SYNCED: to-pet
    ");
}

#[test]
fn what_was_refused_once_and_made_good_is_in_sync() {
    let seen = Recording::parse(include_str!("recorded/made-good.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads ads endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    delta-ads delta-ads endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    delta-grpc delta-grpc endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    grpc grpc endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    rest rest endpoints LACKING: sds has no `echo`, and the cluster `echo` is in use without it
    ");
}

#[test]
fn an_envoy_keeps_what_discovery_does_not_know_any_more() {
    let seen = Recording::parse(include_str!("recorded/withdrawn.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads ads endpoints DIFFERS: `pet` (cluster `pets`) keeps pet-1 and pet-2, and sds does not know the service
    delta-ads delta-ads endpoints DIFFERS: `pet` (cluster `pets`) keeps pet-1 and pet-2, and sds does not know the service
    delta-grpc delta-grpc endpoints DIFFERS: `pet` (cluster `pets`) keeps pet-1 and pet-2, and sds does not know the service
    grpc grpc endpoints DIFFERS: `pet` (cluster `pets`) keeps pet-1 and pet-2, and sds does not know the service
    rest rest endpoints DIFFERS: `pet` (cluster `pets`) keeps pet-1 and pet-2, and sds does not know the service
    ");
}

#[test]
fn what_is_sent_to_a_frozen_envoy_is_stale_and_what_it_does_not_poll_is_not_sent() {
    let seen = Recording::parse(include_str!("recorded/stale.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads ads endpoints STALE: f550dd15374e121d was sent, and ff1745b66d6aa4ae acknowledged; `pet` (cluster `pets`) lacks pet-3
    delta-ads delta-ads endpoints STALE: f550dd15374e121d was sent, and ff1745b66d6aa4ae acknowledged; `pet` (cluster `pets`) lacks pet-3
    delta-grpc delta-grpc endpoints STALE: 4e2d53c8ea7678e0 was sent, and d879ca8e8bc7f3f4 acknowledged; `pet` (cluster `pets`) lacks pet-3
    grpc grpc endpoints STALE: 4e2d53c8ea7678e0 was sent, and d879ca8e8bc7f3f4 acknowledged; `pet` (cluster `pets`) lacks pet-3
    rest rest endpoints NOT SENT: 4e2d53c8ea7678e0 is intended, and d879ca8e8bc7f3f4 sent; `pet` (cluster `pets`) lacks pet-3
    ");
}

#[test]
fn who_is_not_heard_is_disconnected() {
    let seen = Recording::parse(include_str!("recorded/lost.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads ads endpoints DISCONNECTED: has no stream to sds; `petstore` keeps 10.0.1.1, and sds does not know the service
    delta-ads delta-ads endpoints DISCONNECTED: has no stream to sds; `petstore` keeps 10.0.1.1, and sds does not know the service
    delta-grpc delta-grpc endpoints DISCONNECTED: has no stream to sds; `petstore` keeps 10.0.1.1, and sds does not know the service
    grpc grpc endpoints DISCONNECTED: has no stream to sds; `petstore` keeps 10.0.1.1, and sds does not know the service
    rest rest endpoints DISCONNECTED: does not poll sds; `petstore` keeps 10.0.1.1, and sds does not know the service
    ");
}

#[test]
fn what_went_into_use_without_its_routes_is_not_in_sync() {
    let seen = Recording::parse(include_str!("recorded/without.json"));
    let told = seen.lines();
    let told: Vec<&str> = told.lines().filter(|line| line.contains(" routes ")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    ads-changed ads routes DIFFERS: `to-pet` did not come in time to the listener `in`, in use without it
    ads-other ads routes DIFFERS: `to-pet` came 1 of the 2 times that it is waited for (by the listener `in` and the listener `other`): what it did not come to is in use without it
    delta-ads-changed delta-ads routes DIFFERS: `to-pet` did not come in time to the listener `in`, in use without it
    delta-ads-other delta-ads routes DIFFERS: `to-pet` came 1 of the 2 times that it is waited for (by the listener `in` and the listener `other`): what it did not come to is in use without it
    ");
}

/// Over ADS an Envoy acknowledges clusters only once all of them are warm.
#[test]
fn what_waits_for_something_else_is_not_in_use() {
    let seen = Recording::parse(include_str!("recorded/warming.json"));
    insta::assert_snapshot!(seen.lines(), @r"
    ads-all ads clusters STALE: 779dd68f479c20d9 was sent, and b010dafaffb4a367 acknowledged; `slow` is not in use yet: it waits for its endpoints
    ads-all ads endpoints SYNCED: pet (2); sds has no slow
    ads-all ads listeners DIFFERS: `slow` is not in use yet: it waits for its routes
    ads-all ads routes SYNCED: to-pet; sds has no nowhere
    ");
}
