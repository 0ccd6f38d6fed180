//! Any bytes as a configuration: a report or settings, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tollgate_config::fuzz_load(data));
