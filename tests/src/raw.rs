//! Calls with any bytes in place of a message.

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

use crate::caller::Stubs;

/// Calls a method, e.g. `/trialseal.v1.Notary/Submit`, with `bytes` as its message.
///
/// # Errors
/// The notary's status.
pub async fn call(stubs: &Stubs, method: &'static str, bytes: &[u8]) -> Result<Bytes, Status> {
    let mut grpc = Grpc::new(stubs.channel.clone());
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let request: Request<Bytes> = stubs.request(Bytes::copy_from_slice(bytes));
    let path = method.parse().expect("a method's path");
    Ok(grpc.unary(request, path, RawCodec).await?.into_inner())
}

/// Messages are bytes.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
