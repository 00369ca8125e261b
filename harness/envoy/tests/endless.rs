//! An admin interface that is none: answers without end.

use std::net::SocketAddr;

use meshkat_envoy::admin::{Admin, AdminError, LONGEST_ANSWER, Ready};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Longer than any test may take.
const LONG: std::time::Duration = std::time::Duration::from_secs(60);

/// Somebody who answers each request with this head, and then with up to a quarter of a gigabyte.
async fn endless(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.is_ok_and(|read| read > 0);
                let mut goes_on = read && stream.write_all(head.as_bytes()).await.is_ok();
                let mut sent = 0;
                while goes_on && sent < 256 << 20 {
                    goes_on = stream.write_all(&[b' '; 0x10000]).await.is_ok();
                    sent += 0x10000;
                }
            });
        }
    });
    address
}

fn is_too_long<T: std::fmt::Debug>(answer: Result<T, AdminError>) {
    let error = answer.expect_err("it never ends");
    assert!(matches!(error, AdminError::TooLong { .. }), "{error}");
    assert!(error.to_string().contains("more than 32 MiB"), "{error}");
}

#[tokio::test]
async fn every_answer_has_a_longest_length() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 500 Sorry\r\ncontent-length: 1000000000\r\n\r\n",
    ] {
        let admin = Admin::new(endless(head).await).expect("HTTP can be set up");
        is_too_long(admin.config_dump(LONG).await);
        is_too_long(admin.clusters(LONG).await);
        is_too_long(admin.stats(None, LONG).await);
        is_too_long(admin.raw("/server_info", LONG).await);
        is_too_long(admin.post("/drain_listeners", LONG).await);
        assert!(matches!(admin.ready(LONG).await, Ready::Unreachable(why) if why.contains("more than 32 MiB")));
    }
    assert_eq!(LONGEST_ANSWER, 32 << 20);
}
