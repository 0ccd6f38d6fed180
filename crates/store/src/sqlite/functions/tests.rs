//! The functions by themselves.
