//! What may not be published since it would change days that are closed. It does not know which day is the last closed
//! one.

use alert_core::policy::{
    Document, HOLIDAYS_KEY_PREFIX, Holidays, POSTS_KEY_PREFIX, PolicySet, Post, WORDING_KEY_PREFIX,
};
use anyhow::{Result, bail};
use schemas::Day;

/// Refuses records that say something else of a closed day than what was published: policies that would hold for it,
/// holidays of a year that was said otherwise, posts that hold or held already. The first holidays of a year and the
/// very first posts may reach back: nothing was said before. Sentences have no day.
pub(super) fn refuse(records: &[&(String, String)], published: &PolicySet, last_closed: Option<Day>) -> Result<()> {
    let Some(last_closed) = last_closed else { return Ok(()) };
    let mut refused = Vec::new();
    for (key, text) in records.iter().filter(|(key, _)| !key.starts_with(WORDING_KEY_PREFIX)) {
        let faults = if let Some(name) = key.strip_prefix(HOLIDAYS_KEY_PREFIX) {
            holidays(name, text, published, last_closed)?
        } else if let Some(name) = key.strip_prefix(POSTS_KEY_PREFIX) {
            posts(name, text, published, last_closed)?
        } else {
            let from = Document::read(text)?.effective_from;
            (from <= last_closed).then(|| begins_too_early("/effective_from", from, last_closed)).into_iter().collect()
        };
        refused.extend(faults.into_iter().map(|fault| format!("{key}: {fault}")));
    }
    if !refused.is_empty() {
        bail!("the last closed day is {last_closed}, nothing was published:\n{}", refused.join("\n"));
    }
    Ok(())
}

fn begins_too_early(place: &str, from: Day, last_closed: Day) -> String {
    format!("{place}: {from} would change the past; write {} or later", last_closed.plus(1))
}

fn holidays(name: &str, text: &str, published: &PolicySet, last_closed: Day) -> Result<Vec<String>> {
    let holidays = Holidays::read(name, text)?;
    let changed = published.working_days().changed_until(&holidays, last_closed);
    let said = |day: Day| if published.working_days().is_working(day) { "a working day" } else { "a day off" };
    Ok(changed.into_iter().map(|day| format!("/: {day} is closed as {}; leave it as it was", said(day))).collect())
}

fn posts(name: &str, text: &str, published: &PolicySet, last_closed: Day) -> Result<Vec<String>> {
    if published.posts().is_empty() {
        return Ok(Vec::new());
    }
    let (before, after) = (published.posts().of_file(name), Post::read(text)?);
    let new = after.iter().enumerate().filter(|(_, row)| row.from <= last_closed && !before.contains(row));
    let mut faults: Vec<String> =
        new.map(|(at, row)| begins_too_early(&format!("/{at}/from"), row.from, last_closed)).collect();
    for row in before.iter().filter(|row| row.from <= last_closed && !after.contains(row)) {
        let Post { area, office, post, from } = row;
        let level = office.name();
        faults.push(format!(
            "/: the row of {area}, {level}, from {from} ({post}) holds on closed days; leave it, and add one that begins \
             later"
        ));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    const YEAR: &str = "year: 2025\nsource: a notice\ndays_off: [2025-03-07, 2025-10-01]\ndays_worked: []\n";
    const POSTS: &str = "- { area: \"4310\", level: village, post: first, from: 2025-01-01 }\n";

    #[test]
    fn what_would_change_a_closed_day_is_refused() {
        let records =
            [("holidays/2025", YEAR), ("posts/city", POSTS)].map(|(key, text)| (key.to_owned(), text.to_owned()));
        let (nothing, published) = (super::super::published(&[]), super::super::published(&records));
        let city =
            |from: &str| format!("name: city\nversion: 2\ninherits: default\ncounties: all\neffective_from: {from}\n");
        let more = |from: &str| format!("{POSTS}- {{ area: \"4310\", level: village, post: second, from: {from} }}\n");
        let too_early = "would change the past; write 2025-03-10 or later";
        for (key, text, before, fault) in [
            ("city", city("2025-03-10"), &published, None),
            ("city", city("2025-03-09"), &published, Some(format!("city: /effective_from: 2025-03-09 {too_early}"))),
            ("city", city("2000-01-01"), &nothing, Some(format!("city: /effective_from: 2000-01-01 {too_early}"))),
            ("wording/en", "a = b".to_owned(), &published, None),
            ("holidays/2025", YEAR.replace(", 2025-10-01", ""), &published, None),
            (
                "holidays/2025",
                YEAR.replace("2025-03-07, ", ""),
                &published,
                Some("holidays/2025: /: 2025-03-07 is closed as a day off; leave it as it was".to_owned()),
            ),
            ("holidays/2025", YEAR.replace("2025-03-07, ", ""), &nothing, None),
            ("holidays/2024", YEAR.replace("2025", "2024"), &published, None),
            ("posts/city", more("2025-03-10"), &published, None),
            ("posts/city", more("2025-03-09"), &published, Some(format!("posts/city: /1/from: 2025-03-09 {too_early}"))),
            ("posts/city", more("2025-03-09"), &nothing, None),
            ("posts/other", POSTS.replace("4310", "4311"), &published, Some(format!("posts/other: /0/from: 2025-01-01 {too_early}"))),
            (
                "posts/city",
                POSTS.replace("2025-01-01", "2025-03-10"),
                &published,
                Some(
                    "posts/city: /: the row of 4310, village, from 2025-01-01 (first) holds on closed days; leave it, and \
                     add one that begins later"
                        .to_owned(),
                ),
            ),
        ] {
            let record = (key.to_owned(), text);
            assert!(refuse(&[&record], before, None).is_ok(), "no day is closed");
            let found = refuse(&[&record], before, Some(day("2025-03-09"))).err().map(|fault| fault.to_string());
            let expected = fault.map(|fault| format!("the last closed day is 2025-03-09, nothing was published:\n{fault}"));
            assert_eq!(found, expected, "{record:?}");
        }
    }
}
