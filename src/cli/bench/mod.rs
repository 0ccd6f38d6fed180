//! `tollgate bench URL…`: load for gateways that already run, and what they make of it.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use http::{HeaderName, HeaderValue};
use tollgate_load::{
    Arrivals, Load, Machine, Measured, Plan, ProcessTree, Target, Used, raise_files_max,
};

use super::{Failure, Outcome, print};

#[cfg(test)]
mod tests;

/// Where chat completions are, if the URL names no path.
const PATH: &str = "/v1/chat/completions";
const SECONDS_MAX: u64 = 3_600;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The gateways, one after the other: http://HOST:PORT, or the whole URL of an endpoint.
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// The model that is asked for.
    #[arg(long, default_value = "gpt-4o-mini")]
    model: String,
    /// Ask for streams.
    #[arg(long)]
    stream: bool,
    /// Requests a second, whatever becomes of those before; as many as the gateway takes without.
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Let chance decide when requests are sent, as where many callers know nothing of each other.
    #[arg(long, requires = "rate")]
    poisson: bool,
    /// Connections: all of them busy, or with --rate, at most.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long it is measured, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// A header of every request, for example a key: "authorization: Bearer …".
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The body of every request in place of ours: a JSON file.
    #[arg(long, value_name = "FILE")]
    body: Option<std::path::PathBuf>,
    /// The gateway's process on this machine, to tell its CPU and memory; one for each URL.
    #[arg(long = "pid", value_name = "PID")]
    pids: Vec<u32>,
}

/// A tenth of the time is sent before anything is counted.
const WARM_UP_SHARE: u32 = 10;

pub(super) fn run(options: &Options) -> Outcome {
    raise_files_max();
    let runtime = tokio::runtime::Runtime::new()?;
    let body = options.body()?;
    let mut text = format!("{}\n", Machine::describe());
    for (at, url) in options.urls.iter().enumerate() {
        let whole = whole_url(url);
        let usage = |problem: &dyn std::fmt::Display| Failure::Usage(format!("{url}: {problem}"));
        let mut target =
            runtime.block_on(Target::new(&whole, body.clone())).map_err(|error| usage(&error))?;
        for header in &options.headers {
            let (name, value) = header_of(header)?;
            target = target.with_header(&name, &value);
        }
        let tree = options.pids.get(at).map(|pid| ProcessTree::new(*pid));
        let machine = Machine::watch(tree.iter().cloned().chain([ProcessTree::own()]));
        progress(&format!("{url}: {} s", options.seconds));
        let (measured, used) = runtime.block_on(measure(options, target, tree));
        progress("");
        text.push_str(&describe(url, &measured, used.as_ref()));
        let others = machine.taken_by_others();
        if Machine::is_busy(others) && !options.pids.is_empty() {
            let _infallible = writeln!(
                text,
                "  ! others took {:.0} % of the machine meanwhile: no measurement",
                others * 100.0
            );
        }
    }
    print(&text)
}

/// Sends the load; what the gateway's process used meanwhile, where it is known.
async fn measure(
    options: &Options,
    target: Target,
    tree: Option<ProcessTree>,
) -> (Measured, Option<(Used, Used)>) {
    let arrivals = match options.rate {
        None => Arrivals::Closed,
        Some(per_second) if options.poisson => Arrivals::Poisson { per_second },
        Some(per_second) => Arrivals::Constant { per_second },
    };
    let duration = Duration::from_secs(options.seconds);
    let plan = |duration| Plan {
        arrivals,
        connections: options.connections,
        warm_up: Duration::ZERO,
        duration,
        seed: 1,
    };
    let warm = Load { target: target.clone(), plan: plan(duration / WARM_UP_SHARE) };
    tollgate_load::run(&warm).await;
    let before = tree.as_ref().map(ProcessTree::used);
    let measured = tollgate_load::run(&Load { target, plan: plan(duration) }).await;
    let used = tree.zip(before).map(|(tree, before)| (before, tree.used()));
    (measured, used)
}

fn describe(url: &str, measured: &Measured, used: Option<&(Used, Used)>) -> String {
    let ms = |us: f64| us / 1e3;
    let mut text = format!(
        "{url}\n  {} answers, {:.0} a second, {} events, {} failed\n",
        measured.requests,
        measured.per_second(),
        measured.events,
        measured.failed()
    );
    for (what, times) in [
        ("whole answer", measured.latency()),
        ("first byte", measured.first_byte()),
        ("first content", measured.first_content()),
        ("event delay", measured.event_delay()),
    ] {
        // Stamps are the mock provider's; others send none.
        if times.max > 0.0 {
            let _infallible = writeln!(
                text,
                "  {what:<14} p50 {:>9.3} ms  p90 {:>9.3} ms  p99 {:>9.3} ms  p99.9 {:>9.3} ms  max {:>9.3} ms",
                ms(times.p50),
                ms(times.p90),
                ms(times.p99),
                ms(times.p999),
                ms(times.max)
            );
        }
    }
    for (failure, count) in &measured.failures {
        let _infallible = writeln!(text, "  failed: {failure} x {count}");
    }
    if let Some((before, after)) = used {
        let us = after.cpu_ns_since(before) as f64 / 1e3;
        let _infallible = writeln!(
            text,
            "  CPU {:.1} us a request, {:.2} us an event; {} MiB",
            us / measured.requests.max(1) as f64,
            us / measured.events.max(1) as f64,
            after.rss_bytes >> 20
        );
    }
    text
}

fn whole_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    match rest.split_once('/') {
        Some((_, path)) if !path.is_empty() => format!("{scheme}://{rest}"),
        _ => format!("{scheme}://{}{PATH}", rest.trim_end_matches('/')),
    }
}

/// The value is never repeated: it may be a key.
fn header_of(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let usage = || Failure::Usage("--header is \"NAME: VALUE\"".to_owned());
    let (name, value) = text.split_once(':').ok_or_else(usage)?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| usage())?;
    value.set_sensitive(true);
    Ok((name.trim().parse().map_err(|_| usage())?, value))
}

/// A line that is written over, on a terminal only.
fn progress(text: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // Nobody is left to tell when standard error is gone.
        let _gone = write!(terminal, "\r\x1b[K{text}").and_then(|()| terminal.flush());
    }
}

// === impl Options ===

impl Options {
    fn body(&self) -> Result<Vec<u8>, Failure> {
        if let Some(file) = &self.body {
            return std::fs::read(file)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())));
        }
        let prompt = "what is the answer? ".repeat(20);
        let body = serde_json::json!({
            "model": self.model,
            "stream": self.stream,
            "max_tokens": 500,
            "messages": [{ "role": "user", "content": prompt }],
        });
        Ok(body.to_string().into_bytes())
    }
}
