//! The places of the simulated city: counties, townships, villages, household codes and citizen numbers. It knows
//! nothing of who lives there.

use schemas::id::CitizenNumber;
use schemas::{Day, HouseholdCode};

/// The counties, districts and county-level cities of Chenzhou (GB/T 2260).
pub(crate) const COUNTIES: [u32; 11] =
    [431_002, 431_003, 431_021, 431_022, 431_023, 431_024, 431_025, 431_026, 431_027, 431_028, 431_081];
/// Households of a simulated village.
const VILLAGE_HOUSEHOLDS: u32 = 200;
/// Villages of a township.
pub(crate) const TOWNSHIP_VILLAGES: u32 = 12;
/// The number of its first one.
pub(crate) const FIRST_VILLAGE: u32 = 200;
/// Numbers kept for the members of a household, those who join later included.
pub(crate) const MEMBERS_MAX: u32 = 12;
/// Households that can split off from one.
pub(crate) const BRANCHES_MAX: u32 = 9;
/// Households of a county whose members' numbers come from one area code: so many fit into the 365,000 numbers of
/// a year of birth.
const AREA_HOUSEHOLDS: u32 = 30_000;
/// Citizen numbers of one area and year of birth: 1,000 serials on each of 365 days.
const AREA_YEAR_NUMBERS: u64 = 365_000;
/// Scatters the numbers over the year; a prime that does not divide [`AREA_YEAR_NUMBERS`].
const SCATTER: u64 = 104_729;

/// The village in which a household lies.
pub(crate) const fn village(household: u32) -> u32 {
    household / VILLAGE_HOUSEHOLDS
}

/// The place of its county in [`COUNTIES`].
pub(crate) const fn county(household: u32) -> usize {
    village(household) as usize % COUNTIES.len()
}

/// The code of a household, from its place in the city; those that split off from it later are its branches, 1 to
/// [`BRANCHES_MAX`]. Cities of more than 2 million households do not fit into the codes of 11 counties.
pub(crate) fn household_code(household: u32, branch: u32) -> HouseholdCode {
    let place = village(household) / COUNTIES.len() as u32;
    let local = household % VILLAGE_HOUSEHOLDS;
    let serial = if branch == 0 { local + 1 } else { 1_000 + local * 10 + branch };
    let village_code =
        u64::from(COUNTIES[county(household)]) * 1_000_000 + u64::from(100 + place / TOWNSHIP_VILLAGES) * 1_000;
    let number = (village_code + u64::from(FIRST_VILLAGE + place % TOWNSHIP_VILLAGES)) * 10_000 + u64::from(serial);
    #[expect(clippy::expect_used, reason = "431... times 10^10 has 16 digits for every household of 32 bits")]
    HouseholdCode::from_number(number).expect("16 digits")
}

/// The citizen number of a member (by its slot in the household) born in a year. No two members of the city share
/// one: area, year, day and serial are an exact numbering of households and slots.
pub(crate) fn citizen_number(household: u32, slot: u32, birth_year: i32) -> CitizenNumber {
    let local = village(household) / COUNTIES.len() as u32 * VILLAGE_HOUSEHOLDS + household % VILLAGE_HOUSEHOLDS;
    // Whoever does not fit was born in the next prefecture.
    let area = COUNTIES[county(household)] + local / AREA_HOUSEHOLDS * 1_000;
    let place = u64::from(local % AREA_HOUSEHOLDS * MEMBERS_MAX + slot % MEMBERS_MAX);
    let number = place * SCATTER % AREA_YEAR_NUMBERS;
    let birth = Day::of(birth_year, 1, 1).unwrap_or_default().plus((number % 365) as i32);
    #[expect(clippy::expect_used, reason = "area has 6 digits, the year 4, and the serial is below 1,000")]
    CitizenNumber::compose(area, birth, (number / 365) as u16).expect("in range")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_households_and_no_two_persons_share_a_number() {
        let mut codes = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        for household in (0..3_000).chain(400_000..401_000) {
            let code = household_code(household, 0);
            assert!((0..=BRANCHES_MAX).all(|branch| codes.insert(household_code(household, branch))), "{household}");
            assert_eq!(household_code(household, 3).village(), code.village());
            assert_eq!(code.county().0 as u32, COUNTIES[county(household)]);
            for slot in 0..MEMBERS_MAX {
                assert!(numbers.insert(citizen_number(household, slot, 1980)), "{household} {slot}");
            }
        }
    }

    #[test]
    fn a_village_lies_in_one_county() {
        assert_eq!(household_code(0, 0).village(), household_code(199, 0).village());
        assert_ne!(household_code(199, 0).village(), household_code(200, 0).village());
    }
}
