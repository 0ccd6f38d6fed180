//! Every attribute name once. `gen_ai.*` as the span-attributes page has them, to the letter;
//! `gateway.stream.*`, `gateway.usage.source` and `gateway.outcome` are ours.

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {$(
        #[doc = concat!("`", $text, "`")]
        pub const $name: &str = $text;
    )*};
}

names! {
    OPERATION_NAME = "gen_ai.operation.name";
    PROVIDER_NAME = "gen_ai.provider.name";
    REQUEST_MODEL = "gen_ai.request.model";
    REQUEST_STREAM = "gen_ai.request.stream";
    REQUEST_TEMPERATURE = "gen_ai.request.temperature";
    REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
    REQUEST_TOP_P = "gen_ai.request.top_p";
    REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty";
    REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty";
    REQUEST_SEED = "gen_ai.request.seed";
    REQUEST_TOP_K = "gen_ai.request.top_k";
    REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences";
    REQUEST_N = "gen_ai.request.n";
    RESPONSE_MODEL = "gen_ai.response.model";
    RESPONSE_ID = "gen_ai.response.id";
    RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
    RESPONSE_FINISH_REASON = "gen_ai.response.finish_reason";
    USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
    USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
    USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens";
    USAGE_CACHE_CREATION_5M = "gen_ai.usage.cache_creation_5m.input_tokens";
    USAGE_CACHE_CREATION_1H = "gen_ai.usage.cache_creation_1h.input_tokens";
    USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens";
    USAGE_REASONING = "gen_ai.usage.reasoning_tokens";
    SERVER_TTFT = "gen_ai.server.time_to_first_token";
    SERVER_REQUEST_DURATION = "gen_ai.server.request.duration";
    SERVER_THROUGHPUT = "gen_ai.server.output_tokens_per_second";
    OUTPUT_TYPE = "gen_ai.output.type";
    TOKEN_TYPE = "gen_ai.token.type";
    SERVER_ADDRESS = "server.address";
    SERVER_PORT = "server.port";
    ERROR_TYPE = "error.type";
    USER_ID = "gen_ai.user.id";
    SESSION_ID = "gen_ai.session.id";
    CONVERSATION_ID = "gen_ai.conversation.id";
    ENVIRONMENT = "deployment.environment.name";
    TOOL_NAME = "gen_ai.tool.name";
    TOOL_TYPE = "gen_ai.tool.type";
    TOOL_CALL_ID = "gen_ai.tool.call.id";
    TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
    TOOL_DEFINITIONS = "gen_ai.tool.definitions";
    INPUT_MESSAGES = "gen_ai.input.messages";
    OUTPUT_MESSAGES = "gen_ai.output.messages";
    SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
    ROUTING_PATH = "gateway.routing.path";
    ROUTING_TARGET = "gateway.routing.target";
    ROUTING_LAYER = "gateway.routing.layer";
    ROUTING_STRATEGY = "gateway.routing.strategy";
    ROUTING_ATTEMPT = "gateway.routing.attempt";
    ROUTING_UPSTREAM_MODEL = "gateway.routing.upstream_model";
    VARIANT_NAME = "gateway.variant.name";
    VARIANT_WEIGHT = "gateway.variant.weight";
    TOTAL_VARIANTS = "gateway.experiment.total_variants";
    FUNCTION_NAME = "gateway.function.name";
    FUNCTION_ENDPOINT = "gateway.function.endpoint";
    FIRST_BYTE = "gateway.stream.first_byte_seconds";
    FIRST_EVENT = "gateway.stream.first_event_seconds";
    FIRST_REASONING = "gateway.stream.first_reasoning_seconds";
    FIRST_CONTENT = "gateway.stream.first_content_seconds";
    GAP_P50 = "gateway.stream.gap.p50_seconds";
    GAP_P99 = "gateway.stream.gap.p99_seconds";
    GAP_MAX = "gateway.stream.gap.max_seconds";
    STALLS = "gateway.stream.stalls";
    USAGE_SOURCE = "gateway.usage.source";
    OUTCOME = "gateway.outcome";
    CONTENT_TRUNCATED = "gateway.content.truncated";
    ATTEMPT_NUMBER = "gateway.attempt.number";
    ATTEMPT_TARGET = "gateway.attempt.target";
    ATTEMPT_PROVIDER = "gateway.attempt.provider";
    ATTEMPT_MODEL = "gateway.attempt.model";
    ATTEMPT_DURATION = "gateway.attempt.duration_seconds";
    ATTEMPT_STATUS = "http.response.status_code";
    ATTEMPT_MESSAGE = "gateway.attempt.message";
}
