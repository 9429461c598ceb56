//! Tables as `deploy/clickhouse/*.sql` describes them: files in the order of their names, statements in the order of the
//! file. Does not know what they hold.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long ClickHouse may take for one statement.
const STATEMENT_LIMIT: Duration = Duration::from_mins(1);

/// Where ClickHouse is, and as whom to speak to it.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) user: String,
    pub(super) password: String,
}

/// One statement, with the file and line where it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    place: String,
    text: String,
}

/// Reads all statements of the folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Statement>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("read {}: is --deploy right?", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("read {}", folder.display()))?.path();
        if path.extension().is_some_and(|end| end == "sql") {
            files.push(path);
        }
    }
    files.sort();
    let mut statements = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        statements.extend(split(&path.display().to_string(), &text)?);
    }
    Ok(statements)
}

/// Splits a file: a statement ends with a semicolon at the end of its line. Lines of comment between statements go.
fn split(file: &str, text: &str) -> Result<Vec<Statement>> {
    let mut statements = Vec::new();
    let mut open: Option<Statement> = None;
    for (number, line) in text.lines().enumerate() {
        let bare = line.split("--").next().unwrap_or_default().trim();
        if bare.is_empty() && open.is_none() {
            continue;
        }
        let place = || Statement { place: format!("{file}:{}", number + 1), text: String::new() };
        let mut statement = open.take().unwrap_or_else(place);
        statement.text.push_str(line);
        if bare.ends_with(';') {
            check(&statement)?;
            statements.push(statement);
        } else {
            statement.text.push('\n');
            open = Some(statement);
        }
    }
    match open {
        None => Ok(statements),
        Some(statement) => bail!("{}: the statement has no semicolon at the end of a line", statement.place),
    }
}

/// A statement must be harmless the second time.
fn check(statement: &Statement) -> Result<()> {
    let upper = statement.text.to_uppercase();
    let creates = upper.trim_start().starts_with("CREATE");
    if creates && !upper.contains("IF NOT EXISTS") && !upper.contains("CREATE OR REPLACE") {
        bail!("{}: a CREATE needs IF NOT EXISTS, so that setup can run again", statement.place);
    }
    Ok(())
}

/// Applies the statements in order and stops at the first that fails.
pub(super) fn apply(server: &Server, statements: &[Statement]) -> Result<()> {
    for statement in statements {
        let request = ureq::post(&server.url)
            .config()
            .timeout_global(Some(STATEMENT_LIMIT))
            .http_status_as_error(false)
            .build()
            .header("X-ClickHouse-User", &server.user)
            .header("X-ClickHouse-Key", &server.password);
        let text = statement.text.trim_end().trim_end_matches(';');
        let answer = request.send(text);
        let mut answer =
            answer.with_context(|| format!("no answer from ClickHouse at {}: check --clickhouse", server.url))?;
        if !answer.status().is_success() {
            let said = answer.body_mut().read_to_string().unwrap_or_default();
            bail!("{}: ClickHouse at {} refuses it: {}", statement.place, server.url, said.trim());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_with_a_semicolon_at_the_end_of_a_line() {
        let text = "-- Tables.\nCREATE TABLE IF NOT EXISTS a\n(\n    n Int64 -- a; number\n);\n\nALTER TABLE a ADD COLUMN IF NOT EXISTS m String DEFAULT ';x'; -- why\n";
        let found = split("a.sql", text).expect("right");
        let places: Vec<_> = found.iter().map(|statement| statement.place.as_str()).collect();
        assert_eq!(places, ["a.sql:2", "a.sql:7"]);
        assert!(found[0].text.contains("n Int64 -- a; number"));
    }

    #[test]
    fn a_statement_that_cannot_run_twice_or_does_not_end_is_refused() {
        let rows = [("CREATE TABLE a (n Int64) ENGINE = Memory;", "IF NOT EXISTS"), ("SELECT 1", "semicolon")];
        for (text, expected) in rows {
            let fault = split("a.sql", text).expect_err(expected).to_string();
            assert!(fault.contains(expected) && fault.starts_with("a.sql:1"), "{fault}");
        }
    }
}
