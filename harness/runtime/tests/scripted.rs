//! The backend of tests, and that it has the states that a real one has.

mod support;

use meshkat_model::mesh::Container;
use meshkat_runtime::run::{live_runs, run_folder};
use meshkat_runtime::scripted::{Call, Script, ScriptedBackend};
use meshkat_runtime::{Backend, Capabilities, Capability, ContainerState, Lease, NetworkFault, RuntimeError, Target};
use support::{APPLICATION, Ground, application, id, until_state};

fn script() -> Script {
    ["ingress", "pet-1", "pet-2", "pet-3", "sds", "echo"]
        .iter()
        .enumerate()
        .fold(Script::default(), |script, (at, pod)| {
            script.address(pod, format!("127.0.0.{at}").parse().expect("an address"))
        })
}

#[tokio::test]
async fn calls_are_noted_and_states_follow() {
    let ground = Ground::new();
    let script = script().log("pet-1", Container::Envoy, "grüezi");
    let lease = ScriptedBackend::new(script.clone())
        .scripted_lease(&ground.mesh())
        .await
        .expect("it starts");
    let names: Vec<_> = lease.pods().into_iter().map(|pod| pod.name).collect();
    assert_eq!(names, ["ingress", "pet-1", "pet-2", "sds", "echo"]);
    assert_eq!(
        lease.pod("pet-2").expect("it is there").address.to_string(),
        "127.0.0.2"
    );
    assert_eq!(
        lease.pod("echo").expect("it is there").application,
        Some(ContainerState::NotStarted)
    );

    let changes = lease.changes();
    let target = Target::pod("pet-1");
    lease.pause(&target).await.expect("it runs");
    assert!(changes.has_changed().expect("the lease is there"));
    lease.start(&target).await.expect_err("it is paused");
    lease.kill(&target).await.expect("it is alive");
    let killed = Some(ContainerState::Exited {
        code: None,
        signal: Some(9),
        expected: true,
    });
    let pod = lease.pod("pet-1").expect("it is there");
    assert_eq!((&pod.application, &pod.envoy), (&killed, &killed));
    lease.crash("pet-2", Container::Envoy, 3).expect("it has an Envoy");
    assert!(
        lease
            .pod("pet-2")
            .and_then(|pod| pod.envoy)
            .is_some_and(|state| state.is_crashed())
    );

    assert_eq!(lease.add("pet").await.expect("it has an address").name, "pet-3");
    lease.remove("pet-2").await.expect("it is there");
    lease
        .add("ingress")
        .await
        .expect_err("the script has no address for it");
    assert_eq!(
        lease.log("pet-1", Container::Envoy, 5).await.expect("it has one"),
        "üezi"
    );
    assert_eq!(
        lease.log("pet-1", Container::Envoy, 4).await.expect("it has one"),
        "ezi",
        "half a letter is none"
    );
    lease.release(None).await.expect("it ends");
    let expected = [
        Call::Lease("petshop".to_owned()),
        Call::Pause(target.clone()),
        Call::Start(target.clone()),
        Call::Kill(target),
        Call::Add("pet".to_owned()),
        Call::Remove("pet-2".to_owned()),
        Call::Add("ingress".to_owned()),
        Call::Release,
    ];
    assert_eq!(script.calls(), expected);
}

#[tokio::test]
async fn a_call_fails_once_where_the_script_says_so() {
    let ground = Ground::new();
    let script = script();
    let backend =
        ScriptedBackend::new(script.clone()).with(Capabilities::all().without(Capability::Pause, "no signals"));
    assert!(!backend.capabilities().has(Capability::Pause));
    script.fail(Call::Lease("petshop".to_owned()), "no memory");
    let error = backend.lease(&ground.mesh()).await.err().expect("the script says so");
    assert_eq!(error.to_string(), "no memory");
    let lease = backend.lease(&ground.mesh()).await.expect("only once");
    script.fail(Call::Stop(Target::pod("sds")), "no permission");
    lease.stop(&Target::pod("sds")).await.expect_err("the script says so");
    assert!(
        lease
            .pod("sds")
            .and_then(|pod| pod.application)
            .is_some_and(|state| state.is_alive())
    );
    lease.stop(&Target::pod("sds")).await.expect("only once");
    assert!(matches!(
        lease.stop(&Target::pod("dog")).await,
        Err(RuntimeError::UnknownPod { .. })
    ));
}

#[tokio::test]
async fn the_network_of_pods_that_are_there_is_harmed_and_healed() {
    let script = script();
    let lease = ScriptedBackend::new(script.clone())
        .scripted_lease(&Ground::new().mesh())
        .await
        .expect("it starts");
    let sds = ["sds".to_owned()];
    let refuse = NetworkFault::Refuse;
    lease.harm_network("pet-1", &sds, refuse).await.expect("both are there");
    lease.heal_network("pet-1").await.expect("it is there");
    let unknown = [
        lease.harm_network("dog", &[], refuse).await,
        lease.harm_network("pet-1", &["dog".to_owned()], refuse).await,
        lease.heal_network("dog").await,
    ];
    for error in unknown {
        assert!(matches!(error, Err(RuntimeError::UnknownPod { pod }) if pod == "dog"));
    }
    let first = [
        Call::Lease("petshop".to_owned()),
        Call::HarmNetwork {
            pod: "pet-1".to_owned(),
            peers: sds.to_vec(),
            fault: refuse,
        },
        Call::HealNetwork("pet-1".to_owned()),
    ];
    assert_eq!(script.calls()[..3], first);
}

#[tokio::test]
async fn configurations_keep_the_names_where_a_name_server_answers_for_them() {
    let script = script();
    let lease = ScriptedBackend::new(script.clone())
        .scripted_lease(&Ground::new().mesh())
        .await
        .expect("it starts");
    let runs = script.state_dir().expect("it is there").join("runs");
    let run = std::fs::read_dir(runs)
        .expect("it is there")
        .flatten()
        .next()
        .expect("it runs");
    let text = std::fs::read_to_string(run.path().join("envoy/pet-1.json")).expect("it was written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let cluster = &json["static_resources"]["clusters"][0];
    let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    assert_eq!(cluster["type"], "STRICT_DNS");
    assert_eq!(endpoint["address"]["socket_address"]["address"], "sds");
    assert_eq!(json["node"]["id"], "pet-1");
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn a_runtime_without_processes_is_attached_to_as_well() {
    let ground = Ground::new();
    let script = script().log("pet-1", Container::Envoy, "fetched");
    let backend = ScriptedBackend::new(script.clone());
    let holder = backend.lease(&ground.mesh()).await.expect("it starts");
    let state = script.state_dir().expect("it is there");
    let run = live_runs(&state).expect("it is readable").remove(0);
    let guest = backend.attach(&run).await.expect("it is there");
    assert_eq!(guest.pods(), holder.pods());
    assert!(application(&guest, "pet-1").to_string() == "running" && run.processes.is_empty());
    assert_eq!(
        guest.log("pet-1", Container::Envoy, 100).await.expect("it has one"),
        "fetched"
    );
    guest
        .kill(&Target::container("pet-1", APPLICATION))
        .await
        .expect("it runs");
    until_state(&holder, "pet-1", |state| state.is_crashed()).await;

    // What the one does to the network the other undoes.
    let faults = run_folder(&state, &id(run.id.as_str())).join("network.json");
    let sds = ["sds".to_owned()];
    guest
        .harm_network("pet-1", &sds, NetworkFault::Refuse)
        .await
        .expect("both are there");
    guest
        .harm_network("pet-2", &[], NetworkFault::Disconnect)
        .await
        .expect("it is there");
    let noted = std::fs::read_to_string(&faults).expect("it was noted");
    assert_eq!(
        noted,
        r#"{"between":[["pet-1","sds",{"kind":"refuse"}]],"off":["pet-2"]}"#
    );
    holder.heal_network("sds").await.expect("it is there");
    holder.heal_network("pet-2").await.expect("it is there");
    let noted = std::fs::read_to_string(&faults).expect("it was noted");
    assert_eq!(noted, r#"{"between":[],"off":[]}"#);
    holder.release(None).await.expect("it ends");
}
