//! Calls without generated clients: any octets to any method, over a connection of our own making.

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// Leaves octets as they are.
#[derive(Clone, Copy, Default)]
struct Octets;

impl Codec for Octets {
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

impl Encoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

/// A method and what is sent to it.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    /// `package.Service/Method`.
    pub(crate) method: &'static str,
    /// The encoded message.
    pub(crate) body: Bytes,
}

impl Rpc {
    /// With a message of the method's type.
    pub(crate) fn new(method: &'static str, message: &impl Message) -> Self {
        Self { method, body: message.encode_to_vec().into() }
    }

    /// With other octets.
    pub(crate) fn with_body(&self, body: impl Into<Bytes>) -> Self {
        Self { method: self.method, body: body.into() }
    }

    /// Makes the call, with an authorization header that may be anything.
    pub(crate) async fn call(
        &self,
        channel: &Channel,
        authorization: Option<&str>,
    ) -> Result<Response<Bytes>, Status> {
        let mut request = Request::new(self.body.clone());
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value.parse().unwrap());
        }
        let path: PathAndQuery = format!("/{}", self.method).parse().unwrap();
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        client.unary(request, path, Octets).await
    }

    /// Makes the call with a bearer token.
    pub(crate) async fn bearing(&self, channel: &Channel, token: &str) -> Result<Response<Bytes>, Status> {
        self.call(channel, Some(&format!("Bearer {token}"))).await
    }
}
