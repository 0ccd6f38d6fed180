//! Both pipelines and one further exporter, each with its own backend, resource and vocabulary.

use crate::client::post;
use crate::harness::{USUAL, World, free_port, trace_id, traceparent};
use crate::otlp_backend::{Mood, OtlpBackend};

const BODY: &str = r#"{"model":"gpt-4o-mini","messages":[]}"#;

#[test]
fn each_exporter_gets_its_own_spans_and_metrics_with_its_own_resource_and_names() {
    let ports = [free_port(), free_port(), free_port()];
    let [application, genai, further] = ports;
    let world = World::new(&format!(
        "{USUAL}
telemetry:
  otlp_endpoint: \"http://127.0.0.1:{application}\"
  protocol: http/json
  service_name: edge
  resource: {{ deployment.environment.name: test }}
  metrics: true
  metrics_interval_ms: 100
genai_telemetry:
  otlp_endpoint: \"http://127.0.0.1:{genai}\"
  protocol: http/json
  headers: {{ x-key: \"env::OPENAI_KEY\" }}
  metrics: true
  metrics_interval_ms: 100
  exporters:
    phoenix:
      otlp_endpoint: \"http://127.0.0.1:{further}\"
      protocol: http/json
      service_name: models
      profiles: [openinference]
"
    ));
    let backends = ports.map(|port| {
        let backend = OtlpBackend::new(Mood::Taking);
        backend.serve(world.runtime(), port);
        backend
    });
    let trace = trace_id();
    post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], BODY);
    let [application, genai, further] = backends.each_ref().map(|it| it.wait_for_spans(1));
    for arrived in [&application, &genai, &further] {
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        assert_eq!(arrived[0].span["traceId"], trace.as_str());
    }
    assert_eq!(application[0].name(), "POST /v1/chat/completions");
    assert_eq!(application[0].resource["service.name"], "edge");
    assert_eq!(application[0].resource["deployment.environment.name"], "test");
    assert_eq!(application[0].key, None);
    assert!(genai[0].has("gen_ai.request.model") && !genai[0].has("llm.model_name"));
    assert_eq!(genai[0].resource["service.name"], "edge", "the process's name");
    assert!(!genai[0].resource.contains_key("deployment.environment.name"));
    assert_eq!(genai[0].key.as_deref(), Some(crate::harness::OPENAI_KEY));
    assert!(further[0].has("llm.model_name") && !further[0].has("gen_ai.request.model"));
    assert_eq!(further[0].resource["service.name"], "models");
    let of_gateway = backends[0].wait_for_metric("gateway.requests_finished");
    assert!(of_gateway.iter().all(|name| !name.starts_with("gen_ai.")), "{of_gateway:?}");
    let of_calls = backends[1].wait_for_metric("gen_ai.client.operation.duration");
    assert!(of_calls.iter().all(|name| name.starts_with("gen_ai.")), "{of_calls:?}");
}

#[test]
fn traces_that_are_not_sampled_are_stored_all_the_same_and_are_no_loss() {
    let port = free_port();
    let world = World::new(&format!(
        "{USUAL}genai_telemetry: {{ otlp_endpoint: \"http://127.0.0.1:{port}\", protocol: http/json, \
         sample_ratio: 0 }}\n"
    ));
    let trace = trace_id();
    post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], BODY);
    let _stored = world.genai(&trace);
    world.until_idle();
    let metrics = world.running().metrics();
    let of = |name| crate::exporters::counter(&metrics, &[name, "queue=\"genai_telemetry\""]);
    assert_eq!(of("gateway_spans_unsampled_total"), 1);
    assert_eq!((of("gateway_spans_dropped_total"), of("gateway_spans_queued")), (0, 0));
}
