//! The views of `deploy/clickhouse` that tell what came of warnings, on a real ClickHouse: a made-up city whose figures
//! were counted by hand. It does not know how rows come into the tables.

mod city;
mod server;

use anyhow::Result;
use server::Database;

/// A view, the columns that are looked at, and the rows that it must have: columns separated by blanks, `\N` where
/// a cell is hidden.
type Row = (&'static str, &'static str, &'static [&'static str]);

const VERDICTS: [Row; 4] = [
    // One who was dismissed by mistake: the last decision holds.
    (
        "verdicts WHERE household = '4310211002000001' ORDER BY round",
        "round, case_number, classes, rules, causes, asked_day, verified_day, decided_day, verdict, helped_day, days_to_verify, days_to_decide, days_to_help",
        &[
            "1 1 ['delisted','dibao'] ['R01'] ['01'] 2025-03-03 2025-03-04 2025-03-14 confirmed 2025-04-03 1 10 20",
            r"2 2 ['delisted','dibao'] ['R01'] ['01'] 2025-10-01 2025-10-02 \N  \N 1 \N \N",
        ],
    ),
    // The county decides without a verification before it.
    (
        "verdicts WHERE county = '431022' AND verdict = 'confirmed' ORDER BY household",
        "household, verified_day, decided_day, days_to_verify, days_to_decide, is_help_first",
        &["4310221002000001 2025-03-07 2025-03-07 4 0 0", "4310221002000002 2025-03-07 2025-03-07 4 0 0"],
    ),
    // An emergency: help before the decision is in no time from one to the other.
    (
        "verdicts WHERE household = '4310231002000001'",
        "asked_by, is_help_first, days_asked_to_help, days_to_help",
        &[r"R09 1 1 \N"],
    ),
    // What joins a visit before it is made belongs to it; what comes after does not.
    (
        "verdicts WHERE household = '4310241002000001'",
        "asked_by, rules, causes, village",
        &["R01 ['R01','R22'] ['01'] 431024100200"],
    ),
];

const PRECISION: [Row; 3] = [
    // 431023 has 3 households; 431024 (5) would give it away. Of 431022 two were confirmed: only the band is said.
    (
        "precision_by_county ORDER BY county",
        "county, decided, confirmed, round(precision, 4), round(precision_from, 4), round(precision_to, 4)",
        &[
            "431021 12 7 0.5833 0.5833 0.5833",
            r"431022 8 \N \N 0 0.625",
            r"431023 \N \N \N \N \N",
            r"431024 \N \N \N \N \N",
        ],
    ),
    (
        "precision_by_class ORDER BY class",
        "class, decided, confirmed, round(precision, 4), round(precision_from, 4), round(precision_to, 4)",
        &[
            "delisted 17 12 0.7059 0.7059 0.7059",
            r"dibao \N \N \N \N \N",
            r"general 8 \N \N 0 0.625",
            r"marginal \N \N \N \N \N",
        ],
    ),
    (
        "precision_by_rule ORDER BY rule",
        "rule, decided, confirmed, round(precision, 4), round(precision_from, 4), round(precision_to, 4)",
        &["R01 17 12 0.7059 0.7059 0.7059", r"R09 \N \N \N \N \N", r"R13 8 \N \N 0 0.625", r"R22 \N \N \N \N \N"],
    ),
];

const TIMES: [Row; 1] = [(
    "times_by_county ORDER BY county",
    "* EXCEPT (is_few_verified, is_few_decided, is_few_helped)",
    &["431021 6 10.8 10 10 20 20", r"431022 4 4 0 0 \N \N", r"431023 \N \N \N \N \N \N", "431024 2 2 3 3 3 4.6"],
)];

const PAID: [Row; 5] = [
    (
        "case_spans WHERE household = '4310211002000001' ORDER BY case_number",
        "case_number, opened_day, ended_day",
        &["1 2025-03-03 2025-09-20", r"2 2025-10-01 \N"],
    ),
    // Nobody closed it with a warning: its requests had ended before it was dismissed.
    (
        "case_spans WHERE household = '4310211002000012'",
        "case_number, opened_day, ended_day",
        &["1 2025-03-03 2025-03-25"],
    ),
    (
        "case_spans WHERE household = '4310211002000013' ORDER BY case_number",
        "case_number, opened_day, ended_day",
        &["1 2025-01-01 2025-02-20", "2 2025-04-01 2025-04-11", "3 2025-05-01 2025-06-01", "4 2025-06-01 2025-06-09"],
    ),
    (
        "paid_by_case WHERE household = '4310211002000001' ORDER BY case_number",
        "case_number, relief_fen, medical_aid_fen, student_aid_fen, claim_fen, paid_fen",
        &["1 100000 0 0 50000 150000", "2 40000 0 0 0 40000"],
    ),
    // A claim of one household in 431021; 431024 would give it away. Student aid of three, and nobody else's.
    (
        "paid_by_county WHERE is_hidden OR cases > 0 ORDER BY category, county",
        "category, county, households, cases, amount_fen",
        &[
            r"claim 431021 \N \N \N",
            "claim 431022 8 8 40000",
            r"claim 431024 \N \N \N",
            "relief 431021 12 13 910000",
            r"student_aid 431023 \N \N \N",
        ],
    ),
];

const WORKLOAD: [Row; 4] = [
    (
        "visits_by_rule ORDER BY rule, county",
        "year, rule, county, households, days, visits, visits_per_1000_households_year",
        &[
            "2025 R01 431021 20 365 13 650",
            "2025 R01 431024 5 365 5 1000",
            r"2025 R09 431023 \N 365 \N \N",
            "2025 R13 431022 8 365 8 1000",
        ],
    ),
    (
        "coverage WHERE rule IN ('R12', 'R13', 'R01') AND county IN ('431021', '431022', '431023') ORDER BY rule, county",
        "rule, county, households, silent_feed, not_known, covered, covered_share",
        &[
            "R01 431021 20 0 0 20 1",
            "R01 431022 8 0 0 8 1",
            r"R01 431023 \N \N \N \N \N",
            "R12 431021 20 20 0 0 0",
            "R12 431022 8 0 0 8 1",
            r"R12 431023 \N \N \N \N \N",
            "R13 431021 20 0 6 14 0.7",
            r"R13 431022 8 \N \N \N \N",
            r"R13 431023 \N \N \N \N \N",
        ],
    ),
    // Three in 431023; the five of 431024 would give them away.
    (
        "cases_by_step ORDER BY step, county",
        "step, county, is_open, cases",
        &[
            "assisted 431021 1 6",
            r"assisted 431023 1 \N",
            r"assisted 431024 1 \N",
            r"confirmed 431022 1 \N",
            "dismissed 431021 0 5",
            "dismissed 431022 0 6",
            r"verifying 431021 1 \N",
        ],
    ),
    (
        "overdue_by_office WHERE is_hidden OR moved_up > 0 ORDER BY county",
        "county, office, moved_up, late",
        &["431021 city 6 6", r"431023 township \N \N"],
    ),
];

#[test]
fn what_came_of_the_warnings_of_a_city_is_told_as_counted_by_hand() -> Result<()> {
    let database = Database::create("views_by_hand")?;
    city::fill(&database)?;
    let rows = VERDICTS.iter().chain(&PRECISION).chain(&TIMES).chain(&PAID).chain(&WORKLOAD);
    let mut faults = Vec::new();
    for (view, columns, expected) in rows {
        let found = database.rows(&format!("SELECT {columns} FROM backstop.{view}"))?;
        if found != *expected {
            faults.push(format!("{view}\n  expected {expected:#?}\n  found {found:#?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// All views, and whether they are for many eyes.
const VIEWS: [(&str, bool); 12] = [
    ("verdicts", false),
    ("case_spans", false),
    ("paid_by_case", false),
    ("precision_by_rule", true),
    ("precision_by_class", true),
    ("precision_by_county", true),
    ("times_by_county", true),
    ("paid_by_county", true),
    ("visits_by_rule", true),
    ("coverage", true),
    ("cases_by_step", true),
    ("overdue_by_office", true),
];

#[test]
fn a_city_of_which_nothing_is_known_has_no_rows_and_no_fault() -> Result<()> {
    let database = Database::create("views_empty")?;
    for (view, _) in VIEWS {
        assert_eq!(database.rows(&format!("SELECT * FROM backstop.{view}"))?, Vec::<String>::new(), "{view}");
    }
    Ok(())
}

/// Who reads a view for many eyes needs no right to the tables behind it; who reads one that names households does.
#[test]
fn a_view_for_many_eyes_asks_for_no_right_to_see_households() -> Result<()> {
    let database = Database::create("views_rights")?;
    for (view, is_for_many) in VIEWS {
        let said = database.rows(&format!(
            "SELECT comment != '', position(create_table_query, 'SQL SECURITY DEFINER') > 0 \
             FROM system.tables WHERE database = 'backstop' AND name = '{view}'"
        ))?;
        assert_eq!(said, [format!("1 {}", u8::from(is_for_many))], "{view}");
        let columns = database
            .rows(&format!("SELECT name FROM system.columns WHERE database = 'backstop' AND table = '{view}'"))?;
        let names_households = columns.iter().any(|column| column == "household");
        assert_eq!(names_households, !is_for_many, "{view}: {columns:?}");
    }
    Ok(())
}
