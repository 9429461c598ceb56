//! The names of a scenario: which code a household has, which number a person. It does not know what is said of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use schemas::id::CitizenNumber;
use schemas::{Day, HouseholdCode};

use super::format::Scenario;

/// Persons are born on days of successive years from this one on, so that each has a number of its own.
const FIRST_BIRTH_YEAR: i32 = 1950;
/// Members by registration are born in January, all others in this month.
const BIRTH_MONTH_OF_OTHERS: u8 = 2;
/// How many years members' births are spread over.
const BIRTH_YEARS: i32 = 60;
/// What the village of a story is called, where the story speaks of it: that of its households in its own county.
const VILLAGE: &str = "village";
/// The township of a story's village, and the first where each household lies in another one.
const TOWNSHIP: usize = 100;

/// Whom a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A household.
    Household(HouseholdCode),
    /// A person.
    Person(CitizenNumber),
}

/// The names of a scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    households: BTreeMap<String, HouseholdCode>,
    persons: BTreeMap<String, CitizenNumber>,
}

impl Names {
    /// Gives households their codes and persons their numbers. `place` tells scenarios apart that run together. Where a
    /// story does not speak of its village each household lies in one of its own, so that what several have in common is
    /// no matter of a village.
    pub(crate) fn new(scenario: &Scenario, place: u16) -> Result<Self> {
        let mut names = Self::default();
        let county = county_of(&scenario.county)?;
        let is_together = speaks_of_village(scenario);
        if is_together {
            // A village has the code of its households with a serial that none of them has.
            names.name_household(VILLAGE, code_of(county, TOWNSHIP, place, 0)?)?;
        }
        let number = |name: &str, year: usize, month: u8, day: usize| {
            let year = FIRST_BIRTH_YEAR + year as i32 % BIRTH_YEARS;
            let birth = Day::of(year, month, 1 + (day % 28) as u8);
            birth
                .and_then(|birth| CitizenNumber::compose(county.0 as u32, birth, place))
                .with_context(|| format!("citizen number of {name}"))
        };
        for (index, household) in scenario.households.iter().enumerate() {
            let own = household.county.as_deref().map(county_of).transpose()?.unwrap_or(county);
            let township = if is_together { TOWNSHIP } else { TOWNSHIP + index };
            names.name_household(&household.name, code_of(own, township, place, index + 1)?)?;
            for member in 1..=household.members {
                let name = format!("{}.{member}", household.name);
                let number = number(&name, usize::from(member), 1, index)?;
                names.name_person(name, number)?;
            }
        }
        for (index, name) in scenario.persons.iter().enumerate() {
            let number = number(name, index, BIRTH_MONTH_OF_OTHERS, index / BIRTH_YEARS as usize)?;
            names.name_person(name.clone(), number)?;
        }
        Ok(names)
    }

    fn name_household(&mut self, name: &str, code: HouseholdCode) -> Result<()> {
        if self.households.insert(name.to_owned(), code).is_some() {
            bail!("two households are called `{name}`");
        }
        Ok(())
    }

    fn name_person(&mut self, name: String, number: CitizenNumber) -> Result<()> {
        if self.persons.contains_key(&name) || self.households.contains_key(&name) {
            bail!("the name `{name}` is given twice");
        }
        self.persons.insert(name, number);
        Ok(())
    }

    /// The code of a household, or of the story's village.
    pub(crate) fn household(&self, name: &str) -> Result<HouseholdCode> {
        let known = || self.households.keys().cloned().collect::<Vec<_>>().join(", ");
        let code = self.households.get(name).copied();
        code.with_context(|| format!("there is no household `{name}`; there are: {}", known()))
    }

    /// The number of a person.
    pub(crate) fn person(&self, name: &str) -> Result<CitizenNumber> {
        let known = || self.persons.keys().cloned().collect::<Vec<_>>().join(", ");
        let number = self.persons.get(name).copied();
        number.with_context(|| format!("there is no person `{name}`; there are: {}", known()))
    }

    /// A person or a household.
    pub(crate) fn find(&self, name: &str) -> Result<Named> {
        match self.persons.get(name) {
            Some(number) => Ok(Named::Person(*number)),
            None => self.household(name).map(Named::Household).context("it is no person's name either"),
        }
    }

    /// The name of a household.
    pub(crate) fn name_of(&self, code: HouseholdCode) -> Option<&str> {
        self.households.iter().find(|(_, one)| **one == code).map(|(name, _)| name.as_str())
    }
}

fn speaks_of_village(scenario: &Scenario) -> bool {
    let of_variants = scenario.variants.values().filter_map(|differently| differently.expect.as_ref()).flatten();
    let warned = scenario.expect.iter().chain(of_variants).map(|one| &one.household);
    let silent = scenario.silent.iter().map(|one| &one.household);
    let cases = scenario.cases.iter().map(|one| &one.household);
    warned.chain(silent).chain(cases).any(|household| household == VILLAGE)
}

fn code_of(county: schemas::County, township: usize, place: u16, serial: usize) -> Result<HouseholdCode> {
    let code = format!("{county}{township:03}{place:03}{serial:04}");
    HouseholdCode::parse(&code).with_context(|| format!("household code {code}"))
}

fn county_of(digits: &str) -> Result<schemas::County> {
    schemas::County::parse(digits).with_context(|| format!("county `{digits}` has not 6 digits"))
}
