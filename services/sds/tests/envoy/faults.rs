//! What a real Envoy makes of discovery that fails on purpose.

use std::sync::Arc;

use meshkat_kit::Identity;
use meshkat_kit::testing::Running;
use reqwest::Method;
use sds::{Options, Store};
use serde_json::{Value, json};

use super::{Ads, DeltaAds, DeltaGrpc, Envoy, Grpc, Rest, Transport, register, routes};
use crate::common::ask;

async fn faulty() -> Running {
    let identity = Identity::new("sds", "sds-1").unwrap();
    let options = Options { allow_faults: true };
    Running::start(|listener, shutdown| {
        sds::run_with(listener, identity, Arc::new(Store::in_memory()), options, shutdown)
    })
    .await
}

async fn fault(sds: &Running, fault: Value) {
    let (status, answer) = ask(sds.url("/xds/v3/faults"), Method::PUT, &fault.to_string()).await;
    assert_eq!(status, 200, "{answer}");
}

/// One of Envoy's counters.
async fn counter(envoy: &Envoy, name: &str) -> u64 {
    number(
        &envoy
            .until(&format!("/stats?filter=^{name}$"), "is there", |text| !text.is_empty())
            .await,
    )
}

fn number(text: &str) -> u64 {
    text.trim()
        .rsplit_once(": ")
        .map_or(0, |(_, value)| value.parse().unwrap())
}

async fn rises(envoy: &Envoy, name: &str, before: u64) {
    let path = format!("/stats?filter=^{name}$");
    envoy.until(&path, "rises", |text| number(text) > before).await;
}

/// Endpoints survive every outage and every bad answer, but not an empty one; and it is whole again afterwards.
async fn endpoints(transport: Transport) {
    let sds = faulty().await;
    register(&sds, &[1]).await;
    let envoy = transport.envoy(&sds, false);
    let has = |port: u16| move |text: &str| text.contains(&format!("pet::10.0.0.1:{port}::"));
    envoy.until("/clusters", "has its host", has(1)).await;

    for (number, (what, notices)) in [
        (json!({"cut": true}), "cluster.pet.update_failure"),
        (json!({"refuse": 503}), "cluster.pet.update_failure"),
        (json!({"garbage": true}), "cluster.pet.update_rejected"),
        (json!({"invalid": true}), "cluster.pet.update_rejected"),
        // Over REST every poll fails by its timeout; a stream notices nothing without HTTP/2 keepalive, and then nothing
        // is there to wait for but the service itself, which says that somebody hangs.
        (json!({"hang": true}), "cluster.pet.update_failure"),
        (json!({"delay": "100ms"}), "cluster.pet.update_success"),
        (json!({"flap": "100ms"}), "cluster.pet.update_failure"),
    ]
    .into_iter()
    .enumerate()
    {
        let port = u16::try_from(number).unwrap() + 1;
        let before = counter(&envoy, notices).await;
        fault(&sds, what.clone()).await;
        let served = what.get("delay").is_some() || what.get("flap").is_some();
        // The truth can be changed while it lasts.
        register(&sds, &[port + 1]).await;
        if served {
            envoy.until("/clusters", "has the new host", has(port + 1)).await;
        } else {
            if what.get("hang").is_some() && transport != Rest {
                hangs(&sds).await;
            } else {
                rises(&envoy, notices, before).await;
            }
            envoy.until("/clusters", "kept its host", has(port)).await;
        }
        ask(sds.url("/xds/v3/faults"), Method::DELETE, "").await;
        envoy.until("/clusters", "is whole again", has(port + 1)).await;
        if transport != Rest && notices.ends_with("rejected") {
            // Told when the fault began, and when the truth changed, and never because it refused.
            let refused = counter(&envoy, notices).await - before;
            assert!((1..=2).contains(&refused), "{what} was sent {refused} times");
        }
    }

    fault(&sds, json!({"empty": true})).await;
    envoy
        .until("/clusters", "has no host", |text| !text.contains("pet::10.0.0.1"))
        .await;
    ask(sds.url("/xds/v3/faults"), Method::DELETE, "").await;
    envoy.until("/clusters", "is whole again", has(8)).await;
}

async fn hangs(sds: &Running) {
    let begun = std::time::Instant::now();
    loop {
        let response = crate::common::client().get(sds.url("/metrics")).send().await.unwrap();
        let text = response.text().await.unwrap();
        if text.contains("sds_faulted_total{kind=\"Hang\"") {
            return;
        }
        assert!(begun.elapsed() < meshkat_kit::testing::DEADLINE, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// What is discovered besides endpoints: refused as a whole and kept if it is wrong, gone if it is withdrawn.
async fn everything(transport: Transport) {
    let sds = faulty().await;
    let envoy = transport.envoy(&sds, true);
    register(&sds, &[1]).await;
    super::put(&sds, "/xds/v3/clusters/pet", transport.cluster("pet", "1s")).await;
    super::put(&sds, "/xds/v3/routes/to-pet", routes()).await;
    super::put(&sds, "/xds/v3/listeners/in", transport.listener()).await;
    let whole = async || {
        envoy
            .until("/clusters", "has its host", |text| text.contains("pet::10.0.0.1:1::"))
            .await;
        envoy
            .until("/listeners", "has its listener", |text| text.contains("in::127.0.0.1"))
            .await;
        envoy
            .until(
                "/config_dump?resource=dynamic_route_configs",
                "has its routes",
                |text| text.contains("to-pet"),
            )
            .await;
    };
    let managers = [
        "cluster_manager.cds.update_rejected",
        "listener_manager.lds.update_rejected",
        "http.in.rds.to-pet.update_rejected",
    ];
    whole().await;
    for what in [json!({"garbage": true}), json!({"invalid": true})] {
        let mut before = Vec::new();
        for name in managers {
            before.push(counter(&envoy, name).await);
        }
        fault(&sds, what).await;
        for (name, before) in managers.into_iter().zip(before) {
            rises(&envoy, name, before).await;
        }
        whole().await;
        ask(sds.url("/xds/v3/faults"), Method::DELETE, "").await;
    }
    fault(&sds, json!({"empty": true})).await;
    envoy
        .until("/clusters", "has no cluster", |text| !text.contains("pet::"))
        .await;
    envoy
        .until("/listeners", "has no listener", |text| !text.contains("in::"))
        .await;
    ask(sds.url("/xds/v3/faults"), Method::DELETE, "").await;
    whole().await;
}

macro_rules! over {
    ($($name:ident: $transport:expr;)*) => {
        mod endpoints_over {
            $(#[tokio::test]
            async fn $name() {
                super::endpoints($transport).await;
            })*
        }
        mod everything_over {
            $(#[tokio::test]
            async fn $name() {
                super::everything($transport).await;
            })*
        }
    };
}

over! {
    rest: super::Rest;
    grpc: super::Grpc;
    delta_grpc: super::DeltaGrpc;
    ads: super::Ads;
    delta_ads: super::DeltaAds;
}
