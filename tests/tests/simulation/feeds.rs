//! Random feeds as departments send them: Avro bytes by the schemas of `schemas/feeds`, some of them spoiled, some sent
//! twice, with the days that close. The same seed gives the same bytes. It does not know what must come of them.

use std::sync::{Arc, OnceLock};

use schemas::Day;
use schemas::feed::Catalogue;
use schemas::id::CitizenNumber;
use serde_avro_fast::Schema;
use serde_avro_fast::ser::SerializerConfig;
use serde_json::{Value, json};

use crate::course::Coming;
use crate::generate::Dice;
use crate::history::CODES;

/// Path and text of a schema.
macro_rules! schema {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../schemas/feeds/", $path)))
    };
}

/// The schemas of the departments that send.
const SCHEMAS: [(&str, &str); 6] = [
    schema!("public-security/household_registered.avsc"),
    schema!("public-security/member_changed.avsc"),
    schema!("human-resources/wage_reported.avsc"),
    schema!("health-insurance/medical_settlement.avsc"),
    schema!("civil-affairs/dibao_payment.avsc"),
    schema!("rural-revitalisation/household_surveyed.avsc"),
];
/// The departments of these.
pub(crate) const DEPARTMENTS: [&str; 5] =
    ["civil-affairs", "health-insurance", "human-resources", "public-security", "rural-revitalisation"];
/// The first day on which anything occurs.
const FIRST_DAY: Day = Day(19_700);
/// Days over which things occur before the first close.
const BEFORE_CLOSE_DAYS: u64 = 400;
/// Persons who are heard of, and households.
const PERSONS: u64 = 12;
const HOUSES: u64 = 5;

/// A record of a feed.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) value: Option<Vec<u8>>,
    /// Whether it can be read, and says something that can be.
    pub(crate) is_sound: bool,
}

/// The catalogue of these feeds.
pub(crate) fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    let load = || {
        let index = [("index.json", "{\"ids\":[]}")];
        let files: Vec<(&str, &str)> = SCHEMAS.into_iter().chain(index).collect();
        Arc::new(Catalogue::load(&files).unwrap_or_else(|faults| panic!("{faults}")))
    };
    Arc::clone(CATALOGUE.get_or_init(load))
}

/// The bytes of an event, in the single-object encoding.
fn encoded(event: &Value) -> Vec<u8> {
    static COMPILED: OnceLock<Vec<(&str, Schema)>> = OnceLock::new();
    let compile = || SCHEMAS.map(|(path, text)| (path, text.parse().expect("a schema"))).into();
    let path = format!(
        "{}/{}.avsc",
        event["source"].as_str().unwrap_or_default(),
        event["event_type"].as_str().unwrap_or_default()
    );
    let (_, schema) = COMPILED.get_or_init(compile).iter().find(|(known, _)| *known == path).expect("one of these");
    let datum = serde_avro_fast::to_datum_vec(event, &mut SerializerConfig::new(schema)).expect("it fits its schema");
    [&[0xC3, 0x01], schema.rabin_fingerprint().as_slice(), &datum].concat()
}

fn number(person: u64) -> String {
    let one = CitizenNumber::compose(131_102, Day(3_650 + person as i32 * 700), person as u16 + 1);
    one.expect("within its range").as_str().to_owned()
}

/// A feed in the making.
struct Maker {
    dice: Dice,
    events: Vec<Value>,
    /// The last day that is closed.
    closed: Day,
}

/// The course of a seed: feeds, and days that close one by one, often many at once.
pub(crate) fn course(seed: u64) -> Vec<Coming> {
    let mut maker = Maker { dice: Dice::new(seed ^ 0xFEED), events: Vec::new(), closed: FIRST_DAY };
    for house in 0..HOUSES {
        maker.register(house);
    }
    let mut closed = maker.closed.plus(maker.dice.below(BEFORE_CLOSE_DAYS) as i32);
    let mut coming: Vec<Coming> = Vec::new();
    let mut sent = 0;
    for _ in 0..=maker.dice.below(5) {
        maker.closed = closed;
        for _ in 0..maker.dice.below(16) {
            maker.something();
        }
        maker.dice.shuffle(&mut maker.events[sent..]);
        for at in sent..maker.events.len() {
            let published = maker.published(at);
            coming.push(Coming::Publish(published));
            if maker.dice.percent(10) {
                let at = maker.dice.below(at as u64 + 1) as usize;
                let again = maker.published(at);
                coming.push(Coming::Publish(again));
            }
        }
        sent = maker.events.len();
        let days = *maker.dice.pick(&[1, 1, 2, 5, 60]);
        for _ in 0..days {
            coming.push(Coming::Close(closed));
            closed = closed.plus(1);
        }
    }
    coming
}

impl Maker {
    fn person(&mut self) -> String {
        number(self.dice.below(PERSONS))
    }

    fn house(&mut self) -> &'static str {
        CODES[self.dice.below(HOUSES) as usize]
    }

    fn amount(&mut self) -> i64 {
        (self.dice.below(900_000) as i64 + 1) * 10
    }

    /// Adds an event with its envelope.
    fn event(&mut self, source: &str, event_type: &str, about: (Option<&str>, Option<&str>), fields: &Value) {
        let day = self.closed.plus(-(self.dice.below(300) as i32));
        let occurred_ms = day.start_ms() + self.dice.below(86_400_000) as i64;
        let id = format!("E{}", self.events.len());
        let document = self.dice.percent(30).then(|| format!("D-{}", self.dice.below(3)));
        let mut event = json!({
            "event_id": id, "source": source, "event_type": event_type, "person_id": about.0,
            "household_code": about.1, "occurred_at": occurred_ms,
            "reported_at": occurred_ms + self.dice.below(20) as i64 * 86_400_000, "op": "upsert",
            "corrects_event_id": null, "document_number": document
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        self.events.push(event);
    }

    fn register(&mut self, house: u64) {
        let persons = (0..PERSONS).filter(|person| person % HOUSES == house);
        let members: Vec<Value> = persons.map(|one| json!({"person_id": number(one), "relation": "head"})).collect();
        let about = (None, Some(CODES[house as usize]));
        let fields = json!({"registered_date": FIRST_DAY.0, "members": members});
        self.event("public-security", "household_registered", about, &fields);
    }

    fn something(&mut self) {
        let (person, house, amount) = (self.person(), self.house(), self.amount());
        let month = self.closed.plus(-(self.dice.below(300) as i32)).month().yyyymm();
        let months = *self.dice.pick(&[1, 1, 3, 12]);
        match self.dice.below(12) {
            0..3 => {
                let fields = json!({"amount_fen": amount, "month": month, "months": months, "place": null});
                self.event("human-resources", "wage_reported", (Some(&person), None), &fields);
            }
            3..6 => {
                let visit = *self.dice.pick(&["inpatient", "outpatient", "chronic"]);
                let fields = json!({
                    "total_fen": amount * 3, "reimbursed_fen": amount, "out_of_pocket_fen": amount * 2,
                    "compliant_out_of_pocket_fen": amount, "visit_type": visit, "out_of_county": false, "cause": null
                });
                self.event("health-insurance", "medical_settlement", (Some(&person), None), &fields);
            }
            6 => {
                let fields = json!({"amount_fen": amount, "month": month, "months": months});
                self.event("civil-affairs", "dibao_payment", (None, Some(house)), &fields);
            }
            7 => {
                let fields = json!({
                    "unreported_income_fen": amount, "debts_fen": null, "members": 1 + self.dice.below(5),
                    "relocated": null
                });
                self.event("rural-revitalisation", "household_surveyed", (None, Some(house)), &fields);
            }
            8 => {
                let from = self.house();
                let change = *self.dice.pick(&["join", "leave", "split"]);
                let day = self.closed.plus(-(self.dice.below(200) as i32));
                let fields = json!({
                    "change": change, "effective_date": day.0, "from_household_code": from, "persons": [person]
                });
                self.event("public-security", "member_changed", (None, Some(house)), &fields);
            }
            _ => self.operation(),
        }
    }

    /// Corrects or retracts what was said.
    fn operation(&mut self) {
        let at = self.dice.below(self.events.len() as u64) as usize;
        let mut event = self.events[at].clone();
        if event["op"] != "upsert" {
            return;
        }
        let amount = self.amount();
        event["corrects_event_id"] = event["event_id"].clone();
        event["event_id"] = json!(format!("E{}", self.events.len()));
        event["op"] = json!(*self.dice.pick(&["correct", "retract"]));
        if event.get("amount_fen").is_some() {
            event["amount_fen"] = json!(amount);
        }
        self.events.push(event);
    }

    /// An event as it is sent: now and then not as it should be.
    fn published(&mut self, at: usize) -> Published {
        let mut event = self.events[at].clone();
        let topic = format!("feeds.{}", event["source"].as_str().unwrap_or_default());
        let key = event["event_id"].as_str().unwrap_or_default().to_owned();
        if !self.dice.percent(10) {
            return Published { topic, key, value: Some(encoded(&event)), is_sound: true };
        }
        let value = match self.dice.below(6) {
            0 => None,
            1 => Some(b"no Avro at all".to_vec()),
            2 => {
                let mut value = encoded(&event);
                value.truncate(12 + self.dice.below(8) as usize);
                Some(value)
            }
            3 => {
                event["event_id"] = json!("");
                Some(encoded(&event))
            }
            4 => {
                event["reported_at"] = json!(event["occurred_at"].as_i64().unwrap_or_default() - 2 * 86_400_000);
                Some(encoded(&event))
            }
            _ => {
                event["household_code"] = json!("131102101205000");
                Some(encoded(&event))
            }
        };
        Published { topic, key, value, is_sound: false }
    }
}
