//! `meshkat init`: a project around an Envoy configuration.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use meshkat_envoy::config::{Bootstrap, lint};
use meshkat_model::project::Project;

use crate::{
    args::InitArgs,
    exit::{Exit, count},
    init::{Draft, LARGEST, STARTER},
    output::say,
    program, used,
};

pub(crate) fn run(args: &InitArgs) -> Result<(), Exit> {
    let (name, config) = match &args.envoy_config {
        Some(file) => (name_of(file)?, read(file)?),
        None => ("first".to_owned(), starter()?),
    };
    let project = Project { root: args.dir.clone() };
    let content = match &args.envoy_config {
        Some(file) => meshkat_files::read(file, LARGEST)
            .map_err(|error| Exit::usage(format!("failed to read {}: {error}", file.display())))?,
        None => STARTER.as_bytes().to_vec(),
    };
    let draft = Draft::of(&name, (&config, content), &project);
    if let Some(double) = draft.doubles.first() {
        return Err(Exit::usage(format!(
            "{} would be two files: the configuration, one that it names, or one that stands in for a host; nothing was written",
            double.display()
        ))
        .help("give the configuration, or the file that it names, another name"));
    }
    for file in draft.files.keys() {
        no_way_out(&project.root, file)?;
    }
    let taken: Vec<&Path> = draft
        .files
        .keys()
        .map(PathBuf::as_path)
        .filter(|file| fs::symlink_metadata(file).is_ok())
        .collect();
    if let Some(first) = taken.first() {
        let more = match taken.len() {
            1 => String::new(),
            many => format!(", and {} more", many - 1),
        };
        return Err(Exit::usage(format!(
            "{} is there already{more}; nothing was written",
            first.display()
        ))
        .help("name another folder, or give the configuration another name"));
    }
    for (file, content) in &draft.files {
        write(file, content, draft.private.contains(file))
            .map_err(|error| Exit::environment(format!("failed to write {}: {error}", file.display())))?;
        say(&format!("wrote {}", file.display()));
    }
    if !draft.questions.is_empty() {
        say(&format!("\n{} for you:", count(draft.questions.len(), "question")));
        for question in &draft.questions {
            say(&format!("- {question}"));
        }
    }
    let here = args.dir == Path::new(".");
    let go = if here {
        String::new()
    } else {
        format!("cd {} && ", args.dir.display())
    };
    match draft.has_scenarios(&project) {
        true => say(&format!("\nnext: {go}{} run '{name}/*'", program::name())),
        // No request was thought out: a person has to.
        false => say(&format!(
            "\nno scenario was written; next: {go}{} lint, and a first one in scenarios/{name}/ (docs/guide/first-scenario.md)",
            program::name()
        )),
    }
    Ok(())
}

fn write(file: &Path, content: &[u8], is_private: bool) -> io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    match is_private {
        true => meshkat_files::write_private(file, content),
        false => meshkat_files::write(file, content),
    }
}

/// That on the way from the project's folder to a file of it nothing leads elsewhere, and nothing stands where a folder has to be.
fn no_way_out(root: &Path, file: &Path) -> Result<(), Exit> {
    let below = file.strip_prefix(root).unwrap_or(file);
    let folders = below
        .ancestors()
        .skip(1)
        .filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders.map(|folder| root.join(folder)) {
        let Ok(there) = fs::symlink_metadata(&folder) else {
            continue;
        };
        if !there.is_dir() {
            let what = if there.is_symlink() { "a link" } else { "no folder" };
            return Err(
                Exit::usage(format!("{} is {what}; nothing was written", folder.display()))
                    .help("name another folder, or move it out of the way"),
            );
        }
    }
    Ok(())
}

/// The name of the mesh: that of the file, as far as a mesh can have it.
fn name_of(file: &Path) -> Result<String, Exit> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = stem
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    // Beside the scenarios stands the folder of the meshes.
    let name = match name.trim_matches('-') {
        "meshes" => "meshes-1",
        name => name,
    };
    match name.is_empty() {
        false => Ok(name.to_owned()),
        true => Err(Exit::usage(format!("{} has no name to call a mesh by", file.display()))
            .help("give a file such as `edge.yaml`")),
    }
}

fn read(file: &Path) -> Result<Bootstrap, Exit> {
    let told = lint(file, None);
    if !told.is_empty() {
        // A project of its own it has not yet.
        let root = file.parent().unwrap_or(Path::new(".")).to_owned();
        let project = Project { root };
        let told: Vec<_> = told
            .into_iter()
            .map(|problem| used::of_config(&project, problem))
            .collect();
        return Err(Exit::diagnostics(&told));
    }
    Bootstrap::read(file).map_err(|error| Exit::usage(error.to_string()))
}

fn starter() -> Result<Bootstrap, Exit> {
    Bootstrap::parse(Path::new("first.yaml"), STARTER).map_err(|error| Exit::environment(error.to_string()))
}
