//! The pictures of the households, added up from what stands about persons and households. It does not know how what
//! stands was found.

use std::collections::BTreeMap;

use schemas::{Category, Class, Day, EntryId, Kind};

use super::membership::Life;
use crate::history::{House, Line, Person, Said, event_hash, house};
use crate::picture::{Happened, Held, Member, Picture, Pictures, Survey};

/// Children are registered within so many days after their birth.
const BIRTH_DAYS: i32 = 366;

pub(super) fn pictures(persons: &BTreeMap<Person, (Life, Vec<Said>)>, houses: &BTreeMap<House, Vec<Said>>) -> Pictures {
    let mut pictures = Pictures::new();
    for (person, (life, _)) in persons {
        add_stretches(&mut pictures, *person, life);
    }
    for (life, live) in persons.values() {
        for said in live {
            for (index, line) in said.lines.iter().enumerate() {
                let place = match line.kind {
                    Kind::Membership => None,
                    Kind::Income | Kind::Cost | Kind::Status => life.now(),
                    _ => life.at(line.day),
                };
                if let Some(place) = place {
                    add(pictures.entry(place).or_default(), said, index, line);
                }
            }
        }
    }
    for (house, live) in houses {
        if !live.iter().flat_map(|said| &said.lines).any(|line| line.code == "registered") {
            continue;
        }
        for said in live {
            for (index, line) in said.lines.iter().enumerate() {
                let stays = matches!(line.kind, Kind::Status | Kind::Survey | Kind::Membership);
                let place = if stays { *house } else { merged_into(*house, houses) };
                add(pictures.entry(place).or_default(), said, index, line);
            }
        }
    }
    for picture in pictures.values_mut() {
        finish(picture);
    }
    pictures.retain(|_, picture| *picture != Picture::default());
    pictures
}

/// Members and departures.
fn add_stretches(pictures: &mut Pictures, person: Person, life: &Life) {
    for (at, stretch) in life.stretches.iter().enumerate() {
        let picture = pictures.entry(stretch.house).or_default();
        if let Some(day) = stretch.to {
            picture.happened.insert(Happened {
                day,
                entry: EntryId(0),
                kind: Kind::Membership,
                code: "leave".to_owned(),
                value: stretch.from.to_string(),
                cause: schemas::Cause::Other,
                amount_fen: 0,
                person: Some(person),
                source: String::new(),
            });
        } else {
            let wages = BTreeMap::new();
            picture.members.insert(person, Member { since_day: stretch.from, is_first: at == 0, wages });
        }
    }
}

/// Where a household's code leads: merges, one after the other; those that go round end at the smallest code.
fn merged_into(house: House, houses: &BTreeMap<House, Vec<Said>>) -> House {
    let mut way = vec![house];
    while let Some(live) = way.last().and_then(|at| houses.get(at)) {
        let mut merges = Vec::new();
        for said in live {
            for (index, line) in said.lines.iter().enumerate() {
                if line.kind == Kind::Membership && line.code == "merged" {
                    let order = (line.day, said.reported_at_ms, event_hash(said.event), said.ordinal, index);
                    merges.push((order, line.value));
                }
            }
        }
        merges.sort_unstable();
        let Some(into) = merges.last().and_then(|(_, value)| self::house(value)) else { break };
        if let Some(first) = way.iter().position(|passed| *passed == into) {
            return way[first..].iter().copied().min().unwrap_or(house);
        }
        way.push(into);
    }
    way.last().copied().unwrap_or(house)
}

fn add(picture: &mut Picture, said: &Said, index: usize, line: &Line) {
    let entry = EntryId::of(event_hash(said.event), said.ordinal, index as i32);
    match line.kind {
        Kind::Income | Kind::Cost | Kind::Expense | Kind::Compensation | Kind::Note => add_amount(picture, said, line),
        Kind::Status => {
            let key = (line.code.to_owned(), said.person);
            let held = Held {
                value: line.value.to_owned(),
                day: line.day,
                reported_at_ms: said.reported_at_ms,
                cause: line.cause,
                entry,
            };
            let order = |held: &Held| (held.day, held.reported_at_ms, held.entry);
            if picture.statuses.get(&key).is_none_or(|before| order(before) < order(&held)) {
                picture.statuses.insert(key, held);
            }
        }
        Kind::Survey => {
            let survey = Survey {
                day: line.day,
                reported_at_ms: said.reported_at_ms,
                unreported_income_fen: line.amount_fen,
                members: line.value.parse().expect("the number of members"),
                members_since: 0,
                entry,
            };
            let order = |survey: &Survey| (survey.day, survey.reported_at_ms, survey.entry);
            if picture.survey.as_ref().is_none_or(|before| order(before) < order(&survey)) {
                picture.survey = Some(survey);
            }
        }
        Kind::Incident | Kind::Action => {
            picture.happened.insert(Happened {
                day: line.day,
                entry,
                kind: line.kind,
                code: line.code.to_owned(),
                value: line.value.to_owned(),
                cause: line.cause,
                amount_fen: line.amount_fen,
                person: said.person,
                source: said.source.to_owned(),
            });
        }
        Kind::Membership if line.code == "registered" => {
            let earliest = picture.registered_day.map_or(line.day, |known| known.min(line.day));
            picture.registered_day = Some(earliest);
        }
        Kind::Membership => {}
    }
}

/// Spreads an amount over its months; the fen that do not divide go to the first.
fn add_amount(picture: &mut Picture, said: &Said, line: &Line) {
    let share = line.amount_fen / i64::from(line.months);
    let mut left = line.amount_fen;
    for after in (0..line.months).rev() {
        let part = if after == 0 { left } else { share };
        left -= part;
        if part == 0 {
            continue;
        }
        let month = line.month.plus(after);
        *picture.sums.entry((line.category, line.cause, month)).or_default() += part;
        let member = said.person.and_then(|person| picture.members.get_mut(&person));
        if let (Category::Wage, Some(member)) = (line.category, member) {
            *member.wages.entry(month).or_default() += part;
        }
    }
}

/// What follows from the rest.
fn finish(picture: &mut Picture) {
    let classes = picture.statuses.get(&("class".to_owned(), None)).map_or("", |held| held.value.as_str());
    picture.classes = classes.split('|').filter_map(Class::parse).collect();
    let (came, born) = came_and_born(picture);
    picture.provisional = born.len() as i32;
    let Some(survey) = &mut picture.survey else { return };
    let left = picture.happened.iter().filter(|one| {
        let was_there = |day: Day| day <= survey.day;
        one.code == "leave" && one.day > survey.day && Day::parse(&one.value).is_some_and(was_there)
    });
    let new = came.iter().chain(&born).filter(|day| **day > survey.day);
    survey.members_since = new.count() as i32 - left.count() as i32;
}

/// The days on which the members came, a registered newborn on the day of its birth, and the days on which children were
/// born for whom no new member stands.
fn came_and_born(picture: &Picture) -> (Vec<Day>, Vec<Day>) {
    let days = |is_first: bool| {
        let those = picture.members.values().filter(move |member| member.is_first == is_first);
        those.map(|member| member.since_day).collect::<Vec<_>>()
    };
    let (mut came, mut newcomers, mut born) = (days(false), days(true), Vec::new());
    newcomers.sort_unstable();
    for birth in picture.happened.iter().filter(|one| one.kind == Kind::Incident && one.code == "birth") {
        for _ in 0..birth.value.parse::<i32>().expect("the number of children") {
            let fits = |since: &Day| *since >= birth.day && since.0 - birth.day.0 <= BIRTH_DAYS;
            if let Some(at) = newcomers.iter().position(fits) {
                newcomers.remove(at);
                came.push(birth.day);
            } else {
                born.push(birth.day);
            }
        }
    }
    came.append(&mut newcomers);
    (came, born)
}
