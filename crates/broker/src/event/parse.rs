//! From bytes to an [`Event`].

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Event, Malformed, check_not_empty, check_uri_reference, is_traceparent};

pub(super) fn event(bytes: &[u8]) -> Result<Event, Malformed> {
    let body = serde_json::from_slice(bytes)
        .map_err(|error| Malformed::Body { problem: format!("is not JSON: {error}") })?;
    let Value::Object(members) = body else {
        return Err(Malformed::Body { problem: "is not a JSON object".to_owned() });
    };
    let mut members = Members(members);

    // First, because another version may mean anything by the rest.
    if members.required("specversion")? != "1.0" {
        return Err(Malformed::attribute("specversion", "is not 1.0"));
    }
    let source = members.required("source")?;
    check_uri_reference("source", &source)?;
    Ok(Event {
        id: uuid("id", &members.required("id")?)?,
        event_type: members.required("type")?,
        source,
        subject: members.required("subject")?,
        time_us: unix_micros(&members.required("time")?)?,
        account_id: uuid("accountid", &members.required("accountid")?)?,
        sequence: sequence(&members.required("sequence")?)?,
        traceparent: members.optional("traceparent")?.filter(|value| is_traceparent(value)),
        data: members.data()?,
    })
}

/// The members of the document that have not been read yet.
struct Members(Map<String, Value>);

impl Members {
    /// A string attribute. One that is null is unset (CloudEvents JSON format, section 2.2).
    fn optional(&mut self, attribute: &'static str) -> Result<Option<String>, Malformed> {
        match self.0.remove(attribute) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(Malformed::attribute(attribute, "is not a string")),
        }
    }

    fn required(&mut self, attribute: &'static str) -> Result<String, Malformed> {
        let value = self.optional(attribute)?.ok_or_else(|| Malformed::attribute(attribute, "is missing"))?;
        check_not_empty(attribute, &value)?;
        Ok(value)
    }

    /// The payload, which must be JSON: nothing that Countersign sends is anything else.
    fn data(&mut self) -> Result<Value, Malformed> {
        if let Some(media_type) = self.optional("datacontenttype")?
            && !is_json(&media_type)
        {
            return Err(Malformed::attribute("datacontenttype", "is not a JSON media type"));
        }
        if self.0.contains_key("data_base64") {
            return Err(Malformed::attribute("data_base64", "is binary, where JSON in `data` is expected"));
        }
        self.0.remove("data").ok_or_else(|| Malformed::attribute("data", "is missing"))
    }
}

/// Subtype `json` or suffix `+json`, whatever the parameters (CloudEvents JSON format, section 3.1).
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

fn uuid(attribute: &'static str, value: &str) -> Result<Uuid, Malformed> {
    Uuid::try_parse(value).map_err(|_| Malformed::attribute(attribute, "is not a UUID"))
}

fn unix_micros(value: &str) -> Result<i64, Malformed> {
    OffsetDateTime::parse(value, &Rfc3339)
        .ok()
        .and_then(|time| i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).ok())
        .ok_or_else(|| Malformed::attribute("time", "is not an RFC 3339 timestamp"))
}

fn sequence(value: &str) -> Result<i64, Malformed> {
    // `parse` would take a sign, too.
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| value.parse().ok())
        .flatten()
        .ok_or_else(|| Malformed::attribute("sequence", "is not a decimal number of 63 bits"))
}
