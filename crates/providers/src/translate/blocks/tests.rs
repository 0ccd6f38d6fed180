//! Blocks in order, whatever order events come in.
