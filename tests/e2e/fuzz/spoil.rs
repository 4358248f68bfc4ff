//! Messages that are wrong in some way.

use std::collections::HashMap;

use fastrand::Rng;
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

/// Text that somebody will send one day.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\u{202e}txt.exe",
    "\u{200b}",
    "\u{feff}",
    "Cafe\u{301}",
    "\u{fffd}\u{10ffff}",
    "'; DROP TABLE members; --",
    "{{7*7}}${7*7}",
    "../../../etc/passwd",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "-1",
    "\r\nBcc: everybody@acme.example",
];

/// `valid` with something wrong, or bytes that are no message at all.
pub(super) fn spoiled(valid: &[u8], input: &MessageDescriptor, random: &mut Rng) -> Vec<u8> {
    match random.u8(..10) {
        0 => bytes(random),
        1 => flipped(valid, random),
        2 => valid[..random.usize(..=valid.len())].to_vec(),
        3 => spliced(valid, random),
        _ => {
            let mut message =
                DynamicMessage::decode(input.clone(), valid).expect("what was encoded by this contract");
            for _ in 0..random.usize(1..4) {
                spoil(&mut message, random, 4);
            }
            message.encode_to_vec()
        }
    }
}

fn bytes(random: &mut Rng) -> Vec<u8> {
    let length = random.usize(..200);
    (0..length).map(|_| random.u8(..)).collect()
}

fn flipped(valid: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..random.usize(1..6) {
        if let Some(byte) = random.choice(bytes.iter_mut()) {
            *byte ^= 1 << random.u8(..8);
        }
    }
    bytes
}

/// A piece of it again, or something foreign, at another place.
fn spliced(valid: &[u8], random: &mut Rng) -> Vec<u8> {
    let piece = if random.bool() {
        let from = random.usize(..=valid.len());
        valid[from..random.usize(from..=valid.len())].to_vec()
    } else {
        bytes(random)
    };
    let at = random.usize(..=valid.len());
    [&valid[..at], &piece, &valid[at..]].concat()
}

/// Sets a field, here or further in, to what does not belong there.
fn spoil(message: &mut DynamicMessage, random: &mut Rng, depth: usize) {
    let Some(field) = random.choice(message.descriptor().fields().collect::<Vec<_>>()) else { return };
    if depth > 0
        && !field.is_list()
        && !field.is_map()
        && matches!(field.kind(), Kind::Message(_))
        && random.bool()
    {
        if let Some(inner) = message.get_field_mut(&field).as_message_mut() {
            spoil(inner, random, depth - 1);
        }
        return;
    }
    let value = match (field.is_map(), field.kind()) {
        (true, Kind::Message(entry)) => {
            let value = one(&entry.map_entry_value_field(), random, depth);
            Value::Map(HashMap::from([(MapKey::String(text(random)), value)]))
        }
        _ if field.is_list() => {
            let length = *random.choice(&[0, 1, 2, 51, 101, 1_001]).unwrap_or(&1);
            Value::List(vec![one(&field, random, depth); length])
        }
        _ => one(&field, random, depth),
    };
    // Text of another kind than the field's is not accepted here, as it is not by the wire.
    let _unfit = message.try_set_field(&field, value);
}

fn one(field: &FieldDescriptor, random: &mut Rng, depth: usize) -> Value {
    let whole = *random.choice(&[0, 1, -1, i64::MIN, i64::MAX, 253_402_300_800, 1 << 53]).unwrap_or(&0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number will do")]
    match field.kind() {
        Kind::String => Value::String(text(random)),
        Kind::Bytes => Value::Bytes(bytes(random).into()),
        Kind::Bool => Value::Bool(random.bool()),
        Kind::Enum(_) => Value::EnumNumber(*random.choice(&[0, 1, -1, 99, i32::MAX, i32::MIN]).unwrap_or(&0)),
        Kind::Double => Value::F64(*random.choice(&[f64::NAN, f64::INFINITY, -0.0, 1e308]).unwrap_or(&0.0)),
        Kind::Float => Value::F32(f32::NAN),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(whole as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(whole),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(whole as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(whole as u64),
        Kind::Message(inner) => {
            let mut message = DynamicMessage::new(inner.clone());
            if inner.full_name() == "google.protobuf.Value" && random.u8(..4) == 0 {
                return Value::Message(nested(&inner, random.usize(1..120)));
            }
            if depth > 0 {
                for _ in 0..random.usize(..3) {
                    spoil(&mut message, random, depth - 1);
                }
            }
            Value::Message(message)
        }
    }
}

fn text(random: &mut Rng) -> String {
    match random.u8(..8) {
        0 => "x".repeat(*random.choice(&[65, 129, 201, 1_025, 5_000, 70_000]).unwrap_or(&65)),
        1 => "é\u{1F1E9}\u{1F1EA}".repeat(random.usize(1..100)),
        _ => (*random.choice(&TEXTS).unwrap_or(&"")).to_owned(),
    }
}

/// A list in a list, and so on.
fn nested(value: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(value.clone());
    let Some(list) = value.get_field_by_name("list_value") else { return message };
    let Kind::Message(list_kind) = list.kind() else { return message };
    if depth > 0 {
        let mut inner = DynamicMessage::new(list_kind.clone());
        if let Some(values) = list_kind.get_field_by_name("values") {
            inner.set_field(&values, Value::List(vec![Value::Message(nested(value, depth - 1))]));
        }
        message.set_field(&list, Value::Message(inner));
    }
    message
}
