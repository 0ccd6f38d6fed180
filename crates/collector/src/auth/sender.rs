//! Who sent a request, and the stamp that says so.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::pipeline::PROJECT_ID;

/// Who sent a request. Whatever has none was not looked at, and goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Nobody asked: senders name their projects themselves.
    Unverified,
    /// Somebody of this project.
    Of(Arc<str>),
}

// === impl Sender ===

impl Sender {
    /// Writes the project over whatever each resource says, also where there is none.
    pub(crate) fn stamp<'r>(&self, resources: impl Iterator<Item = &'r mut Option<Resource>>) {
        let Self::Of(project) = self else { return };
        for resource in resources {
            let attributes = &mut resource.get_or_insert_default().attributes;
            attributes.retain(|attribute| attribute.key != PROJECT_ID);
            let value = Some(AnyValue { value: Some(Value::StringValue(project.to_string())) });
            attributes.push(KeyValue { key: PROJECT_ID.to_owned(), value, ..KeyValue::default() });
        }
    }
}
