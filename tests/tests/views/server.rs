//! A database of a test's own with the tables and views of `deploy/clickhouse`. It does not know what is put into it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use proof::{root, variable};
use serde_json::Value;

/// A database. Statements name it `backstop`, as the files do.
pub(crate) struct Database {
    url: String,
    name: String,
}

impl Database {
    /// Makes it anew, with everything that `deploy/clickhouse` describes; twice, since it must be harmless.
    pub(crate) fn create(name: &str) -> Result<Self> {
        let database = Self { url: variable("BACKSTOP_CLICKHOUSE")?, name: name.to_owned() };
        database.run("DROP DATABASE IF EXISTS backstop")?;
        let statements = statements()?;
        for statement in statements.iter().chain(&statements) {
            database.run(statement)?;
        }
        Ok(database)
    }

    /// Inserts rows; columns that a row does not give have their defaults.
    pub(crate) fn insert(&self, table: &str, rows: &[Value]) -> Result<()> {
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        self.run(&format!("INSERT INTO backstop.{table} FORMAT JSONEachRow\n{}", lines.join("\n"))).map(drop)
    }

    /// The rows of an answer, their columns separated by blanks.
    pub(crate) fn rows(&self, query: &str) -> Result<Vec<String>> {
        Ok(self.run(&format!("{query} FORMAT TSV"))?.lines().map(|line| line.replace('\t', " ")).collect())
    }

    fn run(&self, statement: &str) -> Result<String> {
        let statement = statement
            .replace("backstop.", &format!("{}.", self.name))
            .replace("EXISTS backstop", &format!("EXISTS {}", self.name))
            .replace("'backstop'", &format!("'{}'", self.name));
        let request = ureq::post(&self.url).config().http_status_as_error(false).build();
        let mut answer = request.send(&statement).context("no answer from ClickHouse")?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "ClickHouse refuses `{statement}`: {said}");
        Ok(said)
    }
}

/// The statements of all files, in the order of their names.
fn statements() -> Result<Vec<String>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("deploy/clickhouse"))? {
        let path = entry?.path();
        files.insert(path.clone(), std::fs::read_to_string(&path)?);
    }
    ensure!(!files.is_empty(), "deploy/clickhouse holds no file");
    let mut statements = Vec::new();
    for text in files.values() {
        // What follows a `--` says why; a statement ends with a semicolon at the end of its line.
        let mut open = String::new();
        for line in text.lines() {
            let bare = line.split("--").next().unwrap_or_default().trim_end();
            open.push_str(bare.strip_suffix(';').unwrap_or(bare));
            open.push('\n');
            if bare.ends_with(';') {
                statements.push(std::mem::take(&mut open));
            }
        }
    }
    Ok(statements)
}
