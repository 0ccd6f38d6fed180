//! `tollgate traces --watch`: each trace once, as it comes.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use tollgate_console::{TextOptions, render_list, render_rows};
use tollgate_store::{LIMIT_MAX, SpanStore, TraceFilter, TraceSummary, now_ns};

use super::{Failure, Outcome};

/// How often the store is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// A call is stored when it ends: what started this long ago may still come.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The most pages that are read at a time; more traces in one window are not all shown.
const PAGES_MAX: usize = 20;

/// Shows the last traces of `filter`, then all further ones until Ctrl-C or the reader has left.
pub(super) async fn run(
    store: &dyn SpanStore,
    filter: &TraceFilter,
    options: TextOptions,
) -> Outcome {
    let mut seen = Seen::default();
    let mut last = store.recent(filter).await.map_err(Failure::failed)?;
    seen.unseen(store, filter, now_ns()).await?;
    last.iter().for_each(|trace| seen.mark(trace));
    last.reverse();
    if !written(&render_list(&last, options))? {
        return Ok(());
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
            _ = ticks.tick() => {}
        }
        let mut new = seen.unseen(store, filter, now_ns()).await?;
        new.reverse();
        if !new.is_empty() && !written(&render_rows(&new, options))? {
            return Ok(());
        }
    }
}

/// `false` once nobody reads any more.
fn written(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The traces that were shown, and when they started.
#[derive(Default)]
struct Seen(HashMap<String, i64>);

// === impl Seen ===

impl Seen {
    fn mark(&mut self, trace: &TraceSummary) {
        self.0.insert(trace.trace_id.clone(), trace.started_ns);
    }

    /// What was not there before, newest first; now it was.
    async fn unseen(
        &mut self,
        store: &dyn SpanStore,
        filter: &TraceFilter,
        now_ns: i64,
    ) -> Result<Vec<TraceSummary>, Failure> {
        let window_ns = i64::try_from(WINDOW.as_nanos()).unwrap_or(i64::MAX);
        let since_ns = now_ns.saturating_sub(window_ns);
        self.0.retain(|_, started_ns| *started_ns >= since_ns);
        let mut page = TraceFilter { limit: LIMIT_MAX, since_ns: Some(since_ns), ..filter.clone() };
        let mut new = Vec::new();
        for _ in 0..PAGES_MAX {
            let traces = store.recent(&page).await.map_err(Failure::failed)?;
            let is_last = traces.len() < LIMIT_MAX;
            // One more, for what started at the same moment.
            page.before_ns = traces.last().map(|trace| trace.started_ns.saturating_add(1));
            for trace in traces {
                if !self.0.contains_key(&trace.trace_id) {
                    self.mark(&trace);
                    new.push(trace);
                }
            }
            if is_last {
                break;
            }
        }
        Ok(new)
    }
}
