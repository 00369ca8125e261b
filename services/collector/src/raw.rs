//! gRPC services whose messages are not decoded before they are looked at.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::Request;
use bytes::{Buf as _, Bytes};
use meshkat_kit::GRPC_MESSAGE_LIMIT;
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Service;
use tonic::server::{ClientStreamingService, Grpc, NamedService};
use tonic::{Response, Status, Streaming};

/// A service of one method, whose answer comes after the last message. Where a client sends one message alone, that looks the same.
pub(crate) trait Takes: Clone + Send + Sync + 'static {
    const SERVICE: &'static str;
    const METHOD: &'static str;
    type Answer: Message + 'static;

    /// Takes the messages of a call.
    fn take(self, messages: Streaming<Bytes>) -> impl Future<Output = Result<Self::Answer, Status>> + Send + 'static;
}

/// Serves it.
#[derive(Debug, Clone)]
pub(crate) struct Raw<T>(pub(crate) T);

impl<T: Takes> NamedService for Raw<T> {
    const NAME: &'static str = T::SERVICE;
}

impl<T: Takes> Service<Request> for Raw<T> {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let method = request.uri().path().rsplit('/').next();
        if method != Some(T::METHOD) {
            let refused = Status::unimplemented("there is no such method").into_http();
            return Box::pin(std::future::ready(Ok(refused)));
        }
        let calls = Calls(self.0.clone());
        Box::pin(async move {
            let grpc = Grpc::new(Undecoded(PhantomData));
            let mut grpc = grpc.max_decoding_message_size(GRPC_MESSAGE_LIMIT);
            Ok(grpc.client_streaming(calls, request).await)
        })
    }
}

struct Calls<T>(T);

impl<T: Takes> ClientStreamingService<Bytes> for Calls<T> {
    type Response = T::Answer;
    type Future = Pin<Box<dyn Future<Output = Result<Response<T::Answer>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        let taken = self.0.clone().take(request.into_inner());
        Box::pin(async move { taken.await.map(Response::new) })
    }
}

/// Messages as they are, and answers of this type.
struct Undecoded<A>(PhantomData<fn() -> A>);

impl<A: Message + 'static> Codec for Undecoded<A> {
    type Encode = A;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(PhantomData)
    }

    fn decoder(&mut self) -> Self {
        Self(PhantomData)
    }
}

impl<A: Message> Encoder for Undecoded<A> {
    type Item = A;
    type Error = Status;

    fn encode(&mut self, answer: A, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        answer
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl<A> Decoder for Undecoded<A> {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
