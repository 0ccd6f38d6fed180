//! What one finished call adds to the metrics.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, StringValue};

use super::guardrails::BOUND;
use super::series::{Dimensions, Series};
use super::{Metrics, Retries};
use crate::genai::attributes as a;
use crate::genai::{Call, Cost, GenAi, Outcome, StreamTiming, UNKNOWN};

/// Gaps of one stream that are all recorded. Of a stream with more, each length of gap is
/// recorded in its share.
pub(super) const GAPS_MAX: u32 = 16_384;

// === impl Metrics ===

impl Metrics {
    /// Records a finished call.
    pub fn record(&self, call: &Call, retries: &Retries) {
        self.record_end(call);
        self.record_retries(retries);
        if let Some(genai) = &call.genai {
            self.record_genai(call, genai);
        }
    }

    fn record_end(&self, call: &Call) {
        let outcome = call.genai.as_ref().map(|genai| genai.outcome).or(call.http.outcome);
        let outcome = outcome.map_or("complete", Outcome::name);
        let refused = call.http.error_code.filter(|_| outcome != "upstream_failed");
        let outcome = if call.genai.is_none() && refused.is_some() { "rejected" } else { outcome };
        let operation = call.genai.as_ref().map(|genai| genai.operation);
        self.finished.add(&self.counters.requests_finished, (outcome, operation));
        if let Some(code) = refused {
            self.counters.requests_refused.add(1, &[KeyValue::new("code", code)]);
        }
    }

    fn record_retries(&self, retries: &Retries) {
        if retries.retries > 0 {
            self.counters.retry_attempts.add(u64::from(retries.retries), &[]);
        }
        for target in &retries.exclusions {
            let label = StringValue::from(self.targets.label(target, true));
            self.counters.target_exclusions.add(1, &[KeyValue::new(a::EXCLUDED_TARGET, label)]);
        }
        if retries.exhaustion_resets > 0 {
            self.counters.exhaustion_resets.add(u64::from(retries.exhaustion_resets), &[]);
        }
    }

    fn record_genai(&self, call: &Call, genai: &GenAi) {
        let series = &*self.series.of(self.dimensions(genai), labels);
        let histograms = &self.histograms;
        let span = Duration::from_nanos(genai.end_ns.saturating_sub(genai.start_ns));
        series
            .seconds(&series.operation_duration, &histograms.operation_duration)
            .record(span.as_secs_f64());
        self.count_findings(genai, series);
        // An answer that a guardrail kept back was made, and is paid for.
        let unmade = genai.outcome == Outcome::Rejected && genai.provider.is_none();
        if unmade || genai.outcome == Outcome::Cached || call.http.route.is_empty() {
            return;
        }
        if let Some(cost) = genai.response.cost.as_ref().filter(|cost| is_money(cost)) {
            series.paid(&self.counters.cost, cost.amount, &cost.currency);
        }
        // Media endpoints report the duration above and nothing else.
        if !matches!(genai.operation, "chat" | "generate_content" | "embeddings") {
            return;
        }
        series
            .seconds(&series.request_duration, &histograms.request_duration)
            .record(span.as_secs_f64());
        self.record_tokens(genai, series);
        if let Some(timing) = &genai.timing {
            self.record_stream(genai, timing, series);
        }
    }

    fn count_findings(&self, genai: &GenAi, series: &Series) {
        if let Some(error) = &genai.error {
            let labels = series.with(KeyValue::new(a::ERROR_TYPE, error.kind));
            self.counters.errors.add(1, &labels);
        }
        for reason in &genai.response.finish_reasons {
            let reason = self.finish_reasons.label(reason, true);
            series.finished(&self.counters.finish_reasons, reason);
        }
        for violation in &genai.violations {
            let mut labels = series.with(KeyValue::new(a::GUARDRAIL_DETECTOR, violation.detector));
            labels.push(KeyValue::new(a::GUARDRAIL_DIRECTION, violation.direction));
            self.counters.violations.add(violation.count, &labels);
        }
        if let Some(hold) = genai.guardrail_hold {
            self.histograms.guardrail_hold.record(hold.as_secs_f64(), &series.labels);
        }
        for (bound, times) in &genai.guardrail_bounds {
            let labels = series.with(KeyValue::new(BOUND, *bound));
            self.counters.bounds_reached.add(u64::from(*times), &labels);
        }
        for (webhook, reason) in &genai.unanswered {
            let webhook = StringValue::from(Arc::clone(webhook));
            let mut labels = series.with(KeyValue::new(a::GUARDRAIL_WEBHOOK, webhook));
            labels.push(KeyValue::new(a::GUARDRAIL_REASON, *reason));
            self.counters.unanswered.add(1, &labels);
        }
        if let Some(cache) = &genai.cache {
            let labels = series.with(KeyValue::new(a::CACHE_STATUS, cache.status.name()));
            self.counters.cache_lookups.add(1, &labels);
            if let Some(tokens) = cache.saved_tokens {
                self.counters.cache_saved_tokens.add(tokens, &series.labels);
            }
            if let Some(cost) = &cache.saved_cost {
                add_cost(&self.counters.cache_saved_cost, cost, series);
            }
        }
    }

    fn record_tokens(&self, genai: &GenAi, series: &Series) {
        let Some(usage) = genai.response.usage else { return };
        let histogram = &self.histograms.token_usage;
        if let Some(tokens) = usage.input_total() {
            series.tokens(&series.input_tokens, histogram, "input").record(tokens);
        }
        if let Some(tokens) = usage.output {
            series.tokens(&series.output_tokens, histogram, "output").record(tokens);
        }
    }

    fn record_stream(&self, genai: &GenAi, timing: &StreamTiming, series: &Series) {
        let Some(first) = timing.first_content else { return };
        let histograms = &self.histograms;
        series.seconds(&series.first_token, &histograms.first_token).record(first.as_secs_f64());
        self.record_gaps(&genai.gaps, series);
        if timing.stalls > 0 {
            self.counters.stalls.add(u64::from(timing.stalls), &series.labels);
        }
        let tokens = genai.response.usage.and_then(|usage| usage.output_total());
        if let Some(rate) = crate::genai::throughput(tokens, timing.duration) {
            series.seconds(&series.throughput, &histograms.throughput).record(rate);
        }
        // One token has no time per token: (end - first content) / (n - 1).
        if let Some(tokens @ 2..) = tokens
            && let Ok(gaps) = u32::try_from(tokens - 1)
        {
            let per_token = timing.duration.saturating_sub(first).as_secs_f64() / f64::from(gaps);
            series
                .seconds(&series.time_per_output_token, &histograms.time_per_output_token)
                .record(per_token);
        }
    }

    /// All gaps of a stream at its end: nothing is done for a chunk.
    fn record_gaps(&self, gaps: &[(Duration, u32)], series: &Series) {
        let count: u64 = gaps.iter().map(|(_, count)| u64::from(*count)).sum();
        if count == 0 {
            return;
        }
        let one_in = count.div_ceil(u64::from(GAPS_MAX));
        let shares = gaps.iter().map(|(gap, count)| (*gap, u64::from(*count).div_ceil(one_in)));
        series.gaps(&self.gaps).record(shares);
    }

    /// The six dimensions, as far as they are known.
    fn dimensions(&self, genai: &GenAi) -> Dimensions {
        let answered = genai.outcome == Outcome::Complete;
        let model = |name: &str| self.models.label(name, answered);
        Dimensions {
            operation: genai.operation,
            provider: genai.provider.clone(),
            // What no body named is our own word, and needs no place among the callers' names.
            request_model: match &*genai.request_model {
                "" => genai.model_name().into(),
                name => model(name),
            },
            response_model: genai.response.model.as_deref().map(model),
            server: genai.server.as_ref().map(|server| (Arc::clone(&server.address), server.port)),
        }
    }
}

fn labels(dimensions: &Dimensions) -> Vec<KeyValue> {
    let text = |text: &Arc<str>| StringValue::from(Arc::clone(text));
    let provider = dimensions.provider.as_ref().map_or(UNKNOWN.into(), text);
    let mut labels = vec![
        KeyValue::new(a::OPERATION_NAME, dimensions.operation),
        KeyValue::new(a::PROVIDER_NAME, provider),
        KeyValue::new(a::REQUEST_MODEL, text(&dimensions.request_model)),
    ];
    if let Some(model) = &dimensions.response_model {
        labels.push(KeyValue::new(a::RESPONSE_MODEL, text(model)));
    }
    if let Some((address, port)) = &dimensions.server {
        labels.push(KeyValue::new(a::SERVER_ADDRESS, text(address)));
        labels.push(KeyValue::new(a::SERVER_PORT, i64::from(*port)));
    }
    labels
}

/// A counter takes no less than nothing.
fn is_money(cost: &Cost) -> bool {
    cost.amount.is_finite() && cost.amount > 0.0
}

/// Adds to a counter of money that few calls add to.
fn add_cost(counter: &Counter<f64>, cost: &Cost, series: &Series) {
    if is_money(cost) {
        let currency = StringValue::from(Arc::clone(&cost.currency));
        counter.add(cost.amount, &series.with(KeyValue::new(a::USAGE_CURRENCY, currency)));
    }
}
