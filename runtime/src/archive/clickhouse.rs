//! ClickHouse as the archive uses it: one insert, one block, with or without a deduplication token. It knows no
//! Kafka.

use std::time::Duration;

use clickhouse::Client;
use tokio::runtime::Handle;

use super::ports::Tables;
use crate::config::{ClickHouseSettings, Faults, read_secret};

/// How long one piece may take to be sent, and the end of an insert to be acknowledged; together far below
/// `max.poll.interval.ms`.
const SEND_LIMIT: Duration = Duration::from_secs(30);
const END_LIMIT: Duration = Duration::from_mins(1);

/// A ClickHouse database.
#[derive(Clone)]
pub(super) struct Database {
    client: Client,
    handle: Handle,
}

impl Database {
    pub(super) fn new(settings: &ClickHouseSettings, handle: &Handle) -> Result<Self, Faults> {
        if settings.url.is_empty() {
            let mut faults = Faults::default();
            faults.add("clickhouse.url", "must be given: this service archives into ClickHouse");
            return Err(faults);
        }
        let password = read_secret("clickhouse.password_file", &settings.password_file)?;
        let client = Client::default()
            .with_url(&settings.url)
            .with_user(&settings.user)
            .with_password(password)
            .with_database(&settings.database);
        Ok(Self { client, handle: handle.clone() })
    }
}

impl Tables for Database {
    /// As one block; a token is known within the table's deduplication window.
    fn insert(&self, table: &str, lines: &[u8], token: Option<&str>) -> Result<(), String> {
        let mut insert = self
            .client
            .insert_formatted_with(format!("INSERT INTO `{table}` FORMAT JSONEachRow"))
            .with_timeouts(Some(SEND_LIMIT), Some(END_LIMIT))
            .with_setting("async_insert", "0")
            // One batch is one block: a block that is split is neither atomic nor found again by its token.
            .with_setting("input_format_parallel_parsing", "0")
            .with_setting("max_insert_block_size", "1048576")
            .with_setting("min_insert_block_size_rows", "1048576")
            .with_setting("min_insert_block_size_bytes", "1073741824")
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
            // Small parts are soon merged: what a merge does anyway is not done for each of them as well.
            .with_setting("materialize_skip_indexes_on_insert", "0")
            .with_setting("optimize_on_insert", "0")
            .with_setting("date_time_input_format", "best_effort");
        insert = match token {
            Some(token) => {
                insert.with_setting("insert_deduplicate", "1").with_setting("insert_deduplication_token", token)
            }
            None => insert.with_setting("insert_deduplicate", "0"),
        };
        self.handle
            .block_on(async {
                let mut insert = insert.buffered();
                // A write takes what fits into the buffer, which may be less than all.
                let mut rest = lines;
                while !rest.is_empty() {
                    let written = insert.write(rest).await?;
                    rest = &rest[written..];
                }
                insert.end().await
            })
            .map_err(|error: clickhouse::error::Error| error.to_string())
    }
}
