//! Small questions about Rust syntax that several checks ask. Does not know the rules.

use syn::spanned::Spanned;
use syn::{Attribute, Meta};

/// Whether an item is compiled for tests only: `#[cfg(test)]` or `#[test]`.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    })
}

/// The first and last line of a piece of syntax.
pub(super) fn lines(syntax: &impl Spanned) -> (usize, usize) {
    let span = syntax.span();
    (span.start().line, span.end().line)
}
