//! The ids of warnings and their records: hashes of what they are about, so that a replay gives the same ones. They
//! know no rule.

use schemas::records::WarningKind;
use schemas::{Day, EntryId, HouseholdCode, Month};
use sha2::{Digest, Sha256};

/// The warning of a rule about a household that this entry opened: the first 16 bytes of a SHA-256, hex.
pub fn warning_id(household: HouseholdCode, rule: &str, opening: EntryId) -> String {
    hash(&[&household.digits(), rule.as_bytes(), &opening.0.to_be_bytes()])
}

/// One record about a warning.
///
/// The state number tells apart what news brought. The day is there because a month's end can change a finding twice
/// while the household's state stays the same; for one state number and one day there is one evaluation that changes
/// anything.
pub fn record_id(warning_id: &str, kind: WarningKind, state_number: i64, day: Day) -> String {
    hash(&[warning_id.as_bytes(), kind_name(kind).as_bytes(), &state_number.to_be_bytes(), &day.0.to_be_bytes()])
}

/// Stands in for the opening entry of a finding behind which there is no single entry, such as an income that was too
/// low in every month up to this one.
pub fn month_entry(household: HouseholdCode, rule: &str, month: Month) -> EntryId {
    entry(&[&household.digits(), rule.as_bytes(), &month.yyyymm().to_be_bytes()])
}

/// Stands in for the opening entry of what is said about an overdue step of a case: one warning per visit and step.
pub fn step_entry(household: HouseholdCode, round: i32, step: &str) -> EntryId {
    entry(&[&household.digits(), &round.to_be_bytes(), step.as_bytes()])
}

fn entry(parts: &[&[u8]]) -> EntryId {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest(parts)[..8]);
    EntryId(i64::from_be_bytes(bytes))
}

/// The name of a kind, as in the schemas.
pub const fn kind_name(kind: WarningKind) -> &'static str {
    match kind {
        WarningKind::Raised => "raised",
        WarningKind::Updated => "updated",
        WarningKind::NoLongerMet => "no_longer_met",
        WarningKind::Withdrawn => "withdrawn",
        WarningKind::Escalated => "escalated",
        WarningKind::Closed => "closed",
    }
}

/// Parts are told apart by their length, so that no two lists of parts give the same bytes.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn hash(parts: &[&[u8]]) -> String {
    let digest = digest(parts);
    let mut text = String::with_capacity(32);
    for byte in &digest[..16] {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_all_that_it_is_about() {
        let household = HouseholdCode::parse("4310231012050007").expect("a code");
        let id = warning_id(household, "R01", EntryId(7));
        assert_eq!(id.len(), 32);
        assert_eq!(id, warning_id(household, "R01", EntryId(7)));
        assert_ne!(id, warning_id(household, "R01", EntryId(8)));
        assert_ne!(id, warning_id(household, "R02", EntryId(7)));
        let record = record_id(&id, WarningKind::Raised, 5, Day(1));
        for other in [
            record_id(&id, WarningKind::Updated, 5, Day(1)),
            record_id(&id, WarningKind::Raised, 6, Day(1)),
            record_id(&id, WarningKind::Raised, 5, Day(2)),
        ] {
            assert_ne!(record, other);
        }
    }
}
