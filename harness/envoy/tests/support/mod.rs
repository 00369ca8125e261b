//! What the tests share: a real Envoy, and the configurations of the project.

#![expect(dead_code, reason = "each test program uses its own part")]

use std::{
    fs::File,
    future::Future,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use meshkat_envoy::{
    binary::{self, Envoy, Request},
    command,
    config::{Bootstrap, Rebind, Validator},
};

/// The real Envoy that every test uses; the first test on a machine fetches it.
pub(crate) fn envoy() -> &'static Envoy {
    static ENVOY: OnceLock<Envoy> = OnceLock::new();
    ENVOY.get_or_init(|| {
        let request = Request::from_environment(std::env::var("MESHKAT_ENVOY").ok()).unwrap();
        binary::locate(&request, &mut std::io::stderr()).unwrap_or_else(|error| panic!("{error}\n{}", error.help()))
    })
}

/// The real Envoy as a judge.
pub(crate) fn validator() -> Validator {
    Validator::new(&envoy().path)
}

pub(crate) const CONFIGS: [&str; 4] = ["echo", "ingress", "pet", "petstore"];

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../envoy-configs")
        .join(format!("{name}.yaml"))
}

/// An address of this test program's own: two programs side by side do not meet.
pub(crate) fn address(last: u8) -> IpAddr {
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 64 + high % 64, low, last))
}

pub(crate) fn rebound(name: &str, pod: &str, address: IpAddr, sds: IpAddr) -> Bootstrap {
    let rebind = Rebind {
        address: Some(address),
        node_id: pod.to_owned(),
        hosts: [("sds".to_owned(), sds)].into(),
        ..Rebind::default()
    };
    Bootstrap::read(&file(name)).unwrap().rebind(&rebind).unwrap()
}

/// An Envoy that ends with the test, even with one that is killed: its shell sees the pipe close and ends it.
pub(crate) struct Running {
    shell: Child,
    folder: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start(config: &Bootstrap) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("envoy.json");
        std::fs::write(&file, config.to_json().unwrap()).unwrap();
        let log = |name| File::create(folder.path().join(name)).unwrap();
        let shell = Command::new("sh")
            .args(["-c", r#""$0" "$@" & cat; kill -9 $!; wait"#])
            .arg(&envoy().path)
            .args(command::arguments(&file, &command::Options::default()))
            .stdin(Stdio::piped())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .unwrap();
        Self { shell, folder }
    }

    /// Its access log so far.
    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        if std::thread::panicking() {
            eprintln!("--- what Envoy said\n{}", self.stderr());
        }
    }
}

/// Asks again until the answer is there, for at most ten seconds.
pub(crate) async fn until<T, F: Future<Output = Result<T, String>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if start.elapsed() > Duration::from_secs(10) => panic!("{what}: last seen {last}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
