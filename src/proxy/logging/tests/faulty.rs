//! The gateway, with a bug in the hook that a request's header names.

use std::collections::HashSet;
use std::os::unix::io::RawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use crate::proxy::Gateway;
use crate::proxy::ctx::Ctx;

/// Names the hook.
pub(super) const BUG: &str = "x-test-bug";
/// The hooks that can have one, in the order in which they are called.
pub(super) const HOOKS: [&str; 9] = [
    "request_filter",
    "upstream_peer",
    "connected_to_upstream",
    "upstream_request_filter",
    "request_body_filter",
    "upstream_response_filter",
    "response_filter",
    "response_body_filter",
    "logging",
];

/// The `traceparent` of every request that has begun.
pub(super) type Begun = Arc<Mutex<HashSet<String>>>;

pub(super) struct Faulty(pub(super) Gateway, pub(super) Begun);

fn bug(hook: &str, session: &Session) {
    let named = session.req_header().headers.get(BUG);
    assert!(named.is_none_or(|named| named != hook), "a bug in {hook}, as asked for");
}

#[async_trait]
impl ProxyHttp for Faulty {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        self.0.new_ctx()
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        if let Some(parent) = session.req_header().headers.get("traceparent") {
            self.1.lock().unwrap().insert(parent.to_str().unwrap().to_owned());
        }
        let answered = self.0.request_filter(session, ctx).await;
        bug("request_filter", session);
        answered
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let peer = self.0.upstream_peer(session, ctx).await;
        bug("upstream_peer", session);
        peer
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        peer: &HttpPeer,
        ctx: &mut Ctx,
        error: Box<Error>,
    ) -> Box<Error> {
        self.0.fail_to_connect(session, peer, ctx, error)
    }

    async fn connected_to_upstream(
        &self,
        session: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        fd: RawFd,
        digest: Option<&Digest>,
        ctx: &mut Ctx,
    ) -> Result<()> {
        bug("connected_to_upstream", session);
        self.0.connected_to_upstream(session, reused, peer, fd, digest, ctx).await
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        bug("upstream_request_filter", session);
        self.0.upstream_request_filter(session, upstream, ctx).await
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        bug("request_body_filter", session);
        self.0.request_body_filter(session, body, end_of_stream, ctx).await
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        upstream: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        bug("upstream_response_filter", session);
        self.0.upstream_response_filter(session, upstream, ctx).await
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        bug("response_filter", session);
        self.0.response_filter(session, response, ctx).await
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        bug("response_body_filter", session);
        self.0.response_body_filter(session, body, end_of_stream, ctx)
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Ctx,
        client_reused: bool,
    ) -> Box<Error> {
        self.0.error_while_proxy(peer, session, error, ctx, client_reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Ctx,
    ) -> FailToProxy {
        self.0.fail_to_proxy(session, error, ctx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
        bug("logging", session);
        self.0.logging(session, error, ctx).await;
    }

    fn suppress_error_log(&self, session: &Session, ctx: &Ctx, error: &Error) -> bool {
        self.0.suppress_error_log(session, ctx, error)
    }
}
