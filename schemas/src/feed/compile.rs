//! Checks the annotation of a record against its fields and makes the mapping of it. It reads no file and applies
//! nothing.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::FaultList;
use super::field::{Field, Form, Format, Unit};
use super::mapping::{About, AtMost, EntryRule, Mapping, Pick, Place, SubjectRule, Words};
use super::raw;
use crate::{Category, Cause, Kind};

/// Changes of membership that resolve knows.
const MEMBERSHIP: [&str; 6] = ["registered", "merged", "join", "leave", "split", "merge"];
/// Entries about one subject at most: an entry's place must fit the 8 bits that its id has for it.
const ENTRIES_MAX: usize = 256;

/// Makes the mapping of the annotation's checks and entries.
pub(super) fn mapping_of(annotation: &raw::Annotation, fields: &[Field], faults: &mut FaultList<'_>) -> Mapping {
    let mut compiler = Compiler { fields, rows: &[], mapping: Mapping::default(), place: String::new(), faults };
    for (at, check) in annotation.checks.iter().enumerate() {
        compiler.place = format!("backstop/checks/{at}");
        compiler.check(check);
    }
    for (at, entry) in annotation.entries.iter().enumerate() {
        compiler.place = format!("backstop/entries/{at}");
        compiler.entry(entry);
    }
    if annotation.entries.is_empty() {
        "backstop/entries".clone_into(&mut compiler.place);
        compiler.fault("is empty: an event that makes no entry needs no feed");
    }
    compiler.mapping
}

struct Compiler<'a, 'f> {
    fields: &'a [Field],
    /// The fields of the list that the entry's subjects come from; none for an entry about the event.
    rows: &'a [Field],
    mapping: Mapping,
    place: String,
    faults: &'a mut FaultList<'f>,
}

impl<'a> Compiler<'a, '_> {
    fn fault(&mut self, what: impl Into<String>) {
        let place = std::mem::take(&mut self.place);
        self.faults.add(&place, what);
        self.place = place;
    }

    fn parsed<T: DeserializeOwned>(&mut self, value: &Value) -> Option<T> {
        match serde_json::from_value(value.clone()) {
            Ok(parsed) => Some(parsed),
            Err(cause) => {
                self.fault(cause.to_string());
                None
            }
        }
    }

    fn field(&mut self, name: &str) -> Option<(usize, &'a Field)> {
        let fields = self.fields;
        let found = fields.iter().enumerate().find(|(_, field)| field.name == name);
        if found.is_none() {
            self.fault(format!("names the field {name}, which the record does not have"));
        }
        found
    }

    /// A field of the event that holds a number of one of these units.
    fn number(&mut self, role: &str, name: &str, units: &[Unit]) -> Option<usize> {
        let (slot, field) = self.field(name)?;
        if matches!(field.form, Form::Number(unit) if units.contains(&unit)) {
            return Some(slot);
        }
        self.fault(format!("takes {name} as its {role}, which must be a number whose unit is one of {units:?}"));
        None
    }

    fn numbers(&mut self, role: &str, names: Option<&raw::Names>, units: &[Unit]) -> Vec<usize> {
        let names = names.map(raw::Names::as_slice).unwrap_or_default();
        names.iter().filter_map(|name| self.number(role, name, units)).collect()
    }

    fn check(&mut self, check: &Value) {
        let Some(check) = self.parsed::<raw::Check>(check) else { return };
        let [part, whole] = check.at_most.each_ref().map(|name| self.field(name));
        let (Some((part, first)), Some((whole, second))) = (part, whole) else { return };
        if matches!((&first.form, &second.form), (Form::Number(one), Form::Number(other)) if one == other) {
            self.mapping.checks.push(AtMost { part, whole });
        } else {
            self.fault("compares two fields that are not numbers of the same unit");
        }
    }

    fn entry(&mut self, entry: &Value) {
        let Some(raw) = self.parsed::<raw::Entry>(entry) else { return };
        let Some(about) = self.about(raw.about.as_ref()) else { return };
        self.rows = match about {
            About::Each { list, .. } => match &self.fields[list].form {
                Form::Rows(columns) => columns,
                _ => &[],
            },
            _ => &[],
        };
        let given: Vec<usize> = raw.given.iter().filter_map(|name| Some(self.field(name)?.0)).collect();
        let rule = EntryRule {
            kind: raw.kind,
            category: self.category(&raw, &given),
            cause: self.pick("cause", raw.cause.as_ref(), Cause::Other, &given, &Cause::ALL, |cause| {
                [cause_name(cause), cause.code().to_owned()]
            }),
            amount: self.numbers("amount", raw.amount.as_ref(), &[Unit::Fen]),
            day: self.numbers("day", raw.day.as_ref(), &[Unit::Day, Unit::Instant]),
            month: raw.month.as_deref().and_then(|name| self.number("month", name, &[Unit::Month])),
            months: raw.months.as_deref().and_then(|name| self.months(name)),
            code: self.words("code", raw.code.as_ref(), &given),
            value: self.words("value", raw.value.as_ref(), &given),
            when: raw.when.iter().filter_map(|(name, texts)| self.when(name, texts)).collect(),
            given,
        };
        self.shape(&rule);
        self.add(about, rule);
    }

    fn add(&mut self, about: About, rule: EntryRule) {
        let subjects = &mut self.mapping.subjects;
        let Some(subject) = subjects.iter_mut().find(|subject| subject.about == about) else {
            subjects.push(SubjectRule { about, entries: vec![rule] });
            return;
        };
        subject.entries.push(rule);
        if subject.entries.len() > ENTRIES_MAX {
            self.fault(format!("is one of more than {ENTRIES_MAX} about one subject"));
        }
    }

    fn about(&mut self, about: Option<&raw::About>) -> Option<About> {
        let each = match about {
            None | Some(raw::About::Whole(raw::Whole::Event)) => return Some(About::Event),
            Some(raw::About::Whole(raw::Whole::Household)) => return Some(About::Household),
            Some(raw::About::Named(named)) => return self.named(&named.household),
            Some(raw::About::Each(each)) => each,
        };
        let (list, field) = self.field(&each.each)?;
        match (&field.form, &each.person) {
            (Form::Texts(_), None) if field.format == Some(Format::CitizenNumber) => {
                Some(About::Each { list, person: 0 })
            }
            (Form::Rows(columns), Some(name)) => {
                let found = columns
                    .iter()
                    .position(|column| column.name == *name && column.format == Some(Format::CitizenNumber));
                if found.is_none() {
                    self.fault(format!("takes its persons from {name}, which is no citizen_number in the list"));
                }
                Some(About::Each { list, person: found? })
            }
            _ => {
                self.fault("takes its persons from a field that is no list of citizen numbers, nor one of records with `person`");
                None
            }
        }
    }

    fn named(&mut self, name: &str) -> Option<About> {
        let (slot, field) = self.field(name)?;
        if matches!(field.form, Form::Text(_)) && field.format == Some(Format::HouseholdCode) {
            return Some(About::Named(slot));
        }
        self.fault(format!("is about the household of {name}, which is no household_code"));
        None
    }

    fn months(&mut self, name: &str) -> Option<usize> {
        let slot = self.number("months", name, &[Unit::Plain])?;
        let field = &self.fields[slot];
        if field.min.is_none_or(|min| min < 1) || field.max.is_none_or(|max| max > 120) {
            self.fault(format!("takes {name} as its months, which needs a min of at least 1 and a max of at most 120"));
        }
        Some(slot)
    }

    fn when(&mut self, name: &str, texts: &[String]) -> Option<(usize, Vec<String>)> {
        let (slot, field) = self.field(name)?;
        let known: &[String] = match &field.form {
            Form::Bool => &["false".to_owned(), "true".to_owned()],
            Form::Text(symbols) => symbols,
            _ => {
                self.fault(format!("has a condition on {name}, which is neither a text nor a truth value"));
                return None;
            }
        };
        if let Some(text) = texts.iter().find(|text| !known.is_empty() && !known.contains(text)) {
            self.fault(format!("has a condition on {name} being {text}, which it never is"));
        }
        Some((slot, texts.to_vec()))
    }

    /// Finds the field of a word among the row's fields, then among the event's.
    fn source(&mut self, role: &str, name: &str) -> Option<(Place, &'a Field)> {
        let rows = self.rows;
        if let Some((at, field)) = rows.iter().enumerate().find(|(_, field)| field.name == name) {
            if matches!(field.form, Form::Text(_)) && !field.is_secret() {
                return Some((Place::Row(at), field));
            }
            self.fault(format!("takes its {role} from {name} of a list, which is no text, or one that must not leave"));
            return None;
        }
        let (slot, field) = self.field(name)?;
        if field.is_secret() {
            self.fault(format!("takes its {role} from {name}, which holds numbers that must not leave ingest"));
            return None;
        }
        match field.form {
            Form::Text(_) => Some((Place::Event(slot), field)),
            Form::Bool | Form::Number(_) | Form::Texts(_) => {
                let known = self.mapping.rendered.iter().position(|one| *one == slot);
                let at = known.unwrap_or_else(|| {
                    self.mapping.rendered.push(slot);
                    self.mapping.rendered.len() - 1
                });
                Some((Place::Rendered(at), field))
            }
            Form::Fraction | Form::Bytes | Form::Rows(_) => {
                self.fault(format!("takes its {role} from {name}, which has no text form"));
                None
            }
        }
    }

    /// Whether a word by this field needs a default for the field not being given.
    fn needs_default(&mut self, role: &str, raw: &raw::ByField, field: &Field, given: &[usize]) {
        let is_given = self.fields.iter().position(|one| one.name == raw.field).is_some_and(|at| given.contains(&at));
        if field.nullable && raw.default.is_none() && !is_given {
            self.fault(format!(
                "takes its {role} from {}, which may be missing: give a default, or name it in given",
                raw.field
            ));
        }
    }

    fn category(&mut self, raw: &raw::Entry, given: &[usize]) -> Pick<Category> {
        let pick = self.pick("category", raw.category.as_ref(), Category::None, given, &Category::ALL, |category| {
            [category.name().to_owned(), category.name().to_owned()]
        });
        let picked: Vec<Category> = match &pick {
            Pick::Fixed(category) => vec![*category],
            Pick::Field { table, default, .. } => table.iter().map(|(_, one)| *one).chain(*default).collect(),
        };
        for category in picked {
            if !belongs(category, raw.kind) {
                self.fault(format!("has the category {}, which is none of kind {:?}", category.name(), raw.kind));
            }
        }
        pick
    }

    fn pick<T: Copy>(
        &mut self,
        role: &str,
        raw: Option<&raw::Word>,
        absent: T,
        given: &[usize],
        all: &[T],
        names: impl Fn(T) -> [String; 2],
    ) -> Pick<T> {
        let word = |name: &str| all.iter().copied().find(|one| names(*one).iter().any(|known| known == name));
        let by_field = match raw {
            None => return Pick::Fixed(absent),
            Some(raw::Word::Fixed(name)) => {
                if word(name).is_none() {
                    self.fault(format!("has the {role} {name}, which there is not"));
                }
                return Pick::Fixed(word(name).unwrap_or(absent));
            }
            Some(raw::Word::Field(by_field)) => by_field,
        };
        let Some((place, field)) = self.source(role, &by_field.field) else { return Pick::Fixed(absent) };
        self.needs_default(role, by_field, field, given);
        let mut table = Vec::new();
        for (text, name) in &by_field.map {
            match word(name) {
                Some(found) => table.push((text.clone(), found)),
                None => self.fault(format!("maps {text} to the {role} {name}, which there is not")),
            }
        }
        if by_field.map.is_empty() {
            table.extend(all.iter().flat_map(|one| names(*one).map(|name| (name, *one))));
        }
        let default = by_field.default.as_deref().and_then(&word);
        if by_field.default.is_some() && default.is_none() {
            self.fault(format!("has a default {role} that there is not"));
        }
        self.covers(role, &by_field.map, field, default.is_some(), |text| table.iter().any(|(known, _)| known == text));
        Pick::Field { place, table, default }
    }

    /// Every symbol of an enum must have its word, and every word of a map its symbol.
    fn covers(
        &mut self,
        role: &str,
        map: &BTreeMap<String, String>,
        field: &Field,
        has_default: bool,
        has: impl Fn(&str) -> bool,
    ) {
        let (Form::Text(symbols) | Form::Texts(symbols)) = &field.form else { return };
        for symbol in symbols.iter().filter(|symbol| !has_default && !has(symbol)) {
            self.fault(format!("has no {role} for {symbol} of {}, and no default", field.name));
        }
        if symbols.is_empty() {
            return;
        }
        for text in map.keys().filter(|text| !symbols.contains(text)) {
            self.fault(format!("has a {role} for {text}, which {} never is", field.name));
        }
    }

    fn words(&mut self, role: &str, raw: Option<&raw::Word>, given: &[usize]) -> Words {
        let by_field = match raw {
            None => return Words::Fixed(String::new()),
            Some(raw::Word::Fixed(text)) => return Words::Fixed(text.clone()),
            Some(raw::Word::Field(by_field)) => by_field,
        };
        let Some((place, field)) = self.source(role, &by_field.field) else { return Words::Fixed(String::new()) };
        self.needs_default(role, by_field, field, given);
        if !by_field.map.is_empty() {
            self.covers(role, &by_field.map, field, by_field.default.is_some(), |text| by_field.map.contains_key(text));
        }
        let open = match &field.form {
            Form::Text(symbols) | Form::Texts(symbols) => symbols.is_empty() && field.format.is_none(),
            _ => false,
        };
        let table = by_field.map.iter().map(|(text, word)| (text.clone(), word.clone())).collect();
        Words::Field { place, open, table, default: by_field.default.clone() }
    }

    /// What an entry of this kind needs.
    fn shape(&mut self, rule: &EntryRule) {
        let is_money = is_money(rule.kind);
        if (is_money || rule.kind == Kind::Survey) && rule.amount.is_empty() {
            self.fault("needs an amount");
        }
        let nameless = matches!(&rule.code, Words::Fixed(code) if code.is_empty());
        if !is_money && nameless {
            self.fault("needs a code");
        }
        if rule.kind == Kind::Membership {
            let codes: Vec<&str> = match &rule.code {
                Words::Fixed(code) => vec![code.as_str()],
                Words::Field { place: Place::Event(slot), table, .. } if table.is_empty() => {
                    match &self.fields[*slot].form {
                        Form::Text(symbols) if !symbols.is_empty() => symbols.iter().map(String::as_str).collect(),
                        _ => vec!["any text"],
                    }
                }
                Words::Field { table, .. } => table.iter().map(|(_, word)| word.as_str()).collect(),
            };
            if let Some(code) = codes.iter().find(|code| !MEMBERSHIP.contains(code)) {
                self.fault(format!("has the membership change {code}; known are {}", MEMBERSHIP.join(", ")));
            }
        }
    }
}

fn cause_name(cause: Cause) -> String {
    // The name in the schemas is the name that serde writes.
    serde_json::to_value(cause).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

const fn is_money(kind: Kind) -> bool {
    matches!(kind, Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note)
}

/// Whether amounts of the category may stand in an entry of the kind.
fn belongs(category: Category, kind: Kind) -> bool {
    match kind {
        Kind::Income => category.is_income(),
        Kind::Cost => category == Category::ProductionCost,
        Kind::Compensation => category.is_compensation(),
        Kind::Note => matches!(category, Category::Loan | Category::ProjectSubsidy | Category::Gift),
        Kind::Expense => {
            category.is_rigid()
                || matches!(category, Category::OutpatientOutOfPocket | Category::CropLoss | Category::ProductionLoss)
        }
        Kind::Status | Kind::Incident | Kind::Action | Kind::Survey | Kind::Membership => category == Category::None,
    }
}
