//! Meshes of processes: what is started, what is told when it cannot be, and that nothing of it stays.

mod support;

use std::sync::Arc;

use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::run::{Ledger, ProcessIdentity, kept_folder, live_runs, run_folder};
use meshkat_runtime::{Backend, Capability, ContainerState, Envoys, Lease, Pod, RuntimeError, Target};
use meshkat_runtime_process::{ProcessBackend, ProcessOptions, capabilities};
use support::{
    APPLICATION, Ground, application, block_is_free, id, is_alive, is_running, lease, lease_with, pod, process_of,
    until, until_log, until_so,
};

#[tokio::test]
async fn a_mesh_is_started_as_it_is_written() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let pods = lease.pods();
    let names: Vec<_> = pods.iter().map(|pod| (pod.group.as_str(), pod.name.as_str())).collect();
    assert_eq!(
        names,
        [
            ("ingress", "ingress"),
            ("pet", "pet-1"),
            ("pet", "pet-2"),
            ("sds", "sds"),
            ("echo", "echo")
        ]
    );

    let has = |pod: &Pod| {
        (
            pod.application.as_ref().map(is_running),
            pod.envoy.as_ref().map(is_running),
        )
    };
    let states: Vec<_> = pods.iter().map(has).collect();
    let both = (Some(true), Some(true));
    assert_eq!(
        states,
        [(None, Some(true)), both, both, (Some(true), None), (Some(false), None)]
    );
    assert_eq!(application(&lease, "echo"), ContainerState::NotStarted);

    let pet = pod(&lease, "pet-2");
    assert_eq!(pet.loopback, pet.address);
    assert_eq!(pet.socket(Port::Inbound).to_string(), format!("{}:10000", pet.address));
    let log = until_log(&lease, "pet-2", "\n").await;
    assert_eq!(log, format!("--listen {}:8080 --instance pet-2\n", pet.address));

    let folder = run_folder(&ground.state(), &id(lease.id()));
    let sds = pod(&lease, "sds");
    let log = until_log(&lease, "sds", "\n").await;
    let state = folder.join("sds/sds.json");
    assert_eq!(
        log,
        format!(
            "--listen {}:8080 --instance sds --state {} --allow-faults\n",
            sds.address,
            state.display()
        )
    );

    let configuration = folder.join("envoy/pet-2.json");
    let log = async || {
        lease
            .log("pet-2", Container::Envoy, 10_000)
            .await
            .expect("it is readable")
    };
    until_so("the Envoy's log", async || !log().await.is_empty()).await;
    let log = log().await;
    assert!(
        log.starts_with(&format!(
            "--config-path {} --disable-hot-restart",
            configuration.display()
        )),
        "{log}"
    );
    let text = std::fs::read_to_string(configuration).expect("it was written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(json["node"]["id"], "pet-2");
    assert_eq!(
        json["admin"]["address"]["socket_address"]["address"],
        pet.address.to_string()
    );
    assert!(
        text.contains(&sds.address.to_string()),
        "the discovery service is not found: {text}"
    );
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn the_discovery_service_is_started_first() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let runs = live_runs(&ground.state()).expect("it is readable");
    let order: Vec<_> = runs[0].processes.iter().map(|process| process.pod.as_str()).collect();
    assert_eq!(order, ["sds", "ingress", "pet-1", "pet-1", "pet-2", "pet-2"]);
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn meshes_side_by_side_have_addresses_of_their_own() {
    let ground = Ground::new();
    let backend = ProcessBackend::new(ground.options()).expect("a backend");
    let one = backend.lease(&ground.mesh()).await.expect("the mesh starts");
    let two = backend.lease(&ground.mesh()).await.expect("the mesh starts");
    assert_ne!(one.id(), two.id());
    let block = |lease: &Arc<dyn Lease>| -> Vec<_> {
        let of = |pod: Pod| {
            pod.address
                .to_string()
                .rsplit_once('.')
                .map(|(block, _)| block.to_owned())
        };
        lease.pods().into_iter().map(of).collect()
    };
    let (first, second) = (block(&one), block(&two));
    assert_eq!(first, vec![first[0].clone(); 5]);
    assert_ne!(first[0], second[0]);
    one.release(None).await.expect("it ends");
    assert!(
        two.pods()
            .iter()
            .all(|pod| pod.group == "echo" || pod.envoy.is_some() || pod.application.is_some())
    );
    assert!(
        is_running(&application(&two, "pet-1")),
        "the end of one mesh ended another"
    );
    two.release(None).await.expect("it ends");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn addresses_are_free_when_the_last_process_is_gone() {
    let ground = Ground::new();
    // A grandchild in a session of its own outlives the mesh.
    let lease = lease(
        &ground,
        &ground.one("#!/bin/sh\nsetsid sleep 1000 &\necho pid=$!.\nexec sleep 1000\n"),
    )
    .await;
    let log = until_log(&lease, "echo", ".").await;
    let stray: u32 = log
        .trim()
        .trim_start_matches("pid=")
        .trim_end_matches('.')
        .parse()
        .expect("a number");
    let address = pod(&lease, "echo").address;
    // `setsid` may still be on its way.
    until("a session of its own", || {
        let stat = std::fs::read_to_string(format!("/proc/{stray}/stat")).unwrap_or_default();
        stat.contains("(sleep)") && stat.split_whitespace().nth(5) == Some(&stray.to_string())
    });
    lease.release(None).await.expect("it ends");
    drop(lease);
    assert!(is_alive(stray));
    assert!(
        !block_is_free(address),
        "the addresses were free while a process still had them"
    );
    kill(stray);
    until("free addresses", || block_is_free(address));
}

#[cfg(target_os = "linux")]
fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().expect("a number")).expect("not zero");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
}

#[tokio::test]
async fn the_ledger_lists_what_runs() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    lease
        .kill(&Target::container("pet-1", APPLICATION))
        .await
        .expect("it runs");
    lease
        .start(&Target::container("pet-1", APPLICATION))
        .await
        .expect("it can start again");
    let text = std::fs::read(run_folder(&ground.state(), &id(lease.id())).join("ledger.json")).expect("it is there");
    let ledger: Ledger = serde_json::from_slice(&text).expect("it is a ledger");
    assert_eq!(
        (ledger.schema, ledger.id.as_str(), ledger.mesh.as_str()),
        (1, lease.id(), "petshop")
    );
    assert_eq!(Some(&ledger.owner), ProcessIdentity::own().as_ref());
    let mut listed: Vec<_> = ledger.processes.iter().map(|process| process.identity.pid).collect();
    let pods = lease.pods();
    let states = pods.iter().flat_map(|pod| pod.application.iter().chain(&pod.envoy));
    let mut running: Vec<_> = states.filter_map(process_of).collect();
    listed.sort_unstable();
    running.sort_unstable();
    assert_eq!(listed, running);
    assert!(ledger.processes.iter().all(|process| process.identity.is_alive()));
    assert_eq!(live_runs(&ground.state()).expect("it is readable"), [ledger]);
    lease.release(None).await.expect("it ends");
    assert_eq!(live_runs(&ground.state()).expect("it is readable"), []);
}

#[tokio::test]
async fn nothing_stays_after_a_release() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    lease.pause(&Target::pod("pet-2")).await.expect("it runs");
    let pods = lease.pods();
    let states = pods.iter().flat_map(|pod| pod.application.iter().chain(&pod.envoy));
    let pids: Vec<_> = states.filter_map(process_of).collect();
    assert_eq!(pids.len(), 6);
    let (one, two) = tokio::join!(lease.release(None), lease.release(None));
    assert_eq!(one.expect("it ends"), two.expect("again is harmless"));
    assert!(!pids.iter().any(|pid| is_alive(*pid)));
    assert_eq!(ground.runs(), [""; 0]);
    // A process that another test is just starting has all that this one has open, until it is another program.
    until("free addresses", || block_is_free(pods[0].address));
    assert!(matches!(
        lease.start(&Target::pod("echo")).await,
        Err(RuntimeError::Released)
    ));
    assert!(matches!(lease.add("pet").await, Err(RuntimeError::Released)));
    assert!(
        lease
            .pods()
            .iter()
            .flat_map(|pod| &pod.envoy)
            .all(|state| !state.is_crashed())
    );
}

#[tokio::test]
async fn nothing_stays_of_a_lease_that_is_dropped() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let pods = lease.pods();
    drop(lease);
    // This blocks the only thread: nothing that would still have to run in the background gets to.
    until("free addresses", || block_is_free(pods[0].address));
    assert_eq!(ground.runs(), [""; 0]);
}

#[tokio::test]
async fn what_a_mesh_left_can_be_kept() {
    let ground = Ground::new();
    let target = ground.path().join("failures/case");
    let lease = lease(&ground, &ground.mesh()).await;
    until_log(&lease, "pet-1", "pet-1").await;
    let released = lease.release(Some(&target)).await.expect("it ends");
    assert_eq!(released.kept.as_deref(), Some(target.as_path()));
    let log = std::fs::read_to_string(target.join("logs/pet-1.application.log")).expect("it was kept");
    assert!(log.contains("--instance pet-1"));
    assert!(target.join("envoy/pet-1.json").exists() && target.join("ledger.json").exists());
    assert_eq!(ground.runs(), [""; 0]);

    let lease = lease_with(
        ProcessOptions {
            keep: true,
            ..ground.options()
        },
        &ground.mesh(),
    )
    .await
    .expect("it starts");
    let kept = lease.release(None).await.expect("it ends").kept.expect("it was kept");
    assert_eq!(kept, kept_folder(&ground.state(), &id(lease.id())));
    assert!(kept.join("logs").exists());
}

#[tokio::test]
async fn a_missing_program_is_told_with_a_way_out() {
    let ground = Ground::new();
    let mesh = ground.mesh();
    std::fs::remove_file(ground.bin().join("pet")).expect("it was there");
    let error = lease_with(ground.options(), &mesh)
        .await
        .err()
        .expect("there is no pet");
    assert_eq!(
        error.to_string(),
        format!("there is no `pet` at {}", ground.bin().join("pet").display())
    );
    assert_eq!(
        error.help().as_deref(),
        Some(
            "build the services in a checkout, `cargo build --workspace`, and name their folder: MESHKAT_SERVICES=target/debug"
        )
    );

    ground.program("pet", support::STAYS);
    let options = ProcessOptions {
        envoys: Envoys::one(ground.path().join("none")),
        ..ground.options()
    };
    let error = lease_with(options, &mesh).await.err().expect("there is no Envoy");
    assert!(
        error.to_string().starts_with("there is no Envoy at ") && error.help().is_some(),
        "{error}"
    );

    let options = ProcessOptions {
        envoys: Envoys::one(ground.path().join("envoys/sidecar.yaml")),
        ..ground.options()
    };
    let error = lease_with(options, &mesh).await.err().expect("that is no program");
    assert!(error.to_string().ends_with(" is not an executable file"), "{error}");
    assert_eq!(ground.runs(), [""; 0]);
}

#[tokio::test]
async fn a_mesh_that_does_not_start_leaves_nothing() {
    let ground = Ground::new();
    ground.program("pet", "#!/nonexistent/interpreter\n");
    let error = lease_with(ground.options(), &ground.mesh())
        .await
        .err()
        .expect("it cannot run");
    assert!(
        error
            .to_string()
            .starts_with("failed to start the application of pet-1, "),
        "{error}"
    );
    assert_eq!(ground.runs(), [""; 0]);

    ground.program("pet", support::STAYS);
    ground.envoy_file("sidecar", "nobody");
    let error = lease_with(ground.options(), &ground.mesh())
        .await
        .err()
        .expect("nobody has that name");
    assert!(
        error.to_string().contains("nobody in this mesh is called `nobody`"),
        "{error}"
    );
    assert_eq!(ground.runs(), [""; 0]);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_told() {
    let ground = Ground::new();
    std::fs::write(ground.path().join("file"), "").expect("the folder is ours");
    let options = ProcessOptions {
        state_dir: ground.path().join("file/state"),
        ..ground.options()
    };
    let error = lease_with(options, &ground.mesh())
        .await
        .err()
        .expect("a file is no folder");
    assert!(error.to_string().starts_with("failed to make the folder "), "{error}");
}

#[tokio::test]
async fn what_a_process_has_open_and_what_it_wrote_since_is_told() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let of = async |pod| lease.usage(pod, Container::Application).await;
    let usage = of("pet-1").await.expect("it runs");
    assert!(usage.files >= 3 && usage.memory > 0, "{usage:?}");
    assert_eq!(of("echo").await, None, "it never ran");
    let log = until_log(&lease, "pet-1", "\n").await;
    let since = async |from| {
        lease
            .log_since("pet-1", Container::Application, from)
            .await
            .expect("it is readable")
    };
    assert_eq!(since(0).await, (log.clone().into_bytes(), log.len() as u64));
    assert_eq!(since(log.len() as u64).await, (Vec::new(), log.len() as u64));
    lease.kill(&Target::pod("pet-1")).await.expect("it can be killed");
    assert_eq!(of("pet-1").await, None, "it has ended");
}

#[tokio::test]
async fn what_it_cannot_do_has_a_reason() {
    let backend = ProcessBackend::new(Ground::new().options()).expect("a backend");
    assert_eq!(backend.name(), "process");
    assert!(backend.capabilities().has(Capability::Pause));
    assert_eq!(
        backend.capabilities(),
        capabilities(),
        "a plan that is made without a backend is the same"
    );
    for missing in [Capability::CutNetwork, Capability::ShapeNetwork] {
        let capabilities = backend.capabilities();
        let reason = capabilities.reason(missing);
        assert!(reason.is_some_and(|reason| reason.contains("root")), "{missing}");
    }
}

#[tokio::test]
async fn what_runs_has_a_short_list_of_variables() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.one("#!/bin/sh\nenv\necho end.\nexec sleep 1000\n")).await;
    let log = until_log(&lease, "echo", "end.").await;
    // `sh` itself makes three.
    let made = ["PWD", "SHLVL", "_", "end."];
    let of_mesh = ["MESHKAT_RUN", "MESHKAT_STATE_DIR", "MESHKAT_TOKEN"];
    let handed_on = [
        "PATH",
        "HOME",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "RUST_LOG",
        "RUST_BACKTRACE",
    ];
    // What cargo tells a test must not be there: it is what stands for a CI's secrets here.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "run by cargo");
    for line in log.lines() {
        let name = line.split('=').next().unwrap_or_default();
        let known =
            made.contains(&name) || of_mesh.contains(&name) || handed_on.contains(&name) || name.starts_with("LC_");
        assert!(known, "{line}");
    }
    for (name, value) in [
        ("MESHKAT_RUN", lease.id().to_owned()),
        ("MESHKAT_STATE_DIR", ground.state().display().to_string()),
        ("PATH", std::env::var("PATH").expect("there is a PATH")),
    ] {
        let line = format!("{name}={value}");
        assert!(log.lines().any(|found| found == line), "{line} is not in\n{log}");
    }
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn a_log_is_bounded_however_much_is_written() {
    const LIMIT: u64 = 64 << 10;
    let ground = Ground::new();
    let options = ProcessOptions {
        log_limit: LIMIT,
        ..ground.options()
    };
    let flood = "#!/bin/sh\nyes 'a line of a flood' | head -c 20000000\necho the last line\nexec sleep 1000\n";
    let lease = lease_with(options, &ground.one(flood)).await.expect("the mesh starts");
    let log = until_log(&lease, "echo", "the last line").await;
    assert!(log.contains("a line of a flood"));
    let logs = run_folder(&ground.state(), &id(lease.id())).join("logs");
    let size = |name: &str| std::fs::metadata(logs.join(name)).map_or(0, |metadata| metadata.len());
    let text = || std::fs::read_to_string(logs.join("echo.application.log")).expect("it is there");
    until("both files are within the limit, and say so", || {
        size("echo.application.log") <= LIMIT
            && (1..=2 * LIMIT).contains(&size("echo.application.log.1"))
            && text().contains("[meshkat] this log was larger than 65536 bytes: ")
    });
    assert!(text().contains("bytes before that were dropped"), "{}", text());
    lease.release(None).await.expect("it ends");
}
