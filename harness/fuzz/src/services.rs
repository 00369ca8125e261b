//! What clients send to the discovery service.

use meshkat_kit::from_json;
use sds::{Service, wire};

/// A body of `PUT /edsservice/{service}`.
pub fn registry(data: &[u8]) {
    let service: Service = match from_json(data) {
        Ok(service) => service,
        Err(error) => return assert!(!error.message.is_empty()),
    };
    let written = serde_json::to_vec(&service).expect("what was read can be written");
    let again: Service = from_json(&written).expect("what was written can be read");
    assert_eq!(
        serde_json::to_vec(&again).ok(),
        Some(written),
        "it is the same once more"
    );
}

/// A body of `PUT /xds/v3/{type}/{name}`: the first byte says of which type.
pub fn xds_json(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let kind = wire::TYPES[usize::from(*first) % wire::TYPES.len()];
    match wire::resource(kind, body) {
        Err(error) => assert!(!error.is_empty(), "an empty message"),
        Ok(written) => assert_eq!(
            wire::resource(kind, written.as_bytes()).as_ref(),
            Ok(&written),
            "what is answered is accepted, and is the same once more"
        ),
    }
}

/// A body of `POST /v3/discovery:{type}`: the first byte says of which type.
pub fn xds_poll(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let kind = wire::TYPES[usize::from(*first) % wire::TYPES.len()];
    if let Err(error) = wire::poll(kind, body) {
        assert!(!error.is_empty(), "an empty message");
    }
}

/// What a client sends on a gRPC stream: the first byte says on which, the rest are frames.
pub fn xds_grpc(data: &[u8]) {
    let Some((first, frames)) = data.split_first() else {
        return;
    };
    let heard = wire::stream(*first, frames);
    // Whatever was asked for, what is due ends: a response for each request and each type, and one more of each type.
    let most = (heard.requests + 1) * 2 * (wire::TYPES.len() + 64);
    assert!(heard.responses <= most, "{heard:?}");
}
