//! Pods of a real kernel: network namespaces joined by a bridge, which are gone with the processes that hold them.

use std::{
    fs::File,
    io::Read as _,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_meshkat-pod");

/// For what has to happen, on a machine with much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// For what must not happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(400);

/// Waits for a condition.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A network namespace, held by `meshkat-pod sandbox`.
pub(crate) struct Namespace {
    holder: Child,
    file: File,
}

impl Namespace {
    fn new() -> Result<Self, String> {
        // Also gone when this test is killed.
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", BINARY, "sandbox"])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("setpriv: {error}"))?;
        let path = format!("/proc/{}/ns/net", holder.id());
        let own = std::fs::read_link("/proc/self/ns/net").map_err(|error| error.to_string())?;
        let deadline = Instant::now() + SOON;
        while std::fs::read_link(&path).map_or(true, |theirs| theirs == own) {
            if holder.try_wait().map_err(|error| error.to_string())?.is_some() {
                let mut said = String::new();
                if let Some(stderr) = &mut holder.stderr {
                    stderr.read_to_string(&mut said).map_err(|error| error.to_string())?;
                }
                return Err(said);
            }
            assert!(Instant::now() < deadline, "no namespace in time");
            thread::park_timeout(Duration::from_millis(1));
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        Ok(Self { holder, file })
    }

    /// Does something inside; sockets stay there.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs a command line inside, which succeeds, and gives what it prints.
    pub(crate) fn sh(&self, line: &str) -> String {
        let output = self.inside(|| Command::new("sh").args(["-ec", line]).output().unwrap());
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// One of the namespaces behind the bridge.
pub(crate) struct Pod {
    pub(crate) namespace: Namespace,
    pub(crate) address: Ipv4Addr,
}

/// What `meshkat-pod` said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.lines().count() <= 1, "not one line: {stdout}");
        Self {
            code: output.status.code().unwrap(),
            json: if stdout.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(&stdout).unwrap()
            },
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Pod {
    pub(crate) fn net(&self, arguments: &[&str]) -> Said {
        self.namespace
            .inside(|| Command::new(BINARY).arg("net").args(arguments).output().unwrap())
            .into()
    }

    /// Applies faults of this kind towards these pods, and only these.
    pub(crate) fn apply(&self, fault: &str, peers: &[&Pod]) -> Said {
        self.net(&["apply", &wanted(fault, peers)])
    }

    /// Applies, which has to work.
    pub(crate) fn must_apply(&self, fault: &str, peers: &[&Pod]) {
        let said = self.apply(fault, peers);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.json, serde_json::json!({"applied": peers.len(), "notes": []}));
        assert_eq!(said.stderr, "");
    }

    /// Listens on any port, and on all addresses.
    pub(crate) fn listen(&self) -> Listening {
        self.listen_on("0.0.0.0:0")
    }

    pub(crate) fn listen_on(&self, address: &str) -> Listening {
        let listener = self.namespace.inside(|| TcpListener::bind(address).unwrap());
        let port = listener.local_addr().unwrap().port();
        Listening {
            address: SocketAddr::from((self.address, port)),
            listener,
        }
    }

    pub(crate) fn connect_within(&self, to: SocketAddr, within: Duration) -> std::io::Result<TcpStream> {
        self.namespace.inside(|| TcpStream::connect_timeout(&to, within))
    }

    /// Connects, which has to work.
    pub(crate) fn connect(&self, to: &Listening) -> Pair {
        let client = self.connect_within(to.address, SOON).unwrap();
        let server = to.listener.accept().unwrap().0;
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
        }
        Pair { client, server }
    }
}

/// What `apply` is given.
pub(crate) fn wanted(fault: &str, peers: &[&Pod]) -> String {
    let peers = peers
        .iter()
        .map(|peer| format!(r#"{{"address":"{}","fault":{fault}}}"#, peer.address))
        .collect::<Vec<_>>();
    format!(r#"{{"peers":[{}]}}"#, peers.join(","))
}

pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) listener: TcpListener,
}

/// The two ends of a connection.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

/// Pods on one bridge.
pub(crate) struct Lab {
    pub(crate) pods: Vec<Pod>,
    _switch: Namespace,
}

impl Lab {
    /// None, said loudly, where there is no right to make one.
    pub(crate) fn new(pods: u8) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: needs root, to make network namespaces");
            return None;
        }
        match Namespace::new() {
            Ok(switch) => Some(Self::on(switch, pods)),
            Err(why) => {
                eprintln!("SKIPPED: cannot make a network namespace: {why}");
                None
            }
        }
    }

    fn on(switch: Namespace, pods: u8) -> Self {
        switch.sh("ip link add br0 type bridge; ip link set br0 up");
        let pods = (1..=pods)
            .map(|number| {
                let namespace = Namespace::new().unwrap();
                let address = Ipv4Addr::new(10, 77, 0, number);
                let holder = namespace.holder.id();
                switch.sh(&format!(
                    "ip link add port{number} type veth peer name eth0 netns {holder}
                    ip link set port{number} master br0 up"
                ));
                namespace.sh(&format!(
                    "ip link set lo up; ip link set eth0 up; ip address add {address}/24 dev eth0
                    ip route add default via 10.77.0.254"
                ));
                Pod { namespace, address }
            })
            .collect();
        Self { pods, _switch: switch }
    }
}
