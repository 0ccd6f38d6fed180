//! The whole gateway on real sockets, with the mock provider behind it. One binary, so that Pingora
//! is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it was skipped"
)]

mod acknowledged;
mod attributes;
mod cache;
mod callers;
mod cancel;
mod cli;
mod clickhouse;
mod client;
mod collect;
mod content;
mod credentials;
mod endings;
mod endpoints;
mod endpoints_media;
mod errors;
mod experiment;
mod exporters;
mod fallback;
mod faults;
mod files;
mod guard;
mod guard_streams;
mod hangup;
mod harness;
mod health;
mod hostile_ingest;
mod http2;
mod ingest;
mod ingest_issuers;
mod ingest_signals;
mod killed;
mod killed_queue;
mod limits;
mod limits_shared;
mod logs;
mod memory;
mod metrics;
mod one_worker;
mod otlp_backend;
mod outage;
mod own_layers;
mod pipelines;
mod planted_secrets;
mod profiles;
mod rag;
mod redis_server;
mod relay;
mod reload;
mod replay;
mod rotel;
mod route_header;
mod sdk;
mod stalls;
mod streaming;
mod telemetry;
mod tls;
mod tool_links;
mod transcriptions;
mod translate;
mod truth;
mod turns;
mod upstream_errors;
mod usage;
