//! Echoes over gRPC, with reflection and health.

mod calls;
mod deadline;
pub(crate) mod ending;

use axum::Router;
use meshkat_kit::{GRPC_MESSAGE_LIMIT, Identity, grpc_service};

pub(crate) use deadline::Deadline;

/// What `build.rs` made of `proto/echo.proto`.
pub mod v1 {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::allow_attributes,
        reason = "generated: the comments are those of the .proto file"
    )]
    tonic::include_proto!("meshkat.echo.v1");
}

/// What reflection tells of the service.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echo.binpb"));

/// The routes of the echo service, of reflection (v1, and v1alpha for older clients) and of health.
pub(crate) async fn routes(router: Router, identity: &Identity) -> Result<Router, tonic_reflection::server::Error> {
    let echo = v1::echo_server::EchoServer::new(calls::Calls::new(identity.instance()))
        .max_decoding_message_size(GRPC_MESSAGE_LIMIT);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_serving::<v1::echo_server::EchoServer<calls::Calls>>()
        .await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let router = grpc_service(router, echo);
    let router = grpc_service(router, health);
    let router = grpc_service(router, reflection().build_v1()?);
    Ok(grpc_service(router, reflection().build_v1alpha()?))
}
