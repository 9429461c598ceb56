//! All policies that were ever published, in the order of their offsets, and the set of them that holds on a day. It
//! knows no topic: offsets are numbers that come with the records.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{County, Day};

use super::Policy;
use super::build::{Beside, build};
use super::document::{Counties, Document};
use super::faults::{Fault, Faults};
use super::holidays::{Holidays, WorkingDays};
use super::posts::{Post, Posts};
use crate::wording::{Language, Wording};

/// What the key of a record with sentences begins with; the language follows.
pub const WORDING_KEY_PREFIX: &str = "wording/";
/// What the key of a record with the public holidays of a year begins with; the year follows.
pub const HOLIDAYS_KEY_PREFIX: &str = "holidays/";
/// What the key of a record with posts begins with; a name follows.
pub const POSTS_KEY_PREFIX: &str = "posts/";

/// Every policy that was published, and all that stands beside them.
#[derive(Debug, Default)]
pub struct Book {
    /// Offset and document.
    documents: Vec<(i64, Document)>,
    /// Offset, language and text.
    wordings: Vec<(i64, Language, String)>,
    /// Offset, and the working days from there on.
    working_days: Vec<(i64, Arc<WorkingDays>)>,
    /// Offset, and the posts from there on.
    posts: Vec<(i64, Arc<Posts>)>,
}

/// What became of a record of the topic `policies`.
#[derive(Debug, PartialEq, Eq)]
pub enum Learned {
    /// A policy.
    Policy {
        /// Its name and version.
        label: String,
    },
    /// Sentences.
    Wording {
        /// Their language.
        language: Language,
    },
    /// The public holidays of a year.
    Holidays {
        /// The year.
        year: i32,
    },
    /// Posts.
    Posts {
        /// The name of their file.
        name: String,
    },
}

/// The policies that hold on a day.
#[derive(Debug, Default)]
pub struct PolicySet {
    policies: Vec<(i64, Counties, Policy)>,
    working_days: Arc<WorkingDays>,
    posts: Arc<Posts>,
    /// The newest records with holidays and with posts.
    beside_offsets: Vec<i64>,
    /// What could not be used, by name; the version before it holds.
    pub refused: BTreeMap<String, Faults>,
}

impl Book {
    /// Takes one record. What cannot be read is told, and is as if it had not been published.
    pub fn learn(&mut self, offset: i64, key: &str, text: &str) -> Result<Learned, Faults> {
        if let Some(code) = key.strip_prefix(WORDING_KEY_PREFIX) {
            let fault = |what: String| Faults(vec![Fault { place: key.to_owned(), what }]);
            let language =
                Language::parse(code).ok_or_else(|| fault(format!("no language `{code}`; it is zh or en")))?;
            Wording::check(language, text).map_err(fault)?;
            self.wordings.push((offset, language, text.to_owned()));
            return Ok(Learned::Wording { language });
        }
        if let Some(name) = key.strip_prefix(HOLIDAYS_KEY_PREFIX) {
            let holidays = Holidays::read(name, text)?;
            let year = holidays.year;
            let before = newest(&self.working_days, i64::MAX).map_or_else(Arc::default, |(_, days)| Arc::clone(days));
            self.working_days.push((offset, Arc::new(before.with(holidays))));
            return Ok(Learned::Holidays { year });
        }
        if let Some(name) = key.strip_prefix(POSTS_KEY_PREFIX) {
            let before = newest(&self.posts, i64::MAX).map_or_else(Arc::default, |(_, posts)| Arc::clone(posts));
            self.posts.push((offset, Arc::new(before.with(name, Post::read(text)?)?)));
            return Ok(Learned::Posts { name: name.to_owned() });
        }
        let document = Document::read(text)?;
        if document.name != key {
            let what =
                format!("the record's key is `{key}`, the policy's name is `{}`; they must be the same", document.name);
            return Err(Faults(vec![Fault { place: "/name".to_owned(), what }]));
        }
        let label = format!("{}@{}", document.name, document.version);
        self.documents.push((offset, document));
        Ok(Learned::Policy { label })
    }

    /// The policies that hold on `day`, of those below `policies_offset`. A policy that cannot be used gives way to the
    /// one of the same name before it.
    pub fn at(&self, policies_offset: i64, day: Day) -> PolicySet {
        let (working_days, posts) = (newest(&self.working_days, policies_offset), newest(&self.posts, policies_offset));
        let beside_offsets = [working_days.map(|(offset, _)| *offset), posts.map(|(offset, _)| *offset)];
        let beside = Beside {
            wording: Arc::new(self.wording_at(policies_offset)),
            working_days: working_days.map_or_else(Arc::default, |(_, days)| Arc::clone(days)),
            posts: posts.map_or_else(Arc::default, |(_, posts)| Arc::clone(posts)),
        };
        let mut by_name: BTreeMap<&str, Vec<(i64, &Document)>> = BTreeMap::new();
        for (offset, document) in &self.documents {
            if *offset < policies_offset && document.effective_from <= day {
                by_name.entry(&document.name).or_default().push((*offset, document));
            }
        }
        let parent =
            |name: &str| by_name.get(name).and_then(|versions| versions.last()).map(|(_, last)| (*last).clone());
        let mut set = PolicySet {
            working_days: Arc::clone(&beside.working_days),
            posts: Arc::clone(&beside.posts),
            beside_offsets: beside_offsets.into_iter().flatten().collect(),
            ..PolicySet::default()
        };
        for (name, versions) in &by_name {
            for (offset, document) in versions.iter().rev() {
                match build(document, &parent, &beside) {
                    Ok(policy) => {
                        set.policies.push((*offset, document.counties.clone(), policy));
                        break;
                    }
                    Err(faults) => {
                        set.refused.entry((*name).to_owned()).or_insert(faults);
                    }
                }
            }
        }
        set
    }

    /// Tells apart the sets that [`Book::at`] gives: where it is the same for two days, so are their sets. How many records
    /// lie below `policies_offset`, and how many of the policies among them are in force on `day`.
    pub fn era(&self, policies_offset: i64, day: Day) -> (usize, usize) {
        let documents = self.documents.iter().filter(|(offset, _)| *offset < policies_offset);
        let is_there = |offset: i64| offset < policies_offset;
        let beside = self.wordings.iter().filter(|(offset, ..)| is_there(*offset)).count()
            + self.working_days.iter().filter(|(offset, _)| is_there(*offset)).count()
            + self.posts.iter().filter(|(offset, _)| is_there(*offset)).count();
        let in_force = documents.clone().filter(|(_, document)| document.effective_from <= day).count();
        (documents.count() + beside, in_force)
    }

    fn wording_at(&self, policies_offset: i64) -> Wording {
        let text = |language: Language| {
            let known = self.wordings.iter().rev();
            let mut known = known.filter(|(offset, of, _)| *offset < policies_offset && *of == language);
            known.next().map_or("", |(_, _, text)| text.as_str())
        };
        Wording::new(text(Language::Chinese), text(Language::English))
    }
}

/// The newest of what was published below the offset.
fn newest<T>(published: &[(i64, T)], below_offset: i64) -> Option<&(i64, T)> {
    published.iter().rev().find(|(offset, _)| *offset < below_offset)
}

impl PolicySet {
    /// The policy of a county: the one whose prefix fits longest; of two that fit alike, the one published later.
    pub fn of(&self, county: County) -> Option<&Policy> {
        let digits = county.digits();
        let fitting = self
            .policies
            .iter()
            .filter_map(|(offset, counties, policy)| Some(((counties.fits(digits)?, *offset), policy)));
        fitting.max_by_key(|(fit, _)| *fit).map(|(_, policy)| policy)
    }

    /// The policies.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().map(|(_, _, policy)| policy)
    }

    /// Which days are working days.
    pub fn working_days(&self) -> &WorkingDays {
        &self.working_days
    }

    /// Who acts on a request, by area, level and day.
    pub fn posts(&self) -> &Posts {
        &self.posts
    }

    /// Which records it consists of: two sets with the same ones decide alike, but for posts that begin on a day between
    /// theirs ([`Posts::begin_between`]). Sentences decide nothing.
    pub fn offsets(&self) -> Vec<i64> {
        self.policies.iter().map(|(offset, _, _)| *offset).chain(self.beside_offsets.iter().copied()).collect()
    }
}
