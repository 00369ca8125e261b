//! The descriptors of Envoy's API are those of the `envoy-types` that this is built with.
//!
//! `UPDATE_DESCRIPTORS=1 cargo test -p sds --test descriptors` writes them anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use protox::prost_reflect::prost::Message as _;
use protox::prost_reflect::prost_types::FileDescriptorSet;
use protox::{Compiler, Error};
use serde_json::Value;

const SET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/descriptors/envoy-v3.binpb");

/// What of the API a resource can be made of.
const PARTS: [&str; 4] = ["envoy/config", "envoy/extensions", "envoy/type", "xds"];

/// The start of a name that protox looks for in a package of a file that was not imported, written out.
const WRITTEN_OUT: (&str, &str) = (
    " common.dynamic_forward_proxy.v3.",
    " .envoy.extensions.common.dynamic_forward_proxy.v3.",
);

struct WrittenOut(IncludeFileResolver);

impl FileResolver for WrittenOut {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.0.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        let file = self.0.open_file(name)?;
        let Some(source) = file.source() else { return Ok(file) };
        let source = source.replace(WRITTEN_OUT.0, WRITTEN_OUT.1);
        File::from_source(name, &source)
    }
}

/// The platform, so that cargo does not look for what only others need.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap()
        .to_owned()
}

/// Where cargo keeps the source of `envoy-types`.
fn protos() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            &host(),
        ])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "envoy-types")
        .unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("proto")
}

/// The folders that imports start from.
fn roots(protos: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(protos).unwrap().map(|entry| entry.unwrap().path());
    folders
        .map(|folder| {
            if folder.ends_with("cel-spec") {
                folder.join("proto")
            } else {
                folder
            }
        })
        .collect()
}

fn files(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

fn compile() -> Vec<u8> {
    let mut found = Vec::new();
    let roots = roots(&protos());
    for root in &roots {
        for part in PARTS {
            files(root, &root.join(part), &mut found);
        }
    }
    found.sort();
    assert!(found.len() > 400, "only {} files", found.len());

    let mut names = BTreeSet::new();
    let mut set = FileDescriptorSet::default();
    for name in found {
        // Each by itself: protox finds names in files that were compiled before even if they are not imported.
        let mut resolver = ChainFileResolver::new();
        for root in &roots {
            resolver.add(WrittenOut(IncludeFileResolver::new(root.clone())));
        }
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).include_source_info(false);
        compiler.open_file(&name).unwrap();
        let files = compiler.file_descriptor_set().file.into_iter();
        set.file
            .extend(files.filter(|file| names.insert(file.name().to_owned())));
    }
    set.encode_to_vec()
}

#[test]
fn the_descriptors_are_those_of_envoy_types() {
    let set = compile();
    if env::var_os("UPDATE_DESCRIPTORS").is_some() {
        fs::write(SET, &set).unwrap();
    }
    assert!(
        fs::read(SET).unwrap() == set,
        "{SET} is out of date: run `UPDATE_DESCRIPTORS=1 cargo test -p sds --test descriptors`"
    );
}
