//! The bench's parts: what a developer and a newcomer run, one module per subcommand, and the local servers behind
//! them. `main.rs` only chooses. Imported by nothing but its own binary.

pub mod bench;
pub mod cache;
pub mod chdb;
pub mod demo;
pub mod deploy_check;
pub mod nightly;
pub mod packages;
pub mod servers;
mod services;
pub mod shell;
pub mod soak;
pub mod test;
pub mod tidy;
pub mod up;
