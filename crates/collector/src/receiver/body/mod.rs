//! A request's body as both protocols get it: read, inflated, and weighed before it is decoded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use crate::inflate::{Codec, inflate};
use crate::memory_limiter::Reservation;
use crate::pipeline::Pipeline;
use crate::refusal::Refusal;

#[cfg(test)]
mod tests;

/// How long a body may take.
const READ_MAX: Duration = Duration::from_secs(30);

/// The body as sent, at most `bytes_max` bytes of it.
pub(super) async fn read<B>(
    body: B,
    bytes_max: usize,
    reserved: &mut Reservation,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::BodyBytes);
    }
    let read = tokio::time::timeout(READ_MAX, read_all(body, bytes_max, reserved));
    read.await.map_err(|_| Refusal::Slow)?
}

async fn read_all<B>(
    mut body: B,
    bytes_max: usize,
    reserved: &mut Reservation,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Damaged)?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > bytes_max {
            return Err(Refusal::BodyBytes);
        }
        reserved.grow(data.len())?;
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// The body without its compression, once there is memory for what it becomes.
pub(super) fn open(
    pipeline: &Pipeline,
    codec: Codec,
    body: Bytes,
    weigh: impl FnOnce(&[u8], usize) -> usize,
    reserved: &mut Reservation,
) -> Result<Bytes, Refusal> {
    let limits = &pipeline.settings.limits;
    let body = inflate(codec, body, limits, reserved)?;
    let decoded_bytes = weigh(&body, limits.decoded_bytes_max);
    if decoded_bytes > limits.decoded_bytes_max {
        return Err(Refusal::DecodedBytes);
    }
    reserved.grow(decoded_bytes)?;
    Ok(body)
}
