//! Backtests of a small city: what is the same under both policies is no difference, a higher line adds warnings about
//! income, and the report's sums are those of the warnings.

use std::path::PathBuf;
use std::sync::LazyLock;

use schemas::feed::Catalogue;

use super::compared::{Compared, HIDDEN};
use super::findings::Pair;
use super::report::Report;
use super::sides::{SideArgs, sides};
use super::{history, told};
use crate::memory_pipeline::PipelineSettings;
use crate::simulate::{City, Settings};

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A city over 15 months under two lines, with the default policy alone: each further one costs time every day.
fn backtest(households: u32, line_a: &str, line_b: &str) -> (Compared, Report) {
    let mut settings =
        PipelineSettings::read(&folder("schemas/feeds"), &folder("deploy")).expect("the project's files");
    settings.policies.retain(|(key, _)| key == "default" || key.starts_with("wording/"));
    let catalogue = Catalogue::load(&settings.feeds).expect("feeds");
    let args = SideArgs { line_a: Some(line_a.into()), line_b: Some(line_b.into()), ..SideArgs::default() };
    let (a, b) = sides(&args, settings.policies.clone(), &catalogue).expect("sound policies");
    let city = City::new(Settings::new(households, 15, 5));
    let played = history::city(&settings, city, (&a, &b)).expect("a history");
    let compared = Compared::new(played, None);
    let report = told(&compared, &a, &b, "a city".to_owned(), 30).expect("a report");
    (compared, report)
}

/// The question of two lines, asked once for all tests.
fn two_lines() -> &'static (Compared, Report) {
    static ANSWER: LazyLock<(Compared, Report)> = LazyLock::new(|| backtest(240, "6000", "12000"));
    &ANSWER
}

/// How many are gone and how many are added, of one rule or of all.
fn only_in(compared: &Compared, rule: Option<&str>) -> (usize, usize) {
    let is_of = |found: &str| rule.is_none_or(|rule| rule == found);
    let gone = |pair: &&Pair| matches!(pair, Pair::Gone(at) if is_of(&compared.a.findings[*at].about.rule));
    let added = |pair: &&Pair| matches!(pair, Pair::Added(at) if is_of(&compared.b.findings[*at].about.rule));
    (compared.pairs.iter().filter(gone).count(), compared.pairs.iter().filter(added).count())
}

/// The number in a cell of a table; a hidden one is none.
fn number(cell: &str) -> Option<usize> {
    (cell != HIDDEN).then(|| cell.replace(',', "").parse().expect("a number"))
}

#[test]
fn the_same_policy_twice_is_no_difference() {
    let (compared, report) = backtest(60, "8700", "8700");
    assert!(compared.a.findings.len() > 10, "{}", compared.a.findings.len());
    assert_eq!(compared.a.findings, compared.b.findings);
    assert_eq!(compared.a.visits, compared.b.visits);
    assert_eq!(only_in(&compared, None), (0, 0));
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!(report.lead, ["Both raise the same warnings and ask for the same visits."]);
}

#[test]
fn a_higher_line_adds_warnings_of_low_income_and_leaves_what_no_line_decides() {
    let (compared, report) = two_lines();
    let (gone, added) = only_in(compared, None);
    assert_eq!(compared.b.findings.len(), compared.a.findings.len() + added - gone);
    assert!(only_in(compared, Some("R13")).1 > 0, "income below the line");
    assert_eq!(only_in(compared, Some("R12")), (0, 0), "insurance");
    assert_eq!(only_in(compared, Some("R18")), (0, 0), "production");
    assert_eq!(report.differences.last().map(String::as_str), Some("default: /lines/2025: 6000 -> 12000"));
}

#[test]
fn the_sums_of_the_report_are_those_of_the_warnings() {
    let (compared, report) = two_lines();
    let (a, b) = (&compared.a, &compared.b);
    assert!(a.findings.iter().chain(&b.findings).all(|finding| finding.about.day >= compared.from));
    let (gone, added) = only_in(compared, None);
    let counted = [a.findings.len(), b.findings.len(), added, gone, a.visits.len(), b.visits.len()];
    for title in ["Warnings by rule", "Warnings by county"] {
        let section = report.sections.iter().find(|one| one.title == title).expect("the section");
        let table = &section.tables[0];
        let total = table.total.as_ref().expect("a sum");
        let sums: Vec<Option<usize>> = [1, 2, 4, 5, 8, 9].iter().map(|at| number(&total[*at])).collect();
        assert_eq!(sums[..2], counted.map(Some)[..2], "{title}");
        let is_right = |(shown, counted): (&Option<usize>, usize)| shown.is_none_or(|shown| shown == counted);
        assert!(sums.iter().zip(counted).all(is_right), "{title}: {sums:?} of {counted:?}");
        let shown: usize = table.rows.iter().filter_map(|row| number(&row[1])).sum();
        let hidden = table.rows.iter().filter(|row| row[1] == HIDDEN).count();
        assert_eq!(hidden == 0, shown == a.findings.len(), "{title}: what is not hidden sums up");
        // One hidden number alone could be worked out from the sum.
        assert_ne!(hidden, 1, "{title}");
    }
    let months = report.sections.iter().find(|one| one.title == "Warnings over time").expect("the section");
    let rows = &months.tables[0].rows;
    assert_eq!(rows.len(), 3, "of 15 months 12 are history");
    let shown: usize = rows.iter().filter_map(|row| number(&row[1])).sum();
    let hidden = rows.iter().filter(|row| row[1] == HIDDEN).count();
    assert_eq!(hidden == 0, shown == a.findings.len(), "each warning that counts lies in one of the months");
    assert!(compared.a.visits.iter().all(|visit| (compared.from..=compared.days.1).contains(&visit.day)));
}

#[test]
fn the_report_names_no_household_and_needs_nothing_from_elsewhere() {
    let (compared, report) = two_lines();
    let (text, page) = (report.markdown().expect("Markdown"), report.html().expect("a page"));
    for finding in compared.a.findings.iter().chain(&compared.b.findings) {
        let code = finding.about.household.to_string();
        assert!(!text.contains(&code) && !page.contains(&code), "{code}");
    }
    for foreign in ["<script", "http://", "https://", "url(", "@import"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for section in &report.sections {
        assert!(text.contains(&format!("## {}\n", section.title)), "{}", section.title);
        for table in &section.tables {
            assert!(table.rows.iter().chain(&table.total).all(|row| row.len() == table.columns.len()), "{table:?}");
        }
        // Whoever cannot see a chart finds its numbers in a table.
        assert!(section.chart.is_none() || !section.tables.is_empty());
    }
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count());
}
