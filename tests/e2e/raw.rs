//! Calls of any method by its name, with messages as bytes: for tests that go through the whole contract.

use http::header;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{
    Request, Status,
    body::Body,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tower::{Service as _, ServiceExt as _};

/// A method of the contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method {
    /// `countersign.access.v1.AccessService/GetAccount`.
    pub name: String,
    /// Whether it answers with a stream.
    pub streams: bool,
}

/// Every method of every service of the contract, from its descriptor set.
pub fn every_method() -> Vec<Method> {
    let set = FileDescriptorSet::decode(countersign_proto::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in set.file.iter().filter(|file| file.package().starts_with("countersign.")) {
        for service in &file.service {
            methods.extend(service.method.iter().map(|method| Method {
                name: format!("{}.{}/{}", file.package(), service.name(), method.name()),
                streams: method.server_streaming(),
            }));
        }
    }
    methods
}

/// Calls `method` and waits for its answer; of a stream for the first message.
pub async fn call(channel: Channel, method: &Method, request: Request<Vec<u8>>) -> Result<(), Status> {
    let path = format!("/{}", method.name).parse().unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    if method.streams {
        let mut stream = client.server_streaming(request, path, Bytes).await?.into_inner();
        stream.message().await?.ok_or_else(|| Status::unknown("the stream ended without a message"))?;
    } else {
        client.unary(request, path, Bytes).await?;
    }
    Ok(())
}

/// A call of `method` with whatever bytes as its body.
pub fn post(method: &str, account: &str, actor: &str, body: Vec<u8>) -> http::Request<Body> {
    http::Request::post(format!("/{method}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .header("countersign-account", account)
        .header("countersign-actor", actor)
        .body(Body::new(Full::from(body)))
        .unwrap()
}

/// How a call ended.
pub async fn answer(mut channel: Channel, request: http::Request<Body>) -> Status {
    let failed = |error: &dyn std::error::Error| Status::unknown(format!("transport: {error:?}"));
    let ready = match channel.ready().await {
        Ok(ready) => ready,
        Err(error) => return failed(&error),
    };
    let response = match ready.call(request).await {
        Ok(response) => response,
        Err(error) => return failed(&error),
    };
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    match response.into_body().collect().await {
        Ok(body) => body
            .trailers()
            .and_then(Status::from_header_map)
            .unwrap_or_else(|| Status::unknown("an answer without a status")),
        Err(status) => status,
    }
}

/// Messages that are bytes already.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        let rest = bytes::Buf::remaining(buffer);
        bytes::Buf::advance(buffer, rest);
        Ok(Some(()))
    }
}
