//! A profile as data: rules in the order in which they are applied, then what is kept as it is.
//!
//! An attribute that no rule, no `keep` and no `drop` names is the operator's own, or a caller's:
//! it stays.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tollgate_providers::catalog;

use super::messages::Content;
use super::span_type::SpanType;
use super::written::Written;
use crate::span::{Span, Value};

/// A profile.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// Where the vocabulary is published.
    #[serde(default)]
    pub(super) schema_url: Option<String>,
    /// Spans that have no place in it.
    #[serde(default)]
    pub(super) left_out: HashSet<SpanType>,
    /// What is the same on every span of a sort.
    #[serde(default)]
    pub(super) constants: Vec<Constant>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
    /// How prompts and answers are written.
    #[serde(default)]
    pub(super) content: Option<Content>,
    /// What has the same name and value.
    #[serde(default)]
    pub(super) keep: HashSet<String>,
    /// What has no place in it, and why.
    #[serde(default)]
    pub(super) drop: HashMap<String, String>,
    /// What does not go through as it is.
    #[serde(skip)]
    taken: HashSet<String>,
}

/// What is the same on every span of a sort.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) spans: Vec<SpanType>,
    text: String,
}

/// How one value is made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// The attributes it is made of.
    pub(super) from: Vec<String>,
    /// Its names; the first source's where there is none.
    #[serde(default)]
    pub(super) to: Vec<String>,
    /// What is added to that: the first that is there, and without any there is no value.
    #[serde(default)]
    pub(super) plus: Vec<String>,
    /// The spans it is for; all where there is none.
    #[serde(default)]
    pub(super) spans: Vec<SpanType>,
    /// What several sources make.
    #[serde(default)]
    pick: Pick,
    /// The value's type.
    #[serde(default, rename = "as")]
    form: Form,
    /// Other words for some.
    #[serde(default)]
    words: HashMap<String, String>,
    /// A word that is not in `words` is not written.
    #[serde(default)]
    words_only: bool,
    /// The value that is not written.
    #[serde(default)]
    unless: Option<String>,
    /// What else the span has to say.
    #[serde(default)]
    when: HashMap<String, String>,
    /// The value becomes this member of a JSON text.
    #[serde(default)]
    pub(super) member: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pick {
    /// The first that is there.
    #[default]
    First,
    /// The least number.
    Least,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Same,
    /// A number, perhaps written as text.
    Int,
    Float,
    /// Real texts instead of a JSON text.
    Texts,
    /// A provider's name in the semantic conventions.
    Provider,
}

// === impl Table ===

impl Table {
    /// A table of ours; each is read in the tests.
    pub(super) fn embedded(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|error| {
            tracing::error!(%error, "a profile is broken; spans keep their names");
            Self::default()
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut table: Self = serde_json::from_str(text)?;
        let read = table.rules.iter().flat_map(Rule::sources);
        table.taken = read.chain(table.drop.keys()).cloned().collect();
        if table.content.is_some() {
            table.taken.extend(Content::SOURCES.map(str::to_owned));
        }
        table.taken.retain(|name| !table.keep.contains(name));
        Ok(table)
    }

    /// Writes `span` in this vocabulary.
    pub(super) fn write(&self, span: &Span, written: &mut Written) {
        let of = SpanType::of(span);
        for constant in self.constants.iter().filter(|constant| constant.spans.contains(&of)) {
            written.add(constant.name.clone(), constant.text.clone());
        }
        let mut gathered: Vec<(&str, Map<String, Json>)> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.is_for(of)) {
            let Some(value) = rule.value(span) else { continue };
            for name in rule.names() {
                match &rule.member {
                    None => written.add(name.clone(), value.clone()),
                    Some(member) => gather(&mut gathered, name, member, &value),
                }
            }
        }
        for (name, members) in gathered {
            written.add(name.to_owned(), Json::Object(members).to_string());
        }
        written.extend(span.attributes.iter().filter(|(name, _)| !self.taken.contains(&**name)));
        if let Some(content) = &self.content {
            content.write(span, of, written);
        }
    }
}

fn gather<'a>(
    gathered: &mut Vec<(&'a str, Map<String, Json>)>,
    name: &'a str,
    member: &str,
    value: &Value,
) {
    let value = match value {
        Value::Str(text) => Json::from(&**text),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Bool(yes) => Json::from(*yes),
        Value::Strs(texts) => Json::from(texts.as_slice()),
    };
    match gathered.iter_mut().find(|(known, _)| *known == name) {
        Some((_, members)) => {
            members.insert(member.to_owned(), value);
        }
        None => gathered.push((name, Map::from_iter([(member.to_owned(), value)]))),
    }
}

// === impl Rule ===

impl Rule {
    pub(super) fn is_for(&self, of: SpanType) -> bool {
        self.spans.is_empty() || self.spans.contains(&of)
    }

    pub(super) fn names(&self) -> &[String] {
        if self.to.is_empty() { self.from.get(..1).unwrap_or_default() } else { &self.to }
    }

    /// Every attribute that it reads.
    pub(super) fn sources(&self) -> impl Iterator<Item = &String> {
        self.from.iter().chain(&self.plus)
    }

    fn value(&self, span: &Span) -> Option<Value> {
        let says = |name: &str, text: &str| {
            span.attribute(name).is_some_and(|value| value.to_string() == text)
        };
        if !self.when.iter().all(|(name, text)| says(name, text)) {
            return None;
        }
        let there = |names: &'_ [String]| names.iter().find_map(|name| span.attribute(name));
        let mut value = match self.pick {
            Pick::First => there(&self.from)?.clone(),
            Pick::Least => {
                let numbers = self.from.iter().filter_map(|name| number(span.attribute(name)?));
                Value::Float(numbers.reduce(f64::min)?)
            }
        };
        if !self.plus.is_empty() {
            let (Value::Int(number), Value::Int(more)) = (&value, there(&self.plus)?) else {
                return None;
            };
            value = Value::Int(number.saturating_add(*more));
        }
        if self.unless.as_ref().is_some_and(|unless| value.to_string() == *unless) {
            return None;
        }
        self.worded(self.form.of(value))
    }

    fn worded(&self, value: Value) -> Option<Value> {
        let Value::Str(text) = &value else { return Some(value) };
        match self.words.get(&**text) {
            Some(word) => Some(word.clone().into()),
            None => (!self.words_only).then_some(value),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

// === impl Form ===

impl Form {
    /// The value in this form; as it is where that cannot be.
    fn of(self, value: Value) -> Value {
        match (self, &value) {
            // Nobody samples from more tokens than fit; such a number stays as it is.
            (Self::Float, Value::Int(number)) => {
                i32::try_from(*number).map_or(value, |number| Value::Float(f64::from(number)))
            }
            (Self::Int, Value::Str(text)) => text.trim().parse().map_or(value, Value::Int),
            (Self::Texts, Value::Str(text)) => texts(text).map_or(value, Value::Strs),
            (Self::Provider, Value::Str(name)) => {
                catalog::find(name).map_or(value, |row| row.semconv_name.into())
            }
            _ => value,
        }
    }
}

/// The texts of a JSON array, or the one JSON text.
fn texts(json: &str) -> Option<Vec<String>> {
    match serde_json::from_str(json).ok()? {
        Json::String(text) => Some(vec![text]),
        Json::Array(items) => items
            .into_iter()
            .map(|item| if let Json::String(text) = item { Some(text) } else { None })
            .collect(),
        _ => None,
    }
}
