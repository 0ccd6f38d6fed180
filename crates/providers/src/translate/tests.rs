//! Whole conversations and answers, there and back.
