//! The caller's session while a request is with an upstream: replay, deadlines, held head.
//!
//! Pingora replays a request body only while its own 64 KiB buffer holds it, has one read timeout
//! for everything, and sends a response head the moment it sees one. [`Watched`] stands in for the
//! session between `request_filter` and `logging` and changes exactly these four things:
//!
//! - it claims a retry buffer, so that `request_body_filter` is called on every attempt and can
//!   hand over the whole body, whatever its length and framing;
//! - it watches the deadlines in [`Watch`] wherever Pingora waits for the caller;
//! - while [`Watch::hold`] is on it keeps the response head back, so that another attempt can still
//!   answer with a head of its own;
//! - once [`Watch::cut`] is called it writes what was let through before, and then fails: an error of
//!   the filter itself would drop all that Pingora had read together with what has to end.
//!
//! Everything else goes to the session inside, which [`restore`] puts back. See
//! `docs/adr/0003-body-replay.md`.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::custom::{CustomMessageWrite, server::Session as CustomSession};
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use tokio::time::{Sleep, sleep_until};

use crate::proxy::respond::ERROR_CODE;
use crate::proxy::watch::Watch;

/// What [`Watched`] shows as its retry buffer: never sent, only a sign that there is one.
const REPLAY_TOKEN: Bytes = Bytes::from_static(b"-");
/// How long one write to the caller may make no progress.
pub(crate) const WRITE_STALL_MAX: Duration = Duration::from_secs(60);

/// The session inside, once [`Watched`] is gone.
type Slot = Arc<Mutex<Option<ServerSession>>>;

/// The way back to the session inside.
pub(crate) struct Installed {
    slot: Slot,
}

struct Watched {
    /// `None` only while dropping.
    inner: Option<ServerSession>,
    slot: Slot,
    watch: Arc<Watch>,
    timer: Pin<Box<Sleep>>,
    head: Option<HttpTask>,
}

/// Puts a [`Watched`] in the place of the caller's session.
pub(crate) fn install(session: &mut Session, watch: Arc<Watch>) -> Installed {
    let slot = Slot::default();
    let inner = take(session);
    let timer = Box::pin(sleep_until(watch.far_future()));
    let watched =
        Watched { inner: Some(*inner), slot: Arc::clone(&slot), watch, timer, head: None };
    *session.downstream_session = ServerSession::new_custom(Box::new(watched));
    Installed { slot }
}

/// Puts the caller's session back. A head that is still held is dropped unsent.
pub(crate) fn restore(downstream: &mut ServerSession, installed: &Installed) {
    // Dropping the stand-in hands the session inside to the slot.
    drop(mem::replace(downstream, placeholder()));
    let inner = installed.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(inner) = inner {
        *downstream = inner;
    }
}

/// The caller's session, or what stands in for it, until it is put back.
pub(crate) fn take(session: &mut Session) -> Box<ServerSession> {
    mem::replace(&mut session.downstream_session, Box::new(placeholder()))
}

/// What is written before an end of our own.
fn without_end(task: HttpTask) -> Option<HttpTask> {
    match task {
        HttpTask::Body(data, _) => Some(HttpTask::Body(data, false)),
        HttpTask::Header(..) => Some(task),
        _ => None,
    }
}

/// The error that ends an answer behind what was let through of it: [`Watch::cut`].
pub(crate) fn ends_early(error: &'static str) -> Box<Error> {
    Error::explain(ErrorType::new(error), "the answer ends before its end").into_up()
}

/// `write`, and whether it was done at once. Where the caller has to be waited for, and only there,
/// that is timed.
///
/// # Errors
/// Its own; the caller made no progress for [`WRITE_STALL_MAX`].
pub(crate) async fn in_time<T>(write: impl Future<Output = Result<T>> + Send) -> Result<(T, bool)> {
    let mut write = pin!(write);
    if let Poll::Ready(written) = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await {
        return written.map(|written| (written, true));
    }
    match tokio::time::timeout(WRITE_STALL_MAX, write).await {
        Ok(written) => written.map(|written| (written, false)),
        Err(_) => {
            let error = Error::explain(ErrorType::WriteTimedout, "the caller does not read");
            Err(error.into_down())
        }
    }
}

fn placeholder() -> ServerSession {
    ServerSession::new_custom(Box::new(()))
}

// === impl Watched ===

impl Drop for Watched {
    fn drop(&mut self) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = self.inner.take();
    }
}

impl Watched {
    fn inner(&self) -> &ServerSession {
        #[expect(clippy::expect_used, reason = "set at construction, taken only by drop")]
        self.inner.as_ref().expect("the session inside")
    }

    fn inner_mut(&mut self) -> &mut ServerSession {
        #[expect(clippy::expect_used, reason = "set at construction, taken only by drop")]
        self.inner.as_mut().expect("the session inside")
    }

    /// What may go out now: nothing while holding; a second attempt's head never.
    fn admit(&mut self, tasks: Vec<HttpTask>) -> Vec<HttpTask> {
        let hold = self.watch.holds();
        let head_sent =
            self.inner().response_written().is_some_and(|h| !h.status.is_informational());
        let mut out = Vec::with_capacity(tasks.len() + 1);
        for task in tasks {
            match task {
                HttpTask::Header(..) if head_sent => {}
                HttpTask::Header(..) => {
                    self.head = Some(task);
                    // A head that ends the response has nothing to wait for.
                    let ends = matches!(self.head, Some(HttpTask::Header(_, true)));
                    if ends || !hold {
                        out.extend(self.take_head());
                    }
                }
                // An empty chunk would end a chunked body.
                HttpTask::Body(None, false) => {}
                HttpTask::Body(Some(ref data), false) if data.is_empty() => {}
                // A head that has not left has failed too, be it this attempt's or an earlier one's:
                // another target may answer yet, with a head of its own.
                HttpTask::Failed(_) => {
                    self.head = None;
                    out.push(task);
                }
                task => {
                    out.extend(self.take_head());
                    out.push(task);
                }
            }
        }
        out
    }

    /// The head, with what became known since it came.
    fn take_head(&mut self) -> Option<HttpTask> {
        let mut head = self.head.take()?;
        if let (HttpTask::Header(head, _), Some(code)) = (&mut head, self.watch.error_code()) {
            // A static code is always a valid value.
            let _infallible = head.insert_header(ERROR_CODE, code);
        }
        Some(head)
    }

    async fn write_in_time<T>(write: impl Future<Output = Result<T>> + Send) -> Result<T> {
        in_time(write).await.map(|(written, _)| written)
    }
}

#[async_trait]
impl CustomSession for Watched {
    fn req_header(&self) -> &RequestHeader {
        self.inner().req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.inner_mut().req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        self.inner_mut().read_request_body().await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.inner_mut().drain_request_body().await
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, _end: bool) -> Result<()> {
        self.inner_mut().write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _end: bool) -> Result<()> {
        self.inner_mut().write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        Self::write_in_time(self.inner_mut().write_response_body(data, end)).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner_mut().write_response_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let Some(error) = self.watch.cut_by() else {
            let tasks = self.admit(tasks);
            if tasks.is_empty() {
                return Ok(false);
            }
            return Self::write_in_time(self.inner_mut().response_duplex_vec(tasks)).await;
        };
        let tasks = self.admit(tasks.into_iter().filter_map(without_end).collect());
        if !tasks.is_empty() {
            Self::write_in_time(self.inner_mut().response_duplex_vec(tasks)).await?;
        }
        Err(ends_early(error))
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.inner_mut().set_read_timeout(timeout);
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.inner().get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.inner_mut().set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.inner().get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner_mut().set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner().get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.inner().request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.inner().response_written()
    }

    async fn shutdown(&mut self, _code: u32, _ctx: &str) {
        self.inner_mut().shutdown().await;
    }

    fn is_body_done(&mut self) -> bool {
        self.inner_mut().is_body_done()
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner_mut().finish_body().await
    }

    fn is_body_empty(&mut self) -> bool {
        self.inner_mut().is_body_empty()
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        let Self { inner: Some(inner), watch, timer, .. } = self else { return Ok(None) };
        let mut idle = pin!(inner.read_body_or_idle(no_body_expected));
        poll_fn(|cx| {
            if let Poll::Ready(result) = idle.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            watch
                .poll_due(timer, cx)
                .map(|deadline| Err(Error::explain(ErrorType::ReadTimedout, deadline.field())))
        })
        .await
    }

    fn body_bytes_sent(&self) -> usize {
        self.inner().body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.inner().body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner().digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner_mut().digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner().client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner().server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.inner().to_h1_raw()
    }

    fn enable_retry_buffering(&mut self) {}

    fn retry_buffer_truncated(&self) -> bool {
        false
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        Some(REPLAY_TOKEN)
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(
        &mut self,
    ) -> Option<Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        None
    }

    fn restore_custom_message_reader(
        &mut self,
        _reader: Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>,
    ) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(
        &mut self,
        _writer: Box<dyn CustomMessageWrite>,
    ) -> Result<()> {
        Ok(())
    }
}
