//! The shim under the crate that uses it: bytes survive a round trip through `flate2`.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

fn sample() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> (i % 24)) as u8).collect()
}

#[test]
fn gzip_round_trip() {
    let data = sample();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&data).unwrap();
    let packed = encoder.finish().unwrap();
    let mut back = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
    assert!(back == data, "gzip must give the bytes back");
}

#[test]
fn zlib_round_trip_in_small_writes() {
    let data = sample();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for piece in data.chunks(777) {
        encoder.write_all(piece).unwrap();
    }
    let packed = encoder.finish().unwrap();
    assert!(packed.len() < data.len() + 1000);
    let mut back = Vec::new();
    ZlibDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
    assert!(back == data, "zlib must give the bytes back");
}

#[test]
fn damaged_input_is_an_error_not_a_crash() {
    let mut back = Vec::new();
    assert!(
        GzDecoder::new(&b"\x1f\x8b\x08\x00nonsense that is no deflate stream"[..])
            .read_to_end(&mut back)
            .is_err()
    );
}
