//! The real Envoy.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use meshkat_kit::testing::DEADLINE;
use serde_json::Value;

use crate::found::binary;

/// An Envoy that runs. Killed when dropped.
pub(crate) struct Envoy {
    child: Child,
    folder: tempfile::TempDir,
}

impl Envoy {
    /// Starts it with a configuration, to which the admin part is added.
    pub(crate) fn start(mut configuration: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        configuration["admin"] =
            serde_json::json!({"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}});
        let file = folder.path().join("envoy.json");
        fs::write(&file, configuration.to_string()).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(binary())
            .args(["--disable-hot-restart", "--concurrency", "1", "-l", "warning", "-c"])
            .arg(&file)
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    /// Asks its admin until the answer is as it should be.
    pub(crate) async fn until(&self, path: &str, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let client = crate::common::client();
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < DEADLINE {
            if let Ok(address) = fs::read_to_string(self.folder.path().join("admin"))
                && let Ok(response) = client.get(format!("http://{address}{path}")).send().await
                && let Ok(text) = response.text().await
            {
                if holds(&text) {
                    return text;
                }
                last = text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("{path} never {what}:\n{last}\n{log}");
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
