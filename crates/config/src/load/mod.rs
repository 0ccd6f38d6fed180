//! First phase: YAML text to a tree in which every node knows its line and column.
//!
//! Bounded in size, depth and nodes, so that aliases cannot blow it up.

use std::collections::HashMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use crate::error::{Place, Position, Problem};

#[cfg(test)]
mod tests;

/// The largest file that is read, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The deepest nesting of lists and mappings.
pub(crate) const DEPTH_MAX: usize = 32;
/// The most nodes of a file, with aliases written out.
pub(crate) const NODES_MAX: usize = 200_000;

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) value: Value,
}

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Flag(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) position: Position,
    pub(crate) name: String,
}

/// The tree under construction.
struct Builder<'p> {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    problems: &'p mut Vec<Problem>,
}

/// A list or a mapping whose end has not come yet.
struct Open {
    position: Position,
    anchor: usize,
    place: Place,
    nodes_before: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key>, first: HashMap<String, usize> },
}

/// Why reading stops: what comes after would only be noise.
type Stop = Problem;

/// Parses the text. Duplicate keys are problems, but do not stop it; `None` after a syntax error.
pub(crate) fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let file = Place { path: String::new(), position: None };
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has more than {FILE_BYTES_MAX} bytes");
        problems.push(Problem::new(&file, message));
        return None;
    }
    // A byte order mark is an encoding detail, not content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder =
        Builder { open: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0, problems };
    match builder.run(text) {
        Ok(()) => {
            let start = Position { line: 1, column: 1 };
            Some(builder.root.unwrap_or(Node { position: start, value: Value::Null }))
        }
        Err(stop) => {
            problems.push(stop);
            None
        }
    }
}

// === impl Value ===

impl Value {
    /// What it is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Flag(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Decimal(_) => "a decimal number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

// === impl Builder ===

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some((event, position)) = next(&mut parser, text)? {
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let place = Place::new("", position);
                        return Err(Problem::new(&place, "a second document begins here")
                            .hint("the configuration is one document: remove the `---`"));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.scalar(&text, style, anchor, tag.as_deref(), position)?;
                }
                Event::SequenceStart(anchor, _) => {
                    self.begin(Content::List(Vec::new()), anchor, position)?;
                }
                Event::MappingStart(anchor, _) => {
                    let entries = Vec::new();
                    let content = Content::Map { entries, key: None, first: HashMap::new() };
                    self.begin(content, anchor, position)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end()?,
                Event::Alias(anchor) => self.alias(anchor, position)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        position: Position,
    ) -> Result<(), Stop> {
        if self.expects_key() {
            return self.key(text, position);
        }
        let tag = tag.map(std::borrow::Cow::Borrowed);
        let scalar = Scalar::parse_from_cow_and_metadata(text.into(), style, tag.as_ref());
        let value = match scalar {
            Some(Scalar::Null) => Value::Null,
            Some(Scalar::Boolean(flag)) => Value::Flag(flag),
            Some(Scalar::Integer(number)) => Value::Integer(number),
            Some(Scalar::FloatingPoint(number)) => Value::Decimal(number.into_inner()),
            Some(Scalar::String(text)) => Value::Text(text.into_owned()),
            None => {
                let place = self.place(position);
                return Err(Problem::new(&place, "the value does not fit its tag")
                    .hint("remove the tag: fields know their types"));
            }
        };
        let nodes_before = self.nodes;
        self.add(Node { position, value }, anchor, nodes_before)
    }

    fn key(&mut self, name: &str, position: Position) -> Result<(), Stop> {
        if name == "<<" {
            let place = self.place(position);
            return Err(Problem::new(&place, "merge keys (`<<`) are not supported")
                .hint("write the fields out, or use an alias for the whole value"));
        }
        let Some(Open { place, content: Content::Map { key, first, .. }, .. }) =
            self.open.last_mut()
        else {
            return Ok(());
        };
        if let Some(line) = first.insert(name.to_owned(), position.line) {
            first.insert(name.to_owned(), line);
            let place = place.field(name, position);
            let message = format!("`{name}` is there twice");
            let problem = Problem::new(&place, message).hint(format!("first on line {line}"));
            self.problems.push(problem);
        }
        *key = Some(Key { position, name: name.to_owned() });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Stop> {
        if self.expects_key() {
            let place = self.place(position);
            let problem = Problem::new(&place, "an alias cannot be a key");
            return Err(problem.hint("write the name out"));
        }
        let Some((node, nodes)) = self.anchors.get(&anchor).cloned() else {
            let place = self.place(position);
            let problem = Problem::new(&place, "the alias refers to a value that contains it");
            return Err(problem.hint("an alias repeats a value that has ended before it"));
        };
        let nodes_before = self.nodes;
        // Counted before it is kept, so that nested aliases cannot multiply unseen.
        self.nodes = self.nodes.saturating_add(nodes);
        self.add(Node { position, ..node }, 0, nodes_before)
    }

    fn begin(&mut self, content: Content, anchor: usize, position: Position) -> Result<(), Stop> {
        let place = self.place(position);
        if self.expects_key() {
            let problem = Problem::new(&place, "a key must be plain text");
            return Err(problem.hint("a name, without brackets and braces"));
        }
        if self.open.len() >= DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} levels of nesting");
            return Err(Problem::new(&place, message));
        }
        self.open.push(Open { position, anchor, place, nodes_before: self.nodes, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Open { position, anchor, nodes_before, content, .. }) = self.open.pop() else {
            return Ok(());
        };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(entries),
        };
        self.add(Node { position, value }, anchor, nodes_before)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, nodes_before: usize) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            let place = self.place(node.position);
            return Err(Problem::new(&place, format!("more than {NODES_MAX} values")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - nodes_before));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        let content = self.open.last().map(|open| &open.content);
        matches!(content, Some(Content::Map { key: None, .. }))
    }

    /// The place of the node that begins at `position`.
    fn place(&self, position: Position) -> Place {
        match self.open.last() {
            None => Place::new("", position),
            Some(Open { place, content: Content::List(items), .. }) => {
                place.item(items.len(), position)
            }
            Some(Open { place, content: Content::Map { key, .. }, .. }) => match key {
                Some(key) => place.field(&key.name, position),
                None => Place::new(place.path.clone(), position),
            },
        }
    }
}

fn next<'t>(
    parser: &mut Parser<'t, StrInput<'t>>,
    text: &str,
) -> Result<Option<(Event<'t>, Position)>, Stop> {
    match parser.next_event() {
        None => Ok(None),
        Some(Ok((event, span))) => Ok(Some((event, position_of(&span.start)))),
        Some(Err(error)) => Err(syntax(&error, text)),
    }
}

fn syntax(error: &ScanError, text: &str) -> Problem {
    let position = position_of(error.marker());
    let place = Place::new("", position);
    let problem = Problem::new(&place, format!("not YAML: {}", error.info()));
    let near = text.lines().skip(position.line.saturating_sub(2)).take(2);
    let indented_by_tab = |line: &str| line[..line.len() - line.trim_start().len()].contains('\t');
    if near.into_iter().any(indented_by_tab) {
        return problem.hint("YAML is indented with spaces, never with tabs");
    }
    problem
}

fn position_of(marker: &Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}
