//! What an Envoy's configuration asks the discovery service for.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_discovery::{Kind, Transport};
use serde_json::{Map, Value};

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) kind: Kind,
    pub(crate) transport: Transport,
    /// `None` is everything.
    pub(crate) name: Option<String>,
    /// For endpoints, the cluster that they are for.
    pub(crate) cluster: Option<String>,
    /// What the names of its statistics begin with.
    pub(crate) stat: String,
    /// The cluster that leads to the discovery service.
    pub(crate) via: Option<String>,
    /// What of the Envoy's configuration is in use and asks for it, such as ``the listener `in` ``, by the words in which it
    /// asks: to an Envoy, what is asked for in other words is another thing to wait for.
    pub(crate) users: BTreeMap<String, BTreeSet<String>>,
    /// When the youngest of these was put in use, as Envoy writes it.
    pub(crate) since: Option<String>,
}

/// A type that is asked for and not served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unserved {
    /// The URL of its message.
    pub(crate) type_url: String,
    pub(crate) transport: Transport,
    /// What is asked for, if it has a name.
    pub(crate) name: Option<String>,
    /// The cluster that leads to the discovery service.
    pub(crate) via: Option<String>,
}

/// What a configuration asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks {
    pub(crate) served: Vec<Ask>,
    pub(crate) unserved: BTreeSet<Unserved>,
}

/// A part of an Envoy's configuration, as proto3 JSON with the names of the protocol's fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) value: &'a Value,
    /// Whether it is in use: not only on its way to be.
    pub(crate) in_use: bool,
    /// When it was, as Envoy writes it.
    pub(crate) updated: Option<&'a str>,
}

/// What of the configuration asks for something, if it is in use.
#[derive(Debug, Clone, Copy)]
struct User<'a> {
    words: &'a str,
    since: Option<&'a str>,
}

/// What a bootstrap, clusters and listeners ask for.
pub(crate) fn asks<'a>(
    bootstrap: &Value,
    clusters: impl IntoIterator<Item = Part<'a>>,
    listeners: impl IntoIterator<Item = Part<'a>>,
) -> Asks {
    let dynamic = &bootstrap["dynamic_resources"];
    let ads_config = &dynamic["ads_config"];
    let ads = match ads_config["api_type"].as_str() {
        Some("GRPC") => Some(Transport::Ads),
        Some("DELTA_GRPC") => Some(Transport::DeltaAds),
        _ => None,
    };
    let mut asks = Look {
        ads: ads.map(|transport| (transport, cluster_of(ads_config))),
        found: Asks::default(),
    };
    for (kind, source, stat) in [
        (Kind::Clusters, "cds_config", "cluster_manager.cds"),
        (Kind::Listeners, "lds_config", "listener_manager.lds"),
    ] {
        if let Some((transport, via)) = asks.source(&dynamic[source]) {
            asks.add(Ask {
                kind,
                transport,
                name: None,
                cluster: None,
                stat: stat.to_owned(),
                via,
                users: BTreeMap::new(),
                since: None,
            });
        }
    }
    for cluster in clusters {
        let name = cluster.value["name"].as_str().unwrap_or_default();
        let words = format!("the cluster `{name}`");
        let user = user_of(cluster, &words);
        asks.endpoints(cluster.value, user);
        asks.look(cluster.value, user);
    }
    for listener in listeners {
        let name = listener.value["name"].as_str().unwrap_or_default();
        let words = format!("the listener `{name}`");
        asks.look(listener.value, user_of(listener, &words));
    }
    asks.look(&bootstrap["layered_runtime"], None);
    asks.found
}

struct Look {
    /// How the aggregated stream is fed, and by way of which cluster.
    ads: Option<(Transport, Option<String>)>,
    found: Asks,
}

impl Look {
    /// A cluster that is replaced is there twice, as it was and as it is to be.
    fn add(&mut self, mut ask: Ask) {
        let mut known = self.found.served.iter_mut();
        let same = known.find(|known| {
            let key = |ask: &Ask| {
                (
                    ask.kind,
                    ask.transport,
                    ask.name.clone(),
                    ask.cluster.clone(),
                    ask.stat.clone(),
                )
            };
            key(known) == key(&ask)
        });
        match same {
            Some(known) => {
                for (words, users) in std::mem::take(&mut ask.users) {
                    known.users.entry(words).or_default().extend(users);
                }
                known.since = known.since.take().max(ask.since);
            }
            None => self.found.served.push(ask),
        }
    }

    fn endpoints(&mut self, cluster: &Value, user: Option<User<'_>>) {
        let Some(eds) = cluster.get("eds_cluster_config") else {
            return;
        };
        let (Some(name), Some((transport, via))) = (cluster["name"].as_str(), self.source(&eds["eds_config"])) else {
            return;
        };
        let stat = cluster["alt_stat_name"].as_str().unwrap_or(name);
        let service = eds["service_name"].as_str().filter(|service| !service.is_empty());
        self.add(Ask {
            kind: Kind::Endpoints,
            transport,
            name: Some(service.unwrap_or(name).to_owned()),
            cluster: Some(name.to_owned()),
            // Envoy writes names of statistics without colons.
            stat: format!("cluster.{}", stat.replace(':', "_")),
            via,
            users: users(user, &eds["eds_config"]),
            since: since(user),
        });
    }

    /// Wherever in a cluster or a listener something is discovered.
    fn look(&mut self, value: &Value, user: Option<User<'_>>) {
        match value {
            Value::Object(fields) => {
                self.routes(fields, user);
                self.secret(fields, user);
                self.unserved(fields);
                fields.values().for_each(|value| self.look(value, user));
            }
            Value::Array(items) => items.iter().for_each(|value| self.look(value, user)),
            _ => {}
        }
    }

    fn routes(&mut self, fields: &Map<String, Value>, user: Option<User<'_>>) {
        let Some(rds) = fields.get("rds") else { return };
        if let (Some(name), Some((transport, via))) =
            (rds["route_config_name"].as_str(), self.source(&rds["config_source"]))
        {
            let prefix = fields.get("stat_prefix").and_then(Value::as_str).unwrap_or_default();
            self.add(Ask {
                kind: Kind::Routes,
                transport,
                name: Some(name.to_owned()),
                cluster: None,
                stat: format!("http.{prefix}.rds.{name}").replace(':', "_"),
                via,
                users: users(user, &rds["config_source"]),
                since: since(user),
            });
        }
    }

    fn secret(&mut self, fields: &Map<String, Value>, user: Option<User<'_>>) {
        let source = fields.get("sds_config").unwrap_or(&Value::Null);
        if let (Some(name), Some((transport, via))) = (fields.get("name").and_then(Value::as_str), self.source(source))
        {
            self.add(Ask {
                kind: Kind::Secrets,
                transport,
                name: Some(name.to_owned()),
                cluster: None,
                stat: format!("sds.{name}").replace(':', "_"),
                via,
                users: users(user, source),
                since: since(user),
            });
        }
    }

    fn unserved(&mut self, fields: &Map<String, Value>) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = fields.get("name").and_then(text);
        for (field, source, message, name) in [
            ("rtds_layer", "rtds_config", "envoy.service.runtime.v3.Runtime", None),
            ("vhds", "config_source", "envoy.config.route.v3.VirtualHost", None),
            (
                "scoped_rds",
                "scoped_rds_config_source",
                "envoy.config.route.v3.ScopedRouteConfiguration",
                None,
            ),
            (
                "config_discovery",
                "config_source",
                "envoy.config.core.v3.TypedExtensionConfig",
                name,
            ),
            (
                "leds_cluster_locality_config",
                "leds_config",
                "envoy.config.endpoint.v3.LbEndpoint",
                None,
            ),
            (
                "trds",
                "config_source",
                "envoy.extensions.filters.network.thrift_proxy.v3.RouteConfiguration",
                None,
            ),
            (
                "generic_rds",
                "config_source",
                "envoy.extensions.filters.network.generic_proxy.v3.RouteConfiguration",
                None,
            ),
        ] {
            let Some(found) = fields.get(field) else { continue };
            if let Some((transport, via)) = self.source(&found[source]) {
                let own = ["name", "route_config_name", "leds_collection_name"];
                let name = name.or_else(|| own.into_iter().find_map(|key| text(&found[key])));
                self.found.unserved.insert(Unserved {
                    type_url: format!("type.googleapis.com/{message}"),
                    transport,
                    name,
                    via,
                });
            }
        }
    }

    /// How a ConfigSource is fed, and by way of which cluster; none where it is a file or this version does not know it.
    fn source(&self, source: &Value) -> Option<(Transport, Option<String>)> {
        if source.get("ads").is_some() || source.get("self").is_some() {
            return self.ads.clone();
        }
        let api = &source["api_config_source"];
        let transport = match api["api_type"].as_str()? {
            "REST" => Transport::Rest,
            "GRPC" => Transport::Grpc,
            "DELTA_GRPC" => Transport::DeltaGrpc,
            _ => return None,
        };
        Some((transport, cluster_of(api)))
    }
}

fn user_of<'a>(part: Part<'a>, words: &'a str) -> Option<User<'a>> {
    part.in_use.then_some(User {
        words,
        since: part.updated,
    })
}

fn since(user: Option<User<'_>>) -> Option<String> {
    // Without its end, a moment is less than one with more digits.
    user?.since.map(|since| since.trim_end_matches('Z').to_owned())
}

fn users(user: Option<User<'_>>, source: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let user = user.map(|user| (source.to_string(), BTreeSet::from([user.words.to_owned()])));
    user.into_iter().collect()
}

/// The first cluster that an ApiConfigSource asks.
fn cluster_of(api: &Value) -> Option<String> {
    let name = api["cluster_names"][0].as_str();
    let name = name.or_else(|| api["grpc_services"][0]["envoy_grpc"]["cluster_name"].as_str());
    name.map(str::to_owned)
}
