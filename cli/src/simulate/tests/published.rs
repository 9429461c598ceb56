//! What is told of a year, beside the published figures on which the simulator rests (`population`, `income`, `health`).

use super::super::population::Member;
use super::*;

/// What a settlement has beside the envelope.
#[derive(Debug, serde::Deserialize)]
struct Bill {
    total_fen: i64,
    reimbursed_fen: i64,
    visit_type: String,
}

/// What the feeds of a year say, with the persons who live in the city at its beginning.
struct Year {
    city: City,
    persons: i64,
    events: BTreeMap<String, i64>,
    admissions: Vec<Bill>,
}

fn year() -> Year {
    let settings = Settings { rates: Rates::none(), changes: moves_only(), threads: 2, ..Settings::new(12_000, 12, 1) };
    let mut city = City::new(settings);
    let persons = city.households().map(|one| one.members.len() as i64).sum();
    let (mut events, mut admissions) = (BTreeMap::new(), Vec::new());
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            let Some(event) = envelope::<Envelope>(record.feed, record.value) else { continue };
            if event.event_type == "medical_settlement" {
                let bill: Bill = envelope(record.feed, record.value).expect("a settlement decodes");
                admissions.extend(Some(bill).filter(|bill| bill.visit_type == "inpatient"));
            }
            *events.entry(event.event_type).or_default() += 1;
        }
    }
    Year { city, persons, events, admissions }
}

#[test]
fn a_year_of_the_city_has_the_published_figures_of_the_countryside() {
    let Year { city, persons, events, admissions } = year();
    let end = city.settings().end();
    let members = || city.households().flat_map(|one| &one.members);
    let in_10_000 = |count: i64| count * 10_000 / persons;
    let of = |holds: &dyn Fn(&Member) -> bool| in_10_000(members().filter(|one| holds(one)).count() as i64);
    let aged = |from: i32, to: i32| of(&|one| (from..to).contains(&one.age(end)));
    let sum = |fen: fn(&Bill) -> i64| admissions.iter().map(fen).sum::<i64>();
    let told = |event_type: &str| in_10_000(events.get(event_type).copied().unwrap_or_default());
    for (what, found, published, off_percent) in [
        ("persons in 100 households", persons * 100 / 12_000, 336, 2),
        ("under 15, in 10,000", aged(0, 15), 1_930, 8),
        ("of 60 and more, in 10,000", aged(60, 130), 2_380, 8),
        ("of 65 and more, in 10,000", aged(65, 130), 1_770, 10),
        ("in care for a chronic illness, in 10,000", of(&|one| one.chronic_fen > 0), 950, 15),
        ("disabled, in 10,000", of(&|one| one.disability > 0), 634, 8),
        ("admissions in 10,000", in_10_000(admissions.len() as i64), 2_070, 5),
        ("yuan of an admission", sum(|bill| bill.total_fen) / admissions.len() as i64 / 100, 7_674, 6),
        ("per cent reimbursed", sum(|bill| bill.reimbursed_fen) * 100 / sum(|bill| bill.total_fen), 55, 6),
        ("critical diseases in 10,000", told("critical_disease_registered"), 34, 20),
        ("births in 10,000", told("birth"), 64, 15),
    ] {
        assert!((found - published).abs() * 100 <= published * off_percent, "{what}: {found}, published {published}");
    }
}
