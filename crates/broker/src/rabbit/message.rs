//! An event as an AMQP message.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::event::CONTENT_TYPE;
use crate::{Event, Malformed};

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

pub(super) struct Message {
    pub(super) id: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn of(event: &Event) -> Result<Self, Malformed> {
        let body = event.to_json()?;
        let id = ShortString::from(event.id.to_string()); // 36 bytes, far from where this conversion panics
        let routing_key = ShortString::try_new(&*event.event_type)
            .map_err(|error| Malformed::Attribute { attribute: "type", problem: error.to_string() })?;
        let mut properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(id.clone())
            .with_type(routing_key.clone());
        // AMQP counts unsigned seconds; an event from before 1970 goes without.
        if let Ok(seconds) = u64::try_from(event.time_us / 1_000_000) {
            properties = properties.with_timestamp(seconds);
        }
        if let Some(traceparent) = event.traceparent() {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
            properties = properties.with_headers(headers);
        }
        Ok(Self { id, routing_key, properties, body })
    }
}
