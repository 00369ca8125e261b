//! TLS: what is told of it, and what goes wrong in it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use indexmap::IndexMap;
use meshkat_driver::{Client, Request, Route, Tls, TlsSettings};
use meshkat_model::{
    observation::{Answer, HttpVersion, NoAnswer, NoAnswerKind},
    scenario::value::{Connections, Protocol, TlsVersion},
};
use rustls::{
    ServerConfig,
    version::{TLS12, TLS13},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{
    certificates::{Ca, trusting},
    http2::answer,
    servers::serve,
};

const LONG: Duration = Duration::from_secs(60);

/// A server that answers over TLS.
async fn listening(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream).await;
                }
            });
        }
    });
    address
}

pub(crate) fn request(to: SocketAddr, protocol: Option<Protocol>, settings: TlsSettings) -> Request {
    let route = Route {
        socket: to,
        host: Some("foo.com".to_owned()),
    };
    let tls = Tls::new(settings).expect("it can be set up");
    Request::new("GET", &route, "/x", &IndexMap::<String, String>::new(), LONG)
        .and_then(|request| request.over(protocol, Some(tls)))
        .expect("it can be sent")
}

async fn ask(to: SocketAddr, protocol: Option<Protocol>, settings: TlsSettings) -> Result<Answer, NoAnswer> {
    Client::new().send(&request(to, protocol, settings)).await.outcome
}

/// What is said of a server with a client that is set up so.
async fn refused(config: ServerConfig, protocol: Protocol, settings: TlsSettings) -> (NoAnswerKind, String) {
    let none = ask(listening(config).await, Some(protocol), settings).await;
    let none = none.expect_err("there is no answer");
    (none.kind.expect("it has a kind"), none.message)
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[tokio::test]
async fn an_answer_tells_all_of_its_connection() {
    let ca = Ca::new("Good CA");
    let leaf = ca.leaf(&["foo.com", "*.foo.com", "127.0.0.1"], (2020, 2120));
    let to = listening(leaf.server(&BOTH, &["h2", "http/1.1"], None)).await;
    for (protocol, alpn, version) in [
        (Some(Protocol::Http1), "http/1.1", HttpVersion::Http11),
        (Some(Protocol::H2), "h2", HttpVersion::Http2),
    ] {
        let client = Client::new();
        let request = request(to, protocol, trusting(&ca, "foo.com", &[alpn]));
        let first = client.send(&request).await.outcome.expect("it is answered");
        let second = client.send(&request).await.outcome.expect("it is answered").exchange;
        let first = first.exchange;
        assert_eq!((first.version, first.alpn()), (version, Some(alpn)));
        assert_eq!((first.connection(), second.connection()), ("new", "used"));
        assert!(first.connect.is_some() && first.handshake.is_some());
        assert!(second.connect.is_none() && second.handshake.is_none());
        assert!(first.first_byte > Duration::ZERO);
        assert_eq!(first.tls, second.tls);
        let session = first.tls.expect("it has TLS");
        assert_eq!(session.version, "1.3");
        let certificate = session.certificate.as_ref().expect("it is read");
        assert_eq!(certificate.subject, "CN=A leaf");
        assert_eq!(certificate.issuer, "CN=Good CA");
        assert_eq!(certificate.names, ["foo.com", "*.foo.com", "127.0.0.1"]);
        assert_eq!(certificate.not_before, "2020-01-01T00:00:00Z");
        assert_eq!(certificate.not_after, "2120-01-01T00:00:00Z");
        assert_eq!(certificate.sha256.len(), 64);
    }
}

#[tokio::test]
async fn versions_are_those_that_are_asked_for() {
    let ca = Ca::new("Good CA");
    let to = listening(ca.good("foo.com").server(&BOTH, &[], None)).await;
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let settings = TlsSettings {
            min: version,
            max: version,
            ..trusting(&ca, "foo.com", &[])
        };
        let answer = ask(to, Some(Protocol::Http1), settings).await.expect("it is answered");
        assert_eq!(answer.exchange.tls.expect("it has TLS").version, version.to_string());
    }
}

#[tokio::test]
async fn a_peer_may_choose_what_is_spoken() {
    let ca = Ca::new("Good CA");
    let both = ["h2", "http/1.1"];
    for (offered, version) in [
        (["h2"].as_slice(), HttpVersion::Http2),
        (&["http/1.1"], HttpVersion::Http11),
        (&[], HttpVersion::Http11),
    ] {
        let to = listening(ca.good("foo.com").server(&BOTH, offered, None)).await;
        for connections in [None, Some(Connections::Fresh), Some(Connections::Of(2))] {
            let client = Client::new();
            let request = request(to, None, trusting(&ca, "foo.com", &both));
            let request = match connections {
                Some(connections) => request.connections(connections),
                None => request,
            };
            for _ in 0..4 {
                let answer = client.send(&request).await.outcome.expect("it is answered");
                assert_eq!(answer.exchange.version, version, "{offered:?} {connections:?}");
                assert_eq!(answer.exchange.alpn(), offered.first().copied());
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_judged_where_nobody_is_named_who_is_trusted() {
    let leaf = Ca::new("Bad CA").leaf(&["bar.com"], (2020, 2021));
    let to = listening(leaf.server(&BOTH, &["h2"], None)).await;
    let settings = TlsSettings {
        ca: None,
        ..trusting(&Ca::new("Good CA"), "foo.com", &["h2"])
    };
    let answer = ask(to, Some(Protocol::H2), settings).await.expect("it is answered");
    let certificate = answer.exchange.certificate().expect("it is there").clone();
    assert_eq!(certificate.names, ["bar.com"]);
}

#[tokio::test]
async fn a_wrong_certificate_is_told_as_what_it_is() {
    let (ca, other) = (Ca::new("Good CA"), Ca::new("Other CA"));
    let settings = || trusting(&ca, "foo.com", &["h2"]);
    let told = async |leaf: crate::certificates::Leaf| {
        refused(leaf.server(&BOTH, &["h2"], None), Protocol::H2, settings()).await
    };
    let told = [
        told(other.good("foo.com")).await,
        told(ca.leaf(&["foo.com"], (2020, 2021))).await,
        told(ca.leaf(&["foo.com"], (2119, 2120))).await,
        told(ca.good("bar.com")).await,
    ];
    let wanted = [
        (
            NoAnswerKind::UnknownCa,
            "the peer's certificate is of a CA that is not trusted",
        ),
        (
            NoAnswerKind::Expired,
            "the peer's certificate has expired: it was valid until 2021-01-01T00:00:00Z",
        ),
        (
            NoAnswerKind::NotYetValid,
            "the peer's certificate is not yet valid: it is from 2119-01-01T00:00:00Z on",
        ),
        (
            NoAnswerKind::WrongName,
            "the peer's certificate is not of foo.com: it is of bar.com",
        ),
    ];
    assert_eq!(told, wanted.map(|(kind, text)| (kind, text.to_owned())));
}

#[tokio::test]
async fn what_was_not_agreed_on_is_told_as_what_it_is() {
    let ca = Ca::new("Good CA");
    let leaf = ca.good("foo.com");
    let settings = |alpn: &[&str], version| TlsSettings {
        min: version,
        ..trusting(&ca, "foo.com", alpn)
    };
    let any = TlsVersion::Tls12;
    let told = [
        // The one says so, and the other chooses nothing.
        refused(
            leaf.server(&BOTH, &["spdy/3"], None),
            Protocol::H2,
            settings(&["h2"], any),
        )
        .await,
        refused(leaf.server(&BOTH, &[], None), Protocol::H2, settings(&["h2"], any)).await,
        refused(
            leaf.server(&[&TLS12], &[], None),
            Protocol::Http1,
            settings(&[], TlsVersion::Tls13),
        )
        .await,
    ];
    let wanted = [
        (NoAnswerKind::NoAlpn, "no ALPN protocol in common: offered was h2"),
        (NoAnswerKind::NoAlpn, "no ALPN protocol in common: offered was h2"),
        (
            NoAnswerKind::RefusedVersion,
            "no version of TLS in common: offered was 1.3 alone",
        ),
    ];
    assert_eq!(told, wanted.map(|(kind, text)| (kind, text.to_owned())));
}

#[tokio::test]
async fn a_client_shows_its_certificate_and_hears_what_is_said_of_it() {
    let (ca, other) = (Ca::new("Good CA"), Ca::new("Other CA"));
    for (version, offered) in [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)] {
        for (protocol, alpn) in [(Protocol::Http1, "http/1.1"), (Protocol::H2, "h2")] {
            let config = || ca.good("foo.com").server(&[offered], &["h2", "http/1.1"], Some(&ca));
            let to = listening(config()).await;
            let settings = |of: Option<&Ca>| TlsSettings {
                identity: of.map(|ca| {
                    let own = ca.good("client");
                    (own.certificate.into_bytes(), own.key.into_bytes())
                }),
                ..trusting(&ca, "foo.com", &[alpn])
            };
            let answer = ask(to, Some(protocol), settings(Some(&ca))).await;
            assert_eq!(answer.expect("it is answered").status, 200);
            // With TLS 1.3, the client hears of it when it has sent its request.
            let told = [
                refused(config(), protocol, settings(None)).await,
                refused(config(), protocol, settings(Some(&other))).await,
            ];
            let wanted = ["certificate_required", "unknown_ca"].map(|alert| {
                let text = format!("the peer ended TLS with the alert {alert}");
                (NoAnswerKind::TlsAlert, text)
            });
            assert_eq!(told, wanted, "{version} {protocol}");
        }
    }
}

#[tokio::test]
async fn a_peer_without_tls_is_told_as_such() {
    let (to, _) = serve(|_| async {}).await;
    let ca = Ca::new("Good CA");
    // It reads the handshake as a request that never ends, and would wait for ever; one that answers does not.
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = plain.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            drop(tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await);
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        }
    });
    let none = ask(address, Some(Protocol::Http1), trusting(&ca, "foo.com", &[])).await;
    let none = none.expect_err("it does not speak TLS");
    assert_eq!(
        (none.kind, none.message.as_str()),
        (Some(NoAnswerKind::Tls), "the peer does not speak TLS")
    );
    assert_ne!(to, address);
}

#[test]
fn what_cannot_be_set_up_is_told() {
    let ca = Ca::new("Good CA");
    let good = || trusting(&ca, "foo.com", &[]);
    let own = ca.good("client");
    let wrong = [
        TlsSettings {
            server_name: Some("a b".to_owned()),
            ..good()
        },
        TlsSettings {
            ca: Some(b"nothing".to_vec()),
            ..good()
        },
        TlsSettings {
            identity: Some((own.key.clone().into_bytes(), own.key.clone().into_bytes())),
            ..good()
        },
        TlsSettings {
            identity: Some((own.certificate.clone().into_bytes(), b"nothing".to_vec())),
            ..good()
        },
        TlsSettings {
            identity: Some((own.certificate.into_bytes(), ca.good("other").key.into_bytes())),
            ..good()
        },
        TlsSettings {
            min: TlsVersion::Tls13,
            max: TlsVersion::Tls12,
            ..good()
        },
    ];
    let told = wrong.map(|settings| Tls::new(settings).map(drop).expect_err("it is wrong").to_string());
    let begins = [
        "`a b` is neither the name of a server nor an address",
        "the CA's file has no certificates: ",
        "the certificate's file has no certificates: ",
        "the key's file has no private key: ",
        "TLS cannot be set up so: ",
        "no version of TLS is from 1.3 to 1.2",
    ];
    for (text, begin) in told.iter().zip(begins) {
        assert!(text.starts_with(begin), "{text}");
    }
}
