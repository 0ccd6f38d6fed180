//! One text for all bodies that ask the same: keys sorted, numbers and escapes in one form, and
//! without the fields that say nothing of the answer. An answer can then be told again to whoever
//! asks the same; this also says which bodies ask for more than an answer.

mod number;
mod rules;
#[cfg(test)]
mod tests;

use memchr::memchr;
use rules::Rules;

use crate::endpoint::Endpoint;
use crate::json::{Cursor, DEPTH_MAX, Kind, unescape};

/// Why an answer cannot stand for another one to the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrepeatable {
    /// The body cannot be put into one form: it is no JSON object, or nested too deep.
    #[error("the body has no canonical form")]
    Unreadable,
    /// The call changes something at the provider, or depends on what is there.
    #[error("`{0}` makes the call more than a question")]
    Stateful(&'static str),
    /// The provider runs tools of its own: what they find changes.
    #[error("a tool is run by the provider")]
    HostedTool,
}

/// Members of one object, in the order of the text: where they begin, where their keys and they end.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

/// Room for the commas behind the last members and elements of most bodies.
const COMMAS: usize = 64;
/// Members that are open at a time in most bodies.
const MEMBERS: usize = 16;

struct Canonical {
    out: Vec<u8>,
    /// Members of all open objects; each object knows where its own begin.
    members: Vec<Member>,
    scratch: Vec<u8>,
}

/// The canonical form of a request body to `endpoint`. Equal for bodies that differ in white space,
/// in the order of members, in the spelling of numbers and strings, and in fields that say nothing
/// of the answer. Whether a `stream` is asked for is not in it.
///
/// # Errors
/// [`Unrepeatable`], where the answer to this body cannot be told again.
pub fn canonical(endpoint: &Endpoint, body: &[u8], stream: bool) -> Result<Vec<u8>, Unrepeatable> {
    let mut canonical = Canonical {
        out: Vec::with_capacity(body.len() + COMMAS),
        members: Vec::with_capacity(MEMBERS),
        scratch: Vec::new(),
    };
    let mut cursor = Cursor::new(body);
    if cursor.kind() != Some(Kind::Object) {
        return Err(Unrepeatable::Unreadable);
    }
    let mut rules = Rules::new(endpoint, stream);
    let read = canonical.object(&mut cursor, 0, Some(&mut rules));
    match (rules.found(), read) {
        (Some(found), _) => Err(found),
        (None, Some(())) => Ok(canonical.out),
        (None, None) => Err(Unrepeatable::Unreadable),
    }
}

// === impl Canonical ===

impl Canonical {
    fn value(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match cursor.kind()? {
            Kind::Object => self.object(cursor, depth, None),
            Kind::Array => {
                self.out.push(b'[');
                cursor.array(|cursor| {
                    self.value(cursor, depth + 1)?;
                    self.out.push(b',');
                    Some(())
                })?;
                self.out.push(b']');
                Some(())
            }
            Kind::String => {
                let text = cursor.text()?;
                self.string(text.raw());
                Some(())
            }
            Kind::Number => {
                number::write(cursor.raw()?, &mut self.out);
                Some(())
            }
            Kind::Bool | Kind::Null => {
                self.out.extend_from_slice(cursor.raw()?);
                Some(())
            }
        }
    }

    fn object(
        &mut self,
        cursor: &mut Cursor<'_>,
        depth: usize,
        mut rules: Option<&mut Rules<'_>>,
    ) -> Option<()> {
        let first = self.members.len();
        self.out.push(b'{');
        let from = self.out.len();
        cursor.object(|cursor, key| {
            if let Some(rules) = &mut rules {
                if rules.says_nothing(key) {
                    return cursor.skip();
                }
                rules.check(key, *cursor)?;
            }
            let start = self.out.len();
            self.string(key);
            let key_end = self.out.len();
            self.out.push(b':');
            self.value(cursor, depth + 1)?;
            self.out.push(b',');
            self.members.push(Member { start, key_end, end: self.out.len() });
            Some(())
        })?;
        self.sort(first, from);
        self.members.truncate(first);
        self.out.push(b'}');
        Some(())
    }

    /// Puts the members from number `first` on, whose text begins at `from`, in the order of their
    /// keys. Keys that come twice keep their order: it says which of them counts.
    fn sort(&mut self, first: usize, from: usize) {
        let Self { out, members, scratch } = self;
        let Some(members) = members.get_mut(first..) else { return };
        let key = |member: &Member| out.get(member.start..member.key_end).unwrap_or_default();
        if members.is_sorted_by(|a, b| key(a) <= key(b)) {
            return;
        }
        members.sort_by(|a, b| key(a).cmp(key(b)));
        scratch.clear();
        for member in members.iter() {
            scratch.extend_from_slice(out.get(member.start..member.end).unwrap_or_default());
        }
        out.truncate(from);
        out.extend_from_slice(scratch);
    }

    /// A string by its content, which may be written with escapes or without.
    fn string(&mut self, raw: &[u8]) {
        let escaped = memchr(b'\\', raw).is_some();
        let text = if escaped { unescape(raw) } else { "".into() };
        // Half a surrogate pair has no text: as written it is told from others.
        if !escaped || text.contains(char::REPLACEMENT_CHARACTER) {
            self.out.push(b'"');
            self.out.extend_from_slice(raw);
            self.out.push(b'"');
            return;
        }
        // Writing to memory cannot fail, nor is there text that JSON cannot hold.
        let _infallible = serde_json::to_writer(&mut self.out, &*text);
    }
}
