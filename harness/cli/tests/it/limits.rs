//! Files that are small and stand for much, files that are large, and files that are none: each is told, and takes no more
//! memory and time than a machine can spare.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::lab::meshkat;

/// What a command may take of memory, in KiB.
const MEMORY: u32 = 500 * 1024;

/// After so many seconds a command has failed; it takes one or two.
const DEADLINE: u32 = 120;

struct Project(tempfile::TempDir);

impl Project {
    /// A project of one mesh and one scenario, `shop/fine`.
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a temporary folder"));
        project.write("envoy-configs/none.txt", "");
        project.write("scenarios/meshes/one.yaml", "pods:\n  echo: {service: echo}\n");
        project.scenario("shop/fine", "", "/${id}", "id: [1, 2]");
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder is the test's own");
        fs::write(path, text).expect("the folder is the test's own");
    }

    fn scenario(&self, id: &str, more: &str, path: &str, axes: &str) {
        let text = format!(
            "promise: It answers.\nmesh: one\naxes: {{{axes}}}\n{more}steps:\n  - {{get: \"{path}\", direct: echo, status: 200}}\n"
        );
        self.write(&format!("scenarios/{id}.yaml"), text);
    }

    /// So many axes with so many values each, all of which the scenario uses.
    fn wide(&self, id: &str, axes: usize, values: usize, more: &str) {
        let all: Vec<String> = (0..values).map(|value| value.to_string()).collect();
        let all = all.join(", ");
        let named: Vec<String> = (0..axes).map(|axis| format!("a{axis}: [{all}]")).collect();
        let path: String = (0..axes).map(|axis| format!("/${{a{axis}}}")).collect();
        self.scenario(id, more, &path, &named.join(", "));
    }

    /// Runs the command with bounded memory and a deadline.
    fn tell(&self, args: &[&str]) -> Told {
        let limited = format!("ulimit -d {MEMORY}; exec timeout {DEADLINE} \"$0\" \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &limited])
            .arg(meshkat())
            .args(args)
            .current_dir(self.path())
            .env("MESHKAT_STATE_DIR", self.path().join("state"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        Told(output)
    }
}

struct Told(Output);

impl Told {
    /// What it says to people, if it ends with this code.
    #[track_caller]
    fn exits(&self, code: i32) -> String {
        let err = String::from_utf8_lossy(&self.0.stderr).into_owned();
        assert_eq!(self.0.status.code(), Some(code), "{err}");
        assert!(err.len() < 400_000, "{} bytes are told", err.len());
        // Lines are wrapped where they are long.
        err.lines()
            .map(|line| line.trim_start_matches(['│', ' ', '×', '╰', '─']).trim())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[track_caller]
    fn tells(&self, code: i32, parts: &[&str]) {
        let err = self.exits(code);
        for part in parts {
            assert!(err.contains(part), "`{part}` is not in: {err}");
        }
    }
}

#[test]
fn twelve_axes_of_ten_values_are_counted_and_never_unfolded() {
    let project = Project::new();
    project.wide("shop/wide", 12, 10, "");
    let many = "12 axes of 10 values are 1,000,000,000,000 cases; at most ";
    project
        .tell(&["list"])
        .tells(2, &[many, "scenarios/shop/wide.yaml:3:1", "--coverage pairwise"]);
    project.tell(&["lint"]).tells(0, &["nothing is wrong"]);
    for coverage in ["each", "pairwise", "3-wise"] {
        project.tell(&["list", "--coverage", coverage]).exits(0);
    }
    // Another scenario has nothing to do with it.
    project.tell(&["explain", "shop/fine[id=1]"]).exits(0);
    project.tell(&["list", "shop/fine"]).exits(0);
    // One of its cases is made alone.
    let values: Vec<String> = (0..12).map(|axis| format!("a{axis}={}", axis % 10)).collect();
    let id = format!("shop/wide[{}]", values.join(","));
    project.tell(&["explain", &id]).exits(0);
    project.tell(&["list", &id]).exits(0);
    project
        .tell(&["explain", &id.replace("a3=3", "a3=10")])
        .tells(4, &["there is no case"]);
    project.tell(&["explain", "shop/wide"]).tells(2, &[many]);
}

#[test]
fn more_cases_than_can_be_counted_are_refused_with_what_is_said_of_them() {
    for (axes, values, more) in [
        (200, 100, ""),
        (12, 10, "exclude: [{a0: 1, a1: 1}]\n"),
        (12, 10, "constraints: [params.a0 != params.a1]\n"),
        (12, 10, "stronger: [{axes: [a0, a1, a2, a3, a4, a5], strength: full}]\n"),
        (12, 10, "seeds: [{a0: 1}]\ninclude: [{a1: 77}]\n"),
    ] {
        let project = Project::new();
        project.wide("shop/wide", axes, values, more);
        project.tell(&["list"]).tells(2, &["; at most "]);
        project.tell(&["explain", "shop/fine[id=1]"]).exits(0);
        project.tell(&["lint", "scenarios/shop/fine.yaml"]).exits(0);
        let linted = project.tell(&["lint"]);
        assert!(matches!(linted.0.status.code(), Some(0 | 2)), "{:?}", linted.0);
    }
}

#[test]
fn cases_that_a_constraint_leaves_of_a_large_space_are_found_without_unfolding_it() {
    let project = Project::new();
    let one: String = (1..10)
        .map(|axis| format!("  - params.a{axis} == 0 || params.a0 == {axis}\n"))
        .collect();
    let same = "  - params.a10 == params.a0\n  - params.a11 == params.a0\n";
    project.wide("shop/thin", 12, 10, &format!("constraints:\n{one}{same}"));
    // One of nothing, nine times ten, and the two of the other scenario.
    project.tell(&["list"]).tells(0, &["93 cases on"]);
}

#[test]
fn ten_thousand_values_of_an_axis_are_fine_and_more_are_told() {
    let project = Project::new();
    project.wide("shop/long", 1, 10_000, "");
    project.tell(&["lint"]).tells(0, &["10002 cases"]);
    project.tell(&["list", "--format", "json"]).exits(0);
    // What is wrong in each of them is told once, and shortly.
    project.wide("shop/long", 1, 10_000, "tags: [\"two words\"]\n");
    project
        .tell(&["lint"])
        .tells(2, &["`two words` is not a tag", "1 problem in 1 file"]);
    let wrong: Vec<String> = (0..2000).map(|n| format!("{{a0: x{n}}}")).collect();
    project.wide("shop/long", 1, 10_000, &format!("exclude: [{}]\n", wrong.join(", ")));
    project
        .tell(&["lint"])
        .tells(2, &["has no value `x0`", "problems in 1 file"]);
    project.wide("shop/long", 1, 10_001, "");
    project
        .tell(&["lint"])
        .tells(2, &["the axis `a0` has 10,001 values: at most 10,000"]);
    project.wide("shop/long", 201, 1, "");
    project
        .tell(&["lint"])
        .tells(2, &["201 axes are too many: at most 200"]);
}

#[test]
fn cover_has_the_limits_of_scenarios() {
    let project = Project::new();
    let axes = |axes: usize, values: usize| {
        let all: Vec<String> = (0..values).map(|value| value.to_string()).collect();
        let named = (0..axes).map(|axis| format!("  a{axis}: [{}]\n", all.join(", ")));
        format!("axes:\n{}", named.collect::<String>())
    };
    project.write("wide.yaml", axes(2, 2000));
    project
        .tell(&["cover", "wide.yaml"])
        .tells(2, &["there are 4,000,000 rows, or more; at most 100,000"]);
    project.write("ten.yaml", axes(12, 10));
    let many = "12 axes of 10 values are 1,000,000,000,000 rows; at most 100,000";
    project
        .tell(&["cover", "ten.yaml", "--strength", "full"])
        .tells(2, &[many]);
    project.tell(&["cover", "ten.yaml"]).tells(0, &["rows"]);
    project.write("full.yaml", axes(12, 10) + "strength: full\n");
    project.tell(&["cover", "full.yaml"]).tells(2, &[many]);
    project.write("sets.yaml", axes(200, 2));
    project
        .tell(&["cover", "sets.yaml", "--strength", "5"])
        .tells(2, &["sets of axes to combine"]);
}

#[test]
fn constraints_that_take_too_much_work_are_told() {
    let project = Project::new();
    // So many pigeons, and a hole too few.
    let pigeons = |many: usize| {
        let holes: Vec<String> = (1..many).map(|hole| hole.to_string()).collect();
        let holes = holes.join(", ");
        let axes: String = (0..many).map(|axis| format!("  a{axis}: [{holes}]\n")).collect();
        let apart: String = (0..many)
            .flat_map(|one| (one + 1..many).map(move |other| format!("  - params.a{one} != params.a{other}\n")))
            .collect();
        format!("axes:\n{axes}constraints:\n{apart}")
    };
    project.write("pigeons.yaml", pigeons(5));
    project
        .tell(&["cover", "pigeons.yaml"])
        .tells(2, &["no combination is possible"]);
    project.write("pigeons.yaml", pigeons(14));
    project
        .tell(&["cover", "pigeons.yaml"])
        .tells(2, &["cannot be decided within ", "--effort high"]);
    // Constraints over so many axes that their answers are in no table, of which no single axis is narrowed by any.
    let axes: String = (0..24).map(|axis| format!("  a{axis}: [0, 1]\n")).collect();
    let sum: Vec<String> = (0..24).map(|axis| format!("params.a{axis}")).collect();
    let sum = sum.join(" + ");
    project.write(
        "parity.yaml",
        format!("axes:\n{axes}constraints:\n  - ({sum}) % 2 == 1\n  - ({sum}) % 2 == 0\n"),
    );
    project
        .tell(&["cover", "parity.yaml"])
        .tells(2, &["cannot be decided within ", "--effort high"]);
}

#[test]
fn a_mistake_in_each_of_thousands_of_cases_is_told_once() {
    let project = Project::new();
    let digits = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    let axes: Vec<String> = (0..4).map(|axis| format!("a{axis}: {digits}")).collect();
    let steps: String = (0..60)
        .map(|step| format!("- {{get: /{step}, statsu-of-this-one-request: 200}}\n"))
        .collect();
    project.write(
        "scenarios/shop/many.yaml",
        format!(
            "promise: It answers.\nmesh: one\naxes: {{{}}}\nsteps:\n- {{get: \"/${{a0}}${{a1}}${{a2}}${{a3}}\", direct: echo, status: 200}}\n{steps}",
            axes.join(", ")
        ),
    );
    let told = project.tell(&["lint"]);
    told.tells(2, &["shop/many.yaml:6", "unknown key `statsu-of-this-one-request`"]);
    // Not in some of the cases only.
    let told = told.exits(2);
    assert!(!told.contains("only with") && !told.contains("of the first"), "{told}");
}

#[test]
fn expressions_without_end_end_while_files_are_checked() {
    let loops = "params.id < 0 || [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20].all(a, \
                 [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20].all(b, \
                 [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20].all(c, \
                 [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20].all(d, \
                 [1,2,3,4,5,6,7,8,9,10].all(e, \
                 [1,2,3,4,5,6,7,8,9,10].all(f, a + b + c + d + e + f + params.id > 0))))))";
    let doubled = (0..26).fold("'0123456789'".to_owned(), |text, n| {
        format!("[{text}].map(x{n}, x{n} + x{n})[0]")
    });
    for expression in [loops.to_owned(), format!("params.id < 0 || {doubled}.size() > 0")] {
        let project = Project::new();
        project.scenario(
            "shop/constraint",
            &format!("constraints: [\"{expression}\"]\n"),
            "/${id}",
            "id: [1, 2]",
        );
        project
            .tell(&["lint"])
            .tells(2, &["shop/constraint.yaml:4", "needs more than 1,000,000 steps"]);
        project.tell(&["explain", "shop/fine[id=1]"]).exits(0);
        let project = Project::new();
        let step = format!("  - {{get: /, direct: echo, status: 200, when: \"{expression}\"}}\n");
        let text = format!("promise: It answers.\nmesh: one\naxes: {{id: [1, 2]}}\nsteps:\n{step}");
        project.write("scenarios/shop/when.yaml", text);
        project
            .tell(&["lint"])
            .tells(2, &["shop/when.yaml:5", "needs more than 1,000,000 steps"]);
    }
}

#[test]
fn what_is_no_text_that_people_write_is_refused_at_its_place() {
    for (bytes, told) in [
        (&b"mesh: one\npromise: It \0answers.\n"[..], &["2:13", "U+0000"][..]),
        (b"mesh: one\npromise: It \x1b[2Janswers.\n", &["2:13", "U+001B"]),
        (
            "mesh: one\npromise: It \u{202e}answers.\n".as_bytes(),
            &["2:13", "U+202E"],
        ),
        (
            "mesh: one\npromise: It\u{2028}answers.\n".as_bytes(),
            &["2:12", "U+2028"],
        ),
        (
            b"mesh: one\npromise: It \xed\xa0\x80\n",
            &["2:13", "not UTF-8", "behind 22 bytes"],
        ),
    ] {
        let project = Project::new();
        project.write("scenarios/shop/odd.yaml", bytes);
        project.tell(&["lint"]).tells(2, told);
        project.tell(&["list"]).exits(2);
        project.tell(&["list", "shop/fine"]).exits(0);
    }
    let project = Project::new();
    project.write("scenarios/meshes/odd.yaml", "pods:\n  echo: {service: echo}\n# \0\n");
    project.tell(&["lint"]).tells(2, &["meshes/odd.yaml:3:3", "U+0000"]);
    let project = Project::new();
    project.write("scenarios/axes.yaml", "ids: [1, \"\u{7f}\"]\n");
    project.tell(&["lint"]).tells(2, &["axes.yaml:1:11", "U+007F"]);
    project.write("cover.yaml", "axes: {a: [1, 2], b: [1, \u{1}]}\n");
    project
        .tell(&["cover", "cover.yaml"])
        .tells(2, &["cover.yaml:1:26", "U+0001"]);
}

#[test]
fn files_that_are_large_or_deep_or_no_files_are_told() {
    let step = "  - {get: /, direct: echo, status: 200}\n";
    let head = "promise: It answers.\nmesh: one\nsteps:\n";
    for (text, told) in [
        (
            head.to_owned() + &step.repeat(1001),
            "1,001 steps are too many: at most 1,000",
        ),
        (head.to_owned() + &step.repeat(40_000), "larger than 1048576 bytes"),
        (format!("{head}{}", "[".repeat(100_000)), "too deeply"),
        (format!("{head}{}", "- ".repeat(100_000)), "too deeply"),
        (format!("{head}  - {}", "{a: ".repeat(100_000)), "too deeply"),
        (
            format!("promise: &a [{}]\nmesh: *a\n", "x, ".repeat(1000)),
            "anchors and aliases",
        ),
        (format!("{head}{step}promise: again\n"), "is there twice"),
        (
            format!("mesh: one\npromise: {}\nsteps: 5\n", "x".repeat(1_000_000)),
            "expected a list",
        ),
        // One line in which every part has a place.
        (
            format!("mesh: one\npromise: x\nsteps: [{}]\n", "{x: 1}, ".repeat(900)),
            "problems in 1 file",
        ),
        (
            format!("{head}{step}tags: [{}]\n", "a b, ".repeat(100_000)),
            "is not a tag",
        ),
    ] {
        let project = Project::new();
        project.write("scenarios/shop/odd.yaml", text);
        project.tell(&["lint"]).tells(2, &[told]);
        project.tell(&["explain", "shop/fine[id=1]"]).exits(0);
    }
    for link in ["/dev/zero", "odd.yaml", "/proc/self/mem"] {
        let project = Project::new();
        std::os::unix::fs::symlink(link, project.path().join("scenarios/shop/odd.yaml")).expect("it can be made");
        project.tell(&["lint"]).tells(2, &["failed to read"]);
        project.tell(&["list"]).tells(2, &["failed to read", "odd.yaml"]);
        project.tell(&["list", "shop/fine"]).exits(0);
    }
    let project = Project::new();
    let made = Command::new("mkfifo")
        .arg(project.path().join("scenarios/shop/odd.yaml"))
        .status();
    assert!(made.is_ok_and(|made| made.success()));
    project.tell(&["lint"]).tells(2, &["it is not a regular file"]);
    // Folders that lead back to themselves, in two ways.
    let project = Project::new();
    for link in ["one", "two"] {
        std::os::unix::fs::symlink("..", project.path().join("scenarios/shop").join(link)).expect("it can be made");
    }
    project.tell(&["lint"]).exits(0);
    let project = Project::new();
    for number in 0..10_001 {
        project.write(&format!("scenarios/many/{number}.yaml"), "x");
    }
    project.tell(&["list"]).tells(2, &["more than 10,000 files"]);
}

#[test]
fn a_link_that_leads_out_of_the_project_is_not_read() {
    let elsewhere = tempfile::tempdir().expect("a folder for the test");
    let secret = elsewhere.path().join("netrc");
    fs::write(&secret, "machine github.com login bob password S3cretLineOne\n").expect("the folder is the test's own");
    let fine = elsewhere.path().join("fine.yaml");
    fs::write(&fine, "admin: {address: S3cretAddress}\n").expect("the folder is the test's own");
    for (link, to) in [
        ("scenarios/shop/other.yaml", &secret),
        ("scenarios/linked", &elsewhere.path().to_owned()),
        ("scenarios/meshes/other.yaml", &secret),
        ("scenarios/axes.yaml", &secret),
        ("envoy-configs/other.yaml", &fine),
        ("envoy-configs/overlays/other.yaml", &fine),
    ] {
        let project = Project::new();
        project.scenario("shop/fine", "", "/${id}", "id: [1, 2]");
        let path = project.path().join(link);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder is the test's own");
        std::os::unix::fs::symlink(to, &path).expect("the folder is the test's own");
        let told = project.tell(&["lint"]);
        let err = told.exits(2);
        assert!(
            !err.contains("S3cret") && err.contains("leads out of the project"),
            "{link}: {err}"
        );
        let file = path.to_str().expect("it is text");
        for args in [vec!["lint", file], vec!["list"], vec!["explain", "shop/fine[id=1]"]] {
            let told = project.tell(&args).0;
            for text in [told.stdout, told.stderr] {
                let text = String::from_utf8_lossy(&text);
                assert!(!text.contains("S3cret"), "{link}: {args:?}: {text}");
            }
        }
    }
    // As the configuration of a mesh.
    let project = Project::new();
    fs::create_dir_all(project.path().join("envoy-configs")).expect("the folder is the test's own");
    std::os::unix::fs::symlink(&fine, project.path().join("envoy-configs/linked.yaml"))
        .expect("the folder is the test's own");
    project.write(
        "scenarios/meshes/two.yaml",
        "pods:\n  echo: {service: echo, envoy: linked.yaml}\n",
    );
    project
        .tell(&["lint", "scenarios/meshes/two.yaml"])
        .tells(2, &["`linked.yaml` in `envoy-configs` leads out of the project"]);
}

#[test]
fn a_mesh_of_thousands_of_groups_is_refused_and_one_of_hundreds_in_thousands_of_cases() {
    let project = Project::new();
    let groups = |many: usize| -> String {
        let groups: String = (0..many)
            .map(|group| format!("  g{group}: {{service: echo}}\n"))
            .collect();
        format!("pods:\n{groups}")
    };
    project.write("scenarios/meshes/many.yaml", groups(201));
    project
        .tell(&["lint", "scenarios/meshes/many.yaml"])
        .tells(2, &["a mesh of 201 groups; at most 200"]);
    project.write("scenarios/meshes/many.yaml", groups(200));
    let values: Vec<String> = (0..2001).map(|value| value.to_string()).collect();
    project.write(
        "scenarios/shop/many.yaml",
        format!(
            "promise: It answers.\nmesh: many\naxes: {{id: [{}]}}\nsteps:\n- {{get: \"/${{id}}\", direct: g1, status: 200}}\n",
            values.join(", ")
        ),
    );
    project.tell(&["lint", "scenarios/shop/many.yaml"]).tells(
        2,
        &["2,001 cases, each with a mesh of 200 groups; at most 2,000 with so large a mesh"],
    );
}
