//! What is left when the process that holds a mesh is killed without a word: nothing.
//!
//! This program is the test, the one that is killed (`hold`), and its reaper (`reap`).

mod support;

use libtest_mimic::Arguments;

fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        #[cfg(target_os = "linux")]
        Some("hold") => linux::hold(&arguments[1..]),
        #[cfg(target_os = "linux")]
        Some("reap") => linux::reap(&arguments[1..]),
        _ => libtest_mimic::run(&Arguments::from_args(), tests()).exit_code(),
    }
}

#[cfg(not(target_os = "linux"))]
fn tests() -> Vec<libtest_mimic::Trial> {
    Vec::new()
}

#[cfg(target_os = "linux")]
use linux::tests;

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::io::{BufRead, BufReader, Write};
    use std::net::UdpSocket;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::time::{Duration, Instant};

    use libtest_mimic::Trial;
    use meshkat_runtime::run::{Ledger, STATE_DIR, live_runs, reaper_main, sweep};
    use meshkat_runtime::{Backend, Target};
    use meshkat_runtime_process::{LOCK_PORT, ProcessBackend, ProcessOptions};
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    use crate::support::{Ground, until};

    /// Marks every process that a holder starts, whoever they have become: a mesh hands it on.
    const MARK: &str = STATE_DIR;

    pub(super) fn tests() -> Vec<Trial> {
        let trial = |name: &str, test: fn()| {
            Trial::test(name, move || {
                test();
                Ok(())
            })
        };
        vec![
            trial(
                "nothing_stays_when_the_holder_is_killed",
                nothing_stays_when_the_holder_is_killed,
            ),
            trial(
                "nothing_stays_whenever_the_holder_is_killed",
                nothing_stays_whenever_the_holder_is_killed,
            ),
            trial(
                "processes_die_even_without_a_reaper",
                processes_die_even_without_a_reaper,
            ),
            trial(
                "a_reaper_waits_for_the_end_whatever_it_is_sent",
                a_reaper_waits_for_the_end_whatever_it_is_sent,
            ),
            trial("a_reaper_ends_with_its_backend", a_reaper_ends_with_its_backend),
            trial(
                "a_reaper_that_does_not_start_lets_nothing_start",
                a_reaper_that_does_not_start_lets_nothing_start,
            ),
        ]
    }

    /// Runs one mesh after the other, or one for good, until it is killed. Tells when the first runs.
    pub(super) fn hold(arguments: &[OsString]) -> ExitCode {
        let [ground, mode] = arguments else {
            return ExitCode::from(2);
        };
        let again = mode == "again";
        let ground = Ground::at(Path::new(ground));
        let reaper = (mode != "alone").then(reaper);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let backend = ProcessBackend::new(ProcessOptions {
                reaper,
                ..ground.options()
            })
            .expect("a backend");
            loop {
                let lease = backend.lease(&ground.mesh()).await.expect("the mesh starts");
                if !again {
                    lease.pause(&Target::pod("pet-2")).await.expect("it runs");
                    say("ready");
                    std::future::pending::<()>().await;
                }
                lease.add("pet").await.expect("there is room");
                lease.kill(&Target::pod("pet-1")).await.expect("it runs");
                lease.start(&Target::pod("pet-1")).await.expect("it can start again");
                lease.release(None).await.expect("it ends");
                say("round");
            }
        })
    }

    fn say(line: &str) {
        writeln!(std::io::stdout(), "{line}").expect("the test listens");
    }

    pub(super) fn reap(arguments: &[OsString]) -> ExitCode {
        let [prefix] = arguments else { return ExitCode::from(2) };
        match reaper_main(Path::new(prefix), &[]) {
            Ok(_) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }

    fn reaper() -> Vec<OsString> {
        vec![std::env::current_exe().expect("this program").into(), "reap".into()]
    }

    /// A process that holds a mesh; its own process group, as a shell would have it.
    struct Holder {
        child: Child,
        output: BufReader<std::process::ChildStdout>,
    }

    impl Holder {
        fn start(ground: &Ground, mode: &str) -> Self {
            use std::os::unix::process::CommandExt;
            let mut child = Command::new(std::env::current_exe().expect("this program"))
                .arg("hold")
                .args([ground.path().as_os_str(), mode.as_ref()])
                .env(MARK, ground.state())
                .process_group(0)
                .stdout(Stdio::piped())
                .spawn()
                .expect("this program starts");
            let output = BufReader::new(child.stdout.take().expect("it is piped"));
            Self { child, output }
        }

        /// Waits for the next line that it says.
        fn says(&mut self, line: &str) {
            let mut said = String::new();
            self.output.read_line(&mut said).expect("it is readable");
            assert_eq!(said.trim_end(), line);
        }

        /// `kill -9`, to it and to whoever shares its group.
        fn kill(mut self) {
            kill_process_group(pid(self.child.id()), Signal::KILL).expect("it is ours");
            self.child.wait().expect("it was killed");
        }
    }

    fn pid(number: u32) -> Pid {
        Pid::from_raw(number.try_into().expect("a number")).expect("not zero")
    }

    /// Every process, zombies aside, that was started by a holder on this ground.
    fn marked(ground: &Ground) -> Vec<u32> {
        let mark = format!("{MARK}={}", ground.state().display()).into_bytes();
        let has_mark = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark)
        };
        let entries = std::fs::read_dir("/proc").expect("it is there");
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(has_mark)
            .collect()
    }

    fn program_of(pid: u32) -> PathBuf {
        std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default()
    }

    fn block_is_free(ledger: &Ledger) -> bool {
        let (block, _) = ledger.block.rsplit_once('.').expect("a block");
        UdpSocket::bind(format!("{block}.255:{LOCK_PORT}")).is_ok()
    }

    fn nothing_stays_when_the_holder_is_killed() {
        let ground = Ground::new();
        let mut holder = Holder::start(&ground, "once");
        holder.says("ready");
        let ledger = live_runs(&ground.state()).expect("it is readable").remove(0);
        assert_eq!(ledger.processes.len(), 6);
        assert!(ledger.processes.iter().all(|process| process.identity.is_alive()));
        assert!(!block_is_free(&ledger));
        // The holder, its reaper, and the six.
        assert_eq!(marked(&ground).len(), 8);
        holder.kill();
        until("all processes are gone", || marked(&ground).is_empty());
        assert_eq!(ground.runs(), [""; 0]);
        until("free addresses", || block_is_free(&ledger));
        assert!(!ledger.processes.iter().any(|process| process.identity.is_alive()));
    }

    fn nothing_stays_whenever_the_holder_is_killed() {
        const KILLS: u32 = 40;
        // How long the start and one round take here and now, so that the kills are spread over all that there is.
        let ground = Ground::new();
        let begun = Instant::now();
        let mut holder = Holder::start(&ground, "again");
        holder.says("round");
        holder.says("round");
        let whole = begun.elapsed();
        holder.kill();
        until("all processes are gone", || marked(&ground).is_empty());
        assert_eq!(ground.runs(), [""; 0]);

        for kill in 0..KILLS {
            let ground = Ground::new();
            let holder = Holder::start(&ground, "again");
            std::thread::sleep(whole * kill / KILLS);
            holder.kill();
            until(&format!("all processes are gone after kill {kill}"), || {
                marked(&ground).is_empty()
            });
            assert_eq!(ground.runs(), [""; 0], "after kill {kill}");
        }
    }

    fn processes_die_even_without_a_reaper() {
        let ground = Ground::new();
        let mut holder = Holder::start(&ground, "alone");
        holder.says("ready");
        let ledger = live_runs(&ground.state()).expect("it is readable").remove(0);
        holder.kill();
        until("all processes are gone", || marked(&ground).is_empty());
        until("free addresses", || block_is_free(&ledger));
        assert_eq!(ground.runs(), [ledger.id.as_str()], "nobody was there to remove it");
        let swept = sweep(&ground.state(), false, &[]).expect("it is readable");
        assert_eq!((swept.len(), &swept[0].id, &swept[0].failure), (1, &ledger.id, &None));
        assert_eq!(ground.runs(), [""; 0]);
    }

    fn a_reaper_waits_for_the_end_whatever_it_is_sent() {
        let ground = Ground::new();
        let mut holder = Holder::start(&ground, "once");
        holder.says("ready");
        let own = std::env::current_exe().expect("this program");
        let is_reaper = |found: &u32| *found != holder.child.id() && program_of(*found) == own;
        let reapers: Vec<_> = marked(&ground).into_iter().filter(is_reaper).collect();
        let [reaper] = reapers[..] else {
            panic!("there is one reaper: {reapers:?}")
        };
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
            kill_process(pid(reaper), signal).expect("it is ours");
        }
        // Signals that it has not been given yet would show here.
        until("the signals are dealt with", || {
            let status = std::fs::read_to_string(format!("/proc/{reaper}/status")).expect("it runs");
            let pending = status
                .lines()
                .filter(|line| line.starts_with("SigPnd:") || line.starts_with("ShdPnd:"));
            pending.into_iter().all(|line| line.ends_with("0000000000000000"))
        });
        holder.kill();
        until("all processes are gone", || marked(&ground).is_empty());
        assert_eq!(ground.runs(), [""; 0]);
    }

    fn a_reaper_ends_with_its_backend() {
        let ground = Ground::new();
        let own = std::env::current_exe().expect("this program");
        let state = ground.state().into_os_string().into_encoded_bytes();
        let reapers = || {
            let entries = std::fs::read_dir("/proc").expect("it is there").flatten();
            let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
            let mine = |pid: &u32| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                program_of(*pid) == own && line.windows(state.len()).any(|part| part == state)
            };
            pids.filter(mine).count()
        };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let options = ProcessOptions {
                reaper: Some(reaper()),
                ..ground.options()
            };
            let backend = ProcessBackend::new(options).expect("a backend");
            assert_eq!(reapers(), 0, "there is nothing to reap yet");
            let one = backend.lease(&ground.mesh()).await.expect("the mesh starts");
            let two = backend.lease(&ground.mesh()).await.expect("the mesh starts");
            assert_eq!(reapers(), 1);
            one.release(None).await.expect("it ends");
            drop((one, backend));
            assert_eq!(reapers(), 1, "one mesh is still there");
            assert!(
                two.pods()
                    .iter()
                    .filter_map(|pod| pod.envoy.as_ref())
                    .all(|state| state.is_alive())
            );
            two.release(None).await.expect("it ends");
            drop(two);
            until("the reaper is gone", || reapers() == 0);
        });
    }

    fn a_reaper_that_does_not_start_lets_nothing_start() {
        let ground = Ground::new();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        for command in [vec!["/nonexistent/reaper".into()], vec!["false".into()], Vec::new()] {
            let options = ProcessOptions {
                reaper: Some(command),
                ..ground.options()
            };
            let backend = ProcessBackend::new(options).expect("a backend");
            let begun = Instant::now();
            let error = runtime
                .block_on(backend.lease(&ground.mesh()))
                .err()
                .expect("there is no reaper");
            assert!(error.to_string().starts_with("failed to start the reaper: "), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(10));
            assert_eq!(ground.runs(), [""; 0]);
        }
    }
}
