//! Words that have a better one: one word per thing in names, plain ones in prose.

use syn::visit::{self, Visit};
use syn::{Field, File, ImplItemFn, Item, ItemFn, ItemMod, PatIdent, TraitItemFn, Variant};

use super::syntax::{is_for_tests, lines};
use super::{Fault, Source};

/// Words that no name of ours holds, with what the thing is called here. Test code may speak otherwise.
const NAMES: &[(&str, &str)] = &[
    ("family", "household"),
    ("families", "households"),
    ("dlq", "dead_letter"),
    ("deadletter", "dead_letter"),
    ("msg", "record"),
    ("evt", "event"),
    ("ctx", "context"),
    ("mgr", "what it does"),
    ("manager", "what it does"),
    ("util", "what it holds"),
    ("utils", "what it holds"),
    ("helper", "what it does"),
    ("helpers", "what it holds"),
    ("misc", "what it holds"),
    ("normalize", "normalise"),
    ("normalizer", "normaliser"),
    ("pseudonymize", "pseudonymise"),
    ("blacklist", "deny_list"),
    ("whitelist", "allow_list"),
];

/// Words and phrases that no text holds, with the plain one.
const PROSE: &[(&str, &str)] = &[
    ("utilize", "use"),
    ("utilise", "use"),
    ("leverage", "use"),
    ("in order to", "to"),
    ("blacklist", "deny list"),
    ("whitelist", "allow list"),
    ("dlq", "dead letter"),
    ("offset number", "offset"),
    ("dedupe key", "event hash"),
    ("poverty family", "household"),
    ("behavior", "behaviour"),
    ("normalize", "normalise"),
    ("todo", "do it, or file it as an issue"),
    ("fixme", "do it, or file it as an issue"),
];

/// This check's own lists hold every word that they ban, and the lints' names hold one.
const EXEMPT: &[&str] = &["xtask/src/tidy/words.rs", "Cargo.toml"];

pub(super) fn check_prose(source: &Source) -> Vec<Fault> {
    if EXEMPT.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        let line = line.to_lowercase();
        for (word, better) in PROSE.iter().filter(|(word, _)| holds(&line, word)) {
            faults.push(source.fault(number + 1, format!("`{word}`: {better}")));
        }
    }
    faults
}

/// Whether `line` holds `word` with no letter, digit or underscore on either side.
fn holds(line: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(inner) && !line[at + word.len()..].chars().next().is_some_and(inner)
    })
}

pub(super) fn check_names(source: &Source, file: &File) -> Vec<Fault> {
    if source.is_test() || EXEMPT.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut names = Names { source, faults: Vec::new() };
    names.visit_file(file);
    names.faults
}

/// Looks at names where they are given, never where they are used: other people's names are theirs.
struct Names<'a> {
    source: &'a Source,
    faults: Vec<Fault>,
}

impl Names<'_> {
    fn judge(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        for part in parts(&text) {
            if let Some((_, better)) = NAMES.iter().find(|(word, _)| *word == part) {
                let text = format!("`{text}` holds `{part}`: say {better}");
                self.faults.push(self.source.fault(lines(name).0, text));
            }
        }
    }
}

/// The words of a name in any case: `familyCount`, `FAMILY_COUNT` and `family_count` are `family`, `count`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && lower_before) {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().into_iter().for_each(|part| part.extend(c.to_lowercase()));
        }
        lower_before = c.is_lowercase();
    }
    parts
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Struct(item) => self.judge(&item.ident),
            Item::Enum(item) => self.judge(&item.ident),
            Item::Trait(item) => self.judge(&item.ident),
            Item::Type(item) => self.judge(&item.ident),
            Item::Const(item) => self.judge(&item.ident),
            Item::Static(item) => self.judge(&item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            self.judge(&module.ident);
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_for_tests(&function.attrs) {
            self.judge(&function.sig.ident);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.judge(&function.sig.ident);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.judge(&function.sig.ident);
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_field(&mut self, field: &'ast Field) {
        field.ident.iter().for_each(|name| self.judge(name));
        visit::visit_field(self, field);
    }

    fn visit_variant(&mut self, variant: &'ast Variant) {
        self.judge(&variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        self.judge(&pattern.ident);
        visit::visit_pat_ident(self, pattern);
    }
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::faults;

    #[test]
    fn a_name_with_a_word_that_has_a_better_one_is_a_fault() {
        let rows = [
            ("struct FamilyState;", "household"),
            ("fn send_dlq() {}", "dead_letter"),
            ("fn a(msg: u8) {}", "record"),
            ("fn a() { let next_msg = 1; }", "record"),
            ("struct A { family_code: u8 }", "household"),
            ("enum A { Family }", "household"),
            ("mod utils {}", "what it holds"),
            ("const FAMILIES_MAX: u8 = 1;", "households"),
            ("impl A { fn normalize(&self) {} }", "normalise"),
        ];
        for (row, better) in rows {
            let found = faults("runtime/src/lib.rs", &format!("//! A file.\n{row}\n"));
            assert!(found.iter().any(|fault| fault.contains(":2: `") && fault.contains(better)), "{row}: {found:?}");
        }
    }

    #[test]
    fn names_of_others_and_names_in_tests_are_left_alone() {
        let rows = [
            "fn a() { registry.gather().iter().map(prometheus::proto::MetricFamily::name); }",
            "use other::utils::Manager;",
            "struct Familiar;",
            "#[cfg(test)]\nmod tests { fn family() {} }",
            "#[test]\nfn a_family_of_three() {}",
        ];
        for row in rows {
            assert_eq!(faults("runtime/src/lib.rs", &format!("//! A file.\n{row}\n")), [""; 0], "{row}");
        }
        assert_eq!(faults("tests/src/family.rs", "//! A file.\nfn family() {}\n"), [""; 0]);
    }

    #[test]
    fn prose_is_plain() {
        let found = faults("README.md", "# Backstop\n\nWe Utilize Kafka in order to warn.\n");
        assert_eq!(found, ["README.md:3: `utilize`: use", "README.md:3: `in order to`: to"]);
        assert_eq!(faults("README.md", "We use Kafka to warn. The mastodon stays.\n"), [""; 0]);
    }
}
