//! The feeds of this repository load; faulty ones say every fault.

use super::*;

/// The files of `schemas/feeds`, by path within it.
fn files() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("feeds");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("inside").to_string_lossy().replace('\\', "/");
                files.push((name, std::fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_feeds_of_the_14_departments_load() {
    let catalogue = Catalogue::load(&files()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(catalogue.departments().len(), 14);
    assert_eq!(catalogue.feeds().len(), 51);
    for feed in catalogue.feeds() {
        // The canonical form has no logical types (AVRO-1721); apache-avro leaves `{"type":"long"}` where one stood.
        let mut plain: serde_json::Value = serde_json::from_str(&feed.schema).expect("JSON");
        strip_logical_types(&mut plain);
        let schema = apache_avro::Schema::parse(&plain).expect("Avro");
        let expected = schema.fingerprint::<apache_avro::rabin::Rabin>().bytes;
        assert_eq!(feed.fingerprint.as_slice(), expected, "{}", feed.record);
        let id = feed.id.expect("an id");
        assert_eq!(catalogue.by_id(id).map(|(found, _)| &found.record), Some(&feed.record));
        let found = catalogue.by_fingerprint(feed.fingerprint).map(|(found, _)| &found.record);
        assert_eq!(found, Some(&feed.record));
    }
}

fn strip_logical_types(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            object.remove("logicalType");
            object.values_mut().for_each(strip_logical_types);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(strip_logical_types),
        _ => {}
    }
}

/// The files with one text replaced in one of them.
fn spoiled(file: &str, spoil: impl FnOnce(&str) -> String) -> Vec<(String, String)> {
    let mut files = files();
    let found = files.iter_mut().find(|(path, _)| path == file).expect("a file");
    let spoilt = spoil(&found.1);
    assert_ne!(spoilt, found.1, "the spoil must change {file}");
    found.1 = spoilt;
    files
}

fn faults_of(files: &[(String, String)]) -> Vec<String> {
    match Catalogue::load(files) {
        Ok(_) => Vec::new(),
        Err(Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_fault_says_its_file_and_place() {
    let settlement = "health-insurance/medical_settlement.avsc";
    let rows: [(&str, &str, &str, &str); 15] = [
        (settlement, "\"outpatient_out_of_pocket\"", "\"pocket\"", "the category pocket"),
        (settlement, "\"inpatient\": \"medical_inpatient\",", "", "no category for inpatient"),
        (settlement, "\"inpatient\": \"medical_inpatient\"", "\"inpatient\": \"wage\"", "none of kind Expense"),
        (settlement, "\"unit\": \"fen\"", "\"unit\": \"yuan\"", "not numbers of the same unit"),
        (settlement, "\"department\": \"health-insurance\"", "\"department\": \"health\"", "must be health-insurance"),
        (settlement, "\"kind\": \"expense\"", "\"kind\": \"spending\"", "unknown variant"),
        (
            settlement,
            "\"field\": \"cause\",\n          \"default\": \"illness\"",
            "\"field\": \"cause\"",
            "may be missing",
        ),
        (
            settlement,
            "\"out_of_pocket_fen\",\n          \"total_fen\"",
            "\"out_of_pocket_fen\",\n          \"sum\"",
            "the field sum",
        ),
        (settlement, "\"doc\": \"The whole bill.\",", "", "fields/total_fen: needs a doc"),
        (settlement, "\"name\": \"op\"", "\"name\": \"operation\"", "needs op"),
        (
            "health/critical_disease_registered.avsc",
            "\"field\": \"disease_code\"",
            "\"field\": \"person_id\"",
            "must not leave",
        ),
        ("public-security/member_changed.avsc", "\"split\"", "\"marry\"", "membership change marry"),
        (
            "public-security/member_changed.avsc",
            "\"household\": \"from_household_code\"",
            "\"household\": \"persons\"",
            "household of persons, which is no household_code",
        ),
        (INDEX_FILE, "\"id\": 102", "\"id\": 101", "gives the id 101 a second time"),
        (INDEX_FILE, ".birth", ".nativity", "of which there is no file"),
    ];
    for (file, from, to, expected) in rows {
        let faults = faults_of(&spoiled(file, |text| text.replacen(from, to, 1)));
        assert!(
            faults.iter().any(|fault| fault.starts_with(file) && fault.contains(expected)),
            "{file} with {to} for {from} must say \"{expected}\", said {faults:#?}"
        );
    }
}

#[test]
fn faults_of_several_files_come_at_once() {
    let mut files = spoiled("health/birth.avsc", |text| text.replacen("incident", "accident", 1));
    for (path, text) in &mut files {
        if path == "health/death.avsc" {
            text.push('}');
        }
    }
    let faults = faults_of(&files).join("\n");
    assert!(faults.contains("health/birth.avsc") && faults.contains("health/death.avsc"), "{faults}");
}

#[test]
fn a_writers_own_version_reads_through_our_copy() {
    let version = r#"{"type":"record","name":"birth","namespace":"backstop.feeds.health","fields":[
        {"name":"children","type":"long"},{"name":"event_id","type":"string"}]}"#;
    let mut files = files();
    files.push(("health/versions/birth_old.avsc".to_owned(), version.to_owned()));
    for (path, text) in &mut files {
        if path == INDEX_FILE {
            let line =
                r#"{"ids":[{"id":7,"record":"backstop.feeds.health.birth","file":"health/versions/birth_old.avsc"},"#;
            *text = text.replacen("{\n  \"ids\": [", line, 1);
        }
    }
    let catalogue = Catalogue::load(&files).unwrap_or_else(|faults| panic!("{faults}"));
    let (feed, plan) = catalogue.by_id(7).expect("known by id");
    assert_eq!(feed.event_type, "birth");
    assert_ne!(plan.fingerprint(), feed.fingerprint);
    assert!(catalogue.by_fingerprint(plan.fingerprint()).is_some(), "known by fingerprint");
}
