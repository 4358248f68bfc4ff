use serde_json::{Value, json};

use super::*;

fn event() -> Event {
    Event {
        id: Uuid::from_u128(1),
        event_type: "countersign.approval.v1.request_submitted".to_owned(),
        source: "/countersign/approval".to_owned(),
        subject: "campaign/summer".to_owned(),
        time_us: 1_785_000_000_123_456,
        account_id: Uuid::from_u128(2),
        sequence: 7,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        data: json!({ "title": "Sömmer \u{1f31e}", "amount": 1.5, "none": null }),
    }
}

fn document() -> Value {
    serde_json::from_slice(&event().to_json().unwrap()).unwrap()
}

/// Reads the document of [`event`] after a change.
fn read(change: impl FnOnce(&mut Value)) -> Result<Event, Malformed> {
    let mut document = document();
    change(&mut document);
    Event::from_json(document.to_string().as_bytes())
}

fn problem(change: impl FnOnce(&mut Value)) -> String {
    read(change).unwrap_err().to_string()
}

const REQUIRED: [&str; 8] =
    ["specversion", "id", "type", "source", "subject", "time", "accountid", "sequence"];

#[test]
fn the_wire_form() {
    assert_eq!(
        document(),
        json!({
            "specversion": "1.0",
            "id": "00000000-0000-0000-0000-000000000001",
            "type": "countersign.approval.v1.request_submitted",
            "source": "/countersign/approval",
            "subject": "campaign/summer",
            "time": "2026-07-25T17:20:00.123456Z",
            "accountid": "00000000-0000-0000-0000-000000000002",
            "sequence": "0000000000000000007",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "datacontenttype": "application/json",
            "data": { "title": "Sömmer \u{1f31e}", "amount": 1.5, "none": null },
        })
    );
}

#[test]
fn names_of_attributes_are_lower_case_letters_and_digits() {
    let document = document();
    for name in document.as_object().unwrap().keys() {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
        assert!(name.len() <= 20, "{name}: longer than the specification recommends");
    }
}

#[test]
fn round_trip() {
    let plain = Event { traceparent: None, data: Value::Null, sequence: 0, time_us: -1, ..event() };
    let last = Event { sequence: i64::MAX, ..event() };
    for event in [event(), plain, last] {
        assert_eq!(Event::from_json(&event.to_json().unwrap()), Ok(event));
    }
}

#[test]
fn sequences_sort_as_strings() {
    let wire = |sequence| {
        let bytes = Event { sequence, ..event() }.to_json().unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["sequence"].as_str().unwrap().to_owned()
    };
    let sequences = [0, 1, 9, 10, 99, 1_000_000, i64::MAX];
    assert!(sequences.map(wire).is_sorted());
}

#[test]
fn a_required_attribute_that_is_missing_is_named() {
    for name in REQUIRED {
        let missing = problem(|document| drop(document.as_object_mut().unwrap().remove(name)));
        assert_eq!(missing, format!("attribute `{name}` is missing"));
        // The JSON format treats null as unset.
        assert_eq!(
            problem(|document| document[name] = Value::Null),
            format!("attribute `{name}` is missing")
        );
    }
    let no_data = problem(|document| drop(document.as_object_mut().unwrap().remove("data")));
    assert_eq!(no_data, "attribute `data` is missing");
}

#[test]
fn an_attribute_of_the_wrong_type_is_named() {
    for name in REQUIRED.into_iter().chain(["traceparent", "datacontenttype"]) {
        for wrong in [json!(1), json!(true), json!([]), json!({})] {
            assert_eq!(
                problem(|document| document[name] = wrong),
                format!("attribute `{name}` is not a string")
            );
        }
    }
}

#[test]
fn an_attribute_that_is_empty_is_named() {
    for name in REQUIRED {
        assert_eq!(problem(|document| document[name] = json!("")), format!("attribute `{name}` is empty"));
    }
}

#[test]
fn a_value_that_makes_no_sense_is_named() {
    let cases = [
        ("id", "42", "is not a UUID"),
        ("accountid", "acme", "is not a UUID"),
        ("source", "not a uri", "is not a URI reference"),
        ("time", "yesterday", "is not an RFC 3339 timestamp"),
        ("time", "2026-07-24 08:00:00", "is not an RFC 3339 timestamp"),
        ("sequence", "-1", "is not a decimal number of 63 bits"),
        ("sequence", "+1", "is not a decimal number of 63 bits"),
        ("sequence", "1.0", "is not a decimal number of 63 bits"),
        ("sequence", "9223372036854775808", "is not a decimal number of 63 bits"),
        ("datacontenttype", "text/plain", "is not a JSON media type"),
    ];
    for (name, value, expected) in cases {
        assert_eq!(
            problem(|document| document[name] = json!(value)),
            format!("attribute `{name}` {expected}")
        );
    }
}

#[test]
fn another_version_is_refused_before_anything_else_is_read() {
    for version in ["0.3", "1", "1.0.2", "1.1", "2.0"] {
        let refused = problem(|document| *document = json!({ "specversion": version }));
        assert_eq!(refused, "attribute `specversion` is not 1.0");
    }
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    for body in ["", "hello", "{", "\u{0}", "{\"specversion\": \"1.0\"} trailing"] {
        let refused = Event::from_json(body.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with("the body is not JSON"), "{body}: {refused}");
    }
    for body in ["[]", "null", "1", "\"text\""] {
        let refused = Event::from_json(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused, "the body is not a JSON object");
    }
    assert!(Event::from_json(&[0xff, 0xfe]).is_err());
    assert!(Event::from_json("[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn binary_data_is_refused() {
    let both = problem(|document| document["data_base64"] = json!("AAAA"));
    assert_eq!(both, "attribute `data_base64` is binary, where JSON in `data` is expected");
}

#[test]
fn json_media_types() {
    for media_type in
        ["application/json; charset=utf-8", "Application/JSON", "application/vnd.acme+json", "text/json"]
    {
        assert_eq!(
            read(|document| document["datacontenttype"] = json!(media_type)),
            Ok(event()),
            "{media_type}"
        );
    }
    // Without one, data in the JSON format is JSON.
    assert_eq!(
        read(|document| drop(document.as_object_mut().unwrap().remove("datacontenttype"))),
        Ok(event())
    );
}

#[test]
fn unknown_extensions_are_ignored() {
    assert_eq!(read(|document| document["tracestate"] = json!("a=b")), Ok(event()));
    assert_eq!(read(|document| document["anything"] = json!(42)), Ok(event()));
}

#[test]
fn times_of_other_zones_and_precisions_are_understood() {
    let time_us = |time: &str| read(|document| document["time"] = json!(time)).unwrap().time_us;
    assert_eq!(time_us("1970-01-01T02:00:00+02:00"), 0);
    assert_eq!(time_us("1970-01-01T00:00:00.5Z"), 500_000);
    assert_eq!(time_us("1970-01-01T00:00:00.000001999Z"), 1);
}

#[test]
fn a_broken_traceparent_is_dropped() {
    let broken = [
        "",
        "nonsense",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    let without = Event { traceparent: None, ..event() };
    for value in broken {
        assert_eq!(read(|document| document["traceparent"] = json!(value)), Ok(without.clone()), "{value}");
        let sent = Event { traceparent: Some(value.to_owned()), ..event() };
        assert_eq!(Event::from_json(&sent.to_json().unwrap()), Ok(without.clone()), "{value}");
    }
    // A later version may carry more.
    let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
    assert_eq!(read(|document| document["traceparent"] = json!(later)).unwrap().traceparent(), Some(later));
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let refused = |event: Event| event.to_json().unwrap_err().to_string();
    assert_eq!(refused(Event { event_type: String::new(), ..event() }), "attribute `type` is empty");
    assert_eq!(
        refused(Event { event_type: "t".repeat(256), ..event() }),
        "attribute `type` is longer than 255 bytes"
    );
    assert_eq!(refused(Event { source: String::new(), ..event() }), "attribute `source` is empty");
    assert_eq!(
        refused(Event { source: "a b".to_owned(), ..event() }),
        "attribute `source` is not a URI reference"
    );
    assert_eq!(refused(Event { subject: String::new(), ..event() }), "attribute `subject` is empty");
    assert_eq!(refused(Event { sequence: -1, ..event() }), "attribute `sequence` is negative");
    for time_us in [i64::MIN, i64::MAX] {
        assert_eq!(
            refused(Event { time_us, ..event() }),
            "attribute `time` lies outside the years 0 to 9999"
        );
    }
}

#[test]
fn debug_output_shows_ids_alone() {
    let shown = format!("{:?}", event());
    assert!(shown.contains("00000000-0000-0000-0000-000000000001"));
    assert!(!shown.contains("mmer"), "{shown}");
}
