//! The resolved routing table as text, for `tollgate check`. Names the source of each credential,
//! never its value.

use std::fmt::Write;

use tollgate_routing::{Choice, Credential, Layer, Row, StatusSet, Step, Strategy};
use tollgate_telemetry::export::OtlpConnection;

use crate::settings::{Settings, StoreSettings};

#[cfg(test)]
mod tests;

/// Between two columns.
const GAP: &str = "  ";

/// The routing table and what surrounds it, as aligned text.
pub fn report(settings: &Settings) -> String {
    let mut text = String::new();
    surroundings(settings, &mut text);
    let mut lines = vec![
        ["LAYER", "NAME", "MODELS", "ENDPOINT", "STRATEGY", "RETRY"].map(str::to_owned).to_vec(),
    ];
    let rows = settings.table.rows();
    lines.extend(rows.iter().map(columns));
    let _ = write!(text, "\n{}", aligned(&lines));

    let mut lines = vec![
        [
            "ROUTE OR FUNCTION",
            "STEP",
            "TARGET",
            "PROVIDER",
            "MODEL",
            "SHARE",
            "CREDENTIAL",
            "TIMEOUTS (ms: head, first token, idle, total)",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for row in rows.iter().filter(|row| row.plan.layer != Layer::Passthrough) {
        for (index, step) in row.plan.steps.iter().enumerate() {
            let total: u64 = step.choices.iter().map(|it| u64::from(it.weight())).sum();
            for choice in step.choices.iter() {
                lines.push(choice_columns(settings, row, index, step, choice, total));
            }
        }
    }
    if lines.len() > 1 {
        let _ = write!(text, "\n{}", aligned(&lines));
    }
    text
}

fn surroundings(settings: &Settings, text: &mut String) {
    let mut lines = vec![
        vec!["gateway".to_owned(), settings.server.addr.to_string()],
        vec!["control".to_owned(), settings.control.addr.to_string()],
    ];
    if let Some(collector) = &settings.collector {
        let (grpc, http) = (collector.grpc_addr, collector.http_addr);
        let mut addrs =
            format!("{grpc} (gRPC), {http} (HTTP), auth {}", collector.auth.mode.name());
        for issuer in &collector.auth.issuers {
            let _ = write!(addrs, ", tokens of {}", issuer.name);
        }
        lines.push(vec!["collector".to_owned(), addrs]);
    }
    let store = match &settings.store {
        None => "none".to_owned(),
        Some(StoreSettings::Sqlite { path, retention_days, bytes_max }) => {
            let most = bytes_max.map(|bytes| format!(", at most {bytes} bytes"));
            let most = most.unwrap_or_default();
            format!("sqlite {}, {retention_days} days{most}", path.display())
        }
        Some(StoreSettings::ClickHouse { url, database, retention_days, queue, .. }) => {
            let queue = queue.as_ref().map_or_else(
                || "no queue".to_owned(),
                |it| format!("queue {} of {} bytes", it.path.display(), it.bytes_max),
            );
            format!("clickhouse {url} {database}, {retention_days} days, {queue}")
        }
    };
    lines.push(vec!["store".to_owned(), store]);
    exporters(settings, &mut lines);
    let capture = if settings.genai.capture_content { "captured" } else { "not captured" };
    lines.push(vec!["content".to_owned(), capture.to_owned()]);
    text.push_str(&aligned(&lines));
}

/// Where telemetry goes, and which variables had a part in it. Headers by name.
fn exporters(settings: &Settings, lines: &mut Vec<Vec<String>>) {
    let genai = settings.genai.exporters.iter().map(|it| {
        let profiles: Vec<_> = it.profiles.iter().map(|profile| profile.name()).collect();
        (format!("GenAI spans to {}", it.name), &it.otlp, Some(profiles.join(", ")))
    });
    let own = [("spans to", &settings.telemetry), ("GenAI spans to", &settings.genai.otlp)];
    let own =
        own.into_iter().filter_map(|(name, otlp)| Some((name.to_owned(), otlp.as_ref()?, None)));
    for (name, otlp, profiles) in own.chain(genai) {
        let OtlpConnection { endpoint, protocol, headers, gzip, .. } = &otlp.traces;
        let mut about = vec![protocol.name().to_owned()];
        about.extend(gzip.then(|| "gzip".to_owned()));
        about.extend(profiles);
        if !headers.is_empty() {
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            about.push(format!("with {}", names.join(", ")));
        }
        if otlp.sample_ratio < 1.0 {
            about.push(format!("{} of all traces", otlp.sample_ratio));
        }
        if let Some(metrics) = &otlp.metrics {
            about.push(format!("metrics every {} ms", metrics.interval.as_millis()));
        }
        if !otlp.variables.is_empty() {
            about.push(format!("by {}", otlp.variables.join(", ")));
        }
        lines.push(vec![name, format!("{endpoint} ({})", about.join("; "))]);
    }
}

fn columns(row: &Row) -> Vec<String> {
    let models: Vec<&str> = row.models.iter().map(|model| &**model).collect();
    let retry = &row.plan.retry;
    let retry = if row.plan.layer == Layer::Passthrough {
        "never".to_owned()
    } else {
        let custom = retry.retryable_status != StatusSet::default();
        let statuses = if custom { ", own statuses" } else { "" };
        format!("{} x {} ms{statuses}", retry.max_retries, retry.backoff_base.as_millis())
    };
    vec![
        row.plan.layer.name().to_owned(),
        row.name.to_string(),
        models.join(", "),
        row.endpoint.map_or("any", |endpoint| endpoint.name()).to_owned(),
        row.plan.strategy.name().to_owned(),
        retry,
    ]
}

fn choice_columns(
    settings: &Settings,
    row: &Row,
    index: usize,
    step: &Step,
    choice: &Choice,
    total: u64,
) -> Vec<String> {
    let target = &choice.target;
    let share = match step.strategy {
        Strategy::Weighted | Strategy::Experiment => format!("{}/{total}", choice.weight()),
        Strategy::Single | Strategy::Fallback | Strategy::Latency | Strategy::LeastBusy => {
            "-".to_owned()
        }
    };
    let credential = match &target.credential {
        Credential::Caller => "the caller's",
        Credential::None => "none",
        Credential::Managed(_) => {
            settings.credential_sources.get(&target.name).map_or("managed", String::as_str)
        }
    };
    let deadlines = &target.deadlines;
    let first_token =
        deadlines.first_token.map_or("-".to_owned(), |limit| limit.as_millis().to_string());
    vec![
        row.name.to_string(),
        format!("{} {}", index + 1, step.describe()),
        target.name.to_string(),
        target.provider.name.to_string(),
        target.model.to_string(),
        share,
        credential.to_owned(),
        format!(
            "{}, {first_token}, {}, {}{}",
            deadlines.head.as_millis(),
            deadlines.idle.as_millis(),
            deadlines.total.as_millis(),
            target.health.map_or(String::new(), |health| format!("; {health}"))
        ),
    ]
}

/// Pads every column but the last to its widest cell.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut shown = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // `write!` to a String cannot fail.
            let _ = write!(shown, "{cell:<width$}{GAP}");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}
