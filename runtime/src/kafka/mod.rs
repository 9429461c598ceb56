//! The one loop on Kafka. It knows no stage: a service hands it a factory.

mod clients;
mod committer;
mod context;
mod group;
mod limits;
mod log;
mod lookout;
mod reader;
mod supervisor;
mod undecided;
mod watchdog;

pub use clients::Connection;
pub(crate) use clients::Identity;
pub(crate) use group::Group;
pub use limits::Limits;
pub use log::KafkaLog;
pub use reader::KafkaReader;
pub(crate) use supervisor::{Link, keep_going};
pub use supervisor::{Stop, WorkerFault, WorkerSpec, run_worker};
pub(crate) use undecided::Undecided;
pub use watchdog::EXIT_CODE;
