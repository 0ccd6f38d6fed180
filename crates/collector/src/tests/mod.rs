//! Both protocols on real sockets, into a real store. Shared here: a running collector.

mod grpc;
mod hostile;
mod http;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tollgate_store::sql::{SqlQuery, Table};
use tollgate_store::{
    LogRow, MetricRow, SpanRow, SpanStore, Sqlite, SqliteSettings, StoreError, TraceFilter,
    TraceSummary,
};

use crate::{Auth, Collector, CollectorSettings};

pub(super) const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";

pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// One span of [`TRACE`].
pub(crate) fn span() -> Span {
    Span {
        trace_id: (1..=16).collect(),
        span_id: vec![7; 8],
        name: "step".to_owned(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 3_000,
        attributes: vec![attribute("long", &"x".repeat(500))],
        ..Span::default()
    }
}

pub(crate) fn export_of(spans: Vec<Span>, project: Option<&str>) -> ExportTraceServiceRequest {
    let project = project.map(|id| attribute("project.id", id));
    let attributes = project.into_iter().chain([attribute("service.name", "rag")]).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

pub(super) fn export() -> ExportTraceServiceRequest {
    export_of(vec![span()], Some("p1"))
}

pub(crate) struct Running {
    pub(crate) collector: Collector,
    pub(super) store: Arc<dyn SpanStore>,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) serving: tokio::task::JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

impl Running {
    pub(super) async fn new(settings: CollectorSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let store = Sqlite::open(&path, SqliteSettings::default()).unwrap();
        Self { _folder: folder, ..Self::over(settings, Arc::new(store)).await }
    }

    pub(crate) async fn with_auth(settings: CollectorSettings, auth: Auth) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spans.db");
        let store: Arc<dyn SpanStore> =
            Arc::new(Sqlite::open(&path, SqliteSettings::default()).unwrap());
        let collector = Collector::with_auth(settings, Arc::clone(&store), auth);
        Self { _folder: folder, ..Self::of(collector, store).await }
    }

    pub(super) async fn over(settings: CollectorSettings, store: Arc<dyn SpanStore>) -> Self {
        Self::of(Collector::new(settings, Arc::clone(&store)), store).await
    }

    async fn of(collector: Collector, store: Arc<dyn SpanStore>) -> Self {
        let (http, grpc) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let (http_addr, grpc_addr) = (http.local_addr().unwrap(), grpc.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = collector.clone();
        let serving = tokio::spawn(async move {
            serving
                .serve(http, grpc, async move {
                    let _dropped = stopped.await;
                })
                .await
        });
        let _folder = tempfile::tempdir().unwrap();
        Self { collector, store, http: http_addr, grpc: grpc_addr, stop, serving, _folder }
    }

    /// Requests refused for this reason.
    pub(super) fn refusal(&self, reason: &str) -> u64 {
        let refusals = self.collector.refusals();
        refusals.iter().find(|(_, known, _)| *known == reason).unwrap().2
    }

    pub(crate) async fn stored(&self) -> Vec<SpanRow> {
        self.store.trace(TRACE).await.unwrap()
    }
}

/// A store that takes nothing, for this reason.
pub(super) struct Refusing(pub(super) StoreError);

#[async_trait]
impl SpanStore for Refusing {
    async fn insert(&self, _: Vec<SpanRow>) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    async fn insert_metrics(&self, _: Vec<MetricRow>) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    async fn insert_logs(&self, _: Vec<LogRow>) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    async fn recent(&self, _: &TraceFilter) -> Result<Vec<TraceSummary>, StoreError> {
        Err(self.0.clone())
    }

    async fn trace(&self, _: &str) -> Result<Vec<SpanRow>, StoreError> {
        Err(self.0.clone())
    }

    async fn query(&self, _: &SqlQuery) -> Result<Table, StoreError> {
        Err(self.0.clone())
    }

    async fn prune(&self, _: i64) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    async fn close(&self) {}
}

pub(super) fn disk_full() -> StoreError {
    StoreError::DiskFull { path: "/secret/place.db".to_owned() }
}

pub(super) fn bad_row() -> StoreError {
    StoreError::BadRow { reason: "odd".to_owned() }
}

/// Nobody who sends can do anything about these.
pub(super) fn bad_tables() -> StoreError {
    StoreError::Schema { reason: "secret column is missing".to_owned() }
}
