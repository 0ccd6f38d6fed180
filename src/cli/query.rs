//! `tollgate query SQL`: asks the span store in ClickHouse's dialect.

use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tollgate_console::{render_csv, render_json, render_table};
use tollgate_store::StoreError;
use tollgate_store::sql::{SQL_BYTES_MAX, Scope, SqlQuery, Table};

use super::{Failure, Outcome, print, traces};

/// Where the query is read from standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Args, Debug)]
pub(super) struct Options {
    /// One SELECT over `otel_traces`, `otel_metrics_*` or `otel_logs`; `-` reads it from standard input.
    query: String,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The most rows that are shown.
    #[arg(long, default_value_t = 10_000)]
    rows: usize,
    /// How many seconds the query may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Only the spans of this project.
    #[arg(long, value_name = "ID")]
    project: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people: columns in line, long values cut.
    Table,
    /// One object: columns, rows, and whether there were more.
    Json,
    /// RFC 4180.
    Csv,
}

pub(super) fn run(config: &Path, options: &Options) -> Outcome {
    let query = SqlQuery {
        text: text(&options.query)?,
        scope: options.project.clone().map_or(Scope::All, Scope::Project),
        rows_max: options.rows,
        time_max: Duration::from_secs(options.seconds),
    };
    let store = traces::open(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let answer = store.query(&query).await;
        store.close().await;
        answer
    });
    match answer {
        Ok(table) => print(&written(&table, options.format)),
        // The query is what was typed.
        Err(error @ StoreError::Sql { .. }) => Err(Failure::Usage(error.to_string())),
        Err(error) => Err(Failure::failed(error)),
    }
}

fn text(query: &str) -> Result<String, Failure> {
    if query != STANDARD_INPUT {
        return Ok(query.to_owned());
    }
    let mut text = String::new();
    // One byte more than is allowed, so that a longer query is refused and not cut.
    let limit = u64::try_from(SQL_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    io::stdin().lock().take(limit).read_to_string(&mut text)?;
    Ok(text)
}

fn written(table: &Table, format: Format) -> String {
    match format {
        Format::Table => render_table(table),
        Format::Json => render_json(table),
        Format::Csv => render_csv(table, io::stdout().is_terminal()),
    }
}
