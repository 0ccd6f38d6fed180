//! What an error says, and what that means. Names (types, codes) decide before sentences do,
//! because a sentence may quote the request.

use http::StatusCode;

use super::ErrorClass;

/// Status of a request that a service at Groq has no capacity for, and of a text that Cohere blocks.
const NO_CAPACITY_OR_BLOCKED: u16 = 498;

const OVERLOADED: [&str; 10] = [
    "overloaded",
    "overloaded_error",
    "engine_overloaded_error",
    "server_overloaded",
    "capacity_exceeded",
    "slow_down",
    "modelnotreadyexception",
    "serviceunavailableexception",
    "unavailable",
    "3505",
];
const OVERLOADED_SAID: [&str; 5] =
    ["overloaded", "over capacity", "capacity exceeded", "at capacity", "currently loading"];
const QUOTA: [&str; 12] = [
    "insufficient_quota",
    "insufficientquota",
    "billing_error",
    "billing_not_active",
    "billing_hard_limit_reached",
    "exceeded_current_quota_error",
    "insufficient_balance",
    "insufficient_credits",
    "not_enough_balance",
    "quota_exceeded",
    "servicequotaexceededexception",
    "enforced_spend_limit_reached",
];
const QUOTA_SAID: [&str; 12] = [
    "credit balance",
    "insufficient balance",
    "insufficient credit",
    "not enough balance",
    "check your plan and billing",
    "used all available credits",
    "requires more credits",
    "spending limit",
    "spend limit",
    "api usage limits",
    "calls / month",
    "monthly included credits",
];
const UNVERIFIED_SAID: [&str; 2] = ["must be verified", "verify organization"];
const FILTERED: [&str; 8] = [
    "content_policy_violation",
    "content_policy",
    "content_filter",
    "responsibleaipolicyviolation",
    "moderation_blocked",
    "data_inspection_failed",
    "prohibited_content",
    "invalid_prompt",
];
const FILTERED_SAID: [&str; 7] = [
    "content management policy",
    "content filtering policy",
    "content policy",
    "safety system",
    "usage guidelines",
    "content exists risk",
    "input was flagged",
];
const REFUSED_KEY: [&str; 7] = [
    "invalid_api_key",
    "api_key_invalid",
    "authentication_error",
    "unauthenticated",
    "unrecognizedclientexception",
    "expiredtokenexception",
    "invalidsignatureexception",
];
const REFUSED_KEY_SAID: [&str; 8] = [
    "incorrect api key",
    "invalid api key",
    "api key not valid",
    "api key expired",
    "api key not found",
    "authorization failed",
    "security token included in the request",
    "unregistered callers",
];
const UNKNOWN_MODEL: [&str; 6] = [
    "model_not_found",
    "model_not_available",
    "model_not_supported",
    "deploymentnotfound",
    "invalid_model",
    "unknown_model",
];
const UNKNOWN_MODEL_SAID: [&str; 7] = [
    "not a valid model",
    "model not exist",
    "model not found",
    "invalid model",
    "unknown model",
    "no such model",
    "model identifier is invalid",
];
const THROTTLED: [&str; 8] = [
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limit_reached_error",
    "rate_limited",
    "too_many_requests",
    "throttlingexception",
    "resource_exhausted",
    "1300",
];
const TOO_LONG: [&str; 4] =
    ["context_length_exceeded", "exceed_context_size_error", "context_window_exceeded", "3051"];
const TOO_LONG_SAID: [&str; 13] = [
    "maximum context length",
    "maximum prompt length",
    "context length exceeded",
    "context limit",
    "context window",
    "prompt is too long",
    "input is too long",
    "too many tokens:",
    "too many input tokens",
    "input token count",
    "exceeded model token limit",
    "tokens + `max_new_tokens` must be",
    "reduce the length of the messages",
];

/// What an error says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) message: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
    /// Every type, code and reason, in lower case.
    names: Vec<String>,
    /// What further messages say.
    also: Vec<String>,
}

impl Said {
    /// Takes a type, a code or a reason.
    pub(crate) fn name(&mut self, name: &str) {
        self.names.push(name.to_ascii_lowercase());
    }

    /// Takes a message beside the first one.
    pub(crate) fn also(&mut self, message: &str) {
        self.also.push(message.to_owned());
    }

    /// What kind of error an answer of this status is.
    pub(crate) fn class(&self, status: StatusCode) -> ErrorClass {
        let message = self.sentences();
        let names = |known: &[&str]| self.names.iter().any(|name| known.contains(&name.as_str()));
        let says = |known: &[&str]| known.iter().any(|phrase| message.contains(phrase));
        let code = status.as_u16();
        if !status.is_client_error() {
            return if names(&OVERLOADED) || says(&OVERLOADED_SAID) {
                ErrorClass::Overloaded
            } else {
                ErrorClass::of_status(status)
            };
        }
        if code == NO_CAPACITY_OR_BLOCKED {
            let busy = names(&OVERLOADED) || message.contains("capacity");
            return if busy { ErrorClass::Overloaded } else { ErrorClass::ContentPolicy };
        }
        if self.is_quota(status, &message) {
            return ErrorClass::Quota;
        }
        if code == 429 {
            let busy = names(&OVERLOADED) || says(&OVERLOADED_SAID);
            return if busy { ErrorClass::Overloaded } else { ErrorClass::RateLimit };
        }
        if says(&UNVERIFIED_SAID) {
            return ErrorClass::OrgVerificationRequired;
        }
        if code == 401 || names(&REFUSED_KEY) || says(&REFUSED_KEY_SAID) {
            return ErrorClass::Auth;
        }
        if names(&FILTERED) || says(&FILTERED_SAID) {
            return ErrorClass::ContentPolicy;
        }
        if self.is_unknown_model(status, &message) {
            return ErrorClass::ModelNotFound;
        }
        // Larger than any minute allows: waiting does not help.
        if code != 413 && names(&THROTTLED) {
            return ErrorClass::RateLimit;
        }
        ErrorClass::of_status(status)
    }

    /// Whether the request was longer than the model's context.
    pub(crate) fn is_context_length(&self, status: StatusCode) -> bool {
        let message = self.sentences();
        let named = self.names.iter().any(|name| TOO_LONG.contains(&name.as_str()));
        matches!(status.as_u16(), 400 | 413 | 422)
            && (named || TOO_LONG_SAID.iter().any(|phrase| message.contains(phrase)))
    }

    /// The status that an error inside a stream would have had as an answer.
    pub(crate) fn status_in_stream(&self) -> StatusCode {
        let number = self.names.iter().find_map(|name| name.parse::<u16>().ok());
        let known = number.and_then(|number| StatusCode::from_u16(number).ok());
        if let Some(status) = known.filter(|status| status.as_u16() >= 400) {
            return status;
        }
        let names = |known: &[&str]| self.names.iter().any(|name| known.contains(&name.as_str()));
        let begins = |start: &str| self.names.iter().any(|name| name.starts_with(start));
        let code = if names(&OVERLOADED) {
            529
        } else if names(&QUOTA) || names(&THROTTLED) {
            429
        } else if names(&REFUSED_KEY) {
            401
        } else if begins("permission") {
            403
        } else if names(&UNKNOWN_MODEL) || names(&["not_found_error", "not_found"]) {
            404
        } else if begins("invalid") || names(&FILTERED) || names(&TOO_LONG) {
            400
        } else {
            502
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    fn is_quota(&self, status: StatusCode, message: &str) -> bool {
        let names = |name: &str| self.names.iter().any(|known| known == name);
        // Google says the same sentence of a minute's limit and of an empty account.
        if names("resource_exhausted") && names("retry_info") {
            return names("quota_per_day");
        }
        status == StatusCode::PAYMENT_REQUIRED
            || QUOTA.iter().any(|name| names(name))
            || QUOTA_SAID.iter().any(|phrase| message.contains(phrase))
    }

    fn is_unknown_model(&self, status: StatusCode, message: &str) -> bool {
        let names = |known: &[&str]| self.names.iter().any(|name| known.contains(&name.as_str()));
        names(&UNKNOWN_MODEL)
            || UNKNOWN_MODEL_SAID.iter().any(|phrase| message.contains(phrase))
            || (status == StatusCode::NOT_FOUND && message.contains("model"))
            || (message.contains("model") && message.contains("does not exist"))
    }

    /// All messages, in lower case.
    fn sentences(&self) -> String {
        let mut all = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        for message in &self.also {
            all.push('\n');
            all.push_str(&message.to_ascii_lowercase());
        }
        all
    }
}
