//! Streams of every dialect under a guard, in every split: what leaves, when, and what is told.

mod acting;
mod alike;
mod clean;
mod late;
mod limits;
mod rig;
mod turns;
mod units;
