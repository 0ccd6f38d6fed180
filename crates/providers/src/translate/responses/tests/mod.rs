//! The Responses API read, written, and both in turn.
