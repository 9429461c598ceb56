//! `backstop policy diff`: what two policies, as they stand after inheritance, say differently, for each group of
//! counties; files, folders and what is published. Where two values differ is `differences`' business.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alert_core::policy::{Counties, Document, WORDING_KEY_PREFIX, joined};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde_json::Value;

use super::differences::{self, Difference};
use crate::{files, topic};

/// Which policies to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct DiffArgs {
    /// Two policy files (.yaml), two files of what stands beside policies, or two folders, A and B; with `--brokers` one, which is B. What
    /// a file inherits is looked for beside it.
    #[arg(required = true, num_args = 1..=2)]
    paths: Vec<PathBuf>,
    /// Kafka's brokers, HOST:PORT separated by commas: A is what is published there.
    #[arg(long)]
    brokers: Option<String>,
}

/// Records of the topic `policies`, and which of them was asked for; all where none is named.
struct Side {
    records: Vec<(String, String)>,
    asked: Option<String>,
    is_published: bool,
}

/// A policy with all that it inherits.
struct Joined {
    name: String,
    counties: Counties,
    value: Value,
}

/// Says every difference. 0 where there is none, 1 where there is one, as `diff` does.
pub(super) fn run(args: &DiffArgs) -> Result<ExitCode> {
    let (a, b) = match (args.paths.as_slice(), &args.brokers) {
        ([a, b], None) => (Side::read(a)?, Side::read(b)?),
        ([b], Some(brokers)) => (Side::published(brokers)?, Side::read(b)?),
        ([_], None) => bail!("one path is compared with what is published: say `--brokers`, or give two paths"),
        _ => bail!("with `--brokers` A is what is published there: give one path, which is B"),
    };
    let found = compare(&a, &b)?;
    if found.is_empty() {
        say("no difference");
        return Ok(ExitCode::SUCCESS);
    }
    for line in &found {
        say(line);
    }
    Ok(ExitCode::FAILURE)
}

/// Every difference between two lists of records of the topic `policies`, one a line.
pub(crate) fn between(a: &[(String, String)], b: &[(String, String)]) -> Result<Vec<String>> {
    let side = |records: &[(String, String)]| Side { records: records.to_vec(), asked: None, is_published: true };
    compare(&side(a), &side(b))
}

/// Every difference, one a line.
fn compare(a: &Side, b: &Side) -> Result<Vec<String>> {
    let (policies_a, policies_b) = (a.policies()?, b.policies()?);
    let mut lines = match (&a.asked, &b.asked) {
        (None, None) => by_counties(&policies_a, &policies_b),
        (Some(a), Some(b)) => by_name(&policies_a, a, &policies_b, b)?,
        (Some(one), None) | (None, Some(one)) => by_name(&policies_a, one, &policies_b, one)?,
    };
    for (key, a, b) in beside(a, b) {
        let found = match key.strip_prefix(WORDING_KEY_PREFIX) {
            Some(language) => differences::of_sentences(language, &a, &b),
            None => differences::of_values(&key, &yaml(&key, &a)?, &yaml(&key, &b)?),
        };
        lines.extend(found.iter().map(Difference::to_string));
    }
    Ok(lines)
}

/// Whether a record is a policy, not what stands beside policies: sentences, holidays, posts.
fn is_policy(key: &str) -> bool {
    !key.contains('/')
}

fn yaml(key: &str, text: &str) -> Result<Value> {
    serde_saphyr::from_str(text).with_context(|| format!("{key} cannot be read"))
}

/// Two policies, whatever they are called.
fn by_name(policies_a: &[Joined], a: &str, policies_b: &[Joined], b: &str) -> Result<Vec<String>> {
    if !is_policy(a) || !is_policy(b) {
        ensure!(a == b, "{a} and {b} cannot be compared");
        return Ok(Vec::new());
    }
    let of = |policies: &[Joined], name: &str, side: &str| {
        let one = policies.iter().find(|policy| policy.name == name);
        let one = one.with_context(|| format!("{side} has no policy `{name}`"))?;
        Ok::<_, anyhow::Error>((one.value.clone(), digits(&one.counties)))
    };
    let ((a, counties_a), (b, counties_b)) = (of(policies_a, a, "A")?, of(policies_b, b, "B")?);
    let mut lines = Vec::new();
    if counties_a != counties_b {
        lines.push(format!("/counties: {} -> {}", counties_a.join(" "), counties_b.join(" ")));
    }
    lines.extend(differences::of_policies(&a, &b).iter().map(Difference::to_string));
    Ok(lines)
}

/// For each group of counties the policies that hold there. What differs in several groups is said once.
fn by_counties(a: &[Joined], b: &[Joined]) -> Vec<String> {
    let mut groups: BTreeMap<(Option<&str>, Option<&str>), Vec<String>> = BTreeMap::new();
    let all = a.iter().chain(b).flat_map(|policy| digits(&policy.counties));
    for prefix in all.collect::<BTreeSet<String>>() {
        let pair = (name(fitting(a, &prefix)), name(fitting(b, &prefix)));
        groups.entry(pair).or_default().push(prefix);
    }
    let mut lines: Vec<(Difference, Vec<String>)> = Vec::new();
    let count = groups.len();
    for ((name_a, name_b), prefixes) in groups {
        let policy = |policies: &'_ [Joined], name: Option<&str>| {
            policies.iter().find(|policy| Some(policy.name.as_str()) == name).map(|policy| policy.value.clone())
        };
        let group = label(name_a, name_b, &prefixes);
        let found = match (policy(a, name_a), policy(b, name_b)) {
            (Some(a), Some(b)) => differences::of_policies(&a, &b),
            (one, _) => {
                let only = if one.is_some() { "there is a policy only in A" } else { "there is a policy only in B" };
                vec![Difference { place: "/".to_owned(), what: only.to_owned() }]
            }
        };
        for difference in found {
            match lines.iter_mut().find(|(other, _)| *other == difference) {
                Some((_, groups)) => groups.push(group.clone()),
                None => lines.push((difference, vec![group.clone()])),
            }
        }
    }
    let said = |(difference, groups): (Difference, Vec<String>)| {
        if groups.len() == count && count > 1 {
            format!("every policy: {difference}")
        } else {
            format!("{}: {difference}", groups.join(", "))
        }
    };
    lines.into_iter().map(said).collect()
}

/// The policy of a group of counties: the one whose digits fit longest; of two that fit alike, the later one.
fn fitting<'a>(policies: &'a [Joined], prefix: &str) -> Option<&'a Joined> {
    let fit = |policy: &Joined| {
        digits(&policy.counties)
            .iter()
            .filter_map(|digits| {
                if digits == ALL { Some(0) } else { prefix.starts_with(digits.as_str()).then_some(digits.len()) }
            })
            .max()
    };
    let fitting = policies.iter().enumerate().filter_map(|(at, policy)| Some(((fit(policy)?, at), policy)));
    fitting.max_by_key(|(fit, _)| *fit).map(|(_, policy)| policy)
}

fn name(policy: Option<&Joined>) -> Option<&str> {
    policy.map(|policy| policy.name.as_str())
}

/// How a group of counties is called: by its policy, or, where that is another one in B, by its digits too.
fn label(a: Option<&str>, b: Option<&str>, prefixes: &[String]) -> String {
    if let (Some(a), Some(b)) = (a, b)
        && a == b
    {
        return a.to_owned();
    }
    let name = |name: Option<&str>| name.unwrap_or("none").to_owned();
    format!("{} -> {} ({})", name(a), name(b), prefixes.join(" "))
}

/// The word of a policy for all counties that have none of their own.
const ALL: &str = "all";

fn digits(counties: &Counties) -> Vec<String> {
    match counties {
        Counties::All => vec![ALL.to_owned()],
        Counties::Prefixes(prefixes) => {
            let mut prefixes = prefixes.clone();
            prefixes.sort();
            prefixes
        }
    }
}

/// What stands beside the policies of both sides, the newest of each: the key and the two texts.
fn beside(a: &Side, b: &Side) -> Vec<(String, String, String)> {
    let last = |side: &Side| -> BTreeMap<String, String> {
        side.records.iter().filter(|(key, _)| !is_policy(key)).cloned().collect()
    };
    let (a, mut b) = (last(a), last(b));
    a.into_iter().filter_map(|(key, text)| b.remove(&key).map(|other| (key, text, other))).collect()
}

impl Side {
    fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self { records: files::policies(path)?, asked: None, is_published: false });
        }
        let file = files::policy(path)?;
        let asked = Some(file.0.clone());
        let mut records = Vec::new();
        if is_policy(&file.0) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            records = files::beside(folder)?;
            records.extend(files::with_extension(folder, "yaml")?);
        }
        records.retain(|(key, _)| *key != file.0);
        records.push(file);
        Ok(Self { records, asked, is_published: false })
    }

    fn published(brokers: &str) -> Result<Self> {
        let mut records = Vec::new();
        topic::for_each(brokers, super::TOPIC, |record| {
            let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
            records.push((text(record.key), text(record.value)));
            Ok(())
        })?;
        Ok(Self { records, asked: None, is_published: true })
    }

    /// The newest version of each policy, with what it inherits. Of a file, what stands beside it may be faulty: only
    /// what it inherits is looked at.
    fn policies(&self) -> Result<Vec<Joined>> {
        let is_asked = |name: &str| self.asked.as_ref().is_none_or(|asked| asked == name);
        let mut documents: Vec<Document> = Vec::new();
        for (key, text) in self.records.iter().filter(|(key, _)| is_policy(key)) {
            match Document::read(text) {
                Ok(document) => {
                    documents.retain(|other| other.name != document.name);
                    documents.push(document);
                }
                // What was published and cannot be read is as if it had not been.
                Err(faults) if is_asked(key) && !self.is_published => bail!("{key}: {faults}"),
                Err(_) => {}
            }
        }
        let parent = |name: &str| documents.iter().find(|document| document.name == name).cloned();
        let with_all = |document: &Document| {
            let value = joined(document, &parent).map_err(|faults| anyhow!("{}: {faults}", document.name))?;
            Ok(Joined { name: document.name.clone(), counties: document.counties.clone(), value })
        };
        documents.iter().filter(|document| is_asked(&document.name)).map(with_all).collect()
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer to the person who runs it")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/policies");

    const BASE: &str = "\
name: base
version: 1
inherits: default
counties: [\"43\"]
effective_from: 2000-01-01
lines: { 2024: 6000, 2025: 6000 }
rules:
  - id: R01
    note: For the reader.
    categories: [medical_inpatient, medical_chronic]
    window: rolling_12
    comparator: \">\"
    levels:
      - { level: M, threshold: 5000 }
      - { level: H, comparator: \">=\", threshold: 20000 }
    goes_to: { health-insurance: check-reimbursement }
    wording: { village: large-spending }
  - id: R05
    code: critical_disease
";
    const CHILD: &str = "name: child\nversion: 1\ninherits: base\ncounties: [\"4310\"]\neffective_from: 2000-01-01\n";
    const ENGLISH: &str = "# A remark.\nlarge-spending = Large spending: { $value } yuan.\nother = Other.\n";

    /// A text, and what takes its place.
    type Change<'a> = (&'a str, &'a str);

    /// A folder of both policies and the sentences, with some text of it replaced, beside the project's default.
    fn folder(changes: &[Change<'_>]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("wording")).expect("a folder");
        let default = Path::new(POLICIES).join("default.yaml");
        std::fs::copy(default, folder.path().join("default.yaml")).expect("copied");
        for (name, text) in [("base.yaml", BASE), ("child.yaml", CHILD), ("wording/en.ftl", ENGLISH)] {
            let text = changes.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new));
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    fn lines(a: &Path, b: &Path) -> Vec<String> {
        let side = |path| Side::read(path).expect("readable");
        compare(&side(a), &side(b)).expect("comparable")
    }

    #[test]
    fn each_thing_that_differs_is_one_line_with_its_place() {
        let own = "effective_from: 2000-01-01\nlines: { 2025: 8700 }\n";
        let rows: &[(&[Change<'_>], &[&str])] = &[
            (&[], &[]),
            (&[("2025: 6000", "2025: 8700")], &["base, child: /lines/2025: 6000 -> 8700"]),
            (&[("2025: 6000", "2025: 6000, 2026: 9000")], &["base, child: /lines/2026: only in B: 9000"]),
            (
                &[(
                    "inherits: base\ncounties: [\"4310\"]\neffective_from: 2000-01-01\n",
                    &format!("inherits: base\ncounties: [\"4310\"]\n{own}"),
                )],
                &["child: /lines/2025: 6000 -> 8700"],
            ),
            (
                &[("threshold: 20000", "threshold: 30000")],
                &["base, child: /rules/0 (R01)/levels/1/threshold: 20000 -> 30000"],
            ),
            (&[("comparator: \">\"\n", "comparator: \">=\"\n")], &["base, child: /rules/0 (R01)/comparator: > -> >="]),
            (&[("level: H", "level: M")], &["base, child: /rules/0 (R01)/levels/1/level: H -> M"]),
            (
                &[("      - { level: H, comparator: \">=\", threshold: 20000 }\n", "")],
                &[
                    "base, child: /rules/0 (R01)/levels/1: only in A: {\"comparator\":\">=\",\"level\":\"H\",\"threshold\":20000}",
                ],
            ),
            (
                &[("window: rolling_12", "window: calendar_year")],
                &["base, child: /rules/0 (R01)/window: rolling_12 -> calendar_year"],
            ),
            (
                &[("check-reimbursement", "examine-aid")],
                &["base, child: /rules/0 (R01)/goes_to/health-insurance: check-reimbursement -> examine-aid"],
            ),
            (
                &[("  - id: R05\n", "  - id: R05\n    off: true\n")],
                &["base, child: /rules/4 (R05): the rule is only in A"],
            ),
            (
                &[("[medical_inpatient, medical_chronic]", "[medical_inpatient]")],
                &[
                    "base, child: /rules/0 (R01)/categories: [\"medical_inpatient\",\"medical_chronic\"] -> [\"medical_inpatient\"]",
                ],
            ),
            (
                &[("Large spending: {", "Much spending: {")],
                &["/wording/en/large-spending: Large spending: { $value } yuan. -> Much spending: { $value } yuan."],
            ),
            (
                &[("village: large-spending", "village: other")],
                &["base, child: /rules/0 (R01)/wording/village: large-spending -> other"],
            ),
            (
                &[(
                    "counties: [\"4310\"]\neffective_from: 2000-01-01\n",
                    &format!("counties: [\"4310\", \"4311\"]\n{own}"),
                )],
                &["base -> child (4311), child: /lines/2025: 6000 -> 8700"],
            ),
        ];
        for (changes, expected) in rows {
            let (a, b) = (folder(&[]), folder(changes));
            let found = lines(a.path(), b.path());
            assert_eq!(found, *expected, "{changes:?}");
        }
    }

    #[test]
    fn what_decides_nothing_is_no_difference() {
        for change in [
            ("For the reader.", "For another reader."),
            ("version: 1", "version: 2"),
            ("2025: 6000", "2025: 6000.00"),
            ("[medical_inpatient, medical_chronic]", "[medical_chronic, medical_inpatient]"),
            ("# A remark.", "# Another remark."),
            (
                "large-spending = Large spending: { $value } yuan.",
                "large-spending =\n    Large spending: {$value} yuan.",
            ),
        ] {
            let (a, b) = (folder(&[]), folder(&[change]));
            assert_eq!(lines(a.path(), b.path()), Vec::<String>::new(), "{change:?}");
        }
    }

    #[test]
    fn a_file_is_compared_with_all_that_it_inherits() {
        let (a, b) = (folder(&[]), folder(&[("threshold: 5000", "threshold: 4000")]));
        let expected = ["/rules/0 (R01)/levels/0/threshold: 5000 -> 4000"];
        assert_eq!(lines(&a.path().join("child.yaml"), &b.path().join("child.yaml")), expected);
        assert_eq!(lines(&a.path().join("child.yaml"), b.path()), expected);
        assert_eq!(lines(&a.path().join("base.yaml"), &a.path().join("child.yaml")), ["/counties: 43 -> 4310"]);
    }

    #[test]
    fn the_policies_of_this_project_differ_where_they_say_so() {
        let of = |name: &str| Path::new(POLICIES).join(name);
        assert_eq!(lines(Path::new(POLICIES), Path::new(POLICIES)), Vec::<String>::new());
        let found = lines(&of("default.yaml"), &of("qinglong.yaml"));
        assert!(found.contains(&"/counties: all -> 130321".to_owned()), "{found:#?}");
        assert!(
            found.iter().any(|line| line.contains("(R13)/levels/0/threshold: line -> {\"line\":1.2}")),
            "{found:#?}"
        );
        let (demo, same) = (Side::read(&of("demo.yaml")).expect("readable"), Side::read(&of("none.yaml")));
        assert!(same.is_err() && demo.policies().is_ok_and(|policies| policies.len() == 1));
    }
}
