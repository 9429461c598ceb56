//! The records of the internal topics, as serde types that mirror the .avsc files beside `src`. They know nothing
//! of the stages that write and read them.

mod calendar;
mod case;
mod explain_request;
mod household_entry;
mod household_state;
mod monthly;
mod parked;
mod progress;
mod redirect;
mod scorecard;
mod subject_entry;
mod warning;

pub use calendar::{Coverage, DayClosed};
pub use case::{Act, Case, Finding, Size, Step, Visit};
pub use explain_request::ExplainRequest;
pub use household_entry::{Fact, HouseholdEntry, Row};
pub use household_state::{Evidence, HouseholdParts, HouseholdState, Incident, Member, Status, Sum, Survey};
pub use monthly::{MonthAmount, MonthlyAmounts, UnreadAmounts};
pub use parked::{Parked, ParkedChange, ParkedWhy};
pub use progress::{OpenDay, PROGRESS_KEY, Places, Progress, Total};
pub use redirect::{Redirect, RedirectKind};
pub use scorecard::{DELAY_DAYS_MAX, Scorecard};
pub use subject_entry::{Entry, Origin, SubjectEntry};
pub use warning::{Contribution, Note, Warning, WarningKind, WarningLevel};
