//! The decisions of ingest: what a feed record means (`normalise`) and to whom it belongs (`resolve`). It knows no
//! topic but by name, and no clock, file or client.

pub mod ledger;
pub mod normalise;
pub mod resolve;
