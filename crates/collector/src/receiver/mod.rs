//! The two protocols of OTLP.

pub(crate) mod grpc;
pub(crate) mod http;

/// How long a sender should wait before it tries again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;
