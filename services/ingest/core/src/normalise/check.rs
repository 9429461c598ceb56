//! Whether the fields of an event hold what their schema's annotations allow. It does not know what the event means.

use schemas::codec::plan::{List, Slot, Values};
use schemas::feed::{Feed, Field, Form, Format, Unit};
use schemas::id::{CitizenFault, CitizenNumber};
use schemas::{Day, HouseholdCode, Month, PersonToken, Reason};

use super::Rejection;
use super::known::KnownPersons;
use super::pseudonym::Pseudonyms;

/// The first day that a field may name, 1949-01-01: registers go back that far.
const DAY_FIRST: Day = Day(-7_670);
/// The first day on which an event may occur or be reported, 1990-01-01; an instant before it is a mistake of its unit
/// (seconds for milliseconds).
const EVENT_DAY_FIRST: Day = Day(7_305);
/// The day that no date reaches, 2201-01-01.
const DAY_END: Day = Day(84_371);

/// Checks every field but the envelope's identifiers, which are read where they are used.
pub(super) fn fields(feed: &Feed, values: &Values<'_>) -> Result<(), Rejection> {
    for (slot, field) in feed.fields.iter().enumerate() {
        let identifies = slot == feed.envelope.person_id || slot == feed.envelope.household_code;
        value(field, values.get(slot), identifies)?;
        if let (Slot::List(list), Form::Rows(_) | Form::Texts(_)) = (values.get(slot), &field.form) {
            items(field, values, list)?;
        }
    }
    for check in &feed.mapping.checks {
        if let (Some(part), Some(whole)) = (values.long(check.part), values.long(check.whole))
            && part > whole
        {
            let (part, whole) = (&feed.fields[check.part].name, &feed.fields[check.whole].name);
            return Err(Rejection::new(Reason::InconsistentAmounts, format!("{part} is above {whole}")));
        }
    }
    Ok(())
}

fn items(field: &Field, values: &Values<'_>, list: List) -> Result<(), Rejection> {
    if list.len() > field.items_max {
        let detail = format!("{} has {} items, at most {} are taken", field.name, list.len(), field.items_max);
        return Err(Rejection::new(Reason::InvalidValue, detail));
    }
    for row in values.rows(list) {
        match &field.form {
            Form::Rows(columns) => {
                for (column, slot) in columns.iter().zip(row) {
                    value(column, *slot, false)?;
                }
            }
            Form::Texts(symbols) => match row {
                [Slot::Text(text_of_item)] => text(field, symbols, text_of_item, false)?,
                _ => return Err(Rejection::new(Reason::MissingField, format!("{} holds a null", field.name))),
            },
            _ => {}
        }
    }
    Ok(())
}

fn value(field: &Field, slot: Slot<'_>, identifies: bool) -> Result<(), Rejection> {
    match (slot, &field.form) {
        (Slot::Null, _) if field.required || !field.nullable => {
            Err(Rejection::new(Reason::MissingField, format!("{} is missing", field.name)))
        }
        (Slot::Long(number), Form::Number(unit)) => whole_number(field, *unit, number),
        (Slot::Double(number), _) if !number.is_finite() => {
            Err(Rejection::new(Reason::InvalidValue, format!("{} is no number", field.name)))
        }
        (Slot::Text(one), Form::Text(symbols)) => text(field, symbols, one, identifies),
        (Slot::List(list), _) if field.required && list.is_empty() => {
            Err(Rejection::new(Reason::MissingField, format!("{} is empty", field.name)))
        }
        _ => Ok(()),
    }
}

fn whole_number(field: &Field, unit: Unit, number: i64) -> Result<(), Rejection> {
    let name = &field.name;
    let invalid = |detail: String| Err(Rejection::new(Reason::InvalidValue, detail));
    match unit {
        Unit::Fen => {
            if field.min.is_some_and(|min| number < min) {
                return Err(Rejection::new(
                    Reason::NegativeAmount,
                    format!("{name} is below {}", field.min.unwrap_or(0)),
                ));
            }
            if let Some(max) = field.max.filter(|max| number > *max) {
                return Err(Rejection::new(Reason::AbsurdAmount, format!("{name} is above {max} fen")));
            }
            return Ok(());
        }
        Unit::Month => {
            let month = i32::try_from(number).ok().and_then(Month::from_yyyymm).map(Month::first_day);
            if !month.is_some_and(|day| (DAY_FIRST..DAY_END).contains(&day)) {
                return invalid(format!("{name} is no month (yyyymm) from {DAY_FIRST} to before {DAY_END}"));
            }
        }
        Unit::Day => {
            if !(i64::from(DAY_FIRST.0)..i64::from(DAY_END.0)).contains(&number) {
                return invalid(format!("{name} is no day from {DAY_FIRST} to before {DAY_END}"));
            }
        }
        Unit::Instant => {
            if !(EVENT_DAY_FIRST.start_ms()..DAY_END.start_ms()).contains(&number) {
                return invalid(format!("{name} is no instant in milliseconds from {EVENT_DAY_FIRST} to {DAY_END}"));
            }
        }
        Unit::Plain => {}
    }
    if field.min.is_some_and(|min| number < min) || field.max.is_some_and(|max| number > max) {
        let (min, max) = (field.min.unwrap_or(i64::MIN), field.max.unwrap_or(i64::MAX));
        return invalid(format!("{name} is outside {min} to {max}"));
    }
    Ok(())
}

fn text(field: &Field, symbols: &[String], text: &str, identifies: bool) -> Result<(), Rejection> {
    let name = &field.name;
    if field.required && text.is_empty() {
        return Err(Rejection::new(Reason::MissingField, format!("{name} is empty")));
    }
    if !symbols.is_empty() && !symbols.iter().any(|symbol| symbol == text) {
        return Err(Rejection::new(Reason::InvalidValue, format!("{name} is none of {}", symbols.join(", "))));
    }
    match field.format {
        Some(Format::CitizenNumber) if !identifies => citizen_number(name, text).map(|_| ()),
        Some(Format::HouseholdCode) if !identifies => household_code(name, text).map(|_| ()),
        _ => Ok(()),
    }
}

/// Reads a citizen number. The fault names the field and never the number.
fn citizen_number(name: &str, text: &str) -> Result<CitizenNumber, Rejection> {
    CitizenNumber::parse(text).map_err(|cause| invalid_citizen_number(name, cause))
}

/// Reads a citizen number as the token of its person.
pub(super) fn person(
    name: &str,
    text: &str,
    known: &mut KnownPersons,
    pseudonyms: &Pseudonyms,
) -> Result<PersonToken, Rejection> {
    known.token(text, pseudonyms).map_err(|cause| invalid_citizen_number(name, cause))
}

fn invalid_citizen_number(name: &str, cause: CitizenFault) -> Rejection {
    Rejection::new(Reason::InvalidCitizenNumber, format!("{name}: {cause}"))
}

/// Reads a household code.
pub(super) fn household_code(name: &str, text: &str) -> Result<HouseholdCode, Rejection> {
    HouseholdCode::parse(text).map_err(|cause| Rejection::new(Reason::InvalidHouseholdCode, format!("{name}: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_days_are_the_days_that_they_are_said_to_be() {
        let shown = [DAY_FIRST, EVENT_DAY_FIRST, DAY_END].map(|day| day.to_string());
        assert_eq!(shown, ["1949-01-01", "1990-01-01", "2201-01-01"]);
    }
}
