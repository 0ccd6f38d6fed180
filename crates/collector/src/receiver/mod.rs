//! The two protocols of OTLP.

pub(crate) mod grpc;
pub(crate) mod http;
