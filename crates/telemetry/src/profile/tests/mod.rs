//! Profiles against records that have everything.

mod calls;
mod content;
mod data;
mod document;
mod properties;
mod snapshots;
mod traps;
