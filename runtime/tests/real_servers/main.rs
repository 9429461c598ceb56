//! The loop and the archive on a real Kafka and a real ClickHouse, named by `BACKSTOP_KAFKA` (`host:port`) and
//! `BACKSTOP_CLICKHOUSE` (`http://host:port`).

#![allow(clippy::unwrap_used, reason = "a test ends where something that it needs is not there")]

#[path = "../support/tally.rs"]
mod tally;

mod archive;
mod city;
mod commits;
mod faulty;
mod members;
mod restores;
mod revokes;
mod service;
mod snapshots;
mod wire;
mod worker;
