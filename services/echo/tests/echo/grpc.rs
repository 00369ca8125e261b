//! Calls of every kind, by tonic's own client.

use echo::v1::echo_client::EchoClient;
use echo::v1::{EchoRequest, EchoResponse};
use meshkat_kit::testing::{DEADLINE, Running};
use tonic::codegen::tokio_stream::iter;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::{ask, client};

async fn channel(echo: &Running) -> Channel {
    let endpoint = Endpoint::from_shared(echo.url("")).unwrap();
    endpoint.connect().await.unwrap()
}

async fn calls() -> (Running, EchoClient<Channel>) {
    let echo = crate::echo().await;
    let channel = channel(&echo).await;
    (echo, EchoClient::new(channel))
}

fn message(text: &str) -> EchoRequest {
    EchoRequest {
        message: text.to_owned(),
        ..EchoRequest::default()
    }
}

fn steered<T>(message: T, metadata: &[(&'static str, &'static str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    request
}

async fn all(mut stream: tonic::Streaming<EchoResponse>) -> (Vec<(String, u32)>, Option<Status>) {
    let mut answers = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(answer)) => answers.push((answer.message, answer.number)),
            Ok(None) => return (answers, None),
            Err(status) => return (answers, Some(status)),
        }
    }
}

#[tokio::test]
async fn a_call_is_told_what_reached_it() {
    let (echo, mut calls) = calls().await;
    let mut request = steered(message("hello"), &[("x-colour", "blue"), ("x-colour", "red")]);
    request.set_timeout(DEADLINE);
    let answer = calls.unary(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-served-by").unwrap(), "echo-1");
    let answer = answer.into_inner();
    assert_eq!(
        (answer.message.as_str(), answer.number, answer.received),
        ("hello", 1, 1)
    );
    assert_eq!(
        (answer.instance.as_str(), answer.authority),
        ("echo-1", echo.address().to_string())
    );
    assert_eq!(answer.metadata["x-colour"], "blue, red");
    assert_eq!(answer.deadline_ms, Some(10_000));
    let told = ask(client().get(echo.url("/received"))).await;
    assert_eq!(told["requests"][0]["protocol"], "grpc");
    assert_eq!(told["requests"][0]["path"], "/meshkat.echo.v1.Echo/Unary");
}

#[tokio::test]
async fn streams_go_either_way_and_both() {
    let (_echo, mut calls) = calls().await;
    let answer = calls
        .client_stream(iter(["a", "b", "c"].map(message)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((answer.message.as_str(), answer.received), ("abc", 3));
    let request = EchoRequest {
        count: 3,
        ..message("x")
    };
    let answers = calls.server_stream(request).await.unwrap().into_inner();
    let x = |number| ("x".to_owned(), number);
    assert_eq!(all(answers).await.0, [x(1), x(2), x(3)]);
    let answers = calls
        .bidi_stream(iter(["a", "b"].map(message)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(all(answers).await.0, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
}

#[tokio::test]
async fn metadata_steers_how_a_call_ends() {
    let (_echo, mut calls) = calls().await;
    let steering = [
        ("x-echo-grpc-status", "UNAVAILABLE"),
        ("x-echo-grpc-message", "gone away"),
    ];
    let status = calls.unary(steered(message(""), &steering)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "gone away"));
    let late = [("x-echo-grpc-status", "UNAVAILABLE"), ("x-echo-trailer", "x-note: 7")];
    let status = calls.unary(steered(message(""), &late)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.metadata().get("x-note").unwrap(), "7");
    let status = calls
        .client_stream(steered(iter([message("")]), &steering))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let steering = [("x-echo-grpc-status", "10"), ("x-echo-grpc-after", "2")];
    let request = EchoRequest {
        count: 5,
        ..message("x")
    };
    let answers = calls.server_stream(steered(request, &steering)).await.unwrap();
    let (answers, status) = all(answers.into_inner()).await;
    assert_eq!((answers.len(), status.unwrap().code()), (2, Code::Aborted));
    let messages = steered(iter(["a", "b", "c"].map(message)), &steering);
    let (answers, status) = all(calls.bidi_stream(messages).await.unwrap().into_inner()).await;
    assert_eq!((answers.len(), status.unwrap().code()), (2, Code::Aborted));
    let trailers = [("x-echo-trailer", "x-note: 7"), ("x-echo-header", "x-head: 8")];
    let answer = calls.unary(steered(message(""), &trailers)).await.unwrap();
    assert_eq!(answer.metadata().get("x-note").unwrap(), "7");
    assert_eq!(answer.metadata().get("x-head").unwrap(), "8");
    let status = calls
        .unary(steered(message(""), &[("x-echo-stauts", "1")]))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("did you mean x-echo-status?"), "{status}");
}

/// A client that speaks HTTP/2, and knows nothing of gRPC.
fn h2() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
    client.build().unwrap()
}

#[tokio::test]
async fn a_deadline_is_kept_by_the_service() {
    let echo = crate::echo().await;
    // A client that keeps no clock of its own.
    let request = h2()
        .post(echo.url("/meshkat.echo.v1.Echo/Unary"))
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "50m")
        .header("x-echo-delay", "1h");
    let answer = request.send().await.unwrap();
    let status = answer.headers()["grpc-status"].to_str().unwrap();
    assert_eq!((answer.status().as_u16(), status), (200, "4"));
}

#[tokio::test]
async fn what_it_does_not_have_is_unimplemented() {
    let echo = crate::echo().await;
    for path in ["/meshkat.echo.v1.Echo/Quaternary", "/other.Service/Method"] {
        let request = h2().post(echo.url(path)).header("content-type", "application/grpc");
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["grpc-status"]),
            (200, &"12".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused() {
    let (_echo, mut calls) = calls().await;
    let request = EchoRequest {
        payload: vec![0; 5 << 20],
        ..EchoRequest::default()
    };
    assert_eq!(calls.unary(request).await.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn it_tells_of_its_health() {
    let echo = crate::echo().await;
    let mut health = HealthClient::new(channel(&echo).await);
    for service in ["", "meshkat.echo.v1.Echo"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let request = HealthCheckRequest {
        service: "other.Service".to_owned(),
    };
    assert_eq!(health.check(request).await.unwrap_err().code(), Code::NotFound);
}
