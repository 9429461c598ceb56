//! How families change and departments put right what they said: rates, and the truth about who lives where.

use schemas::HouseholdCode;

use super::*;

/// What events about members have beside the envelope.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Moved {
    change: Option<String>,
    effective_date: i32,
    registered_date: i32,
    from_household_code: Option<String>,
    persons: Vec<String>,
    members: Vec<Member>,
}

#[derive(Debug, serde::Deserialize)]
struct Member {
    person_id: String,
}

/// A record that decodes: the day of its publication, the feed, the event, what it says of members, its bytes.
struct Published {
    day: Day,
    feed: u8,
    event: Envelope,
    moved: Moved,
    value: Vec<u8>,
}

impl Published {
    fn is_change(&self, change: &str) -> bool {
        self.moved.change.as_deref() == Some(change)
    }
}

/// Everything that is published and decodes, in order.
fn published(settings: Settings) -> (City, Vec<Published>) {
    let mut city = City::new(settings);
    let mut events = Vec::new();
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            let Some(event) = envelope::<Envelope>(record.feed, record.value) else { continue };
            let about_members = ["member_changed", "household_registered"].contains(&event.event_type.as_str());
            let moved = about_members.then(|| envelope(record.feed, record.value).expect("members decode"));
            let (moved, value) = (moved.unwrap_or_default(), record.value.to_vec());
            events.push(Published { day: day.day, feed: record.feed, event, moved, value });
        }
    }
    (city, events)
}

fn without_defects(changes: ChangeRates, households: u32, months: u32) -> Settings {
    Settings { changes, rates: Rates::none(), ..Settings::new(households, months, 19) }
}

#[test]
fn a_city_without_changes_says_everything_once() {
    let (_, events) = published(without_defects(ChangeRates::none(), 1_000, 14));
    let ids: BTreeSet<_> = events.iter().map(|one| (one.feed, &one.event.event_id)).collect();
    assert_eq!(ids.len(), events.len());
    assert!(events.iter().all(|one| one.event.op == "upsert" && one.event.event_type != "death"));
    assert!(events.iter().all(|one| one.moved.change.is_none() || one.is_change("join")));
}

#[test]
fn departments_put_right_what_they_said_about_as_often_as_stated() {
    let (_, events) = published(without_defects(ChangeRates::default(), 6_000, 14));
    let mut first: BTreeMap<(u8, &str), (Day, &[u8])> = BTreeMap::new();
    let (mut corrections, mut retractions, mut changed) = (0, 0, 0);
    for Published { day, feed, event, value, .. } in &events {
        match event.op.as_str() {
            "correct" => corrections += 1,
            "retract" => retractions += 1,
            _ => {}
        }
        let (_, known) = *first.entry((*feed, &event.event_id)).or_insert((*day, value));
        changed += usize::from(known != value.as_slice());
    }
    let ops: Vec<_> =
        events.iter().filter_map(|one| Some((one.day, one.feed, one.event.corrects_event_id.as_deref()?))).collect();
    let puts_right = |one: &&Published| one.event.op != "upsert";
    let ids: BTreeSet<_> =
        events.iter().filter(puts_right).map(|one| (one.feed, one.event.event_id.as_str())).collect();
    let before =
        ops.iter().filter(|(day, feed, id)| first.get(&(*feed, id)).is_some_and(|(said, _)| said > day)).count();
    let of_ops = ops.iter().filter(|(_, feed, id)| ids.contains(&(*feed, *id))).count();
    let ppm = |part: usize, whole: usize| part * 1_000_000 / whole.max(1);
    for (what, found, low, high) in [
        ("corrections", ppm(corrections, events.len()), 2_500, 6_500),
        ("retractions", ppm(retractions, events.len()), 1_500, 3_000),
        ("other content under the same id", ppm(changed, events.len()), 600, 1_600),
        ("what puts right comes first", ppm(before, corrections + retractions), 25_000, 70_000),
        ("of what puts right itself", ppm(of_ops, corrections + retractions), 50_000, 150_000),
    ] {
        assert!((low..=high).contains(&found), "{what}: {found}");
    }
}

#[test]
fn the_same_document_comes_from_two_departments_in_another_spelling() {
    let changes = ChangeRates { document_twice_ppm: 1_000_000, ..ChangeRates::none() };
    let (_, events) = published(without_defects(changes, 6_000, 20));
    let plain = |number: &str| -> String {
        let half = |one: char| {
            char::from_u32(u32::from(one).checked_sub(0xFEE0)?).filter(|_| ('\u{FF01}'..='\u{FF5E}').contains(&one))
        };
        number
            .chars()
            .filter(|one| !one.is_whitespace())
            .map(|one| half(one).unwrap_or(one))
            .collect::<String>()
            .to_uppercase()
    };
    let mut by_document: BTreeMap<String, BTreeSet<(u8, &str)>> = BTreeMap::new();
    for one in events.iter().filter(|one| one.event.event_type.ends_with("relief")) {
        let number = one.event.document_number.as_deref().expect("reliefs have papers");
        by_document.entry(plain(number)).or_default().insert((one.feed, number));
    }
    let twice =
        by_document.values().filter(|said| said.iter().map(|(feed, _)| feed).collect::<BTreeSet<_>>().len() == 2);
    let spellings =
        by_document.values().filter(|said| said.iter().map(|(_, one)| one).collect::<BTreeSet<_>>().len() == 2);
    let count = twice.count();
    assert!(count > 20 && count * 10 >= by_document.len() * 9, "{count} of {}", by_document.len());
    assert!(spellings.count() > count / 2);
    let papers = |event_type: &str| -> BTreeSet<String> {
        let of_type = events.iter().filter(|one| one.event.event_type == event_type);
        of_type.map(|one| plain(one.event.document_number.as_deref().expect("bills have papers"))).collect()
    };
    let (settled, billed) = (papers("medical_settlement"), papers("hospital_bill"));
    // A settlement outside the county comes up to 35 days later, and so may lie beyond the end.
    let both = billed.intersection(&settled).count();
    assert!(both > 100 && both * 20 >= billed.len() * 19, "{both} of {}", billed.len());
}

#[test]
fn every_kind_of_move_happens() {
    let (city, events) = published(without_defects(ChangeRates::default(), 6_000, 24));
    let count = |change: &str| events.iter().filter(|one| one.is_change(change)).count();
    for (change, low, high) in [("join", 300, 1_500), ("leave", 80, 600), ("split", 20, 150), ("merge", 20, 150)] {
        assert!((low..=high).contains(&count(change)), "{change}: {}", count(change));
    }
    let truth = city.truth();
    let became: BTreeMap<HouseholdCode, HouseholdCode> =
        truth.households.iter().filter_map(|one| Some((one.household, one.merged_into?.1))).collect();
    for one in events.iter().filter(|one| one.is_change("merge")) {
        let code = |text: &Option<String>| text.as_deref().and_then(|text| HouseholdCode::parse(text).ok());
        let old = code(&one.moved.from_household_code).expect("a merge names the old household");
        assert_eq!(became.get(&old), code(&one.event.household_code).as_ref(), "{old}");
    }
    assert!(became.values().any(|next| became.contains_key(next)), "no household moved on after it took one in");
    assert!(
        truth.households.iter().any(|one| one.merged_into.is_none() && one.members.iter().all(|m| m.until.is_some()))
    );
    let announced = events.iter().filter(|one| one.moved.effective_date > one.day.0);
    assert!(announced.count() > 5);
}

#[test]
fn everybody_lives_in_at_most_one_household_at_a_time() {
    let mut city = City::new(Settings { changes: busy(), ..Settings::new(1_500, 18, 5) });
    while city.next_day().is_some() {}
    let truth = city.truth();
    let mut stays: BTreeMap<&str, Vec<(Day, Option<Day>)>> = BTreeMap::new();
    for household in &truth.households {
        for member in &household.members {
            stays.entry(&member.person).or_default().push((member.from, member.until));
        }
    }
    for (person, stays) in &mut stays {
        stays.sort_unstable();
        for pair in stays.windows(2) {
            assert!(pair[0].1.is_some_and(|until| until <= pair[1].0), "{person}: {pair:?}");
        }
    }
    assert!(stays.values().any(|stays| stays.len() > 2));
    for (household, truth) in city.households().zip(&truth.households) {
        let there = truth.members.iter().filter(|member| member.until.is_none()).count();
        assert_eq!(there, household.members.len(), "{}", household.code);
    }
}

/// What the feeds say of where somebody lives: day, order of report, and the household that is joined or left.
type Said = (i32, usize, Option<String>, Option<String>);

#[test]
fn the_feeds_say_where_everybody_lives() {
    let changes = ChangeRates { announced_ppm: 0, late_join_ppm: 0, ..ChangeRates { ..moves_only() } };
    let (city, events) = published(without_defects(changes, 2_000, 20));
    let last = city.settings().end();
    let mut said: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for (order, Published { event, moved, .. }) in events.iter().enumerate() {
        let code = event.household_code.clone();
        match (event.event_type.as_str(), moved.change.as_deref()) {
            ("household_registered", _) => {
                for member in &moved.members {
                    let day = moved.registered_date;
                    said.entry(member.person_id.clone()).or_default().push((day, order, code.clone(), None));
                }
            }
            ("member_changed", change) => {
                for person in &moved.persons {
                    let day = moved.effective_date;
                    let said = said.entry(person.clone()).or_default();
                    said.push(match change {
                        Some("leave") => (day, order, None, code.clone()),
                        _ => (day, order, code.clone(), None),
                    });
                }
            }
            ("death", _) => {
                let day = Day::of_instant_ms(event.occurred_at).0;
                said.entry(event.person_id.clone().expect("a person")).or_default().push((day, usize::MAX, None, None));
            }
            _ => {}
        }
    }
    let mut checked = 0;
    for household in city.truth().households {
        for member in household.members.iter().filter(|member| member.until.is_none()) {
            // What happened last may not be told before the run ends.
            if member.from.plus(60) >= last {
                continue;
            }
            let mut said = said.remove(&member.person).unwrap_or_default();
            said.sort();
            let lives = said.iter().fold(None, |lives: Option<String>, (_, _, joined, left)| match (joined, left) {
                (Some(joined), _) => Some(joined.clone()),
                (None, Some(left)) => lives.filter(|here| here != left),
                (None, None) => None,
            });
            assert_eq!(lives, Some(household.household.to_string()), "{} {said:?}", member.person);
            checked += 1;
        }
    }
    assert!(checked > 5_000, "{checked}");
}
