//! The sentences of warnings, from Fluent files in Chinese and English. It knows which variables a sentence may use, and
//! no rule.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use schemas::{Fen, Month};
use unic_langid::LanguageIdentifier;

/// A language of the sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Chinese.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// Reads `zh` or `en`.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// `zh` or `en`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// The sentences of both languages.
pub struct Wording {
    bundles: [FluentBundle<FluentResource>; 2],
}

/// What a sentence may speak of.
#[derive(Clone, Debug)]
pub struct Figures {
    /// `$value`: the figure.
    pub value: Fen,
    /// `$threshold`: what it was compared with.
    pub threshold: Fen,
    /// `$margin`: how far it is beyond.
    pub margin: Fen,
    /// `$months`: over how many months it was taken.
    pub months: i32,
    /// `$month`: the last of them.
    pub month: Month,
    /// `$action`: what is asked for, by its name in the policy; may be empty.
    pub action: String,
}

impl Figures {
    /// Figures for checking sentences.
    pub fn example() -> Self {
        let (value, threshold) = (Fen::from_yuan(6_000), Fen::from_yuan(5_000));
        let margin = value.minus(threshold);
        Self { value, threshold, margin, months: 12, month: Month::default(), action: String::new() }
    }
}

/// The message of an action.
pub fn action_message(action: &str) -> String {
    format!("action-{action}")
}

/// What is said where nothing is asked for.
const NO_ACTION: &str = "none";

impl Wording {
    /// Sentences from the text of two Fluent files. What cannot be read of them is left out; [`Wording::check`] tells.
    pub fn new(chinese: &str, english: &str) -> Self {
        Self { bundles: [bundle(Language::Chinese, chinese), bundle(Language::English, english)] }
    }

    /// Whether a Fluent file can be read.
    pub fn check(language: Language, text: &str) -> Result<(), String> {
        let resource = FluentResource::try_new(text.to_owned()).map_err(|(_, errors)| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!("no Fluent file that can be read: {}", errors.join("; "))
        })?;
        new_bundle(language).add_resource(resource).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        })
    }

    /// What is wrong with a message: that a language has none, or that it speaks of something unknown.
    pub fn faults(&self, id: &str, figures: &Figures) -> Vec<String> {
        let mut faults = Vec::new();
        for language in Language::ALL {
            match self.format(language, id, figures) {
                None => faults.push(format!("the wording `{}` has no message `{id}`", language.code())),
                Some((_, errors)) => {
                    faults.extend(errors.into_iter().map(|error| format!("{}/{id}: {error}", language.code())));
                }
            }
        }
        faults
    }

    /// A sentence. A message that is not there gives its id: policies are checked before they come here.
    pub fn sentence(&self, language: Language, id: &str, figures: &Figures) -> String {
        self.format(language, id, figures).map_or_else(|| id.to_owned(), |(text, _)| text)
    }

    fn format(&self, language: Language, id: &str, figures: &Figures) -> Option<(String, Vec<String>)> {
        let bundle = &self.bundles[language as usize];
        let mut args = FluentArgs::new();
        args.set("value", yuan(figures.value));
        args.set("threshold", yuan(figures.threshold));
        args.set("margin", yuan(figures.margin));
        args.set("months", FluentValue::from(figures.months));
        args.set("month", month(language, figures.month));
        let action = if figures.action.is_empty() { NO_ACTION } else { figures.action.as_str() };
        let mut errors = Vec::new();
        // Sentences of actions speak of nothing; one that did would be told when it is checked by itself.
        let action = bundle.get_message(&action_message(action)).and_then(|message| message.value());
        args.set(
            "action",
            action.map_or(String::new(), |value| bundle.format_pattern(value, None, &mut Vec::new()).into_owned()),
        );
        let pattern = bundle.get_message(id)?.value()?;
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        Some((text, errors.iter().map(ToString::to_string).collect()))
    }
}

impl std::fmt::Debug for Wording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wording")
    }
}

fn bundle(language: Language, text: &str) -> FluentBundle<FluentResource> {
    let mut bundle = new_bundle(language);
    let resource = match FluentResource::try_new(text.to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    bundle.add_resource_overriding(resource);
    bundle
}

fn new_bundle(language: Language) -> FluentBundle<FluentResource> {
    // Both codes are well formed, so the fallback is never taken.
    let identifier: LanguageIdentifier = language.code().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    // Direction marks around each amount would end up in text messages.
    bundle.set_use_isolating(false);
    bundle
}

/// An amount for a reader: thousands apart, fen only where there are any.
pub fn yuan(amount: Fen) -> String {
    let (whole, fen) = (amount.0.unsigned_abs() / 100, amount.0.unsigned_abs() % 100);
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    if amount.0 < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if fen > 0 {
        let part = [b'.', b'0' + (fen / 10) as u8, b'0' + (fen % 10) as u8];
        text.extend(part.map(char::from));
    }
    text
}

/// A month for a reader.
fn month(language: Language, month: Month) -> String {
    match language {
        Language::Chinese => format!("{}年{}月", month.year(), month.number()),
        Language::English => month.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_readers() {
        for (fen, text) in [
            (0, "0"),
            (50, "0.50"),
            (500_001, "5,000.01"),
            (5_759_350, "57,593.50"),
            (-2_850_600, "-28,506"),
            (12_345_678_900, "123,456,789"),
        ] {
            assert_eq!(yuan(Fen(fen)), text);
        }
    }

    #[test]
    fn a_message_that_is_missing_or_speaks_of_something_unknown_is_told() {
        let wording = Wording::new("a = 元 { $value }\nb = x { $disease }\n", "a = { $value } yuan\n");
        assert_eq!(wording.sentence(Language::English, "a", &Figures::example()), "6,000 yuan");
        assert_eq!(wording.faults("a", &Figures::example()), Vec::<String>::new());
        let faults = wording.faults("b", &Figures::example());
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("disease") && faults[1].contains("`en` has no message `b`"), "{faults:?}");
        assert!(Wording::check(Language::English, "= nothing").is_err());
    }
}
