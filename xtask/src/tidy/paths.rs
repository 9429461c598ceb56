//! The map: every path that ARCHITECTURE.md names in backticks exists. Does not read the disk itself.

use super::{Fault, Source};

pub(super) fn check(map: &Source, exists: impl Fn(&str) -> bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut in_block = false;
    for (number, line) in map.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        // Odd pieces stand between backticks.
        let named = line.split('`').skip(1).step_by(2).filter(|_| !in_block);
        for path in named.filter_map(path).filter(|path| !exists(path)) {
            faults.push(map.fault(number + 1, format!("`{path}` does not exist: correct the map")));
        }
    }
    faults
}

/// The path that a piece of code names, if it names one: something with a slash, less what follows a star.
fn path(code: &str) -> Option<&str> {
    let strange = |c: char| c.is_whitespace() || "<>{}()$:\"'=".contains(c);
    if !code.contains('/') || code.starts_with('/') || code.contains(strange) {
        return None;
    }
    match code.split_once('*') {
        None => Some(code),
        Some((before, _)) => before.rsplit_once('/').map(|(folder, _)| folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(text: &str) -> Vec<String> {
        let map = Source { path: "ARCHITECTURE.md".to_owned(), text: text.to_owned() };
        let there = ["runtime/src/stage.rs", "schemas/feeds", "services"];
        check(&map, |path| there.contains(&path.trim_end_matches('/'))).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_path_that_is_gone_is_a_fault() {
        let found = missing("# Map\n\nThe loop is `runtime/src/loop.rs`, its contract `runtime/src/stage.rs`.\n");
        assert_eq!(found, ["ARCHITECTURE.md:3: `runtime/src/loop.rs` does not exist: correct the map"]);
        assert_eq!(missing("All of `services/*/core`, `deploy/*.sql`\n").len(), 1);
    }

    #[test]
    fn what_is_there_or_is_no_path_is_none() {
        let text = "`schemas/feeds/*.avsc` and `services/`; `/metrics`, `calendar/<day>/<from>`, `a / b`, and/or.\n\
                    ```\nold/layout `old/path`\n```\n`http://127.0.0.1/play`\n";
        assert_eq!(missing(text), [""; 0]);
    }
}
