//! Which feeds have fallen silent in a county, by the days on which they were last heard. It does not know which rules need
//! them.

use schemas::records::Coverage;
use schemas::{County, Day, Month};

/// The feeds of which nothing came for a county since a month ended.
pub(crate) fn silent_feeds(coverage: &[Coverage], county: County, settled: Month) -> Vec<&str> {
    let needed = settled.plus(1).first_day();
    if coverage.iter().all(|one| one.day >= needed) {
        return Vec::new();
    }
    let mut silent = Vec::new();
    for_each_source(coverage, county, |first, last| {
        if last < needed {
            silent.push(first.source.as_str());
        }
    });
    silent
}

/// The coverage of a county by itself: the last day on which each source was heard for it.
pub fn coverage_of(coverage: &[Coverage], county: County) -> Vec<Coverage> {
    let mut of_it = Vec::new();
    for_each_source(coverage, county, |first, day| of_it.push(Coverage { county, day, ..first.clone() }));
    of_it
}

/// Tells the last day on which each source was heard for a county, with its first entry. What names persons only is of no
/// county and counts for each.
fn for_each_source<'a>(coverage: &'a [Coverage], county: County, mut tell: impl FnMut(&'a Coverage, Day)) {
    let is_of_it = |one: &&Coverage| one.county == county || one.county == County::default();
    let mut heard = coverage.iter().filter(is_of_it).peekable();
    while let Some(first) = heard.next() {
        let mut last = first.day;
        while let Some(one) = heard.next_if(|one| one.source == first.source) {
            last = last.max(one.day);
        }
        tell(first, last);
    }
}
