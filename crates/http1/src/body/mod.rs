//! The body of an answer, as it comes.

#[cfg(test)]
mod tests;

use crate::{Framing, Malformed};

/// The most bytes of a chunk's extensions, or of a line of the trailer; none of them is kept.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// How far a body was read.
#[derive(Clone, Debug)]
pub struct Body {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes, and nothing behind them.
    Left(u64),
    UntilClose,
    /// Before a chunk's size.
    Chunk,
    /// In its digits.
    Size(u64),
    /// Behind them, in what is passed over.
    Extension {
        size: u64,
        bytes: usize,
    },
    SizeLineFeed(u64),
    /// In a chunk: so many bytes are left of it.
    Data(u64),
    DataReturn,
    DataLineFeed,
    /// In a line of the trailer, so many bytes of it.
    Trailer {
        bytes: usize,
    },
    TrailerLineFeed {
        is_last: bool,
    },
    Done,
}

// === impl Body ===

impl Body {
    /// Before its first byte.
    pub const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Empty | Framing::Length(0) => State::Done,
            Framing::Length(bytes) => State::Left(bytes),
            Framing::Chunked => State::Chunk,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// The next piece of the body in `input`, which then begins behind it. `None`: there is no more
    /// of the body in it. What is left of `input` then is behind the body.
    ///
    /// # Errors
    /// The framing is broken. The body is at its end then.
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<&'i [u8]>, Malformed> {
        loop {
            let left = match self.state {
                State::Left(left) | State::Data(left) => left,
                State::UntilClose => u64::MAX,
                State::Done => return Ok(None),
                framing => {
                    let Some((byte, rest)) = input.split_first() else { return Ok(None) };
                    *input = rest;
                    self.state = framing.after(*byte).inspect_err(|_| self.state = State::Done)?;
                    continue;
                }
            };
            if input.is_empty() {
                return Ok(None);
            }
            let (piece, rest) = split(input, left);
            *input = rest;
            self.state = self.state.without(piece.len() as u64);
            return Ok(Some(piece));
        }
    }

    /// Whether it has ended. One that ends with its connection never has by itself.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The connection was closed.
    ///
    /// # Errors
    /// [`Malformed::Truncated`]: the body had not ended.
    pub fn close(&mut self) -> Result<(), Malformed> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::UntilClose | State::Done => Ok(()),
            _ => Err(Malformed::Truncated),
        }
    }
}

fn split(input: &[u8], at_most: u64) -> (&[u8], &[u8]) {
    let bytes = usize::try_from(at_most).unwrap_or(usize::MAX).min(input.len());
    input.split_at_checked(bytes).unwrap_or((input, &[]))
}

// === impl State ===

impl State {
    /// Behind one byte of the framing.
    fn after(self, byte: u8) -> Result<Self, Malformed> {
        match (self, byte) {
            (Self::Chunk, _) => Ok(Self::Size(digit(byte).ok_or(Malformed::ChunkSize)?)),
            (Self::Size(size) | Self::Extension { size, .. }, b'\r') => {
                Ok(Self::SizeLineFeed(size))
            }
            (Self::Size(size), b';' | b' ' | b'\t') => Ok(Self::Extension { size, bytes: 1 }),
            (Self::Size(size), _) => {
                let digit = digit(byte).ok_or(Malformed::ChunkSize)?;
                let size = size.checked_mul(16).ok_or(Malformed::ChunkSize)?;
                Ok(Self::Size(size | digit))
            }
            (Self::Extension { .. }, b'\n') => Err(Malformed::ChunkSize),
            (Self::Extension { bytes: LINE_BYTES_MAX.., .. }, _) => Err(Malformed::LineTooLong),
            (Self::Extension { size, bytes }, _) => Ok(Self::Extension { size, bytes: bytes + 1 }),
            (Self::SizeLineFeed(0), b'\n') => Ok(Self::Trailer { bytes: 0 }),
            (Self::SizeLineFeed(size), b'\n') => Ok(Self::Data(size)),
            (Self::SizeLineFeed(_), _) => Err(Malformed::ChunkSize),
            (Self::DataReturn, b'\r') => Ok(Self::DataLineFeed),
            (Self::DataLineFeed, b'\n') => Ok(Self::Chunk),
            (Self::DataReturn | Self::DataLineFeed, _) => Err(Malformed::ChunkEnd),
            (Self::Trailer { bytes }, b'\r') => Ok(Self::TrailerLineFeed { is_last: bytes == 0 }),
            (Self::Trailer { .. }, b'\n') => Err(Malformed::Trailer),
            (Self::Trailer { bytes: LINE_BYTES_MAX.. }, _) => Err(Malformed::LineTooLong),
            (Self::Trailer { bytes }, _) => Ok(Self::Trailer { bytes: bytes + 1 }),
            (Self::TrailerLineFeed { is_last: true }, b'\n') => Ok(Self::Done),
            (Self::TrailerLineFeed { is_last: false }, b'\n') => Ok(Self::Trailer { bytes: 0 }),
            (Self::TrailerLineFeed { .. }, _) => Err(Malformed::Trailer),
            // Not in the framing.
            (Self::Left(_) | Self::UntilClose | Self::Data(_) | Self::Done, _) => Ok(self),
        }
    }

    /// Behind so many bytes of the body.
    const fn without(self, bytes: u64) -> Self {
        match self {
            Self::Left(left) if left <= bytes => Self::Done,
            Self::Left(left) => Self::Left(left - bytes),
            Self::Data(left) if left <= bytes => Self::DataReturn,
            Self::Data(left) => Self::Data(left - bytes),
            other => other,
        }
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}
