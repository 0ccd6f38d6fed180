//! Model names, as the API and the clouds write them.

use super::{generation, refuses_sampling, samples_by_one, thinks_adaptively};

#[test]
fn a_generation_is_read_out_of_every_way_to_write_a_model() {
    for (model, said) in [
        ("claude-opus-4-8", Some((4, 8))),
        ("claude-sonnet-4-20250514", Some((4, 0))),
        ("claude-sonnet-4@20250514", Some((4, 0))),
        ("claude-sonnet-4-5-20250929", Some((4, 5))),
        ("claude-3-7-sonnet-latest", Some((3, 7))),
        ("anthropic/claude-4.7-opus", Some((4, 7))),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", Some((4, 5))),
        ("claude-fable-5", Some((5, 0))),
        ("claude-mythos-preview", Some((u32::MAX, 0))),
        ("glm-4.7", None),
        ("", None),
    ] {
        assert_eq!(generation(model), said, "{model}");
    }
}

#[test]
fn what_a_model_refuses_begins_with_a_generation() {
    let all = |model| (samples_by_one(model), thinks_adaptively(model), refuses_sampling(model));
    assert_eq!(all("claude-opus-4-0"), (false, false, false));
    assert_eq!(all("claude-opus-4-1"), (true, false, false));
    assert_eq!(all("claude-opus-4-5"), (true, false, false));
    assert_eq!(all("claude-opus-4-6"), (true, true, false));
    assert_eq!(all("claude-opus-4-7"), (true, true, true));
    assert_eq!(all("kimi-k2"), (false, false, false));
}
