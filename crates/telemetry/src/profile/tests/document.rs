//! The table in `docs/profiles.md` is what the data files say.

use std::fmt::Write;
use std::path::Path;

use super::super::messages::Content;
use super::super::table::Table;
use super::data::{attributes, tables};

const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end of table -->";

/// What becomes of an attribute.
fn fate(table: &Table, attribute: &str) -> String {
    if Content::SOURCES.contains(&attribute) {
        return "messages, see above".to_owned();
    }
    let mut targets: Vec<String> = Vec::new();
    if table.keep.contains(attribute) {
        targets.push("same".to_owned());
    }
    for rule in &table.rules {
        if !rule.sources().any(|source| source == attribute) {
            continue;
        }
        for name in rule.names() {
            let target = match &rule.member {
                Some(member) => format!("`{name}` ({member})"),
                // Another type, other words, or not always.
                None if name == attribute => "same name".to_owned(),
                None => format!("`{name}`"),
            };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    if targets.is_empty() { "–".to_owned() } else { targets.join(", ") }
}

#[test]
fn the_document_says_what_the_files_say() {
    let tables = tables();
    let mut said = String::from("| `to11`");
    for (name, _) in &tables {
        write!(said, " | `{name}`").unwrap();
    }
    said.push_str(" |\n|---|---|---|---|\n");
    for attribute in attributes() {
        let fates: Vec<_> = tables.iter().map(|(_, table)| fate(table, attribute)).collect();
        if fates.iter().any(|fate| fate != "same") {
            writeln!(said, "| `{attribute}` | {} |", fates.join(" | ")).unwrap();
        }
    }
    said.push_str("\nWhat is not in the table is the same in every profile.\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profiles.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{said}{END}{after}")).unwrap();
        return;
    }
    assert!(table == said, "docs/profiles.md should have this table:\n{said}");
}
