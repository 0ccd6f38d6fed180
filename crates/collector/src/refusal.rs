//! Why an export was not taken, and what its sender is told. The protocols only word it.

use std::time::Duration;

use crate::auth::Unauthenticated;
use crate::inflate::NotInflated;
use crate::memory_limiter::Full;

/// How long a sender should wait before it tries again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why an export was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody knows who is sending.
    Unauthenticated(Unauthenticated),
    /// Neither protobuf nor JSON.
    ContentType,
    /// A compression that is not known here.
    Encoding,
    /// The body did not come in time.
    Slow,
    /// The body ended early, or is not compressed as it says.
    Damaged,
    /// The body is no request.
    Undecodable,
    /// The body is too large, compressed or not.
    BodyBytes,
    /// The body inflates to too much of its size.
    InflateRatio,
    /// The decoded request would be too large.
    DecodedBytes,
    /// This request alone is over the memory limit.
    MemoryNever,
    /// Too much is in memory; worth another try.
    MemoryFull,
    /// The store is not available; worth another try.
    StoreUnavailable,
    /// The store does not want these spans.
    StoreRefused,
    /// The store fails in a way that does not pass by itself.
    StoreFailed,
}

/// What kind of answer a refusal is, in the words of both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 401, UNAUTHENTICATED.
    Unauthenticated,
    /// 415, UNIMPLEMENTED.
    Unsupported,
    /// 400, INVALID_ARGUMENT.
    Invalid,
    /// 408, DEADLINE_EXCEEDED.
    Slow,
    /// 413, RESOURCE_EXHAUSTED without a time to wait.
    TooLarge,
    /// 503 and UNAVAILABLE, both with a time to wait.
    Unavailable,
    /// 500, INTERNAL.
    Internal,
}

// === impl Refusal ===

impl Refusal {
    /// All that are counted here; senders nobody knows are counted where they are judged.
    pub(crate) const COUNTED: [Self; 13] = [
        Self::ContentType,
        Self::Encoding,
        Self::Slow,
        Self::Damaged,
        Self::Undecodable,
        Self::BodyBytes,
        Self::InflateRatio,
        Self::DecodedBytes,
        Self::MemoryNever,
        Self::MemoryFull,
        Self::StoreUnavailable,
        Self::StoreRefused,
        Self::StoreFailed,
    ];

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Unauthenticated(Unauthenticated::Unavailable)
            | Self::MemoryFull
            | Self::StoreUnavailable => Kind::Unavailable,
            Self::Unauthenticated(_) => Kind::Unauthenticated,
            Self::ContentType | Self::Encoding => Kind::Unsupported,
            Self::Slow => Kind::Slow,
            Self::Damaged | Self::Undecodable | Self::StoreRefused => Kind::Invalid,
            Self::BodyBytes | Self::InflateRatio | Self::DecodedBytes | Self::MemoryNever => {
                Kind::TooLarge
            }
            Self::StoreFailed => Kind::Internal,
        }
    }

    /// The stage that refused, and why, as in the metrics.
    pub(crate) const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthenticated(_) => ("auth", "unauthenticated"),
            Self::ContentType => ("receiver", "content_type"),
            Self::Encoding => ("receiver", "encoding"),
            Self::Slow => ("receiver", "slow"),
            Self::Damaged => ("receiver", "damaged"),
            Self::Undecodable => ("receiver", "undecodable"),
            Self::BodyBytes => ("receiver", "body_bytes_max"),
            Self::InflateRatio => ("receiver", "inflate_ratio_max"),
            Self::DecodedBytes => ("receiver", "decoded_bytes_max"),
            Self::MemoryNever => ("memory_limiter", "never_fits"),
            Self::MemoryFull => ("memory_limiter", "full"),
            Self::StoreUnavailable => ("exporter", "unavailable"),
            Self::StoreRefused => ("exporter", "refused"),
            Self::StoreFailed => ("exporter", "failed"),
        }
    }

    /// What the sender is told.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Unauthenticated(why) => why.message(),
            Self::ContentType => "send application/x-protobuf or application/json",
            Self::Encoding => "send gzip, deflate, zstd or no compression",
            Self::Slow => "the body did not come in time",
            Self::Damaged => "the body ended early, or is not compressed as it says",
            Self::Undecodable => "the body is no export request",
            Self::BodyBytes => "the body is too large; send less at once",
            Self::InflateRatio => {
                "the body inflates to too many times its size; send it uncompressed"
            }
            Self::DecodedBytes => "the body holds too much; send less at once",
            Self::MemoryNever => "the request is too large; send less at once",
            Self::MemoryFull => "the collector is at its memory limit; try again later",
            Self::StoreUnavailable => "the store is not available; try again later",
            Self::StoreRefused => "the store refuses what was sent",
            Self::StoreFailed => "the store fails; its operator has to look at it",
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Now => Self::MemoryFull,
            Full::Always => Self::MemoryNever,
        }
    }
}

impl From<NotInflated> for Refusal {
    fn from(why: NotInflated) -> Self {
        match why {
            NotInflated::Damaged => Self::Damaged,
            NotInflated::Size => Self::BodyBytes,
            NotInflated::Ratio => Self::InflateRatio,
            NotInflated::Memory(full) => full.into(),
        }
    }
}
