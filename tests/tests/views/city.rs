//! A made-up city of four counties. Each row is written down as the archive would have it; the figures that follow are in
//! `main.rs`, counted by hand.
//!
//! | County | Households | Asked by | What came of it |
//! |---|---|---|---|
//! | 431021 | 20, of which 12 were asked for | R01 | 7 confirmed and helped, 5 dismissed; the first one again in autumn |
//! | 431022 | 8 | R13 | decided without a verification: 2 confirmed, 6 dismissed |
//! | 431023 | 3 | R09 | helped first, then confirmed |
//! | 431024 | 5 | R01, joined by R22 | all confirmed and helped; R08 came when somebody had been there, R18 is a matter of the village |

use anyhow::Result;
use serde_json::{Value, json};

use crate::server::Database;

/// The day on which visits were asked for.
const ASKED: &str = "2025-03-03";

fn code(county: u32, serial: u32) -> String {
    format!("{county}100200{serial:04}")
}

/// A day of March or April 2025, so many days after the visits were asked for.
fn march(days: u32) -> String {
    let day = 3 + days;
    if day > 31 { format!("2025-04-{:02}", day - 31) } else { format!("2025-03-{day:02}") }
}

/// A warning's record in the first case and round.
fn warning(household: &str, rule: &str, kind: &str, day: &str) -> Value {
    json!({
        "warning_id": format!("{household}/{rule}"), "record_id": format!("{household}/{rule}/{kind}/{day}"), "kind": kind,
        "household": household, "case_number": 1, "round": 1, "rule": rule, "cause": "01", "level": "M", "day": day,
    })
}

/// The one that asks for the visit.
fn asking(household: &str, rule: &str, day: &str) -> Value {
    let mut warning = warning(household, rule, "raised", day);
    warning["asks_visit"] = true.into();
    warning
}

fn again(mut record: Value) -> Value {
    (record["case_number"], record["round"]) = (2.into(), 2.into());
    record
}

fn act(code: &str, value: &str, day: &str) -> Value {
    json!({ "entry": format!("{code}/{day}"), "case_number": 1, "round": 1, "code": code, "value": value, "cause": "01", "day": day })
}

/// What stands in the case beside its acts: step, office, escalations, by when it is due, when it was closed.
type Place = (&'static str, &'static str, u32, Option<&'static str>, Option<&'static str>);

fn case(household: &str, (step, office, escalations, due, closed): Place, acts: &[Value]) -> Value {
    json!({
        "household": household, "number": 9, "case_number": 1, "step": step, "opened_day": ASKED, "round": 1, "office": office,
        "escalations": escalations, "due_day": due, "closed_day": closed, "acts": acts,
    })
}

fn paid(household: &str, category: &str, (sign, yuan): (i32, u32), day: &str) -> Value {
    json!({
        "household": household, "sign": sign, "category": category, "amount_fen": yuan * 100, "day": day,
        // The table lets go of what was reported more than ten years ago.
        "reported_at": "2090-01-01 00:00:00",
    })
}

/// Everything, in the tables of the archive.
pub(crate) fn fill(database: &Database) -> Result<()> {
    let mut rows = Rows::default();
    first_county(&mut rows);
    the_first_household_again(&mut rows);
    one_whose_cases_ended_in_other_ways(&mut rows);
    second_county(&mut rows);
    third_county(&mut rows);
    fourth_county(&mut rows);
    database.insert("warnings", &rows.warnings)?;
    database.insert("cases", &rows.cases)?;
    database.insert("entries", &rows.entries)?;
    database.insert("household_states", &rows.states)?;
    database.insert("alert_progress", &progress())
}

#[derive(Default)]
struct Rows {
    warnings: Vec<Value>,
    cases: Vec<Value>,
    entries: Vec<Value>,
    states: Vec<Value>,
}

impl Rows {
    fn state(&mut self, household: &str, classes: &[&str]) {
        self.states.push(json!({ "household": household, "number": 1, "classes": classes }));
    }
}

/// Verified 1 to 12 days after, decided 10 days later, helped 20 days after that. Relief of 200 to 1,200 yuan.
fn first_county(rows: &mut Rows) {
    for serial in 1..=20 {
        let household = code(431_021, serial);
        rows.state(&household, if serial <= 6 { &["delisted", "dibao"] } else { &["delisted"] });
        if serial > 12 {
            continue;
        }
        rows.warnings.push(asking(&household, "R01", ASKED));
        if serial > 1 {
            rows.entries.push(paid(&household, "relief", (1, 100 * serial), "2025-03-10"));
        }
        let verified = act("verification_result", "proposed_confirmed", &march(serial));
        let decided = |verdict: &str| act("verification_result", verdict, &march(serial + 10));
        if (2..=7).contains(&serial) {
            let helped = act("assistance_measure", "relief", &march(serial + 30));
            let place = ("assisted", "city", 3, Some("2025-09-01"), None);
            rows.cases.push(case(&household, place, &[verified, decided("confirmed"), helped]));
        } else if serial > 7 {
            // Its case was closed on the day of the verdict; what the last one's rested on had ended before.
            if serial < 12 {
                rows.warnings.push(warning(&household, "R01", "closed", &march(serial + 10)));
            } else {
                rows.warnings.push(warning(&household, "R01", "no_longer_met", &march(serial)));
            }
            let closed = [(8, "2025-03-21"), (9, "2025-03-22"), (10, "2025-03-23"), (11, "2025-03-24")];
            let closed = closed.iter().find(|(one, _)| *one == serial).map_or("2025-03-25", |(_, day)| day);
            rows.cases.push(case(
                &household,
                ("dismissed", "", 0, None, Some(closed)),
                &[verified, decided("dismissed")],
            ));
        }
    }
}

/// Dismissed by mistake, then confirmed, helped and cleared; asked for again on 1 October, and verified.
fn the_first_household_again(rows: &mut Rows) {
    let household = code(431_021, 1);
    rows.warnings.push(warning(&household, "R01", "closed", "2025-09-20"));
    let asking = again(asking(&household, "R01", "2025-10-01"));
    rows.warnings.push(asking);
    let acts = [
        act("verification_result", "proposed_confirmed", "2025-03-04"),
        act("verification_result", "dismissed", "2025-03-12"),
        act("verification_result", "confirmed", "2025-03-14"),
        act("assistance_measure", "medical aid", "2025-04-03"),
        act("follow_up_visit", "stable", "2025-06-30"),
        again(act("verification_result", "proposed_confirmed", "2025-10-02")),
    ];
    let mut case = case(&household, ("verifying", "county", 0, Some("2026-01-17"), None), &acts);
    (case["case_number"], case["round"], case["opened_day"]) = (2.into(), 2.into(), "2025-10-01".into());
    // A record that was overtaken, and must not be read.
    let mut before = case.clone();
    (before["number"], before["acts"]) = (8.into(), json!([]));
    rows.cases.extend([case, before]);
    rows.entries.extend([
        paid(&household, "medical_aid", (1, 300), "2025-02-28"),
        paid(&household, "relief", (1, 1_000), ASKED),
        paid(&household, "claim", (1, 700), "2025-05-01"),
        paid(&household, "claim", (-1, 700), "2025-05-01"),
        paid(&household, "wage", (1, 999), "2025-06-01"),
        paid(&household, "claim", (1, 500), "2025-09-20"),
        paid(&household, "student_aid", (1, 200), "2025-09-25"),
        paid(&household, "relief", (1, 400), "2025-10-02"),
    ]);
}

/// Four cases without a visit: one ended with its last request, one was dismissed, of one nothing is known but that another
/// one began, and the last one closed by itself.
fn one_whose_cases_ended_in_other_ways(rows: &mut Rows) {
    let household = code(431_021, 13);
    let mut say = |number: u32, kind: &str, day: &str| {
        let mut warning = warning(&household, "R13", kind, day);
        warning["case_number"] = number.into();
        rows.warnings.push(warning);
    };
    say(1, "raised", "2025-01-01");
    say(1, "no_longer_met", "2025-02-20");
    say(2, "raised", "2025-04-01");
    say(3, "raised", "2025-05-01");
    say(4, "raised", "2025-06-01");
    say(4, "withdrawn", "2025-06-09");
    let mut dismissed = act("verification_result", "dismissed", "2025-04-11");
    dismissed["case_number"] = 2.into();
    let mut case = case(&household, ("none", "", 0, None, None), &[dismissed]);
    (case["case_number"], case["opened_day"]) = (4.into(), "2025-06-01".into());
    rows.cases.push(case);
}

/// The county decides four days after, without a verification before it; claims of 50 yuan.
fn second_county(rows: &mut Rows) {
    for serial in 1..=8 {
        let household = code(431_022, serial);
        rows.state(&household, &[]);
        rows.warnings.push(asking(&household, "R13", ASKED));
        rows.entries.push(paid(&household, "claim", (1, 50), ASKED));
        let (verdict, place) = if serial <= 2 {
            ("confirmed", ("confirmed", "county", 0, Some("2026-01-06"), None))
        } else {
            ("dismissed", ("dismissed", "", 0, None, Some("2025-03-07")))
        };
        rows.cases.push(case(&household, place, &[act("verification_result", verdict, &march(4))]));
    }
}

/// An emergency: helped a day after, confirmed a week after.
fn third_county(rows: &mut Rows) {
    for serial in 1..=3 {
        let household = code(431_023, serial);
        rows.state(&household, &["marginal"]);
        rows.warnings.push(asking(&household, "R09", ASKED));
        rows.entries.push(paid(&household, "student_aid", (1, 80), "2025-04-01"));
        let acts = [act("assistance_measure", "relief", &march(1)), act("verification_result", "confirmed", &march(7))];
        rows.cases.push(case(&household, ("assisted", "township", 1, Some("2026-01-06"), None), &acts));
    }
}

/// Verified two days after, decided three days later, helped 1 to 5 days after that; claims of 10 yuan.
fn fourth_county(rows: &mut Rows) {
    for serial in 1..=5 {
        let household = code(431_024, serial);
        rows.state(&household, &["delisted"]);
        rows.warnings.push(asking(&household, "R01", ASKED));
        rows.warnings.push(warning(&household, "R22", "raised", &march(2)));
        let mut late = warning(&household, "R08", "raised", &march(3));
        late["cause"] = "02".into();
        rows.warnings.push(late);
        let mut of_village = warning(&household, "R18", "raised", ASKED);
        of_village["attached_to"] = "a matter of the village".into();
        rows.warnings.push(of_village);
        let mut signal = warning(&household, "R05", "raised", ASKED);
        (signal["level"], signal["round"]) = ("L".into(), 0.into());
        rows.warnings.push(signal);
        rows.entries.push(paid(&household, "claim", (1, 10), "2025-04-01"));
        let acts = [
            act("verification_result", "proposed_confirmed", &march(2)),
            act("verification_result", "confirmed", &march(5)),
            act("assistance_measure", "public post", &march(5 + serial)),
        ];
        rows.cases.push(case(&household, ("assisted", "village", 0, Some("2026-01-06"), None), &acts));
    }
}

/// Two partitions; the first has told an earlier figure before.
fn progress() -> Vec<Value> {
    let still = |rule: &str, county: &str, why: &str, households: u32| json!({ "rule": rule, "county": county, "why": why, "households": households });
    let row = |partition: u32, offset: u32, still: &[Value]| {
        json!({
            "closed_day": "2025-12-30", "first_closed_day": "2024-12-31", "standing_still": still,
            "_partition": partition, "_offset": offset,
        })
    };
    vec![
        row(0, 9, &[still("R13", "431021", "not_known", 4), still("R12", "431021", "silent_feed", 20)]),
        row(0, 5, &[still("R13", "431021", "not_known", 9)]),
        row(1, 3, &[still("R13", "431021", "not_known", 2), still("R13", "431022", "not_known", 3)]),
    ]
}
