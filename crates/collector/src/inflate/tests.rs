//! Every codec there and back, at its limits and beyond, cut at every place.

use std::io::Write;

use bytes::Bytes;

use super::{Codec, NotInflated, inflate};
use crate::memory_limiter::{Full, MemoryLimiter};
use crate::{Limits, MemoryLimits};

const CODECS: [Codec; 3] = [Codec::Gzip, Codec::Deflate, Codec::Zstd];

fn compressed(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match codec {
        Codec::Identity => bytes.to_vec(),
        Codec::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Codec::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Codec::Zstd => zstd::encode_all(bytes, 0).unwrap(),
    }
}

fn inflated(codec: Codec, body: &[u8], limits: &Limits) -> Result<Bytes, NotInflated> {
    let limiter = MemoryLimiter::new(MemoryLimits::default());
    let mut reserved = limiter.reserve();
    reserved.grow(body.len()).unwrap();
    let inflated = inflate(codec, Bytes::copy_from_slice(body), limits, &mut reserved);
    if let Ok(inflated) = &inflated {
        assert_eq!(limiter.usage().in_work_bytes, inflated.len(), "and nothing else");
    }
    inflated
}

#[test]
fn what_was_compressed_comes_back() {
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    for codec in CODECS {
        for len in [0, 1, 65_535, 65_536, 65_537, 1_000_000] {
            let body = compressed(codec, &bytes[..len]);
            let inflated = inflated(codec, &body, &Limits::default()).unwrap();
            assert!(inflated == bytes[..len], "{codec:?} {len}");
        }
    }
    assert_eq!(
        &inflated(Codec::Identity, b"as it is", &Limits::default()).unwrap()[..],
        b"as it is"
    );
}

#[test]
fn the_size_holds_to_the_byte() {
    let limits = Limits { body_bytes_max: 100_000, ..Limits::default() };
    for codec in CODECS {
        let fits = compressed(codec, &[7; 100_000]);
        assert_eq!(inflated(codec, &fits, &limits).unwrap().len(), 100_000);
        let over = compressed(codec, &[7; 100_001]);
        assert_eq!(inflated(codec, &over, &limits), Err(NotInflated::Size), "{codec:?}");
    }
}

#[test]
fn the_ratio_holds_to_the_byte_beyond_what_is_free() {
    for codec in CODECS {
        let body = compressed(codec, &[7; 200_000]);
        let fair = 200_000_usize.div_ceil(body.len());
        let with = |inflate_ratio_max, inflate_free_bytes| {
            let limits = Limits { inflate_ratio_max, inflate_free_bytes, ..Limits::default() };
            inflated(codec, &body, &limits).map(|inflated| inflated.len())
        };
        assert_eq!(with(fair, 0), Ok(200_000), "{codec:?}");
        assert_eq!(with(fair - 1, 0), Err(NotInflated::Ratio), "{codec:?}");
        assert_eq!(with(1, 200_000), Ok(200_000), "{codec:?}");
        assert_eq!(with(1, 199_999), Err(NotInflated::Ratio), "{codec:?}");
    }
}

#[test]
fn a_bomb_takes_no_more_memory_than_what_is_fair() {
    let hard = 2 << 20;
    for codec in CODECS {
        let bomb = compressed(codec, &vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 17, "{codec:?}");
        let limiter = MemoryLimiter::new(MemoryLimits::hard(hard));
        let mut reserved = limiter.reserve();
        // Half of the memory is elsewhere: the bomb meets the limit on its way.
        let mut others = limiter.reserve();
        others.grow(hard / 2).unwrap();
        let met = inflate(codec, bomb.clone().into(), &Limits::default(), &mut reserved);
        assert_eq!(met, Err(NotInflated::Memory(Full::Now)), "{codec:?}");
        assert!(limiter.usage().in_work_bytes <= hard);
        assert_eq!(
            inflated(codec, &bomb, &Limits::default()),
            Err(match codec {
                // 1 MiB is free, and 64 MiB of zeros are 64 KiB of deflate: the ratio is over 100.
                Codec::Gzip | Codec::Deflate | Codec::Zstd => NotInflated::Ratio,
                Codec::Identity => NotInflated::Size,
            })
        );
    }
}

#[test]
fn a_window_may_have_eight_megabytes_and_no_more() {
    for (window_log, expected) in [(23, true), (24, false), (27, false)] {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 0).unwrap();
        encoder.window_log(window_log).unwrap();
        // Of unknown size, so that the frame names its window.
        encoder.write_all(b"small").unwrap();
        let body = encoder.finish().unwrap();
        let met = inflated(Codec::Zstd, &body, &Limits::default());
        assert_eq!(met.is_ok(), expected, "{window_log}: {met:?}");
    }
}

#[test]
fn what_is_cut_or_damaged_is_no_body() {
    let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    for codec in CODECS {
        let whole = compressed(codec, &bytes);
        for cut in 1..whole.len() {
            let met = inflated(codec, &whole[..cut], &Limits::default());
            assert_eq!(met, Err(NotInflated::Damaged), "{codec:?} cut at {cut}");
        }
        assert_eq!(
            inflated(codec, b"no such thing", &Limits::default()),
            Err(NotInflated::Damaged)
        );
    }
}

#[test]
fn names_are_known_whatever_their_case_and_others_are_not() {
    for (name, codec) in [("gzip", Codec::Gzip), ("GZIP", Codec::Gzip), ("zstd", Codec::Zstd)] {
        assert_eq!(Codec::named(name.as_bytes()), Some(codec));
    }
    for name in ["", "br", "gzip, gzip", "snappy"] {
        assert_eq!(Codec::named(name.as_bytes()), None);
    }
    for name in Codec::NAMES.split(',') {
        assert!(Codec::named(name.as_bytes()).is_some(), "{name}");
    }
}
