//! Streams of every dialect under a guard, in every split: what leaves, when, and what is told.

mod acting;
mod clean;
mod rig;
mod units;
