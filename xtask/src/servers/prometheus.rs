//! Prometheus and its `promtool`: the ones on `PATH`, else unpacked from Debian's package into the cache, so that no
//! system service is started. Does not know what is scraped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::shell::{self, run_quietly, say};

/// Scrape addresses (`host:port`) by the job names of `deploy/prometheus/prometheus.yml`.
pub type Targets = BTreeMap<String, Vec<String>>;

/// The folder that holds `prometheus` and `promtool`.
pub fn fetch() -> Result<PathBuf> {
    if let (Some(server), Some(tool)) = (shell::which("prometheus"), shell::which("promtool")) {
        let folder = server.parent().filter(|folder| tool.starts_with(folder));
        if let Some(folder) = folder {
            return Ok(folder.to_owned());
        }
    }
    let cached = crate::cache::once("prometheus", |folder| {
        if shell::which("apt-get").is_none() {
            bail!(
                "prometheus and promtool are not on PATH, and there is no apt-get to fetch them with: install Prometheus"
            );
        }
        say("fetching Prometheus (19 MB)");
        if rustix::process::geteuid().is_root() {
            run_quietly(Command::new("apt-get").args(["update", "-qq"]))?;
        }
        run_quietly(Command::new("apt-get").args(["download", "-qq", "prometheus"]).current_dir(folder))
            .context("if no package list is there yet, run: sudo apt-get update")?;
        let package = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
        let package = package.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
        let package = package.context("apt-get downloaded no package")?;
        run_quietly(Command::new("dpkg-deb").arg("-x").args([&package, folder]))?;
        ensure!(folder.join("usr/bin/prometheus").is_file(), "Debian's package holds no usr/bin/prometheus");
        fs::remove_file(&package).context("remove the unpacked package")
    })?;
    Ok(cached.join("usr/bin"))
}

/// The command that runs Prometheus on its one port with the settings of `deploy/prometheus` and `targets`.
pub(super) fn command(folder: &Path, ports: &[u16], targets: &Targets) -> Result<Command> {
    let [port] = ports else { bail!("Prometheus needs one port") };
    let deploy = shell::root()?.join("deploy/prometheus");
    let path = deploy.join("prometheus.yml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let settings = serde_saphyr::from_str(&text).with_context(|| format!("read {} as YAML", path.display()))?;
    fs::create_dir_all(folder.join("data")).context("create Prometheus' data folder")?;
    // JSON is YAML.
    let settings = serde_json::to_vec_pretty(&local(settings, &deploy, targets)?)?;
    let config = folder.join("prometheus.json");
    fs::write(&config, settings).context("write Prometheus' settings")?;
    let mut server = Command::new(fetch()?.join("prometheus"));
    server.arg(format!("--config.file={}", config.display()));
    server.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Ok(server)
}

/// The deployed settings with local addresses: each job's targets replaced, rules found by their full path,
/// and scraped every second, since a demo is short.
fn local(mut settings: Value, deploy: &Path, targets: &Targets) -> Result<Value> {
    settings["global"]["scrape_interval"] = json!("1s");
    settings["global"]["scrape_timeout"] = json!("1s");
    for file in settings["rule_files"].as_array_mut().into_iter().flatten() {
        let name = file.as_str().context("prometheus.yml: a rule file is not text")?;
        *file = json!(deploy.join(name));
    }
    let jobs = settings["scrape_configs"].as_array_mut().context("prometheus.yml has no scrape_configs")?;
    for job in jobs {
        let name = job["job_name"].as_str().context("prometheus.yml: a job has no name")?;
        job["static_configs"] = json!([{ "targets": targets.get(name).cloned().unwrap_or_default() }]);
    }
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("alerting");
    }
    Ok(settings)
}

/// Asks `/-/ready`.
pub(super) fn ready(ports: &[u16]) -> Result<(), String> {
    let port = ports.first().copied().unwrap_or_default();
    super::http_ok(&format!("http://127.0.0.1:{port}/-/ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_prometheus_scrapes_the_local_addresses_by_the_deployed_rules() {
        let deployed = json!({
            "global": { "scrape_interval": "15s" },
            "rule_files": ["rules/*.yml"],
            "alerting": {},
            "scrape_configs": [
                { "job_name": "fuse", "static_configs": [{ "targets": ["fuse:9464"] }] },
                { "job_name": "alert", "static_configs": [{ "targets": ["alert:9464"] }] },
            ],
        });
        let targets = Targets::from([("fuse".to_owned(), vec!["127.0.0.1:15000".to_owned()])]);
        let local = local(deployed, Path::new("/deploy"), &targets).expect("valid settings");
        assert_eq!(local["rule_files"], json!(["/deploy/rules/*.yml"]));
        assert_eq!(local["scrape_configs"][0]["static_configs"], json!([{ "targets": ["127.0.0.1:15000"] }]));
        assert_eq!(local["scrape_configs"][1]["static_configs"], json!([{ "targets": [] }]));
        assert!(local.get("alerting").is_none());
    }
}
