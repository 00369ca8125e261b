//! TLS against a peer that nobody here wrote, where it is there.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use meshkat_driver::{Client, TlsSettings};
use meshkat_model::{
    observation::{Answer, NoAnswer, NoAnswerKind},
    scenario::value::{Protocol, TlsVersion},
};

use crate::{
    certificates::{Ca, trusting},
    tls::request,
};

/// `openssl s_server`, until it is dropped.
struct Openssl {
    child: Child,
    address: SocketAddr,
    _files: tempfile::TempDir,
}

impl Drop for Openssl {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Openssl {
    /// None where there is no `openssl`.
    fn start(ca: &Ca, arguments: &[&str]) -> Option<Self> {
        let files = tempfile::tempdir().expect("a folder is made");
        let leaf = ca.good("foo.com");
        let path = |name: &str| files.path().join(name);
        for (name, text) in [("cert", &leaf.certificate), ("key", &leaf.key), ("ca", &ca.pem)] {
            std::fs::write(path(name), text).expect("it is written");
        }
        let child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(path("cert"))
            .arg("-key")
            .arg(path("key"))
            .arg("-CAfile")
            .arg(path("ca"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.ok()?;
        // It says where it listens: `ACCEPT 127.0.0.1:34567`.
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.trim().parse().ok());
        Some(Self {
            address: address.expect("it listens"),
            child,
            _files: files,
        })
    }

    async fn ask(&self, settings: TlsSettings) -> Result<Answer, NoAnswer> {
        let request = request(self.address, Some(Protocol::Http1), settings);
        Client::new().send(&request).await.outcome
    }
}

#[tokio::test]
async fn openssl_is_understood() {
    let ca = Ca::new("Good CA");
    let Some(server) = Openssl::start(&ca, &["-alpn", "http/1.1", "-tls1_2"]) else {
        return;
    };
    let answer = server.ask(trusting(&ca, "foo.com", &["http/1.1"])).await;
    let answer = answer.expect("it is answered");
    assert!(answer.text.contains("s_server"), "{}", answer.text);
    let session = answer.exchange.tls.clone().expect("it has TLS");
    assert_eq!(
        (session.version.as_str(), answer.exchange.alpn()),
        ("1.2", Some("http/1.1"))
    );
    let none = async |settings| {
        let none = server.ask(settings).await.expect_err("there is no answer");
        (none.kind.expect("it has a kind"), none.message)
    };
    let newer = TlsSettings {
        min: TlsVersion::Tls13,
        ..trusting(&ca, "foo.com", &[])
    };
    let told = [
        none(newer).await,
        none(trusting(&Ca::new("Other CA"), "foo.com", &[])).await,
        none(trusting(&ca, "bar.com", &[])).await,
        none(trusting(&ca, "foo.com", &["spdy/3"])).await,
    ];
    let wanted = [
        (
            NoAnswerKind::RefusedVersion,
            "no version of TLS in common: offered was 1.3 alone",
        ),
        (
            NoAnswerKind::UnknownCa,
            "the peer's certificate is of a CA that is not trusted",
        ),
        (
            NoAnswerKind::WrongName,
            "the peer's certificate is not of bar.com: it is of foo.com",
        ),
        (NoAnswerKind::NoAlpn, "no ALPN protocol in common: offered was spdy/3"),
    ];
    assert_eq!(told, wanted.map(|(kind, text)| (kind, text.to_owned())));
}

#[tokio::test]
async fn openssl_asks_for_a_certificate() {
    let ca = Ca::new("Good CA");
    let Some(server) = Openssl::start(&ca, &["-Verify", "1", "-verify_return_error"]) else {
        return;
    };
    let own = ca.good("client");
    let settings = TlsSettings {
        identity: Some((own.certificate.into_bytes(), own.key.into_bytes())),
        ..trusting(&ca, "foo.com", &[])
    };
    assert_eq!(server.ask(settings).await.expect("it is answered").status, 200);
    let none = server.ask(trusting(&ca, "foo.com", &[])).await;
    let none = none.expect_err("it asks for one");
    assert_eq!(none.message, "the peer ended TLS with the alert certificate_required");
}
