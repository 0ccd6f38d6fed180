//! Sampling parameters, recorded whether or not the provider honours them.

/// Parameters that were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Limit on generated tokens, under any of its names.
    pub max_tokens: Option<i64>,
    /// Nucleus sampling threshold.
    pub top_p: Option<f64>,
    /// Frequency penalty.
    pub frequency_penalty: Option<f64>,
    /// Presence penalty.
    pub presence_penalty: Option<f64>,
    /// Sampling seed.
    pub seed: Option<i64>,
    /// Top-k sampling cutoff.
    pub top_k: Option<i64>,
    /// Stop sequences as a JSON array; a single one becomes an array of one.
    pub stop_sequences: Option<String>,
    /// Number of answers.
    pub n: Option<i64>,
}

impl Params {
    /// Takes a member of the body if it is a parameter of the right type.
    pub(super) fn take(&mut self, key: &str, raw: &str) {
        match key {
            "temperature" => self.temperature = number(raw),
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
                self.max_tokens = raw.parse().ok().or(self.max_tokens);
            }
            "top_p" => self.top_p = number(raw),
            "frequency_penalty" => self.frequency_penalty = number(raw),
            "presence_penalty" => self.presence_penalty = number(raw),
            "seed" => self.seed = raw.parse().ok(),
            "top_k" => self.top_k = raw.parse().ok(),
            "n" => self.n = raw.parse().ok(),
            "stop" | "stop_sequences" => {
                self.stop_sequences = match raw.as_bytes().first() {
                    // None of them is no attribute.
                    Some(b'[') if raw.trim_matches(['[', ']']).trim().is_empty() => None,
                    Some(b'[') => Some(raw.to_owned()),
                    Some(b'"') => Some(format!("[{raw}]")),
                    _ => None,
                };
            }
            _ => {}
        }
    }
}

/// A number that telemetry can hold: JSON allows `1e999`, a float does not.
fn number(raw: &str) -> Option<f64> {
    raw.parse().ok().filter(|number: &f64| number.is_finite())
}
