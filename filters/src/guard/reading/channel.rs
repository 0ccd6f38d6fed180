//! One canonical text of an answer, of which each delta brings a piece: what is found in it, and
//! which pieces may leave.

use std::collections::VecDeque;

use super::unescape::Unescape;
use crate::detect::{Finding, Kind, Scanner};
use crate::guard::{Action, Cause, Findings, Refusal, Rules, What};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// What the answer says.
    Text(u32),
    /// What the model thought.
    Reasoning(u32),
    /// Why it does not answer.
    Refusal(u32),
    /// What a tool is called with.
    Arguments(u32),
}

/// Where a piece came from: an event, by its number, and its fragment there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) event: u64,
    pub(crate) fragment: usize,
}

/// What happens to pieces.
pub(crate) trait Pieces {
    /// The owner's next bytes stay.
    fn pass(&mut self, owner: Owner, bytes: usize);
    /// The owner's next bytes go.
    fn take_out(&mut self, owner: Owner, bytes: usize);
    /// A mark comes there.
    fn put(&mut self, owner: Owner, mark: &str);
}

/// One text.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) key: Key,
    unescape: Unescape,
    /// One for each rule that flags or blocks, in the order of the rules.
    watchers: Vec<Scanner>,
    redactor: Option<Scanner>,
    /// What is not decided, from `passed` on.
    runs: VecDeque<Run>,
    passed: usize,
    /// What is redacted and not yet taken out.
    marks: VecDeque<Finding>,
    /// Something of a finding was taken out, and its mark is still to come: whether it stands in a
    /// string.
    taking: Option<bool>,
    /// What was read of the piece at hand.
    read: String,
}

/// Adjacent bytes of one piece.
#[derive(Clone, Copy, Debug)]
struct Run {
    owner: Owner,
    /// As it reads, in bytes. 0: it shares the fate of what comes next.
    length: usize,
    /// As it is written, in bytes.
    bytes: usize,
    plain: bool,
    in_string: bool,
}

// === impl Key ===

impl Key {
    const fn choice(self) -> Option<u32> {
        match self {
            Self::Text(choice) | Self::Reasoning(choice) | Self::Refusal(choice) => Some(choice),
            Self::Arguments(_) => None,
        }
    }

    /// Whether this text is over, as far as can be known, when the other one goes on: both belong to
    /// one choice. Of tool calls nobody says to which they do; they may take turns.
    pub(crate) fn ends_with(self, other: Self) -> bool {
        match (self.choice(), other.choice()) {
            (Some(one), Some(two)) => one == two && self != other,
            (one, two) => one.is_some() || two.is_some(),
        }
    }
}

// === impl Channel ===

impl Channel {
    pub(crate) fn new(key: Key, rules: &Rules) -> Self {
        let watches = rules.iter().filter(|rule| rule.action != Action::Redact);
        Self {
            key,
            unescape: Unescape::default(),
            watchers: watches.map(|_| Scanner::default()).collect(),
            redactor: (!rules.redacted().is_empty()).then(Scanner::default),
            runs: VecDeque::new(),
            passed: 0,
            marks: VecDeque::new(),
            taking: None,
            read: String::new(),
        }
    }

    /// Whether something of it waits.
    pub(crate) fn waits(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Takes a piece and looks at it. Only what is asked for by [`Channel::settle`] may leave.
    pub(crate) fn push(
        &mut self,
        text: &str,
        owner: Owner,
        rules: &Rules,
        findings: &mut Findings,
    ) -> Result<(), Refusal> {
        if self.unescape.is_text() {
            let (length, bytes) = (text.len(), text.len());
            self.add(Run { owner, length, bytes, plain: true, in_string: true });
            return self.look(text, rules, findings);
        }
        let mut unescape = std::mem::take(&mut self.unescape);
        let mut read = std::mem::take(&mut self.read);
        read.clear();
        unescape.push(text, &mut |piece| {
            read.push_str(piece.text);
            let (length, bytes) = (piece.text.len(), piece.bytes);
            let (plain, in_string) = (piece.plain, piece.in_string);
            self.add(Run { owner, length, bytes, plain, in_string });
        });
        self.unescape = unescape;
        let looked = self.look(&read, rules, findings);
        self.read = read;
        looked
    }

    /// Looks at a piece that leaves whatever is found.
    pub(crate) fn watch(&mut self, text: &str, rules: &Rules, findings: &mut Findings) {
        let _flags_only = self.push(text, Owner::default(), rules, findings);
        self.runs.clear();
    }

    /// The text that was watched is over.
    pub(crate) fn end_watch(&mut self, rules: &Rules, findings: &mut Findings) {
        for (rule, scanner) in rules.iter().zip(&mut self.watchers) {
            scanner.finish(&rule.detectors, &mut |it| {
                findings.note(rules.finding(it.kind, rule.action, 1));
            });
        }
    }

    /// Lets everything that is decided go its way.
    pub(crate) fn settle(&mut self, pieces: &mut impl Pieces) {
        let watched = self.watchers.iter().map(Scanner::decided).min().unwrap_or(usize::MAX);
        let redacted = self.redactor.as_ref().map_or(usize::MAX, Scanner::decided);
        let limit = watched.min(redacted);
        self.go(limit, pieces);
        // What is being found will not leave, however long it is.
        if let Some(redactor) = &self.redactor
            && redactor.decided() == limit
            && self.marks.is_empty()
        {
            // All but the last piece, which its mark will need.
            let known = redactor.live().min(watched);
            let ends = self.runs.iter().scan(self.passed, |end, run| {
                *end += run.length;
                Some(*end)
            });
            let to = ends.take_while(|end| *end < known).last().unwrap_or(self.passed);
            self.take_out(to, pieces);
        }
    }

    /// Nothing more can be waited for: all of it goes its way, as if it ended here.
    pub(crate) fn pause(
        &mut self,
        rules: &Rules,
        findings: &mut Findings,
        pieces: &mut impl Pieces,
    ) -> Result<(), Refusal> {
        let watching = rules.iter().filter(|rule| rule.action != Action::Redact);
        for (rule, scanner) in watching.zip(&mut self.watchers) {
            let mut found = None;
            scanner.pause(&rule.detectors, &mut |it| {
                findings.note(rules.finding(it.kind, rule.action, 1));
                found = Some(it.kind);
            });
            refuse(found, rule.action, rules)?;
        }
        if let Some(redactor) = &mut self.redactor {
            redactor.pause(rules.redacted(), &mut |it| {
                findings.note(rules.finding(it.kind, Action::Redact, 1));
                self.marks.push_back(it);
            });
        }
        self.go(usize::MAX, pieces);
        for run in self.runs.drain(..) {
            pieces.pass(run.owner, run.bytes);
        }
        self.taking = None;
        Ok(())
    }

    fn look(&mut self, text: &str, rules: &Rules, findings: &mut Findings) -> Result<(), Refusal> {
        let watching = rules.iter().filter(|rule| rule.action != Action::Redact);
        for (rule, scanner) in watching.zip(&mut self.watchers) {
            let mut found = None;
            scanner.push(&rule.detectors, text, &mut |it| {
                findings.note(rules.finding(it.kind, rule.action, 1));
                found = Some(it.kind);
            });
            if rule.action == Action::Block
                && found.is_none()
                && let Some(kind) = scanner.finding()
            {
                findings.note(rules.finding(kind, rule.action, 1));
                found = Some(kind);
            }
            refuse(found, rule.action, rules)?;
        }
        if let Some(redactor) = &mut self.redactor {
            redactor.push(rules.redacted(), text, &mut |it| {
                findings.note(rules.finding(it.kind, Action::Redact, 1));
                self.marks.push_back(it);
            });
        }
        Ok(())
    }

    fn add(&mut self, run: Run) {
        if let Some(last) = self.runs.back_mut()
            && (last.owner, last.plain, last.in_string) == (run.owner, true, run.in_string)
            && run.plain
        {
            last.length += run.length;
            last.bytes += run.bytes;
        } else {
            self.runs.push_back(run);
        }
    }

    /// Up to `limit`: findings go, everything else stays.
    fn go(&mut self, limit: usize, pieces: &mut impl Pieces) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.range.end <= limit) {
            let Finding { kind, range } = mark.clone();
            self.marks.pop_front();
            self.pass(range.start, pieces);
            let last = self.take_out(range.end, pieces);
            let in_string = self.taking.take().unwrap_or(true);
            if let Some(owner) = last {
                if in_string {
                    pieces.put(owner, kind.mark());
                } else {
                    // A number becomes a string.
                    pieces.put(owner, &format!("\"{}\"", kind.mark()));
                }
            }
        }
        let next = self.marks.front().map_or(limit, |mark| mark.range.start.min(limit));
        self.pass(next, pieces);
    }

    fn pass(&mut self, to: usize, pieces: &mut impl Pieces) {
        while self.passed < to
            && let Some(run) = self.runs.front_mut()
        {
            let length = run.length.min(to - self.passed);
            self.passed += length;
            if length == run.length {
                pieces.pass(run.owner, run.bytes);
                self.runs.pop_front();
            } else {
                run.length -= length;
                if run.plain {
                    run.bytes -= length;
                    pieces.pass(run.owner, length);
                }
            }
        }
    }

    /// Returns whose the last bytes were.
    fn take_out(&mut self, to: usize, pieces: &mut impl Pieces) -> Option<Owner> {
        let mut last = None;
        while self.passed < to
            && let Some(run) = self.runs.front_mut()
        {
            let length = run.length.min(to - self.passed);
            self.passed += length;
            self.taking.get_or_insert(run.in_string);
            last = Some(run.owner);
            let bytes = if run.plain { length } else { run.bytes };
            pieces.take_out(run.owner, bytes);
            run.length -= length;
            run.bytes -= bytes;
            if run.length == 0 {
                self.runs.pop_front();
            }
        }
        last
    }
}

/// A finding of a rule that blocks ends the answer.
fn refuse(found: Option<Kind>, action: Action, rules: &Rules) -> Result<(), Refusal> {
    match found {
        Some(kind) if action == Action::Block => Err(Refusal {
            what: What::Shape(kind),
            direction: rules.direction(),
            cause: Cause::Found,
        }),
        _ => Ok(()),
    }
}
