//! A machine without room, or without open files, is the environment, and told before anything starts.

use std::process::Command;

use crate::lab::{Lab, meshkat};

const HOSTS: &str = "edge/host-routing";

/// Another program, in the lab's project and with the environment that its commands have.
fn in_the_lab(lab: &Lab, program: &str) -> Command {
    let of_lab = lab.command(&[]);
    let environment = of_lab.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut command = Command::new(program);
    command.envs(environment).current_dir(lab.project());
    command
}

#[test]
fn too_few_open_files_are_the_environments() {
    let lab = Lab::new();
    for args in [&["run", HOSTS][..], &["up", "edge"], &["doctor"]] {
        let mut command = in_the_lab(&lab, "sh");
        command
            .args(["-c", "ulimit -n 256; exec \"$@\"", "sh"])
            .arg(meshkat())
            .args(args);
        lab.tell_command(command).exits(3).says(&[
            "this process may have 256 files open, and a run needs 1,024",
            "ulimit -n 4096",
        ]);
        assert_eq!(lab.runs(), [""; 0], "nothing was started");
    }
}

/// Whether a file system can be mounted that only this process sees.
fn may_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "true"]);
    command.output().is_ok_and(|out| out.status.success())
}

#[test]
fn a_full_disk_is_the_environments() {
    if !may_mount() {
        use std::io::Write as _;
        drop(writeln!(
            std::io::stderr(),
            "not tried: no file system can be mounted here"
        ));
        return;
    }
    for (variable, told) in [
        ("TMPDIR", "for temporary files"),
        ("MESHKAT_STATE_DIR", "for the folders of running meshes"),
    ] {
        let lab = Lab::new();
        for args in [&["run", HOSTS][..], &["up", "edge"], &["doctor"], &["lint"]] {
            if (variable, args[0]) == ("MESHKAT_STATE_DIR", "lint") {
                continue;
            }
            let full = lab.path("said").display().to_string();
            let mut command = in_the_lab(&lab, "unshare");
            command
                .args(["--map-root-user", "--mount", "sh", "-c"])
                .arg("mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"")
                .args([&full])
                .arg(meshkat())
                .args(args)
                .env(variable, &full);
            lab.tell_command(command).exits(3).says(&[
                &format!("there is no room in {full} {told}"),
                "MiB are needed",
                variable,
            ]);
        }
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let lab = Lab::new();
    for args in ["list edge", "schema", "--help", "completions bash"] {
        let script = format!("exec '{}' {args} > /dev/full", meshkat().display());
        let mut command = in_the_lab(&lab, "sh");
        command.args(["-c", &script]);
        lab.tell_command(command)
            .exits(3)
            .says(&["failed to write to standard output: No space left on device"]);
    }
    // A reader that has gone away has what it wanted.
    let script = format!("'{}' list 2>&1 >&3 3>&- | cat", meshkat().display());
    let script = format!("exec 3>&1; {{ {script}; }} 3>&1 | true");
    let mut command = in_the_lab(&lab, "sh");
    command.args(["-c", &script]);
    lab.tell_command(command).exits(0);
}

#[test]
fn what_the_parts_tell_has_no_colours_in_a_file() {
    let lab = Lab::new();
    let mut command = lab.command(&["list", HOSTS]);
    command.env("MESHKAT_LOG", "debug").env_remove("NO_COLOR");
    let told = lab.tell_command(command).exits(0);
    assert!(!told.err.contains('\u{1b}'), "{}", told.err);
}
