//! What one finished call adds to the metrics.

use std::time::Duration;

use opentelemetry::{KeyValue, StringValue};

use super::{Metrics, Retries};
use crate::genai::attributes as a;
use crate::genai::{Call, GenAi, Outcome, StreamTiming};

impl Metrics {
    /// Records a finished call.
    pub fn record(&self, call: &Call, retries: &Retries) {
        let outcome = call.genai.as_ref().map(|genai| genai.outcome).or(call.http.outcome);
        let outcome = outcome.map_or("complete", Outcome::name);
        let refused = call.http.error_code.filter(|_| outcome != "upstream_failed");
        let outcome = if call.genai.is_none() && refused.is_some() { "rejected" } else { outcome };
        self.instruments.requests_finished.add(1, &[KeyValue::new(a::OUTCOME, outcome)]);
        if let Some(code) = refused {
            self.instruments.requests_refused.add(1, &[KeyValue::new("code", code)]);
        }
        self.record_retries(retries);
        if let Some(genai) = &call.genai {
            self.record_genai(call, genai);
        }
    }

    fn record_retries(&self, retries: &Retries) {
        if retries.retries > 0 {
            self.instruments.retry_attempts.add(u64::from(retries.retries), &[]);
        }
        for target in &retries.exclusions {
            let label = KeyValue::new(a::EXCLUDED_TARGET, StringValue::from(target.clone()));
            self.instruments.target_exclusions.add(1, &[label]);
        }
        if retries.exhaustion_resets > 0 {
            self.instruments.exhaustion_resets.add(u64::from(retries.exhaustion_resets), &[]);
        }
    }

    fn record_genai(&self, call: &Call, genai: &GenAi) {
        let labels = self.dimensions(genai);
        let span = Duration::from_nanos(genai.end_ns.saturating_sub(genai.start_ns));
        self.instruments.operation_duration.record(span.as_secs_f64(), &labels);
        if let Some(error) = &genai.error {
            let mut labels = labels.clone();
            labels.push(KeyValue::new(a::ERROR_TYPE, error.kind));
            self.instruments.errors.add(1, &labels);
        }
        for reason in &genai.response.finish_reasons {
            let mut labels = labels.clone();
            labels.push(KeyValue::new(a::RESPONSE_FINISH_REASON, reason.clone()));
            self.instruments.finish_reasons.add(1, &labels);
        }
        if matches!(genai.outcome, Outcome::Rejected | Outcome::Cached)
            || call.http.route.is_empty()
        {
            return;
        }
        // Media endpoints report the duration above and nothing else.
        if !matches!(genai.operation, "chat" | "generate_content" | "embeddings") {
            return;
        }
        self.instruments.request_duration.record(span.as_secs_f64(), &labels);
        self.record_tokens(genai, &labels);
        if let Some(timing) = &genai.timing {
            self.record_stream(genai, timing, &labels);
        }
    }

    fn record_tokens(&self, genai: &GenAi, labels: &[KeyValue]) {
        let Some(usage) = genai.response.usage else { return };
        for (kind, tokens) in [("input", usage.input_total()), ("output", usage.output)] {
            if let Some(tokens) = tokens {
                let mut labels = labels.to_vec();
                labels.push(KeyValue::new(a::TOKEN_TYPE, kind));
                self.instruments.token_usage.record(tokens, &labels);
            }
        }
    }

    fn record_stream(&self, genai: &GenAi, timing: &StreamTiming, labels: &[KeyValue]) {
        let Some(first) = timing.first_content else { return };
        self.instruments.first_token.record(first.as_secs_f64(), labels);
        let tokens = genai.response.usage.and_then(|usage| usage.output_total());
        if let Some(rate) = crate::genai::throughput(tokens, timing.duration) {
            self.instruments.throughput.record(rate, labels);
        }
        // One token has no time per token: (end - first content) / (n - 1).
        if let (Some(tokens @ 2..), Some(last)) = (tokens, timing.last_content)
            && let Ok(gaps) = u32::try_from(tokens - 1)
        {
            let per_token = last.saturating_sub(first).as_secs_f64() / f64::from(gaps);
            self.instruments.time_per_output_token.record(per_token, labels);
        }
    }

    fn dimensions(&self, genai: &GenAi) -> Vec<KeyValue> {
        let mut labels = vec![
            KeyValue::new(a::OPERATION_NAME, genai.operation),
            KeyValue::new(
                a::REQUEST_MODEL,
                StringValue::from(self.models.label(genai.model_name())),
            ),
            KeyValue::new(a::PROVIDER_NAME, genai.provider_name().to_owned()),
        ];
        if let Some(model) = &genai.response.model {
            labels.push(KeyValue::new(
                a::RESPONSE_MODEL,
                StringValue::from(self.models.label(model)),
            ));
        }
        if let Some(server) = &genai.server {
            labels
                .push(KeyValue::new(a::SERVER_ADDRESS, StringValue::from(server.address.clone())));
            labels.push(KeyValue::new(a::SERVER_PORT, i64::from(server.port)));
        }
        labels
    }
}
