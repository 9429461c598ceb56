//! The plumbing: the one loop, on Kafka and on the memory log; ClickHouse, configuration, telemetry, shutdown. It
//! knows no service, no core and no rule: stages come to it through [`stage::Stage`].

#[cfg(test)]
extern crate self as runtime;

/// Stages hold millions of small values that come and go; the allocator of the C library spends a third of their time on
/// that. It is in the place of `malloc` too (its feature `override`): the client library allocates each record, and frees it in
/// another thread, and its large buffers are kept where the C library gives them back to the system again and again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod archive;
pub mod config;
pub mod held;
pub mod hooked;
pub mod kafka;
pub mod log;
pub mod memory;
pub mod partitioner;
pub mod service;
pub mod snapshot;
pub mod stage;
pub mod table;
pub mod telemetry;
pub mod worker;
