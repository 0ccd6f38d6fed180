//! Reads the fields of a mapping: types, ranges, required and unknown ones.
//!
//! A field that is asked for is thereby known; [`Fields::finish`] reports the rest. Nothing stops
//! at the first problem: what cannot be read is left out, and the reader goes on.

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use tollgate_providers::SecretSource;

use crate::error::{Place, Problem};
use crate::load::{Key, Node, Value};
use crate::suggest;

#[cfg(test)]
mod tests;

/// A value and the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// One entry of a mapping from names to things.
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    /// Of the name.
    pub(crate) place: Place,
    pub(crate) value: T,
}

/// The fields of one mapping, being read.
pub(crate) struct Fields<'n, 'p> {
    entries: &'n [(Key, Node)],
    place: Place,
    asked: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

// === impl Located ===

impl<T> Located<T> {
    pub(crate) const fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}

// === impl Fields ===

impl<'n, 'p> Fields<'n, 'p> {
    /// The fields of a node, if it is a mapping; nothing at all is an empty one.
    pub(crate) fn of(
        node: &'n Node,
        place: &Place,
        problems: &'p mut Vec<Problem>,
    ) -> Option<Self> {
        let entries = match &node.value {
            Value::Map(entries) => &entries[..],
            Value::Null => &[],
            other => {
                problems.push(expected("a mapping", other, place));
                return None;
            }
        };
        Some(Self { entries, place: place.clone(), asked: Vec::new(), problems })
    }

    /// Where the mapping stands.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Reports a problem.
    pub(crate) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether the field is there, with any value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key.name == name)
    }

    /// Whether a field has a value, of whatever type.
    pub(crate) fn has_value(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, node)| key.name == name && node.value != Value::Null)
    }

    /// Reports a field that must be there and is not.
    pub(crate) fn require(&mut self, name: &str, hint: &str) {
        if !self.has_value(name) {
            let message = format!("`{name}` is missing");
            self.problems.push(Problem::new(&self.place, message).hint(hint));
        }
    }

    /// Reports every field that nobody asked for.
    pub(crate) fn finish(self) {
        for (key, _) in self.entries {
            if self.asked.contains(&key.name.as_str()) {
                continue;
            }
            let place = self.place.field(&key.name, key.position);
            let problem = Problem::new(&place, format!("unknown field `{}`", key.name));
            let hint = suggest::hint(&key.name, self.asked.iter().copied());
            self.problems.push(problem.maybe_hint(hint));
        }
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Option<Located<String>> {
        let (node, place) = self.get(name)?;
        text_of(node, place, self.problems)
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Option<Located<bool>> {
        let (node, place) = self.get(name)?;
        match &node.value {
            Value::Flag(flag) => Some(Located::new(*flag, place)),
            other => self.refuse("true or false", other, &place),
        }
    }

    /// A whole number; `unit` is for the message.
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Option<Located<u64>> {
        let (node, place) = self.get(name)?;
        let number = match &node.value {
            Value::Integer(number) => *number,
            other => return self.refuse("a whole number", other, &place),
        };
        match u64::try_from(number) {
            Ok(number) if range.contains(&number) => Some(Located::new(number, place)),
            _ => self.out_of_range(&place, number, range.start(), range.end(), unit),
        }
    }

    /// A number with or without a fraction; `unit` is for the message.
    pub(crate) fn decimal(
        &mut self,
        name: &'static str,
        range: RangeInclusive<f64>,
        unit: &str,
    ) -> Option<Located<f64>> {
        let (node, place) = self.get(name)?;
        let number = match &node.value {
            Value::Decimal(number) => *number,
            // Exact up to 2^53, far above every range in use.
            Value::Integer(number) => *number as f64,
            other => return self.refuse("a number", other, &place),
        };
        if range.contains(&number) {
            return Some(Located::new(number, place));
        }
        self.out_of_range(&place, number, range.start(), range.end(), unit)
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Option<Located<T>> {
        let Located { value, place } = self.text(name)?;
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == value) {
            return Some(Located::new(*choice, place));
        }
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let message = format!("must be one of {}", all.join(", "));
        let closest = suggest::closest(&value, words.iter().map(|(word, _)| *word));
        let hint = closest.map(|closest| format!("did you mean `{closest}`?"));
        self.problems.push(Problem::new(&place, message).maybe_hint(hint));
        None
    }

    /// Where a secret is to be read from. The text is never shown: it may be the secret itself.
    pub(crate) fn secret(&mut self, name: &'static str) -> Option<Located<SecretSource>> {
        let (node, place) = self.get(name)?;
        secret_of(node, place, self.problems)
    }

    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Located<Vec<Located<String>>>> {
        self.each(name, text_of)
    }

    /// A list of whole numbers.
    pub(crate) fn integers(
        &mut self,
        name: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Option<Located<Vec<Located<u64>>>> {
        self.each(name, |node, place, problems| match &node.value {
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) if range.contains(&number) => Some(Located::new(number, place)),
                _ => {
                    let (start, end) = (range.start(), range.end());
                    let message = format!("must be from {start} to {end}, not {number}");
                    problems.push(Problem::new(&place, message));
                    None
                }
            },
            other => {
                problems.push(expected("a whole number", other, &place));
                None
            }
        })
    }

    /// A list of mappings.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Fields<'_, '_>) -> T,
    ) -> Option<Located<Vec<Located<T>>>> {
        self.each(name, |node, place, problems| {
            let mut fields = Fields::of(node, &place, problems)?;
            let value = read(&mut fields);
            fields.finish();
            Some(Located::new(value, place))
        })
    }

    /// A mapping of known fields.
    pub(crate) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> Option<Located<T>> {
        let (node, place) = self.get(name)?;
        let mut fields = Fields::of(node, &place, self.problems)?;
        let value = read(&mut fields);
        fields.finish();
        Some(Located::new(value, place))
    }

    /// A mapping from names to mappings of known fields, in file order.
    pub(crate) fn table<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Fields<'_, '_>) -> T,
    ) -> Vec<Entry<T>> {
        self.entries_of(name, |node, place, problems| {
            let mut fields = Fields::of(node, place, problems)?;
            let value = read(&mut fields);
            fields.finish();
            Some(value)
        })
    }

    /// A mapping from names to secrets.
    pub(crate) fn secrets(&mut self, name: &'static str) -> Vec<Entry<Located<SecretSource>>> {
        self.entries_of(name, |node, place, problems| secret_of(node, place.clone(), problems))
    }

    /// A mapping from names to texts.
    pub(crate) fn labels(&mut self, name: &'static str) -> Vec<Entry<Located<String>>> {
        self.entries_of(name, |node, place, problems| text_of(node, place.clone(), problems))
    }

    fn entries_of<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&'n Node, &Place, &mut Vec<Problem>) -> Option<T>,
    ) -> Vec<Entry<T>> {
        let Some((node, place)) = self.get(name) else { return Vec::new() };
        let Some(table) = Fields::of(node, &place, self.problems) else { return Vec::new() };
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for (key, node) in table.entries {
            let place = table.place.field(&key.name, key.position);
            // The first of two equal keys counts; the loader has reported the second.
            if !seen.insert(&key.name) {
                continue;
            }
            if let Some(value) = read(node, &place, table.problems) {
                found.push(Entry { name: key.name.clone(), place, value });
            }
        }
        found
    }

    fn each<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&'n Node, Place, &mut Vec<Problem>) -> Option<Located<T>>,
    ) -> Option<Located<Vec<Located<T>>>> {
        let (node, place) = self.get(name)?;
        let Value::List(items) = &node.value else {
            return self.refuse("a list", &node.value, &place);
        };
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            found.extend(read(item, place.item(index, item.position), self.problems));
        }
        // A list of nothing but bad items isn't an empty list.
        (items.is_empty() || !found.is_empty()).then(|| Located::new(found, place))
    }

    /// The field's value and place. A field without a value counts as absent.
    fn get(&mut self, name: &'static str) -> Option<(&'n Node, Place)> {
        self.asked.push(name);
        let (_, node) = self.entries.iter().find(|(key, _)| key.name == name)?;
        (node.value != Value::Null).then(|| (node, self.place.field(name, node.position)))
    }

    fn refuse<T>(&mut self, wanted: &str, found: &Value, place: &Place) -> Option<T> {
        self.problems.push(expected(wanted, found, place));
        None
    }

    fn out_of_range<T>(
        &mut self,
        place: &Place,
        number: impl Display,
        start: impl Display,
        end: impl Display,
        unit: &str,
    ) -> Option<T> {
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let message = format!("must be from {start} to {end}{unit}, not {number}");
        self.problems.push(Problem::new(place, message));
        None
    }
}

fn text_of(node: &Node, place: Place, problems: &mut Vec<Problem>) -> Option<Located<String>> {
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => Some(Located::new(text.clone(), place)),
        Value::Text(_) => {
            problems.push(Problem::new(&place, "must not be empty"));
            None
        }
        other => {
            problems.push(expected("text", other, &place));
            None
        }
    }
}

fn secret_of(
    node: &Node,
    place: Place,
    problems: &mut Vec<Problem>,
) -> Option<Located<SecretSource>> {
    let source = match &node.value {
        Value::Text(text) => SecretSource::parse(text).ok().filter(is_plausible),
        _ => None,
    };
    if source.is_none() {
        let message = "a secret is written as `env::NAME` or `file::PATH`, never as itself";
        problems.push(
            Problem::new(&place, message)
                .hint("put the secret into the environment, and its variable's name here"),
        );
    }
    source.map(|source| Located::new(source, place))
}

/// Whether the name can be a variable's: a key pasted behind `env::` must not end up in a message.
fn is_plausible(source: &SecretSource) -> bool {
    match source {
        SecretSource::Env(name) => {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        }
        SecretSource::File(_) => true,
    }
}

fn expected(wanted: &str, found: &Value, place: &Place) -> Problem {
    let problem = Problem::new(place, format!("must be {wanted}, not {}", found.kind()));
    match (wanted, found) {
        ("text", Value::Flag(_) | Value::Integer(_) | Value::Decimal(_)) => {
            problem.hint("put it in quotes")
        }
        ("a list", Value::Text(text)) if text.len() <= 64 => {
            problem.hint("write it in brackets: `[...]`")
        }
        ("a whole number" | "a number" | "true or false", Value::Text(_)) => {
            problem.hint("write it without quotes and units")
        }
        _ => problem,
    }
}
