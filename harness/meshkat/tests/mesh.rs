//! The library on the real Envoy: what a test of one's own would do.

use std::{net::TcpStream, time::Duration};

use meshkat::{Error, Mesh, Project};

async fn petshop() -> Mesh {
    let project = Project::find().expect("the tests are below the project");
    project
        .mesh("petshop")
        .replicas("pet", 3)
        .up()
        .await
        .expect("it comes up")
}

#[tokio::test]
async fn a_mesh_is_asked_loses_a_pod_and_is_asked_again() -> Result<(), Error> {
    let mut mesh = petshop().await;
    let answer = mesh.get("/stores/1").await?;
    assert_eq!(answer.status, 200);
    let held = mesh
        .run("{get: /stores/1, times: 30, status: 200, distinct: {pet: 3}}")
        .await?;
    assert_eq!(held.requests, 30);
    mesh.run(
        "
        - {load: shoppers, get: /stores/1, rate: 50/s}
        - {scale: {pet: 2}}
        - {expect: shoppers, for: 500ms, errors: 0}
        - get: /stores/1
          times: 20
          distinct: {pet: 2}
        ",
    )
    .await?;
    let admin = mesh.address("pet-2", 8081)?;
    assert!(TcpStream::connect(admin).is_ok());
    mesh.down().await?;
    assert!(TcpStream::connect(admin).is_err(), "its Envoy has ended");
    Ok(())
}

#[tokio::test]
async fn what_does_not_hold_is_told_with_its_cause() {
    let mut mesh = petshop().await;
    let steps = "{get: /stores/99, status: 200}";
    let (line, run) = (line!(), mesh.run(steps));
    let told = run.await.expect_err("there is no such store");
    let text = told.to_string();
    assert!(matches!(told, Error::Failed(_)), "{text}");
    for part in [
        &*format!("tests/mesh.rs:{line}"),
        "get /stores/99",
        "expected: status 200",
        "404",
    ] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    // The mesh is as it was, and goes on.
    mesh.run("{get: /stores/1, status: 200}")
        .await
        .expect("it is asked again");
    // What has an effect of its own has to be said to be on purpose, as in a scenario.
    let told = mesh.run("{kil: pet-1}").await.expect_err("there is no such verb");
    assert!(
        matches!(told, Error::Invalid(_)) && told.to_string().contains("kil"),
        "{told}"
    );
    let told = mesh.run("{kill: pet-9}").await.expect_err("there is no such pod");
    assert!(told.to_string().contains("pet-9"), "{told}");
    mesh.down().await.expect("it ends");
}

#[tokio::test]
async fn a_mesh_that_is_not_there_and_a_change_that_does_not_fit_are_told() {
    let project = Project::find().expect("the tests are below the project");
    let told = project.mesh("petshpo").up().await.expect_err("there is no such mesh");
    assert!(told.to_string().contains("petshop"), "{told}");
    let told = project
        .mesh("petshop")
        .replicas("pte", 2)
        .up()
        .await
        .expect_err("there is no such group");
    assert!(
        matches!(told, Error::Invalid(_)) && told.to_string().contains("pte"),
        "{told}"
    );
    let told = project
        .mesh("petshop")
        .overlay("no-such")
        .up()
        .await
        .expect_err("there is no such overlay");
    assert!(told.to_string().contains("no-such"), "{told}");
    let elsewhere = tempfile::tempdir().expect("there is room for a folder");
    let told = Project::at(elsewhere.path()).expect_err("it is no project");
    assert!(told.to_string().contains("is not in a meshkat project"), "{told}");
}

/// A panic in a test that has a mesh: nothing of it runs on, though the process does.
#[tokio::test]
async fn a_panic_ends_the_mesh() {
    let (tell, told) = std::sync::mpsc::channel();
    let test = tokio::spawn(async move {
        let mesh = petshop().await;
        tell.send(mesh.address("pet-1", 8081).expect("it has an Envoy"))
            .expect("somebody waits");
        panic!("on purpose");
    });
    assert!(test.await.expect_err("it panics").is_panic());
    let admin = told.recv().expect("it came so far");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(admin).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the Envoy at {admin} runs on");
        std::thread::yield_now();
    }
}
