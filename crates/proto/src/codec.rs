//! How messages are read off the wire and written to it: as tonic's own codec does, and a request whose text holds U+0000 is refused.
//!
//! No database can be trusted with that character (PostgreSQL stores it in no text), and none of the texts of the contract has a
//! use for it. It is refused here, for every field of every request at once, so that no handler can forget it.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::LazyLock;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{Message, Name, bytes::Buf as _};
use prost_reflect::{Kind, MessageDescriptor};
use tonic::codec::{BufferSettings, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::{ProstCodec, ProstEncoder};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{json::POOL, reason, types::ErrorReason};

/// So many fields are listed; the details travel in a trailer, which has little room.
const LISTED: usize = 30;
/// prost reads messages nested as deep as this.
const DEPTH: usize = 100;

/// The codec of every service of the contract.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        Reader(PhantomData)
    }
}

/// Reads messages.
#[derive(Debug)]
pub struct Reader<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    #[expect(clippy::disallowed_methods, reason = "the door of the services says what it means")]
    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        let fields = fields_with_nul(&U::full_name(), &bytes);
        if !fields.is_empty() {
            return Err(refusal(fields));
        }
        U::decode(bytes).map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

fn refusal(fields: Vec<String>) -> Status {
    let description = "must not hold the character U+0000";
    let message = match fields.as_slice() {
        [one] => format!("{one} {description}"),
        many => format!("{} fields are not acceptable", many.len()),
    };
    let mut details = ErrorDetails::new();
    details.set_error_info(
        reason::name(ErrorReason::InvalidFields),
        reason::DOMAIN,
        [] as [(String, String); 0],
    );
    for field in fields {
        details.add_bad_request_violation(field, description);
    }
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The names of the messages that calls are made with. Answers are read as they are.
static REQUESTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let services = POOL.iter().flat_map(prost_reflect::DescriptorPool::services);
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.map(|method| method.input().full_name().to_owned()).collect()
});

/// The text fields of the request `name` that hold U+0000. Bytes that are no such message are left to the decoder.
fn fields_with_nul(name: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if bytes.contains(&0)
        && REQUESTS.contains(name)
        && let Some(message) = POOL.as_ref().and_then(|pool| pool.get_message_by_name(name))
    {
        // A walk that ends early has found bytes that the decoder refuses.
        let _ended = walk(&message, bytes, &mut String::new(), DEPTH, &mut found);
    }
    found
}

fn walk(
    message: &MessageDescriptor,
    mut bytes: &[u8],
    path: &mut String,
    depth: usize,
    found: &mut Vec<String>,
) -> Option<()> {
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes).ok()?;
        if wire != WireType::LengthDelimited {
            skip_field(wire, number, &mut bytes, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
        let (value, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        let Some(field) = message.get_field(number) else { continue };
        let came_from = path.len();
        // Inside of a Struct and within the entry of a map there are no names that a caller knows.
        if !message.full_name().starts_with("google.protobuf.") && !message.is_map_entry() {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(field.name());
        }
        match field.kind() {
            Kind::String if value.contains(&0) && found.len() < LISTED && !found.contains(path) => {
                found.push(path.clone());
            }
            Kind::Message(inner) if depth > 0 && value.contains(&0) => {
                walk(&inner, value, path, depth - 1, found)?;
            }
            _ => {}
        }
        path.truncate(came_from);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use prost_reflect::{DynamicMessage, FieldDescriptor, MapKey, Value};

    use super::*;

    const NUL: &str = "a\0b";

    /// A message that holds U+0000 in the last field of `way`, and nothing else.
    fn with_nul(message: &MessageDescriptor, way: &[FieldDescriptor]) -> DynamicMessage {
        let (field, rest) = way.split_first().unwrap();
        let value = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let within = with_nul(&entry, rest);
                let key = within.get_field(&entry.map_entry_key_field()).as_str().unwrap_or("k").to_owned();
                let value = within.get_field(&entry.map_entry_value_field()).into_owned();
                Value::Map([(MapKey::String(key), value)].into())
            }
            Kind::Message(inner) => Value::Message(with_nul(&inner, rest)),
            _ => Value::String(NUL.to_owned()),
        };
        let value = if field.is_list() { Value::List(vec![value]) } else { value };
        let mut made = DynamicMessage::new(message.clone());
        made.set_field(field, value);
        made
    }

    /// Every way to a text field of `message`.
    fn ways(message: &MessageDescriptor, so_far: &[FieldDescriptor], all: &mut Vec<Vec<FieldDescriptor>>) {
        for field in message.fields() {
            let way = [so_far, std::slice::from_ref(&field)].concat();
            match field.kind() {
                Kind::String => all.push(way),
                // Struct holds itself.
                Kind::Message(inner) if way.len() < 8 => ways(&inner, &way, all),
                _ => {}
            }
        }
    }

    /// Proves SEC-11: in any text of any request, however deep.
    #[test]
    fn no_text_of_any_request_holds_nul() {
        let mut texts = 0;
        for name in REQUESTS.iter() {
            let message = POOL.as_ref().unwrap().get_message_by_name(name).unwrap();
            let mut all = Vec::new();
            ways(&message, &[], &mut all);
            for way in all {
                let bytes = with_nul(&message, &way).encode_to_vec();
                let found = fields_with_nul(name, &bytes);
                assert_eq!(
                    found.len(),
                    1,
                    "{name} {:?}",
                    way.iter().map(FieldDescriptor::name).collect::<Vec<_>>()
                );
                assert!(found[0].starts_with(way[0].name()), "{name} {found:?}");
                texts += 1;
            }
        }
        assert!(texts > 200, "{texts} texts");
    }

    #[test]
    fn other_zero_bytes_pass() {
        use crate::approval::RegisterResourceRequest;
        let register = RegisterResourceRequest {
            title: "plain".into(),
            content: Some(prost_types::Struct {
                fields: [("n".to_owned(), prost_types::value::Kind::NumberValue(1.0).into())].into(),
            }),
            ..Default::default()
        };
        let bytes = register.encode_to_vec();
        assert!(bytes.contains(&0));
        assert!(fields_with_nul(&RegisterResourceRequest::full_name(), &bytes).is_empty());
    }

    #[test]
    fn broken_bytes_are_left_to_the_decoder() {
        let name = crate::approval::RegisterResourceRequest::full_name();
        for bytes in
            [&b"\x00"[..], b"\x0a\xff\x00", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00", b"\x0b\x00"]
        {
            assert!(fields_with_nul(&name, bytes).is_empty(), "{bytes:?}");
        }
    }
}
