//! Tests of the simulator as a whole: bytes, rates, accounts, truth.

mod changes;
mod published;
mod verifier;

use std::collections::{BTreeMap, BTreeSet};

use schemas::Day;
use schemas::id::CitizenNumber;
use serde_avro_fast::de::DeserializerState;

use super::account::Effect;
use super::changes::ChangeRates;
use super::city::{City, Settings, Visits};
use super::defects::Rates;
use super::events::{DEPARTMENTS, EVENTS};
use super::judge;
use super::life::work::LOST_SHARE_PPM;
use super::sink::WRITERS;

/// Everything that a city publishes, and its truth, as bytes.
fn bytes(settings: Settings) -> Vec<u8> {
    let mut city = City::new(settings);
    let mut bytes = Vec::new();
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            bytes.push(record.feed);
            bytes.extend_from_slice(record.key);
            bytes.extend_from_slice(record.value);
        }
        bytes.extend_from_slice(&day.day.0.to_le_bytes());
    }
    city.truth().write(&mut bytes).expect("writes");
    bytes
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let settings = Settings { changes: ChangeRates::default(), ..Settings::new(1_500, 5, 42) };
    let one = bytes(settings.clone());
    assert!(one == bytes(Settings { threads: 3, ..settings.clone() }), "threads change the bytes");
    assert!(one != bytes(Settings { seed: 43, ..settings }), "another seed gives the same bytes");
}

/// The envelope of a record, where it decodes.
#[derive(Clone, Debug, serde::Deserialize)]
struct Envelope {
    event_id: String,
    event_type: String,
    person_id: Option<String>,
    household_code: Option<String>,
    occurred_at: i64,
    reported_at: i64,
    document_number: Option<String>,
    op: String,
    corrects_event_id: Option<String>,
}

/// Families change, and nobody puts anything right.
fn moves_only() -> ChangeRates {
    ChangeRates {
        corrected_ppm: 0,
        content_changed_ppm: 0,
        retracted_ppm: 0,
        two_households_ppm: 0,
        document_twice_ppm: 0,
        very_late_ppm: 0,
        ..ChangeRates::default()
    }
}

/// Everybody moves, all the time.
fn busy() -> ChangeRates {
    ChangeRates {
        marriage_ppm: 60_000,
        departure_ppm: 15_000,
        return_ppm: 300_000,
        arrival_ppm: 10_000,
        split_ppm: 20_000,
        merge_ppm: 30_000,
        merge_again_ppm: 200_000,
        ..ChangeRates::default()
    }
}

fn envelope<'a, T: serde::Deserialize<'a>>(feed: u8, value: &'a [u8]) -> Option<T> {
    let matching = WRITERS.iter().filter(|writer| writer.feed() == feed);
    let writer = { matching }.find(|writer| value.starts_with(writer.header()))?;
    let mut state = DeserializerState::from_slice(&value[writer.header().len()..], writer.schema());
    serde::Deserialize::deserialize(state.deserializer()).ok()
}

/// What is counted over a run.
#[derive(Default)]
struct Counts {
    records: usize,
    undecodable: usize,
    persons: usize,
    bad_numbers: usize,
    repeated: usize,
    documents: usize,
    numbers_in_documents: usize,
    types: BTreeSet<(u8, String)>,
}

fn count(settings: Settings) -> Counts {
    let mut city = City::new(settings);
    let mut counts = Counts::default();
    let mut seen = BTreeSet::new();
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            counts.records += 1;
            let Some(event) = envelope::<Envelope>(record.feed, record.value) else {
                counts.undecodable += 1;
                continue;
            };
            assert!(event.occurred_at <= event.reported_at, "{}", event.event_id);
            assert!(event.person_id.is_some() || event.household_code.is_some(), "{}", event.event_id);
            assert_eq!(event.event_id.as_bytes(), record.key);
            if let Some(person) = &event.person_id {
                counts.persons += 1;
                counts.bad_numbers += usize::from(CitizenNumber::parse(person).is_err());
            }
            if let (Some(person), Some(document)) = (&event.person_id, &event.document_number) {
                counts.documents += 1;
                // Numbers of the old kind are too short; the document has the new one.
                counts.numbers_in_documents += usize::from(person.get(..17).is_some_and(|one| document.contains(one)));
            }
            counts.repeated += usize::from(!seen.insert((record.feed, event.event_id.clone())));
            counts.types.insert((record.feed, event.event_type));
        }
    }
    counts
}

#[test]
fn defects_come_about_as_often_as_stated() {
    let counts = count(Settings::new(3_000, 14, 9));
    let ppm = |part: usize, whole: usize| part * 1_000_000 / whole.max(1);
    for (what, found, low, high) in [
        ("garbage and unknown schemas", ppm(counts.undecodable, counts.records), 200, 700),
        ("bad numbers", ppm(counts.bad_numbers, counts.persons), 2_500, 3_600),
        ("numbers in documents", ppm(counts.numbers_in_documents, counts.documents), 85_000, 115_000),
        ("sent again, singly or as a file", ppm(counts.repeated, counts.records), 6_000, 16_000),
        ("events a household and year", counts.records * 12 / 14 / 3_000, 30, 60),
    ] {
        assert!((low..=high).contains(&found), "{what}: {found}");
    }
}

#[test]
fn all_fourteen_departments_speak_and_every_event_type_occurs() {
    // A hospital's bill is the second report of a settlement.
    let changes = ChangeRates { document_twice_ppm: ChangeRates::default().document_twice_ppm, ..moves_only() };
    let counts = count(Settings { changes, rates: Rates::none(), ..Settings::new(4_000, 14, 9) });
    assert_eq!((counts.undecodable, counts.bad_numbers, counts.repeated), (0, 0, 0));
    let missing: Vec<_> = EVENTS
        .iter()
        .filter(|described| {
            let feed = DEPARTMENTS.iter().position(|name| *name == described.department).expect("a department");
            !counts.types.contains(&(feed as u8, described.event_type.to_owned()))
        })
        .map(|described| described.event_type)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_latent_account_is_the_sum_of_its_parts_at_every_month_end() {
    let mut city = City::new(Settings { changes: busy(), ..Settings::new(1_500, 14, 77) });
    while let Some(day) = city.next_day() {
        if day.day.plus(1).month() == day.day.month() || day.day < city.settings().start {
            continue;
        }
        for household in city.households() {
            let account = &household.account;
            let (mut income, mut members) = (0, 0);
            for change in &household.future {
                match change.effect {
                    Effect::Income(fen) => income += fen,
                    Effect::Members(more) => members += i64::from(more),
                    Effect::People { members: more, income_fen } => {
                        members += i64::from(more);
                        income += income_fen;
                    }
                    _ => {}
                }
            }
            let what = (household.code, day.day);
            let parts = household.expected_parts_fen(LOST_SHARE_PPM);
            assert_eq!(account.expected_fen() + income, parts, "{what:?}");
            assert_eq!(account.members() + members, household.members.len() as i64, "{what:?}");
            assert_eq!(account.rolling_fen(), account.parts().iter().map(|(_, fen)| fen).sum::<i64>(), "{what:?}");
        }
    }
}

#[test]
fn shocks_are_below_the_line_or_without_a_safeguard_on_the_day_of_their_onset() {
    let mut city = City::new(Settings::new(3_000, 16, 21));
    while city.next_day().is_some() {}
    let truth = city.truth();
    let households: BTreeMap<_, _> = truth.households.iter().map(|one| (one.household, one)).collect();
    let within = |spans: &[(Day, Day)], day: Day| spans.iter().any(|(from, to)| (*from..=*to).contains(&day));
    assert!(truth.shocks.len() > 100, "{}", truth.shocks.len());
    for shock in &truth.shocks {
        let household = households[&shock.household];
        let holds = within(&household.below, shock.onset) || within(&household.without_safeguard, shock.onset);
        // One that is mended or paid back on the same day has no whole day of it.
        let brief = household.below.iter().chain(&household.without_safeguard).all(|(from, _)| *from != shock.onset);
        assert!(holds || brief, "{shock:?}");
        assert!(shock.day <= shock.onset, "{shock:?}");
        assert!(shock.carried.is_none_or(|carried| carried >= shock.day), "{shock:?}");
    }
}

#[test]
fn the_blind_share_lies_between_a_tenth_and_two_fifths() {
    for seed in [1, 2, 3] {
        let changes = ChangeRates::default();
        let mut city = City::new(Settings { changes, threads: 2, ..Settings::new(4_000, 20, seed) });
        while city.next_day().is_some() {}
        let truth = city.truth();
        let report = judge::judge(&truth, &[], truth.city.last_day);
        let blind = report.blind_share.expect("there are shocks");
        assert!((0.10..=0.40).contains(&blind), "seed {seed}: {blind} of {} shocks", report.shocks);
    }
}

/// The truth is frozen: what a policy is judged by must not move together with the policy. Who changes this checksum
/// changes every figure of recall and precision that was ever published, and says so in the changelog.
#[test]
fn the_truth_of_a_city_is_the_one_that_was_frozen() {
    for visits in [Visits::AfterReports, Visits::AfterWarnings] {
        let changes = ChangeRates::default();
        let mut city = City::new(Settings { changes, visits, ..Settings::new(600, 20, 7) });
        while city.next_day().is_some() {}
        let mut bytes = Vec::new();
        city.truth().write(&mut bytes).expect("writes");
        assert_eq!(format!("{:08x}", crc32fast::hash(&bytes)), "19e57dec", "{visits:?}");
    }
}
