//! Who called, by the key that was shown.

use std::sync::Arc;

/// The key that a caller showed.
#[derive(Clone, Debug, Default)]
pub struct CallerKey {
    /// Its id; no secret.
    pub id: Arc<str>,
    /// What people call it; may be empty.
    pub name: Arc<str>,
    /// The project that the call is made for.
    pub project: Option<Arc<str>>,
    /// Attributes from its metadata.
    pub metadata: Arc<[(Arc<str>, String)]>,
}
