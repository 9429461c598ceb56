//! `backstop dashboards`: runs the query of every panel of the Grafana dashboards against the real ClickHouse and
//! Prometheus, with Grafana's variables filled in. Each must bring rows. It does not draw.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::clickhouse;

/// Which dashboards, and what they ask.
#[derive(Debug, Args)]
pub(crate) struct DashboardsArgs {
    /// The folder of the dashboards.
    #[arg(long, default_value = "deploy/grafana/dashboards")]
    folder: PathBuf,
    /// ClickHouse's HTTP address.
    #[arg(long)]
    clickhouse: String,
    /// Prometheus' address.
    #[arg(long)]
    prometheus: String,
}

#[derive(Debug, Deserialize)]
struct Dashboard {
    title: String,
    panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
struct Panel {
    title: String,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    #[serde(default)]
    expr: Option<String>,
    #[serde(default, rename = "rawSql")]
    raw_sql: Option<String>,
}

/// Runs every query; an error that names each panel whose query fails or brings nothing.
pub(crate) fn run(args: &DashboardsArgs) -> Result<()> {
    let (mut queries, mut faults) = (0, Vec::new());
    for (path, text) in read(&args.folder)? {
        let dashboard: Dashboard = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        for panel in &dashboard.panels {
            for target in &panel.targets {
                queries += 1;
                let rows = match (&target.expr, &target.raw_sql) {
                    (Some(expression), None) => series(&args.prometheus, expression),
                    (None, Some(sql)) => rows(&args.clickhouse, sql),
                    _ => Err(anyhow::anyhow!("the target has not exactly one of expr and rawSql")),
                };
                match rows {
                    Ok(0) => faults.push(format!("{} / {}: no rows", dashboard.title, panel.title)),
                    Ok(_) => {}
                    Err(fault) => faults.push(format!("{} / {}: {fault:#}", dashboard.title, panel.title)),
                }
            }
        }
    }
    if queries == 0 {
        bail!("{} holds no dashboard with a query", args.folder.display());
    }
    if !faults.is_empty() {
        bail!("{} of {queries} queries of the dashboards bring nothing:\n  {}", faults.len(), faults.join("\n  "));
    }
    Ok(())
}

/// The same for the dashboards of this checkout.
pub(crate) fn check(clickhouse: &str, prometheus: &str) -> Result<()> {
    run(&DashboardsArgs {
        folder: PathBuf::from("deploy/grafana/dashboards"),
        clickhouse: clickhouse.to_owned(),
        prometheus: prometheus.to_owned(),
    })
}

fn read(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            files.push((path, text));
        }
    }
    files.sort();
    Ok(files)
}

/// Grafana's macros and variables as they are when a person opens the dashboard: all counties, the whole time.
fn filled_in(query: &str) -> String {
    query.replace("${county}", "%").replace("$__interval", "1m").replace("$__rate_interval", "1m")
}

fn rows(url: &str, sql: &str) -> Result<usize> {
    let mut count = 0;
    clickhouse::lines(url, &filled_in(sql), |_| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn series(url: &str, expression: &str) -> Result<usize> {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        result: Vec<serde_json::Value>,
    }
    let address = format!("{}/api/v1/query", url.trim_end_matches('/'));
    let text = ureq::get(&address)
        .query("query", filled_in(expression))
        .call()
        .with_context(|| format!("Prometheus refuses `{expression}`"))?
        .body_mut()
        .read_to_string()?;
    let answer: Answer = serde_json::from_str(&text).with_context(|| format!("the answer to `{expression}`"))?;
    Ok(answer.data.result.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboards_are_read_and_their_variables_filled_in() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grafana/dashboards"));
        let files = read(folder).expect("the folder is there");
        assert_eq!(files.len(), 4);
        for (path, text) in files {
            let dashboard: Dashboard = serde_json::from_str(&text).expect("a dashboard");
            for target in dashboard.panels.iter().flat_map(|panel| &panel.targets) {
                let query = target.expr.as_ref().or(target.raw_sql.as_ref()).expect("a query");
                assert!(!filled_in(query).contains('$'), "{}: {query}", path.display());
            }
        }
    }
}
