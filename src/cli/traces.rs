//! `tollgate traces [TRACE_ID]`: recent traces, or one as a waterfall.

use std::path::Path;

use clap::Args;
use tollgate_config::StoreSettings;
use tollgate_console::{TextOptions, render_list, render_text};
use tollgate_store::{SpanStore, Sqlite, SqliteSettings, TraceFilter};

use super::{Failure, Outcome, color, load_part, print, watch};
use crate::span_store;

/// Columns, where the terminal does not say.
const WIDTH: usize = 100;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The trace to show, or the first digits of its id.
    trace_id: Option<String>,
    /// How many traces to list.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Only traces of this model.
    #[arg(long)]
    model: Option<String>,
    /// Only traces with an error.
    #[arg(long)]
    errors: bool,
    /// Go on and show each further trace as it comes.
    #[arg(long, conflicts_with = "trace_id")]
    watch: bool,
}

pub(super) fn run(config: &Path, options: &Options) -> Outcome {
    let store = open(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if options.watch {
            let outcome = watch::run(&*store, &filter(options), text_options()).await;
            store.close().await;
            return outcome;
        }
        let text = show(&*store, options).await;
        store.close().await;
        print(&text?)
    })
}

/// The configured store, for reading.
pub(super) fn open(config: &Path) -> Result<Box<dyn SpanStore>, Failure> {
    let Some(settings) = load_part(config)?.store else {
        return Err(Failure::failed("no span store is configured (store: { kind: none })"));
    };
    if let Some(store) = span_store::clickhouse(&settings).map_err(Failure::failed)? {
        return Ok(Box::new(store));
    }
    let StoreSettings::Sqlite { path, .. } = settings else {
        return Err(Failure::failed("only SQLite and ClickHouse can be read here"));
    };
    if !path.exists() {
        let path = path.display();
        return Err(Failure::failed(format!(
            "{path} does not exist yet: start the gateway and send a request"
        )));
    }
    // A gateway may be writing to it.
    let settings = SqliteSettings { read_only: true, ..SqliteSettings::default() };
    Ok(Box::new(Sqlite::open(&path, settings).map_err(Failure::failed)?))
}

fn filter(options: &Options) -> TraceFilter {
    TraceFilter {
        limit: options.limit,
        model: options.model.clone(),
        errors_only: options.errors,
        ..TraceFilter::default()
    }
}

async fn show(store: &dyn SpanStore, options: &Options) -> Result<String, Failure> {
    let text_options = text_options();
    let Some(id) = &options.trace_id else {
        let traces = store.recent(&filter(options)).await.map_err(Failure::failed)?;
        return Ok(render_list(&traces, text_options));
    };
    let spans = store.trace(id).await.map_err(Failure::failed)?;
    if spans.is_empty() {
        return Err(Failure::failed(format!(
            "there is no trace {id}; `tollgate traces` lists them"
        )));
    }
    Ok(render_text(&spans, text_options))
}

/// The terminal's width, and whether it takes colour.
pub(super) fn text_options() -> TextOptions {
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    TextOptions { width: width.unwrap_or(WIDTH), color: color() }
}
