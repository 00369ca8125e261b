//! Files that a stranger wrote, an environment with secrets in it, and what is printed and kept of either.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::{
    lab::{Lab, names},
    permit::Permit,
};

const TOKEN: &str = "Tok3n/of \"the\" runner & nobody else's";
const COMMANDS: &str = "\n::stop-commands::x\n##[error]y\n  ::add-mask::z\r::error::r\u{1b}]0;t\u{7}\n##vso[task.complete]\n--- fold\nsection_start:1:a\r\u{1b}[0K";

/// The events of a run as somebody could send them, with one case that failed.
fn log(id: &str, actual: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        r#"{{"schema":1,"at_ms":0,"event":"run-started","run":{{"id":"1","seed":0,"started":"2026-01-01T00:00:00Z","duration_ms":0,"runtime":{odd},"meshkat":"0.1.0","envoy":[{odd}],"coverage":{odd},"shard":null,"interrupted":false}},"cases":[{{"id":{id},"scenario":{id},"promise":{odd},"params":{{}},"tags":[]}}],"meshes":1}}
{{"at_ms":1,"event":"mesh-starting","mesh":0,"name":{odd},"cases":[{id}]}}
{{"at_ms":1,"event":"step-started","id":{id},"index":0,"of":1,"name":{odd}}}
{{"at_ms":1,"event":"case-finished","case":{{"id":{id},"scenario":{id},"promise":{odd},"params":{{}},"tags":[],"status":"failed","attempts":1,"duration_ms":1,"checks":1,"requests":1,"reproduce":{odd},"steps":[{{"name":{odd},"status":"failed","started_ms":0,"duration_ms":1,"checks":1}}],"failure":{{"step":{odd},"file":{odd},"line":1,"message":{odd},"expected":{odd},"actual":{odd},"hints":[{odd}]}}}}}}
{{"at_ms":2,"event":"warning","message":{odd}}}
{{"at_ms":2,"event":"run-finished","duration_ms":2,"interrupted":false}}
"#,
        id = text(id),
        odd = text(actual),
    )
}

/// Whether a CI server or a terminal obeys any of it.
#[track_caller]
fn nothing_is_obeyed(text: &str) {
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
        "{text:?}"
    );
    for line in text.lines() {
        let begin = line.trim_start();
        assert!(!begin.starts_with("::") && !begin.starts_with("--- "), "{line:?}");
        for word in [
            "##[",
            "##vso[",
            "##teamcity[",
            "section_start:",
            "section_end:",
            "travis_fold:",
        ] {
            assert!(!line.contains(word), "{line:?}");
        }
    }
}

/// All that lies in a folder, whatever it is called.
fn all(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        match entry.file_type().expect("it is there").is_dir() {
            true => files.extend(all(&path)),
            false => files.push((
                path.display().to_string(),
                fs::read_to_string(&path).expect("it is text"),
            )),
        }
    }
    files
}

#[test]
fn what_others_wrote_is_printed_and_not_obeyed() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write(
        "scenarios/a.yaml",
        "promise: \"x\\n::stop-commands::x\\n##[error]y\"\nmesh: petshop\nsteps:\n  - \"##[group]q\": \"\\n::error::w\"\n",
    );
    lab.write(
        "envoy-configs/\n::error::name.yaml",
        "##[error]: ::x\n  ::notice::y: [\n",
    );
    lab.write(
        "axes\n::error::a.yaml",
        "axes:\n  \"##[error]x\": [\"a\\n::error::b\", \"c\\e[2J\"]\n  b: [1, 2]\n",
    );
    lab.write("sent/events.jsonl", &log(&format!("a/b{COMMANDS}"), COMMANDS));
    lab.write("wrong/events.jsonl", "{\"\\n::error::x\": 1}\n");
    for args in [
        &["lint"][..],
        &["list"],
        &["explain", "x\n::error::y ##[error]z\u{1b}[2J"],
        &["run", "x\n::error::y\u{1b}[31m"],
        &["run", "\n::error::y", "--shard", "\n::error::z"],
        &["\n::error::x"],
        &["lint", "\n::error::x\u{1b}[8m"],
        &["cover", "axes\n::error::a.yaml"],
        &["cover", "axes\n::error::a.yaml", "--format", "json"],
        &["report", "merge", "sent"],
        &["report", "merge", "\n::error::x"],
        &["report", "merge", "wrong"],
        &["replay", "sent"],
        &["replay", "wrong"],
        &["replay", "\n::error::x"],
        &["list", "--times", "\n##[error]x"],
        &["fault", "kill", "\n::error::x"],
        &["envoy", "fetch", "\n::error::x"],
    ] {
        let told = lab.tell(args);
        nothing_is_obeyed(&told.out);
        nothing_is_obeyed(&told.err);
    }
    let json = lab
        .tell(&["cover", "axes\n::error::a.yaml", "--format", "json"])
        .exits(0)
        .out;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).expect("it is JSON still");
    assert!(rows.iter().any(|row| row["##[error]x"] == "a\n::error::b"), "{json}");
    assert!(rows.iter().any(|row| row["##[error]x"] == "c\u{1b}[2J"), "{json}");
}

#[test]
fn a_report_tells_no_secret_of_the_environment() {
    let lab = Lab::new();
    let quoted = serde_json::Value::from(TOKEN).to_string();
    let split = TOKEN.replace(" runner", "\n   runner");
    let url = "x=Tok3n%2Fof%20%22the%22%20runner%20%26%20nobody%20else%27s&y";
    let basic = "dXNlcjpUb2szbi9vZiAidGhlIiBydW5uZXIgJiBub2JvZHkgZWxzZSdz";
    let all_of_it = [TOKEN, &quoted, &split, url, basic].join(" | ");
    // So long that every report cuts it, somewhere in the middle of one.
    let long = format!("{all_of_it} {}", format!("{TOKEN} ").repeat(2_000));
    lab.write("sent/events.jsonl", &log(&format!("a/{TOKEN}"), &long));
    for file in ["pet-1/envoy.log", "pet-1/config_dump.json"] {
        lab.write(&format!("sent/failures/a/{file}"), "not of this case");
    }
    let mut command = lab.command(&["report", "merge", "sent", "--report-dir", "merged"]);
    command.env("DEPLOY_TOKEN", TOKEN).env("A_TOKEN_TYPE", "anything");
    let told = lab.tell_command(command).exits(0);
    let mut files = all(&lab.project().join("merged"));
    files.push(("standard error".to_owned(), told.err));
    for (name, text) in &files {
        for part in ["Tok3n", "nobody else", "runner", "b2szbi9vZiAidGhlI", "runner%20"] {
            assert!(!text.contains(part), "{name} tells {part}");
        }
    }
    for name in ["results.json", "junit.xml", "index.html", "failure.txt"] {
        let text = files
            .iter()
            .find(|(path, _)| path.ends_with(name))
            .map(|(_, text)| text);
        assert!(
            text.is_some_and(|text| text.contains("[DEPLOY_TOKEN redacted]")),
            "{name}"
        );
    }

    let mut command = lab.command(&["explain", TOKEN]);
    command.env("DEPLOY_TOKEN", TOKEN);
    lab.tell_command(command)
        .exits(4)
        .says(&["there is no case `[DEPLOY_TOKEN redacted]`"]);
    // Whoever has no such variable keeps the words.
    lab.tell(&["explain", TOKEN]).exits(4).says(&[TOKEN]);
}

#[test]
fn a_run_redacts_what_its_mesh_says() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write(
        "scenarios/mine/told.yaml",
        "promise: A header comes back.\nmesh: petshop\nsteps:\n  - get: /stores/tell-Sup3r-s3cret-word\n    status: 200\n",
    );
    let _permit = Permit::one();
    let mut command = lab.run_command(&[]);
    command.env("SHOP_PASSWORD", "Sup3r-s3cret-word");
    let told = lab.tell_command(command).exits(1);
    assert!(told.err.contains("tell-[SHOP_PASSWORD redacted]"), "{}", told.err);
    let files = all(&lab.report());
    assert!(
        files
            .iter()
            .any(|(name, text)| name.ends_with("access.log") && text.contains("[SHOP_PASSWORD redacted]"))
    );
    for (name, text) in &files {
        assert!(!text.contains("Sup3r"), "{name}");
    }
}

#[test]
fn links_of_a_checkout_lead_no_report_elsewhere() {
    for link in ["reports", "reports/latest", "reports/ci", "reports/merged"] {
        let lab = Lab::new();
        lab.write("sent/events.jsonl", &log("a/b", "503"));
        let precious = lab.path("precious");
        for name in [
            "results.json",
            "failures/mine.txt",
            "latest/results.json",
            "latest/failures/mine.txt",
        ] {
            let path = precious.join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is the test's own");
            fs::write(path, "{\"schema\":1,\"run\":{}}").expect("the folder is the test's own");
        }
        let before = all(&precious);
        let path = lab.project().join(link);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is the test's own");
        symlink(&precious, &path).expect("the folder is the test's own");
        let below = if link == "reports" { "reports/merged" } else { link };
        let absolute = lab.project().join(below).display().to_string();
        let up = format!("scenarios/../{below}");
        let through = lab.path("way-in");
        symlink(lab.project(), &through).expect("the folder is the test's own");
        let through = through.join(below).display().to_string();
        for dir in [below, &absolute, &up, &through] {
            lab.tell(&["report", "merge", "sent", "--report-dir", dir])
                .exits(2)
                .says(&["is a link", "--report-dir"]);
        }
        assert_eq!(all(&precious), before, "{link}");
        assert_eq!(names(&precious), ["failures", "latest", "results.json"], "{link}");
    }
}

#[test]
fn a_folder_outside_of_the_project_is_the_users_own_word() {
    let lab = Lab::new();
    lab.write("sent/events.jsonl", &log("a/b", "503"));
    fs::create_dir(lab.path("disk")).expect("the folder is the test's own");
    symlink(lab.path("disk"), lab.path("way")).expect("the folder is the test's own");
    let dir = lab.path("way/new/report").display().to_string();
    lab.tell(&["report", "merge", "sent", "--report-dir", &dir]).exits(0);
    assert!(lab.path("disk/new/report/results.json").is_file());
}

#[test]
fn a_run_that_is_told_to_write_over_somebodys_page_does_not_start() {
    let lab = Lab::new();
    lab.write("report/index.html", "<title>My page</title>");
    let _permit = Permit::one();
    lab.tell_command(lab.run_command(&["routing/petshop[petstores=1,pets=1]"]))
        .exits(2)
        .says(&["report/index.html", "no run of meshkat wrote it", "--report-dir"]);
    assert_eq!(names(&lab.report()), ["index.html"]);
}

#[test]
fn times_and_results_that_never_end_are_usage() {
    let lab = Lab::new();
    let fifo = lab.project().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .expect("mkfifo starts");
    assert!(made.success());
    let large = fs::File::create(lab.project().join("large")).expect("the folder is the test's own");
    large.set_len(10 << 30).expect("a file with a hole");
    lab.write("deep", &"[".repeat(1_000_000));
    for (file, part) in [
        ("pipe", "not a regular file"),
        ("large", "larger than"),
        ("deep", "times"),
    ] {
        lab.tell(&["list", "--times", file]).exits(2).says(&[part]);
        lab.tell(&["report", "merge", file]).exits(2).says(&[file]);
        lab.tell(&["replay", file]).exits(2).says(&[file]);
        let folder = lab.project().join("report");
        fs::create_dir_all(&folder).expect("the folder is the test's own");
        symlink(lab.project().join(file), folder.join("results.json")).expect("the folder is the test's own");
        lab.tell_command(lab.run_command(&["--rerun", "failed"]))
            .exits(2)
            .says(&["it is a link"]);
        fs::remove_file(folder.join("results.json")).expect("the folder is the test's own");
        fs::rename(lab.project().join(file), folder.join("results.json")).expect("the folder is the test's own");
        lab.tell_command(lab.run_command(&["--rerun", "failed"]))
            .exits(2)
            .says(&["results.json"]);
        fs::remove_dir_all(&folder).expect("the folder is the test's own");
    }
}
