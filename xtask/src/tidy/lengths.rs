//! Lengths: files of at most 500 lines, functions of at most 70. What is longer holds more than one thought.

use syn::visit::{self, Visit};
use syn::{Block, File, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::syntax::lines;
use super::{Fault, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check_file(source: &Source) -> Option<Fault> {
    let count = source.text.lines().count();
    let text = format!("{count} lines, at most {FILE_LINES_MAX}: split it by what its parts know");
    (count > FILE_LINES_MAX).then(|| source.fault(FILE_LINES_MAX + 1, text))
}

pub(super) fn check_functions(source: &Source, file: &File) -> Vec<Fault> {
    let mut functions = Functions { source, faults: Vec::new() };
    functions.visit_file(file);
    functions.faults
}

struct Functions<'a> {
    source: &'a Source,
    faults: Vec<Fault>,
}

impl Functions<'_> {
    /// A function counts from the line of its signature to the line of its last brace.
    fn measure(&mut self, signature: &Signature, block: &Block) {
        let (first, _) = lines(signature);
        let (_, last) = lines(block);
        let count = last + 1 - first;
        if count > FUNCTION_LINES_MAX {
            let name = &signature.ident;
            let text = format!("`{name}` has {count} lines, at most {FUNCTION_LINES_MAX}: give its parts names");
            self.faults.push(self.source.fault(first, text));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::faults;

    /// A file whose one function, inside `frame`, has `count` lines.
    fn function_of(count: usize, frame: &str) -> String {
        let body = "    a();\n".repeat(count - 2);
        format!("//! A file.\n{}", frame.replace("FN", &format!("fn long() {{\n{body}}}")))
    }

    #[test]
    fn a_function_may_have_seventy_lines_wherever_it_stands() {
        let frames =
            ["FN", "struct A;\nimpl A {\nFN\n}", "trait A {\nFN\n}", "mod a {\nFN\n}", "fn b() { fn_(|| ()); FN }"];
        for frame in frames {
            assert_eq!(
                faults("a.rs", &function_of(if frame.contains("b()") { 69 } else { 70 }, frame)),
                [""; 0],
                "{frame}"
            );
            let found = faults("a.rs", &function_of(71, frame));
            assert!(found.iter().any(|fault| fault.contains("`long` has 71 lines")), "{frame}: {found:?}");
        }
    }

    #[test]
    fn comments_above_a_function_do_not_count() {
        let frame = format!("{}#[inline]\nFN", "/// Says why.\n".repeat(30));
        assert_eq!(faults("a.rs", &function_of(70, &frame)), [""; 0]);
    }

    #[test]
    fn a_file_may_have_five_hundred_lines() {
        let file = |count: usize| format!("//! A file.\n{}", "// A line.\n".repeat(count - 1));
        assert_eq!(faults("a.rs", &file(500)), [""; 0]);
        assert!(faults("a.rs", &file(501))[0].starts_with("a.rs:501: 501 lines"));
    }
}
