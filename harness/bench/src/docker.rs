//! From start to the first 200 through the ingress, in Docker: `meshkat up --runtime docker` against `docker compose up` of
//! what `meshkat export compose` writes, with the same images.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use tempfile::TempDir;

use crate::{
    Error,
    first_answer::{LIMIT, PATH},
    poll,
    statistics::Spread,
    up::Up,
};

/// What the project promises.
const GOAL_RATIO: f64 = 1.0;

/// The project's name for `docker compose`.
const PROJECT: &str = "meshkat-bench";

/// Measures `pairs` pairs and gives the report; says so where there is no Docker or no `docker compose`.
pub(crate) fn measure(bin: &Path, pairs: usize) -> Result<String, Error> {
    let bin = bin
        .canonicalize()
        .map_err(|error| format!("{}: {error}; build first: cargo build --release", bin.display()))?;
    let Some(compose) = Compose::find() else {
        return Ok("SKIPPED: there is no Docker, or no docker compose\n".to_owned());
    };
    let exported = Exported::write(&bin)?;
    let mut times = Vec::new();
    // The first pair warms the caches and is not counted.
    for number in 0..=pairs {
        let ours = meshkat_up(&bin)?;
        let theirs = compose.up(&exported)?;
        if number > 0 {
            times.push((ours, theirs));
        }
    }
    let ms = |times: Spread| format!("{:6.0} ms   ({:.0} to {:.0})", times.median, times.min, times.max);
    let ratio = Spread::of(times.iter().map(|(ours, theirs)| ours / theirs));
    Ok(format!(
        "time to the first 200 of the petshop in Docker, 19 containers, {pairs} pairs: median (range)\n\
         \x20 meshkat up --runtime docker   {}\n\
         \x20 {:<27}   {}\n\
         \x20 ratio                         {:6.2}      ({:.2} to {:.2})   goal: at most {GOAL_RATIO}\n",
        ms(Spread::of(times.iter().map(|pair| pair.0))),
        format!("{} up", compose.words.join(" ")),
        ms(Spread::of(times.iter().map(|pair| pair.1))),
        ratio.median,
        ratio.min,
        ratio.max,
    ))
}

/// Whether there is a Docker that answers.
pub(crate) fn is_there() -> bool {
    answers(Command::new("docker").arg("version"))
}

fn answers(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn meshkat_up(bin: &Path) -> Result<f64, Error> {
    let start = Instant::now();
    let mut up = Up::start(bin, &["--runtime", "docker"])?;
    let ingress = up.ingress()?;
    poll::until_200(ingress, PATH, LIMIT)?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    up.wait_ready()?;
    up.end()?;
    Ok(took)
}

/// The compose file and what is beside it.
struct Exported {
    folder: TempDir,
    edge: SocketAddr,
}

impl Exported {
    fn write(bin: &Path) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let edge = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let status = Command::new(bin.join("meshkat"))
            .args([
                "export",
                "compose",
                "petshop",
                "--port",
                &edge.port().to_string(),
                "--dir",
            ])
            .arg(folder.path())
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err("the mesh cannot be exported".into());
        }
        Ok(Self { folder, edge })
    }
}

/// The command line of `docker compose`.
struct Compose {
    words: Vec<&'static str>,
}

impl Compose {
    /// The one that there is: a part of Docker, or the program that it once was.
    fn find() -> Option<Self> {
        let all = [vec!["docker", "compose"], vec!["docker-compose"]];
        if !is_there() {
            return None;
        }
        let found = all
            .into_iter()
            .find(|words| answers(Command::new(words[0]).args(&words[1..]).arg("version")));
        found.map(|words| Self { words })
    }

    fn command(&self, exported: &Exported, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.words[0]);
        command
            .args(&self.words[1..])
            .args(arguments)
            .env("COMPOSE_PROJECT_NAME", PROJECT)
            .current_dir(exported.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // What it says is shown only where it fails.
            .stderr(Stdio::piped());
        command
    }

    fn up(&self, exported: &Exported) -> Result<f64, Error> {
        let start = Instant::now();
        let up = self.command(exported, &["up", "--detach"]).spawn()?;
        let answered = poll::until_200(exported.edge, PATH, LIMIT);
        let took = start.elapsed().as_secs_f64() * 1000.0;
        let up = up.wait_with_output()?;
        let down = self.command(exported, &["down"]).output()?;
        answered?;
        for (what, outcome) in [("up", up), ("down", down)] {
            if !outcome.status.success() {
                let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
                return Err(format!("docker compose {what} failed: {said}").into());
            }
        }
        Ok(took)
    }
}
