//! Where in a text that still grows a finding may begin, or may turn out to be none.

use std::ops::Range;

use super::super::text::Growing;
use super::super::{Detectors, Kind, address, before, is_word, number, secret};

/// Collects where something is undecided.
#[derive(Debug)]
pub(super) struct Undecided {
    /// What begins before is known.
    from: usize,
    first: usize,
}

/// What takes a finding, and whether it may go on behind the text's end.
pub(super) type Take<'t> = &'t mut dyn FnMut(Kind, Range<usize>, bool);

// === impl Undecided ===

impl Undecided {
    /// In `window`, of which everything is known that begins before `from`.
    pub(super) const fn new(window: &[u8], from: usize) -> Self {
        Self { from, first: window.len() }
    }

    /// Something that begins at `at` is undecided.
    pub(super) fn note(&mut self, at: usize) {
        self.first = self.first.min(at.max(self.from));
    }

    /// The first place where something is.
    pub(super) const fn first(&self) -> usize {
        self.first
    }
}

// === impl Detectors ===

impl Detectors {
    /// Reads what is there: what is decided goes to `take`, what is not to `undecided`.
    pub(super) fn read(&self, text: &Growing<'_>, undecided: &mut Undecided, take: Take<'_>) {
        if self.secrets.is_some() {
            self.read_secrets(text, undecided, take);
        }
        self.read_pii(text, undecided, take);
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    fn read_secrets(&self, text: &Growing<'_>, undecided: &mut Undecided, take: Take<'_>) {
        let Some(secrets) = &self.secrets else { return };
        let window = text.all();
        for at in secrets.find_iter(window) {
            let prefix = secret::PREFIXES.get(at.pattern().as_usize());
            let Some((_, shape)) = prefix.filter(|(_, shape)| self.wants(shape.kind())) else {
                continue;
            };
            let start = shape.start(at.start());
            if start < undecided.from {
                continue;
            }
            let found = secret::read(text, at.range(), shape);
            match (found, text.asked()) {
                (Some((kind, range)), goes_on) if !goes_on || shape.goes_on() => {
                    take(kind, range, goes_on);
                }
                (_, true) => undecided.note(start),
                (_, false) => {}
            }
        }
        // A prefix that is not complete.
        let from = undecided.from.max(window.len().saturating_sub(secret::PREFIX_BYTES_MAX));
        for at in from..window.len().min(undecided.first()) {
            let tail = window.get(at..).unwrap_or_default();
            let begins = secret::PREFIXES.iter().any(|(prefix, shape)| {
                self.wants(shape.kind()) && prefix.as_bytes().starts_with(tail)
            });
            let pem = self.wants(Kind::PrivateKey) && secret::PEM_OPEN.starts_with(tail);
            if pem || (begins && !is_word(before(&window, at))) {
                undecided.note(at);
                break;
            }
        }
    }

    fn read_pii(&self, text: &Growing<'_>, undecided: &mut Undecided, take: Take<'_>) {
        let window = text.all();
        let from = undecided.from;
        for (at, byte) in window.iter().enumerate().skip(from) {
            if !byte.is_ascii_digit() && !b"@:+(".contains(byte) {
                continue;
            }
            let mut read = |kind: Kind, start: Option<usize>, detector: &dyn Fn(Found<'_>)| {
                let Some(start) = start.filter(|start| *start >= from && self.wants(kind)) else {
                    return;
                };
                let mut found = None;
                detector(&mut |_, range| found = Some(range));
                if text.asked() {
                    undecided.note(start);
                } else if let Some(range) = found {
                    take(kind, range, false);
                }
            };
            match byte {
                b'@' => {
                    let start = address::email_start(&window, at);
                    read(Kind::Email, start, &|mut take| address::email(text, at, &mut take));
                }
                b':' => {
                    let start = address::ip_v6_start(&window, at);
                    read(Kind::IpAddress, start, &|mut take| address::ip_v6(text, at, &mut take));
                }
                _ if !number::may_begin(&window, at) => {}
                b'+' | b'(' => {
                    read(Kind::Phone, Some(at), &|mut take| number::phone(text, at, &mut take));
                }
                _ => {
                    let at_digit = Some(at);
                    read(Kind::Ssn, at_digit, &|mut take| number::ssn(text, at, &mut take));
                    read(Kind::CreditCard, at_digit, &|mut take| number::card(text, at, &mut take));
                    read(Kind::Phone, at_digit, &|mut take| number::phone(text, at, &mut take));
                    read(Kind::IpAddress, at_digit, &|mut take| {
                        address::ip_v4(text, at, &mut take)
                    });
                }
            }
        }
        // An address whose `@` or colon has not come.
        if self.wants(Kind::Email)
            && let Some(start) = address::email_start(&window, window.len())
        {
            undecided.note(start);
        }
        if self.wants(Kind::IpAddress)
            && let Some(start) = address::ip_v6_start(&window, window.len())
        {
            undecided.note(start);
        }
    }
}

/// What a detector tells its finding.
type Found<'f> = &'f mut dyn FnMut(Kind, Range<usize>);
