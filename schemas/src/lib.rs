//! The words of Backstop: identifiers that cannot hold a wrong value, money, days, the records of every topic and
//! their codec. It knows nothing of any other room: no stage, no rule, no client, no clock.

pub mod codec;
pub mod feed;
pub mod id;
pub mod money;
pub mod office;
pub mod records;
pub mod time;
pub mod words;

pub use id::{County, EntryId, Hash64, HouseholdCode, PersonToken, Village};
pub use money::Fen;
pub use office::Office;
/// Text that is mostly short, such as the codes of statuses and the names of departments: up to 23 bytes take no memory of
/// their own, so that a state is read without asking for any.
pub use smol_str::SmolStr as Text;
pub use time::{Day, Month};
pub use words::{Category, Cause, Class, Kind, Op, Reason};
