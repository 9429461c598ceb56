//! Asks ClickHouse over HTTP. It does not know what the tables hold.

use std::io::{BufRead, BufReader};

use anyhow::{Context, Result, bail};

/// Numbers stay numbers and named tuples objects, as the archive wrote them.
const SETTINGS: &str = "output_format_json_quote_64bit_integers=0&output_format_json_named_tuples_as_objects=1\
                        &output_format_json_escape_forward_slashes=0";

/// Which server, and as whom to ask it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its HTTP address.
    pub(crate) url: String,
    /// The user.
    pub(crate) user: String,
    /// The user's password; may be empty.
    pub(crate) password: String,
}

impl Server {
    /// A server that asks for no password.
    pub(crate) fn plain(url: &str) -> Self {
        Self { url: url.to_owned(), user: "default".to_owned(), password: String::new() }
    }
}

/// Runs a query on a server that asks for no password and shows each line of its answer.
pub(crate) fn lines(url: &str, query: &str, take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    ask(&Server::plain(url), query, take)
}

/// Runs a query and shows each line of its answer.
pub(crate) fn ask(server: &Server, query: &str, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let url = &server.url;
    let address = format!("{}/?{SETTINGS}", url.trim_end_matches('/'));
    let request = ureq::post(&address)
        .config()
        .http_status_as_error(false)
        .build()
        .header("X-ClickHouse-User", &server.user)
        .header("X-ClickHouse-Key", &server.password);
    let mut answer = request.send(query).with_context(|| format!("no answer from ClickHouse at {url}"))?;
    if !answer.status().is_success() {
        let fault = answer.body_mut().read_to_string().unwrap_or_default();
        bail!("ClickHouse at {url} refuses `{query}`: {}", fault.trim());
    }
    for line in BufReader::new(answer.body_mut().as_reader()).lines() {
        take(&line.with_context(|| format!("the answer of ClickHouse at {url} broke off"))?)?;
    }
    Ok(())
}

/// Runs a query that answers with one number.
pub(crate) fn number(url: &str, query: &str) -> Result<i64> {
    let mut found = None;
    lines(url, query, |line| {
        found = Some(line.trim().parse::<i64>().with_context(|| format!("`{line}` is no number: {query}"))?);
        Ok(())
    })?;
    found.with_context(|| format!("no answer to {query}"))
}
