//! The same over TLS, by curl and by a client of rustls.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use echo::Ports;
use meshkat_kit::testing::Running;
use meshkat_kit::{Identity, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{ask, client};

/// An authority, and certificates of it: a server's and a client's; and a client's that another authority signed.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = issuer("ours");
        let other = issuer("another");
        let this = Self { folder };
        this.write("ca.pem", &own.pem());
        this.leaf(&own, "server", "echo.example");
        this.leaf(&own, "client", "client.example");
        this.leaf(&other, "stranger", "stranger.example");
        this
    }

    fn leaf(&self, issuer: &CertifiedIssuer<'_, KeyPair>, name: &str, dns: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([dns.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, issuer).unwrap();
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn echo(&self, client_ca: bool) -> (Running, SocketAddr) {
        let ca = client_ca.then(|| self.path("ca.pem"));
        let tls = Tls::of_files(&self.path("server.pem"), &self.path("server.key"), ca.as_deref()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ports = Ports {
            tls: Some((listener, tls)),
            ..Ports::default()
        };
        let identity = Identity::new("echo", "echo-1").unwrap();
        let running = Running::start(|listener, shutdown| echo::run(listener, ports, identity, shutdown)).await;
        (running, address)
    }

    /// What curl gets, or the number that it ends with.
    async fn curl(&self, address: SocketAddr, arguments: &[&str]) -> Result<Value, i32> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "10", "--noproxy", "*", "--cacert"])
            .arg(self.path("ca.pem"))
            .args(["--resolve", &format!("echo.example:{}:127.0.0.1", address.port())])
            .args(arguments)
            .arg(format!("https://echo.example:{}/secret", address.port()));
        let output = tokio::task::spawn_blocking(move || curl.output())
            .await
            .unwrap()
            .unwrap();
        match output.status.code() {
            Some(0) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            code => Err(code.unwrap_or(-1)),
        }
    }
}

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test]
async fn the_same_is_spoken_and_told_over_tls() {
    let authority = Authority::new();
    let (echo, address) = authority.echo(false).await;
    for (flag, alpn, version) in [("--http2", "h2", "HTTP/2.0"), ("--http1.1", "http/1.1", "HTTP/1.1")] {
        for (limit, tls) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
            let arguments = [flag, "--tlsv1.2", "--tls-max", limit];
            let answer = authority.curl(address, &arguments).await.unwrap();
            assert_eq!(
                (&answer["http_version"], &answer["path"]),
                (&json!(version), &json!("/secret"))
            );
            assert_eq!(answer["tls"]["alpn"], alpn);
            assert_eq!(answer["tls"]["version"], tls);
            assert_eq!(answer["tls"]["sni"], "echo.example");
            assert_eq!(answer["tls"]["client_certificate"], Value::Null);
        }
    }
    let told = ask(client().get(echo.url("/received"))).await;
    assert_eq!(
        (&told["count"], &told["requests"][0]["tls"]["alpn"]),
        (&json!(4), &json!("h2"))
    );
    // A client in clear text is not understood, and one in TLS is not on the other port.
    assert!(client().get(format!("http://{address}/")).send().await.is_err());
}

#[tokio::test]
async fn clients_are_judged_by_their_certificates() {
    let authority = Authority::new();
    let (_echo, address) = authority.echo(true).await;
    let path = |name: &str| authority.path(name).to_string_lossy().into_owned();
    let (certificate, key) = (path("client.pem"), path("client.key"));
    let answer = authority
        .curl(address, &["--cert", &certificate, "--key", &key])
        .await
        .unwrap();
    let told = &answer["tls"]["client_certificate"];
    assert_eq!(told["subject"], "CN=client");
    assert_eq!(told["issuer"], "CN=ours");
    assert_eq!(told["names"], json!(["client.example", "127.0.0.1"]));
    assert_eq!(told["sha256"].as_str().unwrap().len(), 64);
    authority.curl(address, &[]).await.unwrap_err();
    let (certificate, key) = (path("stranger.pem"), path("stranger.key"));
    authority
        .curl(address, &["--cert", &certificate, "--key", &key])
        .await
        .unwrap_err();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    for (certificate, key, ca, told) in [
        ("missing.pem", "server.key", None, "missing.pem"),
        ("server.key", "server.key", None, "there is none in it"),
        ("server.pem", "server.pem", None, "a key cannot be read"),
        ("server.pem", "client.key", None, "cannot be used"),
        (
            "server.pem",
            "server.key",
            Some("server.key"),
            "an authority's certificate",
        ),
    ] {
        let ca = ca.map(|ca| authority.path(ca));
        let refused = Tls::of_files(&authority.path(certificate), &authority.path(key), ca.as_deref());
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
