//! `impl ProxyHttp`: one delegating line per hook, in the order in which Pingora calls them.
//!
//! A request's life is this directory from top to bottom; `docs/architecture.md` walks through it.

#[macro_use]
mod log;

mod attempt;
mod beat;
mod body;
mod connected_to_upstream;
mod credential;
mod ctx;
mod downstream;
mod error_while_proxy;
mod fail_to_connect;
mod fail_to_proxy;
mod fields;
mod local;
mod logging;
mod proxy_upstream_filter;
mod quota;
mod relay;
mod replay;
mod request_body_filter;
mod request_filter;
mod resolve;
mod respond;
mod response_body_filter;
mod response_filter;
mod route_header;
mod started;
pub(crate) mod subject;
mod upstream_peer;
mod upstream_request_filter;
mod upstream_response_filter;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::connectors::ConnectorOptions;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use crate::shared::Shared;
use ctx::Ctx;

pub(crate) use logging::cost;
pub(crate) use resolve::Resolver;

/// The proxy: stateless but for what all requests share.
pub(crate) struct Gateway {
    pub(crate) shared: Arc<Shared>,
    /// Connections of the attempts that are made in `relay/`.
    upstreams: relay::Upstreams,
}

impl Gateway {
    /// Its own connections are opened as `connections` say.
    pub(crate) fn new(shared: Arc<Shared>, connections: ConnectorOptions) -> Self {
        Self { shared, upstreams: relay::Upstreams::new(Some(connections)) }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(Arc::clone(&self.shared))
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        request_filter::run(self, session, ctx).await
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        proxy_upstream_filter::run(self, session, ctx).await
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        match ctx.routed.as_mut().and_then(|routed| routed.peer.take()) {
            Some(peer) => Ok(peer),
            None => upstream_peer::run(self, session, ctx).await,
        }
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Ctx,
        error: Box<Error>,
    ) -> Box<Error> {
        fail_to_connect::run(ctx, error)
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        _digest: Option<&Digest>,
        ctx: &mut Ctx,
    ) -> Result<()> {
        connected_to_upstream::run(reused, peer, ctx);
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        upstream: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        let ends = upstream.send_end_stream();
        let mut head = upstream.as_owned_parts();
        upstream_request_filter::run(&mut head, ctx)?;
        *upstream = head.into();
        ends.into_iter().for_each(|ends| upstream.set_send_end_stream(ends));
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        request_body_filter::run(body, end_of_stream, ctx);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        upstream: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        upstream_response_filter::run(upstream, ctx)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        let mut head = response.as_owned_parts();
        response_filter::run(session, &mut head, ctx)?;
        *response = head.into();
        Ok(())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        response_body_filter::run(body, end_of_stream, ctx)?;
        Ok(None)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Ctx,
        client_reused: bool,
    ) -> Box<Error> {
        error_while_proxy::run(session, error, ctx, client_reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Ctx,
    ) -> FailToProxy {
        fail_to_proxy::run(session, error, ctx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
        logging::run(session, error, ctx);
    }

    /// Pingora's own line would repeat the query string, where one provider keeps its key.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Ctx, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Ctx,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }

    /// For Pingora's own lines. A path is the caller's and may be anything.
    fn request_summary(&self, _session: &Session, ctx: &Ctx) -> String {
        format!("trace_id={} request_id={}", ctx.trace.trace_id, ctx.id.as_str())
    }
}
