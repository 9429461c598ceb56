//! The demo: a simulated city through the pipeline, on real servers (`live`) or in one process (`embedded`). It starts
//! neither servers nor services; `cargo xtask demo` does.

pub(crate) mod embedded;
pub(crate) mod live;
mod report;
