//! What staged edits change, for programs and for people (LIF-21, ACC-13).

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Content, Pointer,
    difference::{Difference, difference},
};

fn content(value: &Value) -> Content {
    Content::new(value, 1).unwrap()
}

fn between(old: &Value, new: &Value, hidden: &[&str]) -> Difference {
    let hidden: Vec<Pointer> = hidden.iter().map(|field| Pointer::from_text(*field)).collect();
    difference(&content(old), &content(new), &hidden)
}

/// Proves LIF-21.
#[test]
fn a_difference_is_a_patch_and_lines() {
    let old = json!({"subject": "Spring", "discount": 20, "tags": ["a", "b"], "gone": true});
    let new = json!({"subject": "Summer", "discount": 20, "tags": ["a"], "from": {"name": "Shop"}});
    let Difference { patch, lines } = between(&old, &new, &[]);
    let mut sorted = lines;
    sorted.sort();
    assert_eq!(
        sorted,
        [
            r#"+ /from: {"name":"Shop"}"#,
            "- /gone: true",
            r#"- /tags/1: "b""#,
            r#"~ /subject: "Spring" → "Summer""#,
        ]
    );
    assert!(
        patch.as_array().unwrap().contains(&json!({"op": "replace", "path": "/subject", "value": "Summer"}))
    );
    assert_eq!(between(&old, &old, &[]), Difference { patch: json!([]), lines: vec![] });
}

/// Long values are cut, and so is a long list of changes; the patch has all of it.
#[test]
fn lines_are_for_reading() {
    let text = "ü".repeat(500);
    let Difference { patch, lines } = between(&json!({}), &json!({"text": text.clone()}), &[]);
    assert_eq!(lines[0].chars().count(), "+ /text: ".len() + 120 + 1);
    assert_eq!(patch[0]["value"], text);
    let many: serde_json::Map<String, Value> = (0..600).map(|n| (format!("k{n}"), json!(n))).collect();
    let Difference { patch, lines } = between(&json!({}), &Value::Object(many), &[]);
    assert_eq!((lines.len(), lines[500].as_str()), (501, "and 100 more changes"));
    assert_eq!(patch.as_array().unwrap().len(), 600);
}

/// What is gone from a list is named once each, with what it was.
#[test]
fn each_removed_element_is_named() {
    let Difference { patch, lines } =
        between(&json!({"tags": ["a", "b", "c"]}), &json!({"tags": ["a"]}), &[]);
    assert_eq!(lines, [r#"- /tags/2: "c""#, r#"- /tags/1: "b""#]);
    assert_eq!(patch, json!([{"op": "remove", "path": "/tags/2"}, {"op": "remove", "path": "/tags/1"}]));
}

/// However content is made, what tells of its changes stays about as large as content may be.
#[test]
fn one_long_key_with_many_values_does_not_multiply() {
    let key = "k".repeat(100_000);
    let many: Vec<Value> = (0..50_000).map(|_| json!(1)).collect();
    let new = json!({key.clone(): many});
    let Difference { patch, lines } = between(&json!({key: []}), &new, &[]);
    assert_eq!(patch, json!([{"op": "replace", "path": "", "value": new}]));
    assert_eq!((lines.len(), lines[500].as_str()), (501, "and 49500 more changes"));
    assert!(lines.concat().len() < 200_000);
}

/// Proves ACC-13, ACC-19: not even whether personal data changes is told, or a guess could be staged to see.
#[test]
fn personal_data_is_masked_on_both_sides() {
    let old = json!({"to": {"name": "Ada", "city": "Rome"}, "phone": "1"});
    let new = json!({"to": {"name": "Eve", "city": "Rome"}, "mail": "eve@example.com"});
    let fields = ["/to/name", "/to/city", "/phone", "/mail"];
    let Difference { patch, mut lines } = between(&old, &new, &fields);
    lines.sort();
    assert_eq!(lines, [r#"+ /mail: "•••""#, r#"- /phone: "•••""#]);
    for secret in ["Ada", "Eve", "Rome", "eve@"] {
        assert!(!patch.to_string().contains(secret) && !lines.concat().contains(secret), "{secret}");
    }
    let right = json!({"to": {"name": "Ada", "city": "Rome"}, "phone": "2"});
    let wrong = json!({"to": {"name": "Ida", "city": "Rome"}, "phone": "2"});
    assert_eq!(between(&old, &right, &fields), between(&old, &wrong, &fields));
    assert!(between(&old, &new, &[]).patch.to_string().contains("Eve"));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1000..1000_i32).prop_map(Value::from),
        "[a-z~/]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c~/]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c~/]{0,2}", json_value(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proves LIF-21: the patch makes the old content the new one.
    #[test]
    fn the_patch_leads_from_the_old_to_the_new(old in object(), new in object()) {
        let Difference { patch, lines } = between(&old, &new, &[]);
        let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
        prop_assert_eq!(patch.0.len(), lines.len());
        let read = |value: &Value| serde_json::from_str::<Value>(&content(value).body).unwrap();
        let mut patched = read(&old);
        json_patch::patch(&mut patched, &patch).unwrap();
        prop_assert_eq!(patched, read(&new));
    }
}
