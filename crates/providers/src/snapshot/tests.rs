//! Which names are dates of others.

use super::is_snapshot_of;

#[test]
fn a_date_behind_the_name_is_a_snapshot_of_it() {
    for (name, base) in [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("claude-sonnet-4-6-20260217", "claude-sonnet-4-6"),
        ("claude-sonnet-4-6@20260217", "claude-sonnet-4-6"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4-1231", "gpt-4"),
        ("mistral-large-2411", "mistral-large"),
    ] {
        assert!(is_snapshot_of(name, base), "{name} of {base}");
    }
}

#[test]
fn another_model_is_no_snapshot() {
    for (name, base) in [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4"),
        ("gpt-4o-2024-13-06", "gpt-4o"),
        ("gpt-4o-2024-08-32", "gpt-4o"),
        ("gpt-4o-1024-08-06", "gpt-4o"),
        ("gpt-4o-2024-08", "gpt-4o"),
        ("gpt-4o-2024-08-06-x", "gpt-4o"),
        ("gpt-4o-202408060", "gpt-4o"),
        ("gpt-4o-2024080", "gpt-4o"),
        ("gpt-4-1332", "gpt-4"),
        ("gpt-4-1300", "gpt-4"),
        ("gpt-4o2024-08-06", "gpt-4o"),
        ("llama-3-8b", "llama-3"),
        ("m-+1-1", "m"),
        ("é-0101é", "é"),
        ("2024-08-06", ""),
    ] {
        assert!(!is_snapshot_of(name, base), "{name} of {base}");
    }
}
