//! The fuse service: the states of households. It does not know what an entry means.

use std::process::ExitCode;

use runtime::config::{NoSection, Settings};
use runtime::service::{self, Plan};

fn main() -> ExitCode {
    service::run("fuse", |_: &Settings<NoSection>| Ok(Plan::new().stage(|| Ok(fuse::stage()))))
}
