//! The same subject gets the same arm: weighted rendezvous hashing.
//!
//! Every arm has a score for every subject, and the lowest one wins. An arm's score depends on that
//! arm alone, so a changed weight moves only subjects to or from the arm that changed, and an arm
//! that is away gives its subjects to the others and gets the same ones back.
//!
//! The function is part of the contract: subjects keep their arms across restarts, replicas and
//! versions. `fnv` is 64-bit FNV-1a, `mix` the finalizer of SplitMix64:
//!
//! ```text
//! subject = fnv(value of the header or field)
//! h       = mix(fnv(name of the route or function, 0xFF, name of the arm, 0xFF, subject as 8 bytes, little-endian))
//! u       = ((h >> 11) + 0.5) / 2^53                      in (0, 1)
//! score   = -ln(u) / weight                               the lowest wins, then the first
//! ```
//!
//! With the name of the route or function in it, two experiments split their subjects independently.

use std::fmt;

use http::HeaderName;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// Between two names: never a byte of UTF-8.
const BETWEEN: [u8; 1] = [0xff];

/// What makes two requests the same subject (`sticky_by`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StickyBy {
    /// The user that the headers name, else the one in the body.
    User,
    /// The session that the headers name.
    Session,
    /// The conversation that the headers name.
    Conversation,
    /// The value of a header.
    Header(HeaderName),
}

/// The hash of what a request is recognised by. Not the value: that may be private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject(u64);

// === impl StickyBy ===

impl fmt::Display for StickyBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::Session => f.write_str("session"),
            Self::Conversation => f.write_str("conversation"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

// === impl Subject ===

impl Subject {
    /// Of a value as it came.
    pub fn of(value: &[u8]) -> Self {
        Self(fnv(FNV_OFFSET, value))
    }
}

/// The index of the arm that `subject` has under `name`; `None` when all weights are zero. Arms
/// have a name and a weight.
pub(crate) fn arm<'a>(
    name: &str,
    subject: Subject,
    arms: impl Iterator<Item = (&'a str, u32)>,
) -> Option<usize> {
    let of_name = fnv(fnv(FNV_OFFSET, name.as_bytes()), &BETWEEN);
    let mut best = None;
    for (index, (arm, weight)) in arms.enumerate().filter(|(_, (_, weight))| *weight > 0) {
        let of_arm = fnv(fnv(of_name, arm.as_bytes()), &BETWEEN);
        let score = score(mix(fnv(of_arm, &subject.0.to_le_bytes())), weight);
        if best.is_none_or(|(_, lowest)| score < lowest) {
            best = Some((index, score));
        }
    }
    best.map(|(index, _)| index)
}

fn score(hash: u64, weight: u32) -> f64 {
    // 53 bits fit a double exactly; the half keeps the logarithm finite.
    let unit = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -unit.ln() / f64::from(weight)
}

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// FNV-1a barely moves the upper bits for the last bytes; this spreads them over all.
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
