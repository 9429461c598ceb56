//! All policies that were ever published, in the order of their offsets, and the set of them that holds on a day. It
//! knows no topic: offsets are numbers that come with the records.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{County, Day};

use super::Policy;
use super::build::build;
use super::document::{Counties, Document};
use super::faults::{Fault, Faults};
use crate::wording::{Language, Wording};

/// What the key of a record with sentences begins with; the language follows.
pub const WORDING_KEY_PREFIX: &str = "wording/";

/// Every policy and every wording that was published.
#[derive(Debug, Default)]
pub struct Book {
    /// Offset and document.
    documents: Vec<(i64, Document)>,
    /// Offset, language and text.
    wordings: Vec<(i64, Language, String)>,
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
}

/// The policies that hold on a day.
#[derive(Debug, Default)]
pub struct PolicySet {
    policies: Vec<(i64, Counties, Policy)>,
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
        let wording = Arc::new(self.wording_at(policies_offset));
        let mut by_name: BTreeMap<&str, Vec<(i64, &Document)>> = BTreeMap::new();
        for (offset, document) in &self.documents {
            if *offset < policies_offset && document.effective_from <= day {
                by_name.entry(&document.name).or_default().push((*offset, document));
            }
        }
        let parent =
            |name: &str| by_name.get(name).and_then(|versions| versions.last()).map(|(_, last)| (*last).clone());
        let mut set = PolicySet::default();
        for (name, versions) in &by_name {
            for (offset, document) in versions.iter().rev() {
                match build(document, &parent, &wording) {
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

    fn wording_at(&self, policies_offset: i64) -> Wording {
        let text = |language: Language| {
            let known = self.wordings.iter().rev();
            let mut known = known.filter(|(offset, of, _)| *offset < policies_offset && *of == language);
            known.next().map_or("", |(_, _, text)| text.as_str())
        };
        Wording::new(text(Language::Chinese), text(Language::English))
    }
}

impl PolicySet {
    /// The policy of a county: the one whose prefix fits longest; of two that fit alike, the one published later.
    pub fn of(&self, county: County) -> Option<&Policy> {
        let fitting = self
            .policies
            .iter()
            .filter_map(|(offset, counties, policy)| Some(((counties.fits(county)?, *offset), policy)));
        fitting.max_by_key(|(fit, _)| *fit).map(|(_, policy)| policy)
    }

    /// The policies.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().map(|(_, _, policy)| policy)
    }

    /// Which records it consists of: two sets with the same ones decide alike.
    pub fn offsets(&self) -> Vec<i64> {
        self.policies.iter().map(|(offset, _, _)| *offset).collect()
    }
}
