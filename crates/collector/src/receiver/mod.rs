//! The two protocols of OTLP.

mod body;
pub(crate) mod grpc;
pub(crate) mod http;
mod message;
