//! Bodies without their compression, in bounded memory: the same rules for both protocols.
//!
//! Tonic and HTTP stacks only limit the size. A bomb is also known by its ratio, and a zstd frame may
//! ask for a window far larger than what comes out of it.

use std::io::{ErrorKind, Read};

use bytes::Bytes;

use crate::Limits;
use crate::memory_limiter::{Full, Reservation};

#[cfg(test)]
mod tests;

/// How much is inflated before memory is asked for again, in bytes.
const STEP_BYTES: usize = 64 << 10;
/// The largest window of a zstd frame, as a power of two: 8 MiB, as RFC 9659 has it for HTTP.
const WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Identity,
    Gzip,
    /// With zlib's frame, as RFC 9110 (8.4.1.2) and gRPC have it.
    Deflate,
    Zstd,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotInflated {
    /// Not what the header says, or cut short.
    Damaged,
    /// Larger than a body may be.
    Size,
    /// Larger than its compressed size allows.
    Ratio,
    /// There is no memory.
    Memory(Full),
}

// === impl Codec ===

impl Codec {
    /// What a sender may choose from.
    pub(crate) const NAMES: &'static str = "identity,gzip,deflate,zstd";

    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let known = [
            (&b"identity"[..], Self::Identity),
            (b"gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"zstd", Self::Zstd),
        ];
        let found = known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        found.map(|(_, codec)| codec)
    }
}

/// `body`, whose bytes `reserved` holds, without its compression; then it holds the result's.
pub(crate) fn inflate(
    codec: Codec,
    body: Bytes,
    limits: &Limits,
    reserved: &mut Reservation,
) -> Result<Bytes, NotInflated> {
    let source: Box<dyn Read + '_> = match codec {
        Codec::Identity => return Ok(body),
        Codec::Gzip => Box::new(flate2::read::MultiGzDecoder::new(&body[..])),
        Codec::Deflate => Box::new(flate2::read::ZlibDecoder::new(&body[..])),
        Codec::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(&body[..]);
            let mut decoder = decoder.map_err(|_| NotInflated::Damaged)?;
            decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| NotInflated::Damaged)?;
            Box::new(decoder)
        }
    };
    let fair = body.len().saturating_mul(limits.inflate_ratio_max).max(limits.inflate_free_bytes);
    let inflated = read(source, fair.min(limits.body_bytes_max), reserved)?;
    let Some(inflated) = inflated else {
        let is_fair = fair >= limits.body_bytes_max;
        return Err(if is_fair { NotInflated::Size } else { NotInflated::Ratio });
    };
    reserved.shrink(body.len());
    Ok(inflated.into())
}

/// Everything from `source`; `None` where that is more than `bytes_max`.
fn read(
    source: impl Read,
    bytes_max: usize,
    reserved: &mut Reservation,
) -> Result<Option<Vec<u8>>, NotInflated> {
    let mut source = source.take(bytes_max as u64 + 1);
    let mut inflated = Vec::new();
    loop {
        reserved.grow(STEP_BYTES).map_err(NotInflated::Memory)?;
        if inflated.capacity() - inflated.len() < STEP_BYTES {
            // Doubled, but never far beyond what may be.
            let wanted = (2 * inflated.capacity()).clamp(STEP_BYTES, bytes_max + STEP_BYTES);
            inflated.reserve_exact((wanted - inflated.len()).max(STEP_BYTES));
        }
        let step = Read::by_ref(&mut source).take(STEP_BYTES as u64).read_to_end(&mut inflated);
        let step = step.map_err(|error| match error.kind() {
            ErrorKind::OutOfMemory => NotInflated::Memory(Full::Now),
            _ => NotInflated::Damaged,
        })?;
        reserved.shrink(STEP_BYTES - step);
        if inflated.len() > bytes_max {
            return Ok(None);
        }
        if step < STEP_BYTES {
            return Ok(Some(inflated));
        }
    }
}
