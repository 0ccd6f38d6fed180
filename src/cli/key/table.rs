//! Keys as text.

use tollgate_keys::{KeyRecord, Scope, iso_8601};

use super::grants;

const HEAD: [&str; 10] = [
    "ID", "PREFIX", "PROJECT", "SCOPES", "EXPIRES", "STATE", "MODELS", "LIMITS", "METADATA", "NAME",
];
const GAP: &str = "  ";

/// All keys, a line each.
pub(super) fn of(keys: &[KeyRecord], now_s: u64) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(keys.iter().map(|key| {
        [
            key.id.clone(),
            key.prefix.clone(),
            project(key),
            scopes(key),
            expires(key),
            state(key, now_s),
            grants::models(&key.grants),
            grants::shown(&key.grants),
            grants::metadata(&key.grants),
            key.name.clone(),
        ]
    }));
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |cells: &[String; HEAD.len()]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}{GAP}"));
        format!("{}\n", padded.collect::<String>().trim_end())
    };
    lines.iter().map(line).collect()
}

/// One new key.
pub(super) fn one(key: &KeyRecord) -> String {
    let (id, project, scopes, expires) = (&key.id, project(key), scopes(key), expires(key));
    let mut text =
        format!("id       {id}\nproject  {project}\nscopes   {scopes}\nexpires  {expires}\n");
    if key.may(Scope::GatewayCall) {
        let (models, limits) = (grants::models(&key.grants), grants::shown(&key.grants));
        text.push_str(&format!("models   {models}\nlimits   {limits}\n"));
    }
    text
}

fn project(key: &KeyRecord) -> String {
    key.project.clone().unwrap_or_else(|| "(all)".to_owned())
}

fn scopes(key: &KeyRecord) -> String {
    key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",")
}

fn expires(key: &KeyRecord) -> String {
    key.expires_s.map_or_else(|| "never".to_owned(), iso_8601)
}

fn state(key: &KeyRecord, now_s: u64) -> String {
    match key.revoked_s {
        Some(revoked_s) => format!("revoked {}", iso_8601(revoked_s)),
        None if key.is_expired(now_s) => "expired".to_owned(),
        None => "good".to_owned(),
    }
}
