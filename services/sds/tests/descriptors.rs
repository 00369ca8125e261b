//! The descriptors of Envoy's API are those of Envoy 1.40's own binary, and besides those of the `envoy-types` that this is
//! built with.
//!
//! `UPDATE_DESCRIPTORS=1 cargo test --workspace --test descriptors` writes them anew.

#[path = "common/envoy.rs"]
mod envoy;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use memchr::memmem;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use protox::prost_reflect::DescriptorPool;
use protox::prost_reflect::prost::Message as _;
use protox::prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use protox::{Compiler, Error};
use serde_json::Value;

const SET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/descriptors/envoy-v3.binpb");

/// The Envoy whose messages there are.
const VERSION: &str = "/1.40.0/";

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

type Files = BTreeMap<String, FileDescriptorProto>;

/// The files of `envoy-types`, and all that they and `others` import.
fn published(others: &Files) -> Files {
    let mut found = Vec::new();
    let roots = roots(&protos());
    for root in &roots {
        for part in PARTS {
            files(root, &root.join(part), &mut found);
        }
    }
    assert!(found.len() > 400, "only {} files", found.len());
    let imported: BTreeSet<&String> = others.values().flat_map(|file| &file.dependency).collect();
    found.extend(imported.into_iter().filter(|name| !others.contains_key(*name)).cloned());
    found.sort();

    let mut all = Files::new();
    for name in found {
        // Each by itself: protox finds names in files that were compiled before even if they are not imported.
        let mut resolver = ChainFileResolver::new();
        for root in &roots {
            resolver.add(WrittenOut(IncludeFileResolver::new(root.clone())));
        }
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).include_source_info(false);
        compiler
            .open_file(&name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let files = compiler.file_descriptor_set().file.into_iter();
        all.extend(files.map(|file| (file.name().to_owned(), file)));
    }
    all
}

/// The files that are in Envoy's binary: a program that was made with protobuf has the descriptor of each, as a message.
fn of_envoy(binary: &[u8]) -> Files {
    memmem::find_iter(binary, ".proto")
        .filter_map(|place| file_at(binary, place + ".proto".len()))
        .map(|file| (file.name().to_owned(), file))
        .collect()
}

/// The file whose name ends at a place, if its descriptor begins with that name and ends as one in proto3 does.
fn file_at(binary: &[u8], end: usize) -> Option<FileDescriptorProto> {
    const LONGEST_NAME: usize = 0x7f;
    const NAME: u8 = 0x0a;
    let start = (1..=LONGEST_NAME).find_map(|length| {
        let start = end.checked_sub(length + 2)?;
        let [tag, told] = [binary[start], binary[start + 1]];
        (tag == NAME && usize::from(told) == length).then_some(start)
    })?;
    let rest = &binary[start..];
    let length = length(rest)?;
    let file = FileDescriptorProto::decode(&rest[..length]).ok()?;
    let is_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    file.name().bytes().all(is_a_name).then_some(file)
}

/// The length of a FileDescriptorProto, which has a field for its syntax last.
fn length(bytes: &[u8]) -> Option<usize> {
    const SYNTAX: u64 = 12;
    let mut rest = bytes;
    loop {
        let (tag, after) = varint(rest)?;
        let (number, after) = match tag & 7 {
            0 => (tag >> 3, varint(after)?.1),
            2 => {
                let (length, after) = varint(after)?;
                (tag >> 3, after.get(usize::try_from(length).ok()?..)?)
            }
            _ => return None,
        };
        if !(1..=SYNTAX).contains(&number) {
            return None;
        }
        rest = after;
        if number == SYNTAX {
            return Some(bytes.len() - rest.len());
        }
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// The names of all messages of a file.
fn messages(file: &FileDescriptorProto) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left: Vec<(String, &DescriptorProto)> = Vec::new();
    left.extend(
        file.message_type
            .iter()
            .map(|message| (file.package().to_owned(), message)),
    );
    while let Some((above, message)) = left.pop() {
        let name = format!("{above}.{}", message.name());
        left.extend(message.nested_type.iter().map(|nested| (name.clone(), nested)));
        found.insert(name);
    }
    found
}

/// Only what JSON and bytes depend on.
fn plain(file: &mut FileDescriptorProto) {
    file.options = None;
    file.source_code_info = None;
    // Methods need no messages of their own, and what is said of fields besides is for those who make programs of them.
    file.service.clear();
    file.extension.clear();
    let mut left: Vec<&mut DescriptorProto> = file.message_type.iter_mut().collect();
    while let Some(message) = left.pop() {
        for field in &mut message.field {
            if let Some(options) = &mut field.options {
                let packed = options.packed;
                *options = Default::default();
                options.packed = packed;
            }
        }
        left.extend(&mut message.nested_type);
    }
}

/// Whatever of a file no other may have, too: its messages, its enums, and the values of these.
fn names(file: &FileDescriptorProto) -> BTreeSet<String> {
    let mut found = messages(file);
    for kind in &file.enum_type {
        found.insert(format!("{}.{}", file.package(), kind.name()));
        // A value is a name beside that of its enum.
        let values = kind.value.iter();
        found.extend(values.map(|value| format!("{}.{}", file.package(), value.name())));
    }
    found
}

fn compile(envoy: &Files) -> Vec<u8> {
    let taken: BTreeSet<String> = envoy.values().flat_map(names).collect();
    let mut all = published(envoy);
    // Where both have a file, Envoy's is the newer one; it may have been given another name since.
    all.retain(|name, file| envoy.contains_key(name) || names(file).is_disjoint(&taken));
    all.extend(envoy.clone());
    let mut set = FileDescriptorSet::default();
    for mut file in all.into_values() {
        plain(&mut file);
        set.file.push(file);
    }
    set.encode_to_vec()
}

fn binary() -> Vec<u8> {
    let path = envoy::binary();
    let told = Command::new(&path).arg("--version").output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains(VERSION),
        "{} is no Envoy {VERSION}, whose messages are asked for: {told}",
        path.display()
    );
    fs::read(path).unwrap()
}

/// The set as it is to be, which is written if that is asked for.
fn made() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let set = compile(&of_envoy(&binary()));
        if env::var_os("UPDATE_DESCRIPTORS").is_some() {
            fs::write(SET, &set).unwrap();
        }
        set
    })
}

#[test]
fn the_descriptors_are_those_of_envoy_and_of_envoy_types() {
    let set = made();
    assert!(
        fs::read(SET).unwrap() == *set,
        "{SET} is out of date: run `UPDATE_DESCRIPTORS=1 cargo test --workspace --test descriptors`"
    );
}

/// Each file that is in Envoy's binary, and each message of it.
#[test]
fn every_message_of_envoy_is_there() {
    made();
    let binary = binary();
    let pool = DescriptorPool::decode(fs::read(SET).unwrap().as_slice()).unwrap();
    let known: BTreeSet<String> = pool.files().map(|file| file.name().to_owned()).collect();
    let of_envoy = of_envoy(&binary);
    assert!(of_envoy.len() > 500, "only {} files were found", of_envoy.len());
    for (name, file) in &of_envoy {
        assert!(known.contains(name), "{name} is missing");
        for message in messages(file) {
            assert!(
                pool.get_message_by_name(message.trim_start_matches('.')).is_some(),
                "{message} of {name} is missing"
            );
        }
    }
    for name in [
        "xds/type/v3/typed_struct.proto",
        "xds/type/matcher/v3/cel.proto",
        "udpa/type/v1/typed_struct.proto",
        "google/protobuf/field_mask.proto",
    ] {
        assert!(known.contains(name), "{name}");
    }
}
