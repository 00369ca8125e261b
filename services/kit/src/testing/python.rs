//! Peers of another make: packages of Python, fetched once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with packages as `pip` knows them, such as `grpcio==1.85.3`, fetched once into a folder of `tmp`. `None` if somebody wants to
/// do without, which is said: `variable` is `without`, or names a folder that has them already.
pub fn packages(tmp: &str, packages: &[&str], variable: &str) -> Option<PathBuf> {
    match env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(value) if value == "without" => {
            eprintln!(
                "SKIPPED: {} was not tried, as {variable}=without asks for",
                packages.join(" ")
            );
            return None;
        }
        Some(folder) => return Some(folder.into()),
        None => {}
    }
    let place = Path::new(tmp).join(packages.join("+"));
    if place.is_dir() {
        return Some(place);
    }
    // From an empty folder: `python3 -m pip` runs a `pip.py` of the one that it starts in.
    fs::create_dir_all(tmp).expect("a folder for what is fetched");
    let new = Path::new(tmp).join(format!("fetched-{}-{}", std::process::id(), fastrand::u64(..)));
    fs::create_dir(&new).expect("an empty folder");
    let said = match fetch(&new, packages) {
        Ok(package) => {
            // Whoever was first has the same.
            assert!(
                fs::rename(&package, &place).is_ok() || place.is_dir(),
                "{package:?} cannot be moved"
            );
            None
        }
        Err(said) => Some(said),
    };
    // What is left is removed with all that was built.
    let _ = fs::remove_dir_all(&new);
    let Some(said) = said else {
        return Some(place);
    };
    let packages = packages.join(" ");
    panic!(
        "there is no {packages}, and it cannot be fetched: set {variable} to a folder that has it (`pip install --target FOLDER \
         {packages}`), or to `without` to do without\n{said}"
    );
}

fn fetch(into: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let ways: [&[&str]; 2] = [
        &[
            "python3",
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        ],
        &["uv", "pip", "install", "--python", "python3"],
    ];
    let mut said = String::new();
    for way in ways {
        let package = into.join("package");
        let output = Command::new(way[0])
            .args(&way[1..])
            .arg("--target")
            .arg(&package)
            .args(packages)
            .current_dir(into)
            .output();
        match output {
            Ok(output) if output.status.success() => return Ok(package),
            Ok(output) => said += &format!("{}: {}\n", way[0], String::from_utf8_lossy(&output.stderr)),
            Err(error) => said += &format!("{}: {error}\n", way[0]),
        }
    }
    Err(said)
}

/// A script of Python that finds these packages, and no proxy of the environment.
pub fn script(packages: &Path, script: &str) -> Command {
    let mut command = Command::new("python3");
    command
        .arg(script)
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // A proxy of the environment is for the world outside.
        .env("no_grpc_proxy", "*")
        .env("NO_PROXY", "*");
    command
}
