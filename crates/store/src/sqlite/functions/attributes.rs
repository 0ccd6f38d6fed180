//! Attribute lists as they are kept, and what queries want of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::Context;
use rusqlite::types::ValueRef;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{PURE, Shelf};
use crate::sqlite::packing::is_list;

pub(super) fn register(connection: &Connection, shelf: &Shelf) -> rusqlite::Result<()> {
    let own = Arc::clone(shelf);
    connection.create_scalar_function("ch_attribute", 2, PURE, move |c| attribute(c, &own))?;
    let own = Arc::clone(shelf);
    connection.create_scalar_function("ch_map", 2, PURE, move |c| map(c, &own))?;
    let own = Arc::clone(shelf);
    connection.create_scalar_function("ch_list", 2, PURE, move |c| list(c, &own))?;
    let own = Arc::clone(shelf);
    connection.create_scalar_function("ch_unpack", 1, PURE, move |c| {
        Ok(text(c, 0, &own)?.map(Cow::into_owned))
    })
}

/// `ch_attribute(list, key)`: the text of the first attribute of this name; NULL without.
fn attribute(context: &Context<'_>, shelf: &Shelf) -> rusqlite::Result<Option<String>> {
    if let ValueRef::Blob(kept) = context.get_raw(0)
        && is_list(kept)
    {
        let key = context.get_raw(1).as_str()?;
        let mut unpacker = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let list = unpacker.list(kept).map_err(|error| broken(&error))?;
        let found = unpacker.vocabulary.find(&list, key).map_err(|error| broken(&error))?;
        return Ok(found.map(Cow::into_owned));
    }
    let Some(text) = text(context, 0, shelf)? else { return Ok(None) };
    let Some(key) = self::text(context, 1, shelf)? else { return Ok(None) };
    let mut reader = serde_json::Deserializer::from_str(&text);
    One(&key).deserialize(&mut reader).map_err(|error| broken(&error))
}

/// `ch_map(attributes, content)`: both lists as one JSON object.
fn map(context: &Context<'_>, shelf: &Shelf) -> rusqlite::Result<String> {
    let mut all = Map::new();
    for argument in 0..2 {
        let Some(text) = text(context, argument, shelf)? else { continue };
        let part: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| broken(&error))?;
        for (key, value) in part {
            all.entry(key).or_insert(value);
        }
    }
    Ok(Value::Object(all).to_string())
}

/// `ch_list(rows, member)`: that member of each row, as a JSON array.
fn list(context: &Context<'_>, shelf: &Shelf) -> rusqlite::Result<String> {
    let Some(text) = text(context, 0, shelf)? else { return Ok("[]".to_owned()) };
    let Some(member) = self::text(context, 1, shelf)? else { return Ok("[]".to_owned()) };
    let rows: Vec<Map<String, Value>> =
        serde_json::from_str(&text).map_err(|error| broken(&error))?;
    let members = rows.into_iter().map(|mut row| match row.remove(member.as_ref()) {
        Some(Value::Number(ns)) => {
            super::times::text(ns.as_i64().unwrap_or(0), "DateTime64(9)").into()
        }
        Some(value) => value,
        None => Value::Null,
    });
    Ok(Value::Array(members.collect()).to_string())
}

/// An argument, unpacked if it is packed; `None` for NULL.
fn text<'a>(
    context: &'a Context<'_>,
    argument: usize,
    shelf: &Shelf,
) -> rusqlite::Result<Option<Cow<'a, str>>> {
    match context.get_raw(argument) {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(packed) => {
            let mut unpacker = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let text = unpacker.unpack(packed).map_err(|error| broken(&error))?;
            Ok(Some(Cow::Owned(text)))
        }
        value => Ok(Some(Cow::Borrowed(value.as_str()?))),
    }
}

fn broken(error: &dyn fmt::Display) -> rusqlite::Error {
    super::failed(&format!("an attribute list is damaged: {error}"))
}

/// The value of one key; the others are passed over.
struct One<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Same(self.0))? {
            if is_it && found.is_none() {
                found = Some(map.next_value()?);
            } else {
                let _other: IgnoredAny = map.next_value()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is the one that is looked for; nothing is copied.
struct Same<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Same<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Same<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}
