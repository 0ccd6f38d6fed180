//! Lists as metrics have them: JSON arrays that were kept as such.

use rusqlite::Connection;

use super::{PURE, failed, times};

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    // `ch_times(list)`: nanoseconds since 1970 as the texts that show them; without a list, none.
    connection.create_scalar_function("ch_times", 1, PURE, |context| {
        let Some(list) = context.get::<Option<String>>(0)? else { return Ok("[]".to_owned()) };
        let list: Vec<i64> = serde_json::from_str(&list)
            .map_err(|error| failed(&format!("a list of times is damaged: {error}")))?;
        let texts: Vec<_> = list.into_iter().map(|ns| times::text(ns, "DateTime64(9)")).collect();
        Ok(serde_json::Value::from(texts).to_string())
    })
}
