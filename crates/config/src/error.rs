//! What is wrong with a file: every problem at once, each with its place and a hint.

use std::fmt;

/// A position in the file, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Where in the configuration something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path from the root, for example `routes.resilient.targets[1]`; empty for the file itself.
    pub path: String,
    /// Where it is written; none for what comes from the environment.
    pub position: Option<Position>,
}

/// A reason not to load the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong. Never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Something that loads, but is hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file's name.
    pub file: String,
    /// What, where, and what to do about it.
    pub problem: Problem,
}

/// All reasons not to load a file, in file order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The file's name.
    pub file: String,
    /// At least one.
    pub list: Vec<Problem>,
}

// === impl Place ===

impl Place {
    /// A path that is written at a position.
    pub(crate) fn new(path: impl Into<String>, position: Position) -> Self {
        Self { path: path.into(), position: Some(position) }
    }

    /// A field of this place, written at `position`.
    pub(crate) fn field(&self, name: &str, position: Position) -> Self {
        // A dot in a key, as in `gpt-4.1`, must not look like two levels.
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let path = match (plain && !name.is_empty(), self.path.is_empty()) {
            (true, true) => name.to_owned(),
            (true, false) => format!("{}.{name}", self.path),
            (false, _) => format!("{}[{name:?}]", self.path),
        };
        Self::new(path, position)
    }

    /// An item of the list at this place, counted from 0.
    pub(crate) fn item(&self, index: usize, position: Position) -> Self {
        Self::new(format!("{}[{index}]", self.path), position)
    }
}

// === impl Problem ===

impl Problem {
    /// A problem without a hint.
    pub(crate) fn new(place: &Place, message: impl Into<String>) -> Self {
        Self { place: place.clone(), message: message.into(), hint: None }
    }

    /// The same problem with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem with advice, if there is any.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    fn render(&self, f: &mut fmt::Formatter<'_>, file: &str, kind: &str) -> fmt::Result {
        write!(f, "{file}:")?;
        if let Some(Position { line, column }) = self.place.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {kind}")?;
        if !self.place.path.is_empty() {
            write!(f, "{}: ", self.place.path)?;
        }
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

// === impl Warning ===

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.render(f, &self.file, "warning: ")
    }
}

// === impl Problems ===

impl Problems {
    /// A file that cannot be read at all.
    pub fn unreadable(file: &str, error: &std::io::Error) -> Self {
        let place = Place { path: String::new(), position: None };
        let problem = Problem::new(&place, format!("cannot be read: {error}"));
        Self::sorted(file, vec![problem])
    }

    /// The problems of a file in file order, each once.
    pub(crate) fn sorted(file: &str, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.place.position);
        list.dedup();
        Self { file: file.to_owned(), list }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.render(f, &self.file, "")?;
        }
        Ok(())
    }
}
