//! What a key's calls may use, and what is said of them.

use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};

use super::{signed, unsigned};

/// The currency of budgets that name none.
const CURRENCY: &str = "USD";

/// What calls with a key may use. What is not there is not limited by the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Names of models, routes and functions, with `*` for any text; none allows all.
    pub models: Vec<String>,
    /// Requests in any minute.
    pub requests_per_minute: Option<u64>,
    /// Input and output tokens in any minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at a time.
    pub concurrency_max: Option<u64>,
    /// Money in a day (UTC), in billionths of the currency's unit.
    pub budget_day_nanos: Option<u64>,
    /// Money in a month (UTC), in billionths of the currency's unit.
    pub budget_month_nanos: Option<u64>,
    /// ISO 4217.
    pub currency: String,
    /// What the spans of its calls say besides.
    pub metadata: Vec<(String, String)>,
}

// === impl Grants ===

impl Default for Grants {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrency_max: None,
            budget_day_nanos: None,
            budget_month_nanos: None,
            currency: CURRENCY.to_owned(),
            metadata: Vec::new(),
        }
    }
}

impl Grants {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |name: &str| -> rusqlite::Result<Option<u64>> {
            Ok(row.get::<_, Option<i64>>(name)?.map(unsigned))
        };
        Ok(Self {
            models: list(&row.get::<_, String>("models")?),
            requests_per_minute: number("requests_per_minute")?,
            tokens_per_minute: number("tokens_per_minute")?,
            concurrency_max: number("concurrency_max")?,
            budget_day_nanos: number("budget_day_nanos")?,
            budget_month_nanos: number("budget_month_nanos")?,
            currency: row.get("currency")?,
            metadata: pairs(&row.get::<_, String>("metadata")?),
        })
    }

    /// Writes them to the key with this id.
    pub(super) fn write(&self, id: &str, connection: &Connection) -> rusqlite::Result<()> {
        let update = "UPDATE keys SET models = ?2, requests_per_minute = ?3,
            tokens_per_minute = ?4, concurrency_max = ?5, budget_day_nanos = ?6,
            budget_month_nanos = ?7, currency = ?8, metadata = ?9 WHERE id = ?1";
        let metadata = self.metadata.iter().map(|(name, value)| (name.clone(), json!(value)));
        let values = params![
            id,
            json!(self.models).to_string(),
            self.requests_per_minute.map(signed),
            self.tokens_per_minute.map(signed),
            self.concurrency_max.map(signed),
            self.budget_day_nanos.map(signed),
            self.budget_month_nanos.map(signed),
            self.currency,
            Value::Object(metadata.collect()).to_string(),
        ];
        connection.execute(update, values).map(drop)
    }
}

/// A list that cannot be read allows nothing: it must not come to mean everything.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| vec![String::new()])
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    pairs.into_iter().filter_map(text).collect()
}
