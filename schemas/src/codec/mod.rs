//! The codec: how records are framed and how bytes become values. It does not know what a value is for.

pub mod internal;
pub mod plan;
mod positional;
mod unread;

pub use internal::{CodecError, Recorded, decode, encode, is, schema_text, state_number};
pub use unread::Unread;
pub(crate) use unread::sized;
