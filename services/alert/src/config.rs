//! The section `[alert]` of the settings. It does not know what a policy says.

use runtime::config::{Faults, Section};
use serde::Deserialize;

/// Who is sent warnings where nothing else is set: the 14 departments, and the offices above the village.
const RECEIVERS: [&str; 16] = [
    "health-insurance",
    "health",
    "civil-affairs",
    "human-resources",
    "education",
    "emergency-management",
    "housing",
    "water",
    "agriculture",
    "public-security",
    "disabled-federation",
    "finance",
    "natural-resources",
    "rural-revitalisation",
    "township",
    "county",
];

/// `[alert]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// Who has a topic `warnings.<receiver>`. A department that joins later is added here and to the topics.
    pub receivers: Vec<String>,
    /// Households that a sweep looks at before the transaction may close.
    pub sweep_households_per_step: usize,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self { receivers: RECEIVERS.map(str::to_owned).to_vec(), sweep_households_per_step: 1_000 }
    }
}

impl Section for AlertSettings {
    const NAME: &'static str = "alert";

    fn check(&self, faults: &mut Faults) {
        let is_name = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        for name in self.receivers.iter().filter(|name| !is_name(name)) {
            faults.add("alert.receivers", format!("`{name}` is no receiver: lower-case letters, digits and `-`"));
        }
        let mut names: Vec<&String> = self.receivers.iter().collect();
        names.sort_unstable();
        for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
            faults.add("alert.receivers", format!("`{}` stands there twice", pair[0]));
        }
        faults.unless(self.sweep_households_per_step > 0, "alert.sweep_households_per_step", "it must be at least 1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_section_is_told() {
        let mut faults = Faults::default();
        let receivers = ["health", "Health", "", "health"].map(str::to_owned).to_vec();
        AlertSettings { receivers, sweep_households_per_step: 0 }.check(&mut faults);
        assert_eq!(faults.rows().len(), 4, "{faults}");
        let mut none = Faults::default();
        AlertSettings::default().check(&mut none);
        assert!(none.rows().is_empty(), "{none}");
    }
}
