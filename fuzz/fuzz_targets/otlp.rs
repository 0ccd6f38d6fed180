//! Any bytes as an export of each signal, in both encodings: refused, or rows that every store takes.
//!
//! The first byte says which signal and which encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_collector::{SignalKind, rows_in};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let signal = SignalKind::ALL[usize::from(which % 3)];
    let is_json = (which & 0x20) == 0;
    if let Some(checked) = rows_in(signal, is_json, body) {
        checked.unwrap();
    }
});
