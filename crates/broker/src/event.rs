//! The envelope: CloudEvents 1.0, structured mode, JSON format.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// The content type of an event on the wire (CloudEvents JSON format, section 3).
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// An event type is also the routing key, and AMQP 0-9-1 limits that.
const MAX_TYPE_BYTES: usize = 255;

/// One event, as [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) defines it,
/// narrowed to what Countersign sends: ids are UUIDs, and `subject`, `time` and `data` are always there.
#[derive(Clone, PartialEq)]
pub struct Event {
    /// `id`: the same in every redelivery, so a consumer dedupes by it.
    pub id: Uuid,
    /// `type`, also the routing key: at most 255 bytes, dotted, such as `countersign.approval.v1.request_submitted`.
    pub event_type: String,
    /// `source`, a URI reference: the service that made the event.
    pub source: String,
    /// `subject`: the resource that the event is about.
    pub subject: String,
    /// `time`, when it happened: Unix time in microseconds.
    pub time_us: i64,
    /// The account that the event belongs to (extension attribute `accountid`).
    pub account_id: Uuid,
    /// Rises with each event of one subject, from 0 (extension attribute `sequence`): a late event is told from a new
    /// one by it. Zero-padded on the wire, as the extension wants a string that sorts.
    pub sequence: i64,
    /// The W3C trace context of what made the event (CloudEvents' distributed tracing extension). One that breaks
    /// W3C's format is dropped, as W3C asks: a broken trace must not hold up an event.
    pub traceparent: Option<String>,
    /// `data`: the payload, any JSON.
    pub data: Value,
}

/// Why bytes are not an [`Event`], or an [`Event`] can't become bytes. Holds no value of the event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body as a whole is wrong.
    #[error("the body {problem}")]
    Body {
        /// What is wrong with it.
        problem: String,
    },
    /// One attribute is missing or wrong.
    #[error("attribute `{attribute}` {problem}")]
    Attribute {
        /// Its name on the wire.
        attribute: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Malformed {
    fn attribute(attribute: &'static str, problem: impl Into<String>) -> Self {
        Self::Attribute { attribute, problem: problem.into() }
    }
}

/// The wire form; the order of the fields is the order in which a person wants to read them.
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: Uuid,
    #[serde(rename = "type")]
    event_type: &'a str,
    source: &'a str,
    subject: &'a str,
    time: String,
    accountid: Uuid,
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    datacontenttype: &'static str,
    data: &'a Value,
}

/// Whether `source` can be the `source` of events: a URI reference. To be asked before a service starts with it, because no
/// event would be published otherwise.
pub fn check_source(source: &str) -> Result<(), Malformed> {
    check_uri_reference("source", source)
}

impl Event {
    /// The event as a structured-mode JSON document.
    ///
    /// # Errors
    /// An attribute that [`Event::from_json`] would refuse is refused here, before anybody else has to.
    pub fn to_json(&self) -> Result<Vec<u8>, Malformed> {
        for (attribute, value) in [("type", &self.event_type), ("subject", &self.subject)] {
            check_not_empty(attribute, value)?;
        }
        if self.event_type.len() > MAX_TYPE_BYTES {
            return Err(Malformed::attribute("type", format!("is longer than {MAX_TYPE_BYTES} bytes")));
        }
        check_uri_reference("source", &self.source)?;
        if self.sequence < 0 {
            return Err(Malformed::attribute("sequence", "is negative"));
        }
        let envelope = Envelope {
            specversion: "1.0",
            id: self.id,
            event_type: &self.event_type,
            source: &self.source,
            subject: &self.subject,
            time: rfc3339(self.time_us)?,
            accountid: self.account_id,
            sequence: format!("{:019}", self.sequence),
            traceparent: self.traceparent().filter(|value| is_traceparent(value)),
            datacontenttype: "application/json",
            data: &self.data,
        };
        serde_json::to_vec(&envelope).map_err(|error| Malformed::attribute("data", error.to_string()))
    }

    /// Reads a structured-mode JSON document. Extension attributes that Countersign does not know are ignored.
    ///
    /// # Errors
    /// [`Malformed`] names the first attribute that breaks the specification or Countersign's narrowing of it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Malformed> {
        parse::event(bytes)
    }

    pub(crate) fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }
}

/// Leaves out what may be personal, so that an event in a log line shows ids alone.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("account_id", &self.account_id)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

fn check_not_empty(attribute: &'static str, value: &str) -> Result<(), Malformed> {
    if value.is_empty() { Err(Malformed::attribute(attribute, "is empty")) } else { Ok(()) }
}

/// Checks the characters (RFC 3986, appendix A), which is what catches a name where a URI belongs.
fn check_uri_reference(attribute: &'static str, value: &str) -> Result<(), Malformed> {
    check_not_empty(attribute, value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    if value.chars().all(allowed) {
        Ok(())
    } else {
        Err(Malformed::attribute(attribute, "is not a URI reference"))
    }
}

fn rfc3339(time_us: i64) -> Result<String, Malformed> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or_else(|| Malformed::attribute("time", "lies outside the years 0 to 9999"))
}

/// `version-traceid-parentid-flags` in lower-case hex, neither id all zeros (W3C Trace Context, section 3.2.2).
fn is_traceparent(value: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let id = |part: &str, digits: usize| hex(part, digits) && part.bytes().any(|b| b != b'0');
    let mut parts = value.split('-');
    let (Some(version), Some(trace), Some(parent), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    hex(version, 2)
        && version != "ff"
        && id(trace, 32)
        && id(parent, 16)
        && hex(flags, 2)
        // Only versions after 00 may carry more.
        && (parts.next().is_none() || version != "00")
}
