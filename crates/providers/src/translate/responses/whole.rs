//! A plain answer.

use serde_json::Value;

use crate::translate::answer::Answer;
use crate::translate::writer::Reply;

/// The answer as one object.
pub(in crate::translate) fn whole(_answer: &Answer, _reply: &Reply) -> Value {
    Value::Null
}
