//! The backend of containers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use meshkat_model::mesh::{GroupSpec, MeshSpec};
use meshkat_runtime::pods::{Bootstraps, NewMesh, PodLease};
use meshkat_runtime::run::{
    Begun, LeaseId, Ledger, Owner, RuntimeName, Token, absolute, kept_folder, open_state_dir, run_folder,
};
use meshkat_runtime::{Backend, Capabilities, Envoys, Lease, LocalEnvoy, RuntimeError};
use tokio::sync::{Mutex, OnceCell};

use crate::core::Core;
use crate::daemon;
use crate::driver::DockerDriver;
use crate::image::{self, Images};
use crate::labels;
use crate::launch::Launcher;
use crate::options::DockerOptions;
use crate::probe;
use crate::reach::Reach;

/// Runs meshes in Docker.
#[derive(Debug)]
pub struct DockerBackend {
    core: Arc<Core>,
    envoys: Envoys<LocalEnvoy>,
    /// The image of the services.
    services: OnceCell<String>,
    /// The image of each Envoy that a mesh was started with.
    built: Mutex<HashMap<LocalEnvoy, String>>,
}

impl DockerBackend {
    /// Reaches the daemon, and starts nothing yet. It has no Envoys: what a daemon can do is known without.
    ///
    /// # Errors
    /// Docker is not there, does not run, or may not be used.
    pub async fn connect(mut options: DockerOptions) -> Result<Self, RuntimeError> {
        options.services_dir = absolute(&options.services_dir)?;
        // As labels have it: whoever sweeps takes a path only if it is written as it is.
        options.state_dir = open_state_dir(&options.state_dir)?;
        let core = Core {
            docker: daemon::connect().await?,
            owner: Owner::new(options.state_dir.clone(), options.reaper.clone(), &[daemon::HOST])?,
            options,
            probed: OnceCell::new(),
        };
        Ok(Self {
            core: Arc::new(core),
            envoys: Envoys::none(),
            services: OnceCell::new(),
            built: Mutex::default(),
        })
    }

    /// With the Envoys of this machine that its meshes are to run: each is what runs where no registry has the image of its
    /// version.
    ///
    /// # Errors
    /// A path that cannot be made absolute.
    pub fn with_envoys(mut self, envoys: Envoys<LocalEnvoy>) -> Result<Self, RuntimeError> {
        self.envoys = envoys.try_map(|envoy| {
            let path = absolute(&envoy.path)?;
            Ok(LocalEnvoy { path, ..envoy })
        })?;
        Ok(self)
    }

    /// Finds out what the daemon's kernel can do to a network: [`Backend::capabilities`] knows it from then on. Builds the
    /// image of the services if nobody has asked before.
    ///
    /// # Errors
    /// The image cannot be built, or no container runs.
    pub async fn learn(&self) -> Result<(), RuntimeError> {
        let core = &self.core;
        let probing = core.probed.get_or_try_init(|| probe::find_out(core, self.services()));
        probing.await.map(drop)
    }

    /// The images that a mesh's pods run; built where they are not there.
    ///
    /// # Errors
    /// They cannot be built, or nobody has provided the Envoy that the mesh names.
    pub async fn images(&self, mesh: &MeshSpec) -> Result<Images, RuntimeError> {
        let envoy = self.envoys.of(mesh)?;
        let services = self.services().await?.to_owned();
        // One at a time: a second mesh with the same Envoy waits for its image.
        let mut built = self.built.lock().await;
        let image = match built.get(envoy) {
            Some(image) => image.clone(),
            None => {
                let image = image::envoy(&self.core, envoy).await?;
                built.insert(envoy.clone(), image.clone());
                image
            }
        };
        Ok(Images { services, envoy: image })
    }

    /// The image with the services; built where it is not there.
    async fn services(&self) -> Result<&str, RuntimeError> {
        let image = self.services.get_or_try_init(|| image::services(&self.core)).await?;
        Ok(image)
    }

    fn launcher(&self, run: &LeaseId, folder: PathBuf, images: Images, token: Option<Token>) -> Launcher {
        let options = &self.core.options;
        Launcher {
            run: run.clone(),
            images,
            reach: options.reach.unwrap_or_else(Reach::here),
            state_dir: options.state_dir.clone(),
            folder,
            token,
        }
    }
}

#[async_trait]
impl Backend for DockerBackend {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn capabilities(&self) -> Capabilities {
        self.core.capabilities()
    }

    async fn lease(&self, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError> {
        let core = Arc::clone(&self.core);
        let options = &self.core.options;
        let images = self.images(mesh).await?;
        for program in mesh.groups.values().filter_map(GroupSpec::program) {
            image::of_ones_own(&core, program).await?;
        }
        let bootstraps = Bootstraps::read(mesh, false)?;
        // Before there is anything to remove.
        let begun = Begun::begin(&core.owner, RuntimeName::Docker, &mesh.name).await?;
        let token = Token::new()?;
        let labels = labels::of_run(&begun.id, &options.state_dir);
        let subnet = options.subnets.create(&core.docker, &begun.id, labels).await?;
        let launcher = self.launcher(&begun.id, begun.folder.path().to_owned(), images, Some(token.clone()));
        let driver = DockerDriver::new(Arc::clone(&core), launcher, Some(subnet));
        let new = NewMesh {
            mesh: mesh.clone(),
            bootstraps,
            token,
            block: subnet.to_string(),
            keep: options.keep.then(|| kept_folder(&options.state_dir, &begun.id)),
            grace: options.grace,
        };
        Ok(PodLease::start(begun, driver, new).await?)
    }

    async fn attach(&self, run: &Ledger) -> Result<Arc<dyn Lease>, RuntimeError> {
        let options = &self.core.options;
        let folder = run_folder(&options.state_dir, &run.id);
        let launcher = self.launcher(&run.id, folder.clone(), Images::default(), None);
        let driver = DockerDriver::new(Arc::clone(&self.core), launcher, None);
        Ok(Arc::new(PodLease::attach(driver, run, folder, options.grace).await?))
    }
}
