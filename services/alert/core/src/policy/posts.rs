//! Which office or post acts on a request, by area, level and day. It knows no person, and not what the request is about.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemas::{Day, HouseholdCode, Office};
use serde_json::Value;

use super::faults::{Fault, Faults, Found};
use super::shape;

const SCHEMA_TEXT: &str = include_str!("../../../../../deploy/policies/posts.schema.json");
/// Digits of a household's code.
const HOUSEHOLD_DIGITS: u32 = 16;
/// How many digits can name an area, from a village to the whole country.
const AREA_DIGITS: [u32; 6] = [12, 9, 6, 4, 2, 0];
/// Most digits in a row that a post's own number has; more are those of an area, or of a person.
const OWN_DIGITS_MAX: usize = 4;

/// The posts of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posts {
    files: BTreeMap<String, Vec<Post>>,
    /// From which day on there is which post; sorted by day.
    rows: BTreeMap<(Office, Area), Vec<(Day, String)>>,
}

type Place = (Office, Area, Day);

/// A row: a post of an area, from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// For whose households.
    pub area: Area,
    /// Where it stands.
    pub office: Office,
    /// Its name; `{village}`, `{township}`, `{county}` and `{city}` stand for digits of the household's code.
    pub post: String,
    /// The first day for which it holds.
    pub from: Day,
}

/// The first digits of households' codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Area {
    /// How many: 2 for a province, 4 city, 6 county, 9 township, 12 village; 0 for the whole country.
    digits: u32,
    number: u64,
}

impl Posts {
    /// The post of that level that acts for a household on a day. Of the rows that fit and have begun, the one with the
    /// longest area holds; of those with the same area the newest.
    pub fn of(&self, household: HouseholdCode, office: Office, day: Day) -> Option<String> {
        AREA_DIGITS.into_iter().find_map(|digits| {
            let rows = self.rows.get(&(office, Area::of(household, digits)))?;
            let begun = rows.iter().rev().find(|(from, _)| *from <= day);
            begun.map(|(_, post)| filled(post, household))
        })
    }

    /// Whether a row begins on one of the days after `after` up to `until`: then another post may hold, although nothing
    /// was published.
    pub fn begin_between(&self, after: Day, until: Day) -> bool {
        self.rows.values().flatten().any(|(from, _)| after < *from && *from <= until)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows of a file; none where there is no such file.
    pub fn of_file(&self, name: &str) -> &[Post] {
        self.files.get(name).map_or(&[], Vec::as_slice)
    }

    /// With the rows of a file, in the place of those that it had before. A row that stands in another file too is a
    /// fault.
    pub(super) fn with(&self, name: &str, posts: Vec<Post>) -> Result<Self, Faults> {
        let others = self.files.iter().filter(|(other, _)| *other != name);
        let others: BTreeMap<Place, &String> =
            others.flat_map(|(other, rows)| rows.iter().map(move |row| (row.place(), other))).collect();
        let mut faults = Vec::new();
        for (at, post) in posts.iter().enumerate() {
            if let Some(other) = others.get(&post.place()) {
                let what = format!("`{other}` has a row with the same area, level and day: only one post can hold");
                faults.push(Fault { place: format!("/{at}"), what });
            }
        }
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let mut files = self.files.clone();
        files.insert(name.to_owned(), posts);
        let mut rows: BTreeMap<(Office, Area), Vec<(Day, String)>> = BTreeMap::new();
        for row in files.values().flatten() {
            rows.entry((row.office, row.area)).or_default().push((row.from, row.post.clone()));
        }
        for days in rows.values_mut() {
            days.sort();
        }
        Ok(Self { files, rows })
    }
}

impl Post {
    /// Reads a file. Every fault is told at once, in the order of their places.
    pub fn read(text: &str) -> Result<Vec<Self>, Faults> {
        static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| shape::validator(SCHEMA_TEXT));
        let value = shape::parse(text)?;
        let mut faults = shape::faults(&VALIDATOR, &value);
        let mut found = Found::default();
        let mut posts = Vec::new();
        let mut places: BTreeMap<Place, usize> = BTreeMap::new();
        for (at, row) in value.as_array().into_iter().flatten().enumerate() {
            found.at(at.to_string(), |found| {
                let Some(post) = Self::read_row(row, found) else { return };
                if let Some(first) = places.insert(post.place(), at) {
                    found.add(format!("row {first} has the same area, level and day: only one post can hold"));
                }
                posts.push(post);
            });
        }
        faults.extend(found.into_faults());
        if faults.is_empty() { Ok(posts) } else { Err(Faults::in_order(faults)) }
    }

    /// A row as far as its shape allows: what is missing or misshapen was said by the schema.
    fn read_row(row: &Value, found: &mut Found) -> Option<Self> {
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        let post = text("post").map(|post| {
            found.at("post", |found| check_name(post, found));
            post.to_owned()
        });
        let from = text("from").and_then(|from| {
            let day = Day::parse(from);
            if day.is_none() {
                found.at("from", |found| found.add(format!("`{from}` is no day; write it as 2025-01-01")));
            }
            day
        });
        let area = text("area").and_then(Area::parse);
        Some(Self { area: area?, office: text("level").and_then(Office::parse)?, post: post?, from: from? })
    }

    /// For whom it is, where, and from when on: only one post can hold there.
    const fn place(&self) -> Place {
        (self.office, self.area, self.from)
    }
}

impl Area {
    fn parse(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self { digits: 0, number: 0 });
        }
        let digits = text.len() as u32;
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()?;
        AREA_DIGITS.contains(&digits).then_some(Self { digits, number })
    }

    const fn of(household: HouseholdCode, digits: u32) -> Self {
        Self { digits, number: household.number() / 10_u64.pow(HOUSEHOLD_DIGITS - digits) }
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.digits == 0 { f.write_str("all") } else { write!(f, "{}", self.number) }
    }
}

/// The name of a post for a household.
fn filled(post: &str, household: HouseholdCode) -> String {
    let mut name = post.to_owned();
    for office in Office::ALL {
        let area = Area::of(household, office.digits()).to_string();
        name = name.replace(&format!("{{{}}}", office.name()), &area);
    }
    name
}

/// What is wrong with a post's name: an unknown word in braces, or a number that can only be a person's.
fn check_name(post: &str, found: &mut Found) {
    for word in post.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(word, _)| word) {
        if Office::parse(word).is_none() {
            found
                .add(format!("there is no `{{{word}}}`; there are {{village}}, {{township}}, {{county}} and {{city}}"));
        }
    }
    let runs = post.split(|letter: char| !letter.is_ascii_digit()).map(str::len);
    let of_a_person = |digits: &usize| *digits > OWN_DIGITS_MAX && !AREA_DIGITS.contains(&(*digits as u32));
    if let Some(digits) = runs.into_iter().find(of_a_person) {
        found.add(format!("a number of {digits} digits is no area's; a post is never a person's number"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../../../../../deploy/policies/posts/default.yaml");
    const DEMO: &str = include_str!("../../../../../deploy/policies/posts/demo.yaml");

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    fn posts(files: &[(&str, &str)]) -> Posts {
        files.iter().fold(Posts::default(), |posts, (name, text)| {
            posts.with(name, Post::read(text).expect(name)).expect("no row stands twice")
        })
    }

    #[test]
    fn the_longest_area_holds_and_of_its_rows_the_newest_that_has_begun() {
        let text = r#"
- { area: all, level: village, post: "anybody", from: 2000-01-01 }
- { area: "43", level: village, post: "province", from: 2000-01-01 }
- { area: "4310", level: village, post: "city-{city}", from: 2000-01-01 }
- { area: "431002001001", level: village, post: "committee-{village}", from: 2025-03-01 }
- { area: "431002001001", level: village, post: "station-{township}", from: 2026-01-01 }
- { area: "431002001", level: village, post: "town-{county}", from: 2025-06-01 }
- { area: "431002", level: township, post: "office", from: 2025-01-01 }
"#;
        let posts = posts(&[("x", text)]);
        for (household, office, on, expected) in [
            ("4310020010010001", Office::Village, "2025-02-28", Some("city-4310")),
            ("4310020010010001", Office::Village, "2025-03-01", Some("committee-431002001001")),
            ("4310020010010001", Office::Village, "2025-12-31", Some("committee-431002001001")),
            ("4310020010010001", Office::Village, "2026-01-01", Some("station-431002001")),
            ("4310020010020001", Office::Village, "2026-01-01", Some("town-431002")),
            ("4310020010020001", Office::Village, "2025-05-31", Some("city-4310")),
            ("4309020010020001", Office::Village, "2025-05-31", Some("province")),
            ("1309020010020001", Office::Village, "2025-05-31", Some("anybody")),
            ("1309020010020001", Office::Village, "1999-12-31", None),
            ("4310020010010001", Office::Township, "2024-12-31", None),
            ("4310020010010001", Office::Township, "2025-01-01", Some("office")),
            ("4310020010010001", Office::County, "2025-01-01", None),
        ] {
            let household = HouseholdCode::parse(household).expect("a code");
            assert_eq!(
                posts.of(household, office, day(on)).as_deref(),
                expected,
                "{household} {} on {on}",
                office.name()
            );
        }
        for (after, until, begins) in [
            ("2025-03-01", "2025-05-31", false),
            ("2025-02-28", "2025-03-01", true),
            ("2025-03-01", "2025-06-01", true),
            ("2026-01-01", "2030-01-01", false),
        ] {
            assert_eq!(posts.begin_between(day(after), day(until)), begins, "after {after} until {until}");
        }
    }

    #[test]
    fn every_household_has_a_post_of_every_level() {
        let posts = posts(&[("default", DEFAULT), ("demo", DEMO)]);
        for (household, on, expected) in [
            (
                "1311021012050007",
                "2025-01-01",
                [
                    "village-committee-131102101205",
                    "township-office-131102101",
                    "county-bureau-131102",
                    "city-bureau-1311",
                ],
            ),
            (
                "4310231012050007",
                "2025-01-01",
                [
                    "village-committee-431023101205",
                    "township-office-431023101",
                    "county-bureau-431023",
                    "city-monitoring-centre",
                ],
            ),
            (
                "4310261012050007",
                "2025-01-01",
                ["township-station-431026101", "county-team-431026", "county-bureau-431026", "city-monitoring-centre"],
            ),
        ] {
            let household = HouseholdCode::parse(household).expect("a code");
            let found = Office::ALL.map(|office| posts.of(household, office, day(on)).unwrap_or_default());
            assert_eq!(found, expected, "{household}");
        }
    }

    #[test]
    fn every_fault_of_a_file_is_told_at_once_with_its_place() {
        let text = r#"
- { area: "4310", level: village, post: "committee-{village}", from: 2025-01-01 }
- { area: "43100", level: hamlet, post: "committee-{hamlet}", from: 2025-02-30 }
- { area: "4310", level: village, post: "call-13800138000", from: 2025-01-01, phone: 1 }
- { area: 4310, level: village, post: "Li Ming" }
"#;
        let faults = Post::read(text).expect_err("faulty").to_string();
        let expected = [
            "/1/area: \"43100\" does not match",
            "/1/from: `2025-02-30` is no day; write it as 2025-01-01",
            "/1/level: \"hamlet\" is not one of",
            "/1/post: there is no `{hamlet}`; there are {village}, {township}, {county} and {city}",
            "/2: Additional properties are not allowed ('phone' was unexpected)",
            "/2: row 0 has the same area, level and day: only one post can hold",
            "/2/post: a number of 11 digits is no area's; a post is never a person's number",
            "/3: \"from\" is a required property",
            "/3/area: 4310 is not of type \"string\"",
            "/3/post: \"Li Ming\" does not match",
        ];
        let found: Vec<&str> = faults.lines().collect();
        assert_eq!(found.len(), expected.len(), "{faults}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found} instead of {expected}");
        }
        assert!(Post::read("a: b").is_err() && Post::read("[]").is_err() && Post::read("- [").is_err());
    }

    #[test]
    fn a_row_that_another_file_has_too_is_refused() {
        let all = posts(&[("default", DEFAULT), ("demo", DEMO)]);
        let rows = Post::read(DEFAULT).expect("sound");
        let faults = all.with("other", rows[1..].to_vec()).expect_err("they stand in `default`");
        assert_eq!(faults.0.len(), 3);
        assert_eq!(
            faults.0[0].to_string(),
            "/0: `default` has a row with the same area, level and day: only one post can hold"
        );
        let fewer = all.with("default", rows[..1].to_vec()).expect("a file takes its own place");
        assert!(fewer.of_file("default").len() == 1 && fewer.of_file("other").is_empty());
        fewer.with("other", rows[1..].to_vec()).expect("they stand nowhere else any longer");
    }
}
