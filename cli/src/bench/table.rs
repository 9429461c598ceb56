//! The figures for people, as tables that a page of documentation can hold. It does not know how anything was measured.

use std::fmt::Write as _;

use super::measured::{Held, Measured, quotient};
use super::parts::Stage;
use super::report::{CITY_HOUSEHOLDS, OfCity, Report, Sweep};

/// All that was found, group by group; what was not measured is left out.
pub(super) fn table(report: &Report) -> String {
    let mut parts = Vec::new();
    if let Some(city) = report.main_city() {
        parts.push(alone(city));
        parts.extend(notes(city));
    }
    if report.cities.len() > 1 {
        parts.push(sizes(report));
    }
    if !report.pipelines.is_empty() {
        parts.push(pipelines(report));
        parts.push(processes(report));
    }
    if !report.latencies.is_empty() {
        parts.push(latencies(report));
    }
    if !report.restores.is_empty() {
        parts.push(restores(report));
    }
    let city = city(report);
    if !city.is_empty() {
        parts.push(city);
    }
    parts.join("\n")
}

/// A table in Markdown whose columns stand under each other: the first to the left, the others to the right.
fn markdown(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count(), 3]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(*width),
        _ => format!("{}:", "-".repeat(width - 1)),
    });
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let mut table = format!("{title}\n\n{}{}", line(&head), line(&rule.collect::<Vec<_>>()));
    for row in rows {
        table.push_str(&line(row));
    }
    table
}

/// A count with its thousands apart.
fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn by(workers: u32) -> String {
    if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") }
}

fn mib(bytes: f64) -> String {
    count(bytes / f64::from(1 << 20))
}

/// Client, bare loops and stages, each by itself.
fn alone(city: &OfCity) -> String {
    let ratios = city.ratio_to_floor();
    let mut rows = Vec::new();
    let mut row = |name: String, measured: &Measured, ratio: Option<f64>| {
        let commit = if measured.transactions == 0 {
            String::new()
        } else {
            format!("{:.0}", measured.commit_seconds_median * 1e3)
        };
        rows.push(vec![
            name,
            count(measured.records as f64),
            count(measured.records_per_second()),
            format!("{:.2}", measured.cpu_us_per_record()),
            format!("{:.2}", measured.loop_cpu_us_per_record()),
            mib(measured.memory_bytes_max as f64),
            commit,
            if measured.changelog_bytes == 0 {
                String::new()
            } else {
                count(quotient(measured.changelog_bytes as f64, measured.records as f64))
            },
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        ]);
    };
    for (name, measured) in [("client: consume feeds", &city.consume), ("client: produce feeds", &city.produce)] {
        if let Some(measured) = measured {
            row(name.to_owned(), measured, None);
        }
    }
    for stage in Stage::ALL {
        if let Some(floor) = city.floors.get(stage.name()) {
            row(format!("client: consume-produce {}", stage.input()), floor, None);
        }
        for (workers, bare) in city.bare_loops.iter().filter(|_| stage == Stage::Fuse) {
            row(format!("bare loop, {}", by(*workers)), bare, None);
        }
        if let Some(measured) = city.stages.get(stage.name()) {
            row(stage.name().to_owned(), measured, ratios.get(stage.name()).copied());
        }
        if let (Some(measured), Stage::Fuse) = (&city.fuse_by_two, stage) {
            row(format!("fuse, {}", by(2)), measured, None);
        }
    }
    let title = format!(
        "Each stage alone: {} events of {} households over {} days, seed {}.",
        count(city.events as f64),
        count(f64::from(city.households)),
        city.days,
        city.seed
    );
    let head = ["", "records", "records/s", "CPU us", "loop us", "MiB max", "commit ms", "changelog B", "ratio"];
    markdown(&title, &head, &rows)
}

/// What follows from the table, in sentences.
fn notes(city: &OfCity) -> Vec<String> {
    let mut notes = Vec::new();
    for (workers, ratio) in city.fuse_cpu_to_bare_loop() {
        notes.push(format!(
            "A record costs fuse {ratio:.2} times what it costs a bare loop, each with {}.\n",
            by(workers)
        ));
    }
    let told = Stage::ALL.into_iter().filter_map(|stage| held(stage.name(), city.stages.get(stage.name())?.held));
    notes.extend(told);
    notes.extend(city.sweep.as_ref().map(sweep));
    notes
}

/// What a stage holds; none for one that holds nothing.
fn held(name: &str, held: Held) -> Option<String> {
    let (bytes, keys) = (count(held.bytes as f64), count(held.keys as f64));
    let whole = format!("{name} holds {bytes} bytes: {keys} keys of {:.0} bytes", held.bytes_per_key());
    match (held.keys, held.rows) {
        (0, _) => None,
        (_, 0) => Some(format!("{whole}.\n")),
        (_, rows) => Some(format!(
            "{whole}; {} rows, {:.1} bytes for each, records that wait among them.\n",
            count(rows as f64),
            held.bytes_per_row()
        )),
    }
}

fn sweep(sweep: &Sweep) -> String {
    let Sweep { households, measured } = sweep;
    let per_household = |seconds: f64| quotient(seconds, *households as f64);
    format!(
        "The end of a month: {} households, {:.2} us of CPU for each, {:.2} of them in the loop, which is {:.1} s for a city \
         of 1.4 million; what is said waits {:.0} ms at most.\n",
        count(*households as f64),
        per_household(measured.cpu_seconds) * 1e6,
        per_household(measured.loop_cpu_seconds) * 1e6,
        per_household(measured.loop_cpu_seconds) * CITY_HOUSEHOLDS,
        measured.wait_seconds_max * 1e3
    )
}

/// Each stage in cities of several sizes.
fn sizes(report: &Report) -> String {
    let mut rows = Vec::new();
    for stage in Stage::ALL {
        for (size, city) in &report.cities {
            let Some(measured) = city.stages.get(stage.name()) else { continue };
            rows.push(vec![
                format!("{}, {size}x", stage.name()),
                count(f64::from(city.households)),
                count(measured.news() as f64),
                count(measured.calendar_records as f64),
                format!("{:.2}", measured.cpu_us_per_news()),
                report.cost_of_further(stage.name(), *size).map(|cost| format!("{cost:.2}")).unwrap_or_default(),
                count(measured.held.keys as f64),
                count(measured.held.bytes_per_key()),
                count(quotient(measured.changelog_bytes as f64, measured.records as f64)),
                mib(measured.memory_bytes_max as f64),
            ]);
        }
    }
    let head =
        ["", "households", "events", "calendar", "CPU us", "a further", "keys", "B a key", "changelog B", "MiB max"];
    let mut table = markdown("Cities of several sizes with as many events a household.", &head, &rows);
    let further = report.cost_of_further_size();
    for (stage, cost) in report.cost_of_size() {
        let further = further.get(&stage).map(|cost| format!("; a further event {cost:.2} times as much as before it"));
        // Writing into a string cannot fail.
        let _ = write!(
            table,
            "\nAn event costs {stage} {cost:.2} times as much in the largest city as in the smallest{}.\n",
            further.unwrap_or_default()
        );
    }
    table
}

fn pipelines(report: &Report) -> String {
    let row = |(name, found): (&String, &super::pipeline::Pipeline)| {
        vec![
            name.replace('_', " "),
            count(f64::from(found.households)),
            count(found.events as f64),
            count(found.events_per_second()),
            count(found.events_per_second_archived()),
            format!("{:.2}", found.services_cpu_us_per_event()),
            count(found.warnings as f64),
        ]
    };
    let head = ["", "households", "events", "events/s", "archived/s", "CPU us", "warnings"];
    markdown("The whole pipeline at full speed.", &head, &report.pipelines.iter().map(row).collect::<Vec<_>>())
}

/// What each process of the pipeline takes for an event.
fn processes(report: &Report) -> String {
    let mut rows = Vec::new();
    for (name, found) in &report.pipelines {
        for (process, taken) in &found.taken {
            let (seconds, memory) = (taken.cpu_seconds, taken.memory_bytes_max as f64);
            let cpu = format!("{:.2}", quotient(seconds * 1e6, found.events as f64));
            let busy = format!("{:.2}", quotient(seconds, found.archived_seconds.unwrap_or(found.seconds)));
            rows.push(vec![format!("{process}, {}", name.replace('_', " ")), cpu, busy, mib(memory)]);
        }
    }
    markdown("Its processes, for an event.", &["", "CPU us", "processors", "MiB max"], &rows)
}

fn latencies(report: &Report) -> String {
    let mut rows = Vec::new();
    for (name, found) in &report.latencies {
        let commits = Stage::ALL.into_iter().filter_map(|stage| found.commits.get(stage.name()));
        let commits: Vec<String> =
            commits.map(|commits| format!("{:.0}/{:.0}", commits.ms_p50, commits.ms_p99)).collect();
        rows.push(vec![
            name.replace('_', " "),
            count(found.events_per_second),
            count(found.warnings as f64),
            count(found.ms_p50),
            count(found.ms_p99),
            count(found.ms_max),
            count(found.silence_ms_max),
            commits.join(" "),
        ]);
    }
    let head = ["", "events/s", "warnings", "p50 ms", "p99 ms", "max ms", "silence ms", "commits ms"];
    markdown("From an event to its warning, at half of that rate.", &head, &rows)
}

fn restores(report: &Report) -> String {
    let row = |name: &str, found: &super::restore::Restored| {
        vec![
            format!("{}, {name}", found.stage),
            count(found.households as f64),
            count(found.keys as f64),
            count(found.records as f64),
            format!("{:.2}", found.seconds_first),
            format!("{:.2}", found.seconds_all),
            count(found.records_per_second()),
            mib(found.memory_bytes_max as f64),
        ]
    };
    let head = ["", "households", "keys", "records read", "first s", "all s", "records/s", "MiB max"];
    let rows = report.restores.iter().flat_map(|(name, found)| found.iter().map(move |found| row(name, found)));
    markdown("Killed and started again.", &head, &rows.collect::<Vec<_>>())
}

/// A whole city, as it follows from smaller ones.
fn city(report: &Report) -> String {
    let (memory, seconds) = (report.city_memory_bytes(), report.city_restore_seconds());
    let mut rows = Vec::new();
    for (way, memory) in &memory {
        for (stage, bytes) in memory {
            let service = if stage == Stage::Resolve.name() { "ingest" } else { stage };
            let seconds = seconds.get(way).and_then(|of_way| of_way.get(stage)).copied().unwrap_or_default();
            rows.push(vec![format!("{service}, {way}"), mib(*bytes), format!("{seconds:.1}")]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let title = "A city of 1.4 million households, 4.7 million people and 117 million ledger rows, each service in one process; \
                 along the line through two smaller sizes.";
    markdown(title, &["", "MiB max", "restored in s"], &rows)
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn a_count_has_its_thousands_apart() {
        for (value, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [vec!["fuse".to_owned(), "5".to_owned()], vec!["a".to_owned(), "1,000".to_owned()]];
        let expected = "T\n\n|      |  rate |\n| ---- | ----: |\n| fuse |     5 |\n| a    | 1,000 |\n";
        assert_eq!(markdown("T", &["", "rate"], &rows), expected);
    }

    #[test]
    fn each_group_that_was_measured_is_shown_and_the_floor_stands_above_its_stage() {
        let table = table(&report());
        let place = |what: &str| table.find(what).unwrap_or_else(|| panic!("no `{what}` in\n{table}"));
        assert!(place("client: produce feeds") < place("client: consume-produce households.entries"));
        assert!(place("bare loop, 2 workers") < place("| fuse "));
        assert!(place("| fuse ") < place("| fuse, 2 workers"));
        for said in
            ["1.20 times as much", "2.50 times what it costs", "| with archive", "| kafka, with archive", "15.0 |"]
        {
            place(said);
        }
        let without = table_of_nothing();
        assert!(without.is_empty(), "{without}");
    }

    fn table_of_nothing() -> String {
        table(&Report::default())
    }
}
