//! The report: what it consists of, and how it becomes Markdown and one HTML file that needs nothing else. It does not
//! know how its numbers came about.

use anyhow::Result;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::charts::Chart;

/// The name of the page; its ending lets what stands in it be escaped.
const PAGE: &str = "report.html";
/// The name of the Markdown.
const TEXT: &str = "report.md";

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Report {
    /// What was asked.
    pub(super) title: String,
    /// How A and B are called.
    pub(super) sides: [String; 2],
    /// The answer, in sentences.
    pub(super) lead: Vec<String>,
    /// The answer, in numbers.
    pub(super) cards: Vec<Card>,
    /// What the history is: names and values.
    pub(super) facts: Vec<(String, String)>,
    /// What the policies say differently, one line each.
    pub(super) differences: Vec<String>,
    /// The parts.
    pub(super) sections: Vec<Section>,
    /// How to read it.
    pub(super) notes: Vec<String>,
}

/// A number of A and of B.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Card {
    /// What it is.
    pub(super) name: String,
    /// A's.
    pub(super) a: String,
    /// B's.
    pub(super) b: String,
    /// How much more or less.
    pub(super) change: String,
}

/// A part of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Section {
    /// Its name.
    pub(super) title: String,
    /// What is to be known about it.
    pub(super) text: String,
    /// The chart.
    pub(super) chart: Option<Chart>,
    /// The tables: first the one with the chart's numbers.
    pub(super) tables: Vec<Table>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Table {
    /// What it shows.
    pub(super) caption: String,
    /// The names of the columns; the first one is that of the rows.
    pub(super) columns: Vec<String>,
    /// The rows, as long as the columns.
    pub(super) rows: Vec<Vec<String>>,
    /// The sum, where there is one.
    pub(super) total: Option<Vec<String>>,
}

impl Report {
    /// As Markdown, without the charts.
    pub(super) fn markdown(&self) -> Result<String> {
        self.render(TEXT)
    }

    /// As one page with its charts, style and all.
    pub(super) fn html(&self) -> Result<String> {
        self.render(PAGE)
    }

    fn render(&self, name: &str) -> Result<String> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line with nothing but a tag leaves no line.
        templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        templates.add_template(PAGE, include_str!("report.html.jinja"))?;
        templates.add_template(TEXT, include_str!("report.md.jinja"))?;
        Ok(templates.get_template(name)?.render(Serde(self))?)
    }
}
