//! The deadlines of one request, and whether its response head is held back.
//!
//! Written by the hooks, read where the session waits for the caller: see `downstream.rs`.

use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

const NEVER: u64 = u64::MAX;

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// No response head in `timeout_ms`.
    Head = 1,
    /// No content in `first_token_timeout_ms`.
    FirstToken = 2,
    /// No further content in `idle_timeout_ms`.
    Idle = 3,
    /// The whole request took longer than `total_timeout_ms`.
    Total = 4,
}

/// The deadlines and the hold of one request, shared by its context and its session.
#[derive(Debug)]
pub(crate) struct Watch {
    base: Instant,
    due_us: AtomicU64,
    kind: AtomicU8,
    fired: AtomicU8,
    hold: AtomicBool,
    /// What the armed deadline leaves an upstream that has the whole request.
    patience_us: AtomicU64,
    /// Until when the request may be on its way up; 0 where no time is given for that.
    upload_until_us: AtomicU64,
    /// When the last of it was written.
    uploaded_us: AtomicU64,
    /// The `x-to11-error-code` of a held head, known only once its body was read.
    error_code: OnceLock<&'static str>,
    /// The error that ends the answer behind what was let through of it.
    cut: OnceLock<&'static str>,
}

// === impl Deadline ===

impl Deadline {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Head),
            2 => Some(Self::FirstToken),
            3 => Some(Self::Idle),
            4 => Some(Self::Total),
            _ => None,
        }
    }

    /// The configuration field that sets it.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::Head => "timeout_ms",
            Self::FirstToken => "first_token_timeout_ms",
            Self::Idle => "idle_timeout_ms",
            Self::Total => "total_timeout_ms",
        }
    }
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(base: Instant) -> Self {
        Self {
            base,
            due_us: AtomicU64::new(NEVER),
            kind: AtomicU8::new(0),
            fired: AtomicU8::new(0),
            hold: AtomicBool::new(false),
            patience_us: AtomicU64::new(0),
            upload_until_us: AtomicU64::new(0),
            uploaded_us: AtomicU64::new(NEVER),
            error_code: OnceLock::new(),
            cut: OnceLock::new(),
        }
    }

    /// When the request began.
    pub(crate) const fn base(&self) -> Instant {
        self.base
    }

    /// Sets the one deadline that counts from now on: the earliest of those that apply.
    pub(crate) fn arm(&self, kind: Deadline, at: Instant) {
        self.kind.store(kind as u8, Ordering::Relaxed);
        self.due_us.store(micros(at.saturating_duration_since(self.base)), Ordering::Relaxed);
    }

    /// The deadline that passed, if one did.
    pub(crate) fn fired(&self) -> Option<Deadline> {
        Deadline::from_code(self.fired.load(Ordering::Relaxed))
    }

    /// Forgets the deadline, passed or not, until another is armed: a new attempt begins.
    pub(crate) fn disarm(&self) {
        self.due_us.store(NEVER, Ordering::Relaxed);
        self.upload_until_us.store(0, Ordering::Relaxed);
        self.uploaded_us.store(NEVER, Ordering::Relaxed);
        self.fired.store(0, Ordering::Relaxed);
    }

    /// Whether the response head stays here until the first content.
    pub(crate) fn hold(&self, hold: bool) {
        self.hold.store(hold, Ordering::Relaxed);
    }

    /// What the error in the held response is called.
    pub(crate) fn set_error_code(&self, code: &'static str) {
        self.error_code.get_or_init(|| code);
    }

    /// See [`Watch::set_error_code`].
    pub(crate) fn error_code(&self) -> Option<&'static str> {
        self.error_code.get().copied()
    }

    /// Ends the answer with an error of this name, once what was let through of it is written.
    pub(crate) fn cut(&self, error: &'static str) {
        self.cut.get_or_init(|| error);
    }

    /// See [`Watch::cut`].
    pub(crate) fn cut_by(&self) -> Option<&'static str> {
        self.cut.get().copied()
    }

    /// Whether the response head is being held back.
    pub(crate) fn holds(&self) -> bool {
        self.hold.load(Ordering::Relaxed)
    }

    /// When the timer of a new session starts to matter: never, until a deadline is armed.
    pub(crate) fn far_future(&self) -> Instant {
        self.base + Duration::from_secs(86_400)
    }

    /// Gives a request the time `allowance` to be written: the armed deadline, which came due
    /// `patience` after the attempt's begin, comes due that long after the writing's end.
    pub(crate) fn upload(&self, patience: Duration, allowance: Duration) {
        let until_us = micros(self.base.elapsed() + allowance);
        self.patience_us.store(micros(patience), Ordering::Relaxed);
        self.upload_until_us.store(until_us, Ordering::Relaxed);
    }

    /// The request has been written.
    pub(crate) fn uploaded(&self) {
        self.uploaded_us.store(micros(self.base.elapsed()), Ordering::Relaxed);
    }

    /// When the request had been written, if that is what the upstream's time counts from.
    pub(crate) fn uploaded_at(&self) -> Option<Instant> {
        let at = self.uploaded_us.load(Ordering::Relaxed);
        let counts = at != NEVER && self.upload_until_us.load(Ordering::Relaxed) != 0;
        counts.then(|| self.base + Duration::from_micros(at))
    }

    /// The later deadline of an upstream that did not have the whole request in time, if it still
    /// has time.
    fn extended(&self, kind: u8, due: Instant) -> Option<Instant> {
        let until_us = self.upload_until_us.load(Ordering::Relaxed);
        if until_us == 0 || ![Deadline::Head as u8, Deadline::FirstToken as u8].contains(&kind) {
            return None;
        }
        let us = Duration::from_micros;
        let uploaded_us = match self.uploaded_us.load(Ordering::Relaxed) {
            NEVER => micros(due - self.base).min(until_us),
            at => at.min(until_us),
        };
        let later = self.base + us(uploaded_us) + us(self.patience_us.load(Ordering::Relaxed));
        (later > due).then_some(later)
    }

    fn due(&self) -> Option<Instant> {
        match self.due_us.load(Ordering::Relaxed) {
            NEVER => None,
            us => Some(self.base + Duration::from_micros(us)),
        }
    }

    /// Ready once the armed deadline has passed.
    pub(crate) fn poll_due(
        &self,
        timer: &mut Pin<Box<Sleep>>,
        cx: &mut Context<'_>,
    ) -> Poll<Deadline> {
        let Some(mut due) = self.due() else { return Poll::Pending };
        // A deadline that moved back is noticed when the timer fires: most deadlines only ever
        // move back, and so the timer is touched once per deadline, not once per event.
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= due {
                let kind = self.kind.load(Ordering::Relaxed);
                if let Some(later) = self.extended(kind, due) {
                    self.due_us.store(micros(later - self.base), Ordering::Relaxed);
                    due = later;
                    timer.as_mut().reset(due);
                    continue;
                }
                self.fired.store(kind, Ordering::Relaxed);
                return Poll::Ready(Deadline::from_code(kind).unwrap_or(Deadline::Total));
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(NEVER)
}
