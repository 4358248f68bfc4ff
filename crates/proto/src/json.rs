//! Canonical protobuf JSON for any message of the contract, by reflection over [`DESCRIPTORS`](crate::DESCRIPTORS).

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};

/// Why a message could not be written as JSON or read from it.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The descriptor set does not hold the message; a fault of the build.
    #[error("the contract has no message {0}")]
    UnknownMessage(String),
    /// The bytes of the message do not match its descriptor; a fault of the build.
    #[error("the message does not match its descriptor")]
    Mismatch(#[from] prost::DecodeError),
    /// The JSON is not that message.
    #[error("the JSON is not a {message}")]
    Json {
        /// The message's full name.
        message: String,
        /// What the JSON reader found.
        source: serde_json::Error,
    },
}

pub(crate) static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(crate::DESCRIPTORS).ok());

fn descriptor<M: Name>() -> Result<MessageDescriptor, JsonError> {
    POOL.as_ref()
        .and_then(|pool| pool.get_message_by_name(&M::full_name()))
        .ok_or_else(|| JsonError::UnknownMessage(M::full_name()))
}

/// Writes `message` in the canonical JSON mapping: camelCase names, enums by name, defaults left out.
pub fn to_value<M: Message + Name>(message: &M) -> Result<serde_json::Value, JsonError> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic.transcode_from(message)?;
    serde_json::to_value(&dynamic).map_err(|source| JsonError::Json { message: M::full_name(), source })
}

/// As [`to_value`], as text and without the value in between.
pub fn to_text<M: Message + Name>(message: &M) -> Result<String, JsonError> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic.transcode_from(message)?;
    serde_json::to_string(&dynamic).map_err(|source| JsonError::Json { message: M::full_name(), source })
}

/// Reads a message from JSON. Unknown fields are passed over, so that a newer writer does not stop an older reader.
pub fn from_value<M: Message + Name + Default>(value: serde_json::Value) -> Result<M, JsonError> {
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor::<M>()?, value, &options)
        .map_err(|source| JsonError::Json { message: M::full_name(), source })?;
    Ok(dynamic.transcode_to()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    #[test]
    fn a_message_survives_the_round_trip_and_unknown_fields_are_passed_over() {
        let message = event::Event {
            account_name: "Acme".into(),
            recipients: vec![event::Recipient {
                email: "ada@example.com".into(),
                reason: event::RecipientReason::Submitter as i32,
                mail: true,
                ..Default::default()
            }],
            payload: Some(event::event::Payload::Workflow(event::WorkflowEvent {
                area: "CAMPAIGNS".into(),
                enabled: true,
            })),
            ..Default::default()
        };
        let mut json = to_value(&message).unwrap();
        assert_eq!(json["recipients"][0]["reason"], "RECIPIENT_REASON_SUBMITTER");
        json["addedLater"] = 1.into();
        assert_eq!(from_value::<event::Event>(json).unwrap(), message);
    }

    #[test]
    fn json_of_another_shape_is_refused_with_the_message_name() {
        let error = from_value::<event::Event>(serde_json::json!({"recipients": 7})).unwrap_err();
        assert!(error.to_string().contains("countersign.event.v1.Event"), "{error}");
    }
}
