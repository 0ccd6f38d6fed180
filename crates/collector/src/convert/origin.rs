//! What rows of metrics and logs share: their resource and scope.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use tollgate_store::{Origin, Pairs};

use super::pairs;

/// A resource, whose scopes are to come.
pub(super) struct OfResource {
    service_name: String,
    attributes: Pairs,
    schema_url: String,
}

// === impl OfResource ===

impl OfResource {
    pub(super) fn new(
        resource: Option<opentelemetry_proto::tonic::resource::v1::Resource>,
        schema_url: String,
    ) -> Self {
        let attributes = pairs(resource.unwrap_or_default().attributes);
        let service = attributes.iter().find(|(key, _)| key == "service.name");
        let service_name = service.map(|(_, name)| name.clone()).unwrap_or_default();
        Self { service_name, attributes, schema_url }
    }

    pub(super) fn scope(
        &self,
        scope: Option<InstrumentationScope>,
        schema_url: String,
    ) -> Arc<Origin> {
        let scope = scope.unwrap_or_default();
        Arc::new(Origin {
            service_name: self.service_name.clone(),
            resource_attributes: self.attributes.clone(),
            resource_schema_url: self.schema_url.clone(),
            scope_name: scope.name,
            scope_version: scope.version,
            scope_attributes: pairs(scope.attributes),
            scope_dropped_attributes_count: scope.dropped_attributes_count,
            scope_schema_url: schema_url,
        })
    }
}
