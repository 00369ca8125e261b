//! A mesh of real Envoys in a Rust test: what scenarios do, in `#[tokio::test]`.
//!
//! A [`Project`] has the files: `scenarios/meshes/` says who is in a mesh, `envoy-configs/` how the Envoys are configured. A [`Mesh`]
//! of it is up when every Envoy is live, with its endpoints. What is done to it and expected of it are steps of the scenario language
//! ([`Mesh::run`]), with the same engine as `meshkat run`: requests, loads, faults, `within` and `for`, and what must hold after
//! every case. Where a test wants to ask by itself, [`Mesh::get`] sends a request, and [`Mesh::address`] tells where a pod is reached.
//!
//! ```no_run
//! # async fn test() -> Result<(), meshkat::Error> {
//! use meshkat::Project;
//!
//! let project = Project::find()?;
//! let mut mesh = project.mesh("petshop").replicas("pet", 3).up().await?;
//! mesh.run("{get: /stores/1, times: 30, status: 200, distinct: {pet: 3}}").await?;
//! mesh.run(
//!     "
//!     - {load: shoppers, get: /stores/1, rate: 100/s}
//!     - {scale: {pet: 2}}
//!     - {expect: shoppers, for: 1s, errors: 0}
//!     ",
//! )
//! .await?;
//! let answer = mesh.get("/stores/1").await?;
//! assert_eq!(answer.status, 200);
//! mesh.down().await
//! # }
//! ```
//!
//! A step that does not hold is an [`Error::Failed`], which tells what was expected, what came, and likely causes. A test that panics drops
//! its mesh, and that ends everything that runs for it; so does a test process that is killed.
//!
//! What a test needs is what a run needs: an Envoy, which is fetched where there is none (`MESHKAT_ENVOY` names another one), and the
//! services. These are looked for where `MESHKAT_SERVICES` says, beside a `meshkat` above the test's own program (as in the `target` folder of
//! the workspace that builds them), and beside or in the `meshkat` on the `PATH`. Meshes are plain processes; each has loopback addresses
//! of its own, so that tests may run at the same time.

mod builder;
mod error;
mod mesh;
mod programs;
mod project;

pub use builder::MeshBuilder;
pub use error::Error;
pub use mesh::{Held, Mesh};
pub use meshkat_model::observation::Answer;
pub use project::Project;
