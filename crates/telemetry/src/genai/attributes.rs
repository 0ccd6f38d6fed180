//! Every attribute once: its name as a constant, and a catalogue that says of each its type, where
//! it stands and what it means. `docs/telemetry.md` and the tests are made from the catalogue.
//!
//! `gen_ai.*` as the span-attributes page has them, to the letter; the rest of `gateway.*` is ours.

/// What the catalogue says of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name, as it is exported.
    pub name: &'static str,
    /// What belongs together in the documentation.
    pub group: Group,
    /// The type of its value.
    pub kind: ValueKind,
    /// Where it stands.
    pub on: &'static [On],
    /// What it means, in one line.
    pub note: &'static str,
}

/// The type of an attribute's value, by the names of the span-attributes page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Text.
    Str,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Yes or no.
    Bool,
    /// Text that is JSON.
    Json,
    /// Text that is a JSON array.
    JsonArray,
}

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The span of the request as HTTP.
    Http,
    /// The span of the model call.
    Call,
    /// The span of a tool call in the answer.
    ToolCall,
    /// The span of work that the caller declared by headers.
    Operation,
    /// An event of the model call's span: an attempt that another one followed.
    Attempt,
    /// An event of the model call's span: what a guardrail found.
    Guardrail,
    /// Metrics, as a dimension.
    Metric,
}

macro_rules! groups {
    ($($name:ident = $title:literal;)*) => {
        /// What belongs together in the documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Group {
            $(#[doc = concat!($title, ".")] $name,)*
        }

        impl Group {
            /// All groups, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The heading.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

macro_rules! catalogue {
    ($($group:ident { $($name:ident = $text:literal, $kind:ident, $($on:ident)*: $note:literal;)* })*) => {
        $($(
            #[doc = concat!("`", $text, "`: ", $note, ".")]
            pub const $name: &str = $text;
        )*)*

        /// Every attribute, by group, in the order of the documentation.
        pub const CATALOG: &[Attribute] = &[$($(Attribute {
            name: $text,
            group: Group::$group,
            kind: ValueKind::$kind,
            on: &[$(On::$on),*],
            note: $note,
        }),*),*];
    };
}

groups! {
    Always = "On every model call";
    Request = "Request parameters";
    Response = "Response";
    Tokens = "Kinds of tokens";
    Usage = "Where tokens come from, and what they cost";
    Streaming = "Streams";
    Outcome = "Outcome and errors";
    Server = "Upstream";
    Session = "User, session and prompt";
    Caller = "Caller's key and limits";
    Tools = "Tool calls";
    Routing = "Routing";
    Experiment = "Functions and experiments";
    Operation = "Declared operations";
    Content = "Content";
    Cache = "Response cache";
    Attempt = "Attempts that failed";
    Guardrail = "Findings of guardrails";
    Http = "HTTP";
    Dimension = "Dimensions of metrics alone";
}

catalogue! {
    Always {
        OPERATION_NAME = "gen_ai.operation.name", Str, Call Operation Metric: "What is done: `chat`, `generate_content`, `embeddings`, `image_generation`, `audio_speech`, `audio_transcription`, or a declared operation";
        PROVIDER_NAME = "gen_ai.provider.name", Str, Call Metric: "The provider of the attempt that counts, by its name in the configuration (`openai`, `anthropic`, `xai`); `unknown` where none was chosen";
        REQUEST_MODEL = "gen_ai.request.model", Str, Call Metric: "The model as the caller named it; `unknown` where the body could not be read";
        REQUEST_STREAM = "gen_ai.request.stream", Bool, Call: "Whether a stream was asked for";
        OUTPUT_TYPE = "gen_ai.output.type", Str, Call: "`text`, `embeddings`, `image` or `speech`: what the endpoint makes";
    }
    Request {
        REQUEST_TEMPERATURE = "gen_ai.request.temperature", Float, Call: "Sampling temperature";
        REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens", Int, Call: "Limit on generated tokens, under any of its names";
        REQUEST_TOP_P = "gen_ai.request.top_p", Float, Call: "Nucleus sampling threshold";
        REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty", Float, Call: "Frequency penalty";
        REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty", Float, Call: "Presence penalty";
        REQUEST_SEED = "gen_ai.request.seed", Int, Call: "Sampling seed";
        REQUEST_TOP_K = "gen_ai.request.top_k", Int, Call: "Top-k cutoff";
        REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences", JsonArray, Call: "Stop sequences; a single one is an array of one";
        REQUEST_N = "gen_ai.request.n", Int, Call: "Number of answers asked for";
    }
    Response {
        RESPONSE_MODEL = "gen_ai.response.model", Str, Call Metric: "The model that answered, by its own word";
        RESPONSE_ID = "gen_ai.response.id", Str, Call: "The provider's id of the answer";
        USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens", Int, Call: "Input tokens, cached ones included whatever the provider's way of counting";
        USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens", Int, Call: "Output tokens, as the provider counts them";
        RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons", JsonArray, Call: "Why each answer ended; `error` for a stream that broke off";
    }
    Tokens {
        USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens", Int, Call: "Tokens written to the provider's prompt cache";
        USAGE_CACHE_CREATION_5M = "gen_ai.usage.cache_creation_5m.input_tokens", Int, Call: "The part of them kept for five minutes";
        USAGE_CACHE_CREATION_1H = "gen_ai.usage.cache_creation_1h.input_tokens", Int, Call: "The part of them kept for an hour";
        USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens", Int, Call: "Tokens read from the provider's prompt cache";
        USAGE_REASONING = "gen_ai.usage.reasoning_tokens", Int, Call: "Reasoning tokens, as reported";
    }
    Usage {
        USAGE_SOURCE = "gateway.usage.source", Str, Call: "`reported` by the provider, `estimated` from what was delivered, or `unknown`: then there are no counts";
        USAGE_GENERATED = "gateway.usage.generated_tokens", Int, Call: "Output tokens with reasoning in them once, where the provider counts it apart";
        USAGE_COST = "gateway.usage.cost", Float, Call: "What the tokens cost by the configured prices";
        USAGE_CURRENCY = "gateway.usage.currency", Str, Call Metric: "The currency of costs, by ISO 4217";
    }
    Streaming {
        SERVER_TTFT = "gen_ai.server.time_to_first_token", Float, Call: "Seconds from the start of the attempt to the first content: text, reasoning, refusal, tool call, audio or image; never a role, a ping or a head";
        SERVER_REQUEST_DURATION = "gen_ai.server.request.duration", Float, Call: "Seconds from the start of the attempt to the end of the stream";
        SERVER_THROUGHPUT = "gen_ai.server.output_tokens_per_second", Float, Call: "Output tokens over that duration";
        FIRST_BYTE = "gateway.stream.first_byte_seconds", Float, Call: "Seconds to the first byte of the body";
        FIRST_EVENT = "gateway.stream.first_event_seconds", Float, Call: "Seconds to the first event with data";
        FIRST_REASONING = "gateway.stream.first_reasoning_seconds", Float, Call: "Seconds to the first reasoning";
        FIRST_CONTENT = "gateway.stream.first_content_seconds", Float, Call: "Seconds to the first content, as in `gen_ai.server.time_to_first_token`";
        GAP_P50 = "gateway.stream.gap.p50_seconds", Float, Call: "Half of the gaps between content are no longer";
        GAP_P99 = "gateway.stream.gap.p99_seconds", Float, Call: "99 of 100 gaps between content are no longer";
        GAP_MAX = "gateway.stream.gap.max_seconds", Float, Call: "The longest gap between content";
        STALLS = "gateway.stream.stalls", Int, Call: "Gaps of at least two seconds";
    }
    Outcome {
        OUTCOME = "gateway.outcome", Str, Call Metric: "How the call ended: `complete`, `upstream_failed`, `cancelled`, `rejected` or `cached`";
        ERROR_TYPE = "error.type", Str, Call Attempt Metric: "`timeout`, `connection_error` or `request_error`; absent where nothing failed";
        ERROR_CLASS = "gateway.error.class", Str, Call: "The finer class: the upstream's status, or the code of a refusal";
    }
    Server {
        SERVER_ADDRESS = "server.address", Str, Call Metric: "The upstream's host name";
        SERVER_PORT = "server.port", Int, Call Metric: "The upstream's port";
    }
    Session {
        USER_ID = "gen_ai.user.id", Str, Call: "The caller's user: header, else `user` of the body";
        SESSION_ID = "gen_ai.session.id", Str, Call: "The caller's session";
        CONVERSATION_ID = "gen_ai.conversation.id", Str, Call: "The conversation that the call belongs to";
        ENVIRONMENT = "deployment.environment.name", Str, Call: "The caller's environment";
        PROMPT_ID = "gateway.prompt.id", Str, Http Call: "The prompt that was used, by its id";
        PROMPT_VERSION = "gateway.prompt.version", Str, Http Call: "Its version";
        PROMPT_LABEL = "gateway.prompt.label", Str, Http Call: "Its label";
        PROMPT_SLUG = "gateway.prompt.slug", Str, Http Call: "Its short name";
    }
    Caller {
        KEY_ID = "gateway.key.id", Str, Http Call: "The caller's key, by its id; absent without one";
        KEY_NAME = "gateway.key.name", Str, Http Call: "What people call that key";
        PROJECT_ID = "project.id", Str, Http Call: "The project that the key is for, or that the request names for a key of all projects";
        LIMIT_KIND = "gateway.limit.kind", Str, Http Call: "What had no room: `requests`, `tokens`, `concurrency`, `budget_day` or `budget_month`; absent where nothing was exceeded";
        LIMIT_SCOPE = "gateway.limit.scope", Str, Http Call: "Whose use that is: `key`, `user`, `model`, `target` or `all`";
    }
    Tools {
        TOOL_NAME = "gen_ai.tool.name", Str, ToolCall Operation: "The function, or the tool that was run";
        TOOL_TYPE = "gen_ai.tool.type", Str, ToolCall: "Always `function`";
        TOOL_CALL_ID = "gen_ai.tool.call.id", Str, ToolCall Operation: "The provider's id of the call";
        TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments", Json, ToolCall: "The arguments; with content capture only";
        TOOL_CALL_ARGUMENTS_VALID = "gateway.tool_call.arguments_valid", Bool, ToolCall: "Whether the arguments are one JSON object; absent where they were not seen whole";
        TOOL_DEFINITIONS = "gen_ai.tool.definitions", JsonArray, Call: "The tools offered; with content capture only";
    }
    Routing {
        ROUTING_PATH = "gateway.routing.path", Str, Call: "`managed` or `passthrough`; of a passthrough this is all";
        ROUTING_TARGET = "gateway.routing.target", Str, Call: "The target of the attempt that counts";
        ROUTING_LAYER = "gateway.routing.layer", Str, Call: "What resolved the model: `function` or `route`";
        ROUTING_STRATEGY = "gateway.routing.strategy", Str, Call: "`single`, `weighted`, `fallback`, `experiment`, `latency` or `least_busy`";
        ROUTING_ATTEMPT = "gateway.routing.attempt", Int, Call: "The number of the attempt that counts, from 1";
        ROUTING_UPSTREAM_MODEL = "gateway.routing.upstream_model", Str, Call: "The model that was sent upstream";
    }
    Experiment {
        VARIANT_NAME = "gateway.variant.name", Str, Call: "The variant that was drawn";
        VARIANT_WEIGHT = "gateway.variant.weight", Int, Call: "Its weight, as configured";
        TOTAL_VARIANTS = "gateway.experiment.total_variants", Int, Call: "How many variants the function has";
        FUNCTION_NAME = "gateway.function.name", Str, Call: "The function that resolved the model";
        FUNCTION_ENDPOINT = "gateway.function.endpoint", Str, Call: "The kind of endpoint it serves, as in the configuration: `chat`, `embeddings`, ...";
    }
    Operation {
        RETRIEVAL_SOURCE = "gen_ai.retrieval.source", Str, Operation: "Where documents were looked up";
        RETRIEVAL_DOCUMENT_COUNT = "gen_ai.retrieval.document.count", Str, Operation: "How many were found, as the caller wrote it";
        AGENT_ID = "gen_ai.agent.id", Str, Operation: "The agent's id";
        AGENT_NAME = "gen_ai.agent.name", Str, Operation: "The agent's name";
        AGENT_STEP = "gen_ai.agent.step", Str, Operation: "The step of an invoked agent, from 0, as the caller wrote it";
        AGENT_DESCRIPTION = "gen_ai.agent.description", Str, Operation: "What a created agent is for";
    }
    Content {
        INPUT_MESSAGES = "gen_ai.input.messages", Json, Call: "The prompt's messages, or the input of an embedding, an image or speech";
        OUTPUT_MESSAGES = "gen_ai.output.messages", Json, Call: "The answer's messages, or the accumulated stream";
        SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions", Str, Call: "The system prompt";
        CONTENT_TRUNCATED = "gateway.content.truncated", Bool, Call: "`true` where content was cut at its limit, else absent";
    }
    Cache {
        CACHE_STATUS = "gen_ai.cache.status", Str, Call Metric: "`hit`, `miss` or `skip`";
        CACHE_AGE = "gen_ai.cache.age_seconds", Float, Call: "How old the answer is; hits only";
        CACHE_SAVED_TOKENS = "gateway.cache.saved_tokens", Int, Call: "Tokens that were not used again; hits only";
        CACHE_SAVED_COST = "gateway.cache.saved_cost", Float, Call: "What they would have cost; hits only";
    }
    Attempt {
        ATTEMPT_NUMBER = "gateway.attempt.number", Int, Attempt: "The attempt, from 1";
        ATTEMPT_TARGET = "gateway.attempt.target", Str, Attempt: "Where it went";
        ATTEMPT_PROVIDER = "gateway.attempt.provider", Str, Attempt: "Who serves that";
        ATTEMPT_MODEL = "gateway.attempt.model", Str, Attempt: "The model that was sent";
        ATTEMPT_MESSAGE = "gateway.attempt.message", Str, Attempt: "A summary of what went wrong";
        ATTEMPT_DURATION = "gateway.attempt.duration_seconds", Float, Attempt: "How long it took";
    }
    Guardrail {
        GUARDRAIL_DETECTOR = "gen_ai.guardrail.detector", Str, Guardrail Metric: "What found something: `blocklist`, `pii`, `secrets` or `webhook`";
        GUARDRAIL_DIRECTION = "gen_ai.guardrail.direction", Str, Guardrail Metric: "`input` or `output`";
        GUARDRAIL_KIND = "gateway.guardrail.kind", Str, Guardrail: "What it was taken for (`email`, `jwt`), or the name of the webhook; never the text";
        GUARDRAIL_ACTION = "gateway.guardrail.action", Str, Guardrail: "What it led to: `flag`, `redact` or `block`";
        GUARDRAIL_COUNT = "gateway.guardrail.count", Int, Guardrail: "How often it was found";
        GUARDRAIL_HOLD = "gateway.guardrail.hold_seconds", Float, Call: "The longest that an event of the answer was held back until it was known to be clean; absent where none was";
    }
    Http {
        HTTP_METHOD = "http.request.method", Str, Http: "The request's method";
        URL_PATH = "url.path", Str, Http: "The path as it came";
        HTTP_ROUTE = "http.route", Str, Http: "The path without ids; `unknown` where no endpoint has it";
        HTTP_VERSION = "network.protocol.version", Str, Http: "`1.1` or `2`";
        ATTEMPT_STATUS = "http.response.status_code", Int, Http Attempt: "The status that was sent, or that an attempt got; absent without one";
        CLIENT_ADDRESS = "client.address", Str, Http: "The caller's address";
        USER_AGENT = "user_agent.original", Str, Http: "The caller's software, as it names itself";
        REQUEST_ID = "gateway.request.id", Str, Http: "The value of `x-to11-request-id`";
        ERROR_CODE = "gateway.error.code", Str, Http: "The value of `x-to11-error-code`, for a refusal";
    }
    Dimension {
        TOKEN_TYPE = "gen_ai.token.type", Str, Metric: "`input` or `output`";
        RESPONSE_FINISH_REASON = "gen_ai.response.finish_reason", Str, Metric: "One reason why an answer ended";
        GUARDRAIL_WEBHOOK = "gateway.guardrail.webhook", Str, Metric: "The webhook, by its name in the configuration";
        GUARDRAIL_REASON = "gateway.guardrail.reason", Str, Metric: "Why it gave no answer: `timeout`, `unreachable`, `status`, `malformed` or `too_long`";
        EXCLUDED_TARGET = "gateway.retry.excluded_target", Str, Metric: "The target that was left";
    }
}

// === impl Attribute ===

impl Attribute {
    /// The attribute of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOG.iter().find(|attribute| attribute.name == name)
    }
}

// === impl ValueKind ===

impl ValueKind {
    /// The type's name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Json => "string (JSON)",
            Self::JsonArray => "string (JSON array)",
        }
    }
}

// === impl On ===

impl On {
    /// Its name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP span",
            Self::Call => "model call",
            Self::ToolCall => "tool call",
            Self::Operation => "declared operation",
            Self::Attempt => "attempt (event)",
            Self::Guardrail => "guardrail (event)",
            Self::Metric => "metrics",
        }
    }
}
