//! What verifiers do when they are asked: that they see the truth and change none of it.

use schemas::records::{Warning, WarningKind, WarningLevel};
use schemas::{Cause, Fen, HouseholdCode};

use super::super::truth::HouseholdTruth;
use super::*;

/// What the events of verifiers have beside the envelope.
#[derive(Debug, serde::Deserialize)]
struct Found {
    #[serde(default)]
    verdict: String,
}

fn warning(household: HouseholdCode, kind: WarningKind, asks_visit: bool) -> Warning {
    let none = String::new;
    Warning {
        warning_id: none(),
        record_id: none(),
        kind,
        household,
        case_number: 1,
        rule: "R01".to_owned(),
        policy: none(),
        cause: Cause::Illness,
        level: WarningLevel::Medium,
        window: none(),
        month: None,
        value_fen: Fen(0),
        threshold_fen: Fen(0),
        margin_fen: Fen(0),
        day: Day(0),
        occurred_day: Day(0),
        state_number: 1,
        contributions: Vec::new(),
        evidence: Vec::new(),
        verifier: none(),
        departments: Vec::new(),
        action: none(),
        sentence_zh: none(),
        sentence_en: none(),
        notes: Vec::new(),
        asks_visit,
        round: 1,
        due_day: None,
        post: none(),
        attached_to: none(),
        attached: Vec::new(),
    }
}

fn answering(households: u32, months: u32) -> Settings {
    Settings { visits: Visits::AfterWarnings, rates: Rates::none(), ..Settings::new(households, months, 7) }
}

/// What verifiers told: the household, the day on which it occurred, the event, the verdict.
type Told = (HouseholdCode, Day, String, String);

/// The days of each event or verdict about a household.
type Days<'a> = BTreeMap<&'a str, Vec<Day>>;

/// Runs a city, tells its verifiers on each day what `say` says of the first households, and gives what they told.
fn answers(settings: Settings, mut say: impl FnMut(Day, &[HouseholdCode]) -> Vec<Warning>) -> (City, Vec<Told>) {
    let mut city = City::new(settings);
    let codes: Vec<_> = city.households().map(|household| household.code).collect();
    // Offices visit listed households and help them anyway.
    let listed: BTreeSet<_> = city.households().filter(|one| one.is_listed()).map(|household| household.code).collect();
    let mut told = Vec::new();
    while let Some(day) = city.next_day() {
        for record in day.iter() {
            let Some(event) = envelope::<Envelope>(record.feed, record.value) else { continue };
            if !["verification_result", "assistance_measure", "follow_up_visit"].contains(&event.event_type.as_str()) {
                continue;
            }
            let code = HouseholdCode::parse(event.household_code.as_deref().expect("a household")).expect("a code");
            let verdict = envelope::<Found>(record.feed, record.value).expect("decodes").verdict;
            if !listed.contains(&code) {
                told.push((code, Day::of_instant_ms(event.occurred_at), event.event_type, verdict));
            }
        }
        city.hear(&say(day.day, &codes));
    }
    (city, told)
}

/// Asks on one day for one household in so many.
fn ask_once(on: &str, one_in: usize) -> impl FnMut(Day, &[HouseholdCode]) -> Vec<Warning> {
    let asked = Day::parse(on).expect("a day");
    move |day, codes| {
        let codes = codes.iter().step_by(one_in).filter(|_| day == asked);
        codes.map(|code| warning(*code, WarningKind::Raised, true)).collect()
    }
}

fn is_in_need(household: &HouseholdTruth, day: Day) -> bool {
    let holds = |spans: &[(Day, Day)]| spans.iter().any(|(from, to)| (*from..=*to).contains(&day));
    holds(&household.below) || holds(&household.without_safeguard)
}

#[test]
fn verdicts_are_those_of_the_latent_account_but_for_few() {
    let (city, told) = answers(answering(4_000, 5), ask_once("2025-02-11", 1));
    let truth = city.truth();
    let households: BTreeMap<_, _> = truth.households.iter().map(|one| (one.household, one)).collect();
    let verdicts: Vec<_> = told.iter().filter(|(_, _, event, _)| event == "verification_result").collect();
    let right = verdicts
        .iter()
        .filter(|(code, day, _, verdict)| (verdict == "confirmed") == is_in_need(households[code], *day))
        .count();
    // Three in a hundred are wrong, and some are near the line.
    let share = right * 1_000 / verdicts.len();
    assert!(verdicts.len() > 3_500 && (930..975).contains(&share), "{share} of {}", verdicts.len());
}

#[test]
fn visits_help_and_follow_up_come_when_offices_have_to_and_a_few_late() {
    let asked = Day::parse("2025-02-11").expect("a day");
    let (_, told) = answers(answering(4_000, 9), ask_once("2025-02-11", 1));
    let mut by: BTreeMap<HouseholdCode, Days<'_>> = BTreeMap::new();
    for (code, day, event, verdict) in &told {
        let name = if verdict.is_empty() { event } else { verdict };
        by.entry(*code).or_default().entry(name).or_default().push(*day);
    }
    let confirmed: Vec<_> = by.values().filter(|events| events.contains_key("confirmed")).collect();
    assert!(by.values().all(|events| events.contains_key("confirmed") || events.len() == 1), "the dismissed are left");
    let share = |of: &[&Days<'_>], holds: &dyn Fn(&Days<'_>) -> bool| {
        of.iter().filter(|events| holds(events)).count() * 1_000 / of.len()
    };
    let all: Vec<_> = by.values().collect();
    let first = |events: &Days<'_>, name: &str| events.get(name).map(|days| days[0]);
    let verified = |events: &Days<'_>| first(events, "confirmed").or(first(events, "dismissed"));
    let within = |events: &Days<'_>, name: &str, days: i32| {
        first(events, name).zip(first(events, "confirmed")).is_some_and(|(day, from)| day.0 - from.0 <= days)
    };
    // Tuesday, and the fifth working day after it.
    let on_time = share(&all, &|events| verified(events).is_some_and(|day| day > asked && day <= asked.plus(7)));
    let helped = share(&confirmed, &|events| within(events, "assistance_measure", 30));
    let never = share(&confirmed, &|events| !events.contains_key("assistance_measure"));
    let followed = share(&confirmed, &|events| within(events, "follow_up_visit", 90));
    let twice = share(&confirmed, &|events| events.get("follow_up_visit").is_some_and(|days| days.len() >= 2));
    for (what, found, low, high) in [
        ("visited in time", on_time, 910, 950),
        ("helped in time", helped, 890, 950),
        ("never helped", never, 8, 45),
        ("followed up in time", followed, 900, 960),
        ("followed up twice", twice, 850, 1_000),
    ] {
        assert!((low..=high).contains(&found), "{what}: {found} of {}", confirmed.len());
    }
}

#[test]
fn nobody_comes_again_when_the_case_is_closed() {
    let closing = Day::parse("2025-03-20").expect("a day");
    let mut ask = ask_once("2025-02-11", 1);
    let (_, told) = answers(answering(1_500, 8), |day, codes| {
        let mut said = ask(day, codes);
        if day == closing {
            said.extend(codes.iter().map(|code| warning(*code, WarningKind::Closed, false)));
        }
        said
    });
    let after: Vec<_> =
        told.iter().filter(|(_, day, event, _)| *day > closing && event != "verification_result").collect();
    let late: BTreeSet<_> = told
        .iter()
        .filter(|(_, day, event, _)| *day > closing && event == "verification_result")
        .map(|(code, ..)| *code)
        .collect();
    assert!(told.iter().any(|(_, _, event, _)| event == "assistance_measure"));
    assert!(after.iter().all(|(code, ..)| late.contains(code)), "{after:?}");
}

#[test]
fn the_same_warnings_in_any_order_on_any_number_of_threads_give_the_same_answers() {
    let run = |threads: usize, is_reversed: bool| {
        let settings =
            Settings { threads, rates: Rates::default(), changes: ChangeRates::default(), ..answering(1_200, 6) };
        let (city, told) = answers(settings, |day, codes| {
            let asking = codes.iter().enumerate().filter(|(at, _)| at % 40 == day.0 as usize % 40);
            let mut said: Vec<_> = asking.map(|(_, code)| warning(*code, WarningKind::Raised, true)).collect();
            if is_reversed {
                said.reverse();
                said.extend(said.clone());
            }
            said
        });
        let mut truth = Vec::new();
        city.truth().write(&mut truth).expect("writes");
        (told, truth)
    };
    let (told, truth) = run(1, false);
    assert!(told.len() > 1_000, "{}", told.len());
    assert!((told, truth.clone()) == run(3, true));
    let (silent, same) = answers(
        Settings { threads: 2, rates: Rates::default(), changes: ChangeRates::default(), ..answering(1_200, 6) },
        |_, _| Vec::new(),
    );
    assert!(same.is_empty());
    let mut without = Vec::new();
    silent.truth().write(&mut without).expect("writes");
    assert!(truth == without, "what verifiers do changes the truth");
}
