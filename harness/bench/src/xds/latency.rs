//! From a PUT to the first request that reaches the new endpoint, over each transport.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use meshkat_discovery::Host;
use meshkat_envoy::binary::{Request, locate};
use reqwest::Client;
use tokio::task::JoinHandle;

use super::{
    bound::{self, Bound},
    discovery::{Discovery, LIMIT},
    envoy::{Envoy, REFRESH, Transport},
    streams::ms,
};
use crate::{Error, poll::Kept, service::Service, statistics::Spread, table};

/// Between two requests.
const PAUSE: Duration = Duration::from_micros(100);

/// A way from a change to an Envoy: a transport of `sds`, or the bound.
enum Way {
    Discovery(Transport),
    Bound(Bound),
}

/// An Envoy, and how it is told which of the two endpoints to use.
struct Lane {
    way: Way,
    service: String,
    listener: SocketAddr,
    times: Vec<f64>,
    _envoy: Envoy,
}

/// What all lanes share.
struct Scene {
    sds: Discovery,
    client: Client,
    endpoints: [Service; 2],
}

/// Measures so many rounds, each of one change over each way, and gives the report.
pub(crate) async fn measure(bin: &Path, rounds: u32) -> Result<String, Error> {
    let envoy = locate(
        &Request::from_environment(std::env::var("MESHKAT_ENVOY").ok())?,
        &mut std::io::stderr(),
    )?;
    let scene = Scene {
        sds: Discovery::start(bin)?,
        // No proxy of the environment leads it astray.
        client: Client::builder().no_proxy().timeout(LIMIT).build()?,
        endpoints: [
            Service::start(bin, "echo", NAMES[0])?,
            Service::start(bin, "echo", NAMES[1])?,
        ],
    };
    let mut lanes = Vec::new();
    for transport in Transport::ALL {
        lanes.push(scene.lane(&envoy.path, Way::Discovery(transport)).await?);
    }
    let first = bound::response(BOUND, scene.endpoints[0].address(), 0);
    lanes.push(scene.lane(&envoy.path, Way::Bound(Bound::start(first).await?)).await?);

    // The first round warms what there is to be warmed, and is not counted.
    for round in 0..=rounds {
        for turn in 0..lanes.len() {
            let index = (turn + round as usize) % lanes.len();
            let took = scene.change(&lanes[index], round + 1).await?;
            if round > 0 {
                lanes[index].times.push(ms(took));
            }
        }
    }
    Ok(report(&lanes, rounds))
}

/// What the two endpoints call themselves.
const NAMES: [&str; 2] = ["bench-one", "bench-two"];
/// The service of the bound.
const BOUND: &str = "bound";

impl Scene {
    /// Starts an Envoy and waits until it uses the first endpoint.
    async fn lane(&self, envoy: &Path, way: Way) -> Result<Lane, Error> {
        let (transport, service, discovery) = match &way {
            Way::Discovery(transport) => (*transport, transport.name(), self.sds.service.address()),
            Way::Bound(bound) => (Transport::Grpc, BOUND, bound.address()),
        };
        if matches!(way, Way::Discovery(_)) {
            self.sds.put(service, self.registered(0)).await?;
        }
        let envoy = Envoy::start(envoy, transport, service, discovery)?;
        let listener = envoy.listener(&self.client).await?;
        let lane = Lane {
            service: service.to_owned(),
            listener,
            times: Vec::new(),
            way,
            _envoy: envoy,
        };
        lane.reached(0).await??;
        Ok(lane)
    }

    fn registered(&self, endpoint: usize) -> meshkat_discovery::Service {
        [Host::new(self.endpoints[endpoint].address())].into_iter().collect()
    }

    /// Makes the change of a round: to the second endpoint in odd ones, back to the first in even ones.
    async fn change(&self, lane: &Lane, number: u32) -> Result<Duration, Error> {
        let endpoint = number as usize % self.endpoints.len();
        if matches!(lane.way, Way::Discovery(Transport::Rest)) {
            // The last change was seen right after a poll. A change comes at any time.
            tokio::time::sleep(REFRESH.mul_f64(2.0 * fastrand::f64())).await;
        }
        let registered = self.registered(endpoint);
        let response = bound::response(BOUND, self.endpoints[endpoint].address(), number);
        // The requests go on all the while.
        let reached = lane.reached(endpoint);
        let begun = Instant::now();
        match &lane.way {
            Way::Bound(bound) => bound.push(response),
            Way::Discovery(_) => self.sds.put(&lane.service, registered).await?,
        }
        Ok(reached.await??.duration_since(begun))
    }
}

impl Lane {
    /// Starts to ask, and gives the moment at which the endpoint answers.
    fn reached(&self, endpoint: usize) -> JoinHandle<Result<Instant, String>> {
        let (listener, name) = (self.listener, self.service.clone());
        tokio::task::spawn_blocking(move || {
            let deadline = Instant::now() + LIMIT;
            let mut kept = None;
            loop {
                let asked = match &mut kept {
                    None => Kept::connect(listener, "/instance").and_then(|new| kept.insert(new).ask()),
                    Some(kept) => kept.ask(),
                };
                let seen = asked.unwrap_or_else(|error| {
                    kept = None;
                    error.to_string()
                });
                if seen.trim() == NAMES[endpoint] {
                    return Ok(Instant::now());
                }
                if Instant::now() > deadline {
                    return Err(format!("{name}: no answer of {}; last: {seen}", NAMES[endpoint]));
                }
                std::thread::sleep(PAUSE);
            }
        })
    }
}

fn report(lanes: &[Lane], rounds: u32) -> String {
    let spreads: Vec<Spread> = lanes
        .iter()
        .map(|lane| Spread::of(lane.times.iter().copied()))
        .collect();
    let bound = spreads.last().map_or(f64::NAN, |spread| spread.median);
    let rows = lanes.iter().zip(&spreads).map(|(lane, spread)| {
        let name = match &lane.way {
            Way::Discovery(Transport::Rest) => format!("rest, refresh_delay {} ms", REFRESH.as_millis()),
            Way::Discovery(transport) => transport.name().to_owned(),
            Way::Bound(_) => "bound: a prepared response, pushed from memory".to_owned(),
        };
        [
            name,
            format!("{:.1}", spread.median),
            format!("{:.1}", spread.p95),
            format!("{:.1}", spread.min),
            format!("{:.1}", spread.max),
            format!("{:.2}", spread.median / bound),
        ]
    });
    table::render(
        &format!("from PUT to the first request that reaches the new endpoint, ms, {rounds} rounds in turn"),
        ["transport", "p50", "p95", "min", "max", "p50 to the bound's"],
        rows.collect(),
        &[
            "the bound has no PUT, no registry and no protocol: it is what Envoy itself takes to apply an update",
            "REST waits for the next poll: refresh_delay and up to as much again",
        ],
    )
}
