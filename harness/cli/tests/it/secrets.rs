//! Secrets of whoever runs a stranger's configuration.

use std::{fs, path::Path};

use crate::lab::Lab;

const SECRET: &str = "s3cr3t-of-the-runner";

/// All files below a folder with what is in them.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("it is there")).into_owned();
            all.push((path.display().to_string(), text));
        }
    }
    all
}

#[test]
fn an_envoy_cannot_tell_the_variables_of_the_runner() {
    let lab = Lab::new();
    lab.edit(
        "envoy-configs/ingress.yaml",
        "                  listener: ingress_http\n",
        "                  listener: ingress_http\n                  token: \"token=%ENVIRONMENT(GITHUB_TOKEN)%\"\n                  \
         key: \"%ENVIRONMENT(AWS_SECRET_ACCESS_KEY)%\"\n                  home: \"%ENVIRONMENT(PATH)%\"\n",
    );
    let case = "routing/petshop[petstores=1,pets=1]";
    let mut command = lab.run_command(&[case, "--keep", "always"]);
    command.env("GITHUB_TOKEN", SECRET).env("AWS_SECRET_ACCESS_KEY", SECRET);
    command.env(
        "PATH",
        format!("{}:/on/the/path", std::env::var("PATH").expect("there is a PATH")),
    );
    let _permit = crate::permit::Permit::one();
    let told = lab.tell_command(command).exits(0);
    assert!(!told.err.contains(SECRET) && !told.out.contains(SECRET));
    let files = files(&lab.report());
    let access = files.iter().find(|(path, _)| path.ends_with("ingress/access.log"));
    let (_, access) = access.unwrap_or_else(|| panic!("no access log is kept"));
    // It does print variables: one that is handed on is there.
    assert!(
        access.contains("/on/the/path") && access.contains("token=-"),
        "{access}"
    );
    for (path, text) in &files {
        assert!(!text.contains(SECRET), "{path}");
    }
}
