//! Personal data that is masked.

use serde_json::{Value, json};

use super::{super::builders::*, CAMPAIGNS, masking, pointers, role, someone};
use crate::{
    Content, Member, Refusal, Resource, Rights, State, SystemRole,
    edit::{self, Edit},
    mask::{MASK, Pointer, mask, restore},
};

fn content_of(value: &Value) -> Content {
    Content::new(value, 1).unwrap()
}

fn masked(value: &Value, fields: &[&str]) -> Value {
    serde_json::from_str(&mask(&content_of(value).body, &pointers(fields))).unwrap()
}

/// Proves ACC-13.
#[test]
fn what_is_marked_is_masked_and_the_rest_is_not() {
    let value = json!({ "customer": { "name": "Ada", "age": 36 }, "text": "Hello" });
    let expected = json!({ "customer": { "name": MASK, "age": 36 }, "text": "Hello" });
    assert_eq!(masked(&value, &["/customer/name"]), expected);
    assert_eq!(masked(&value, &["/customer"]), json!({ "customer": MASK, "text": "Hello" }));
}

/// Not even the type is told.
///
/// Proves ACC-13.
#[test]
fn a_mask_hides_the_type() {
    for value in [json!("Ada"), json!(36), json!(null), json!(true), json!(["Ada"]), json!({ "name": "Ada" })]
    {
        assert_eq!(masked(&json!({ "it": value }), &["/it"]), json!({ "it": MASK }));
    }
}

/// Proves ACC-13.
#[test]
fn pointers_reach_into_arrays_and_odd_names() {
    let value = json!({ "people": ["Ada", "Bob"], "a/b": 1, "m~n": 2, "": 3, "~1": 4, "a": { "b": 5 } });
    let at = |pointer: &str| {
        let mut copy = value.clone();
        *copy.pointer_mut(pointer).unwrap() = json!(MASK);
        copy
    };
    for pointer in ["/people/1", "/a~1b", "/m~0n", "/", "/~01"] {
        assert_eq!(masked(&value, &[pointer]), at(pointer), "{pointer}");
    }
    assert_eq!(masked(&value, &["/a~1b"])["a"], json!({ "b": 5 }));
}

/// Proves ACC-13.
#[test]
fn a_mark_of_what_is_not_there_masks_nothing() {
    let value = json!({ "people": ["Ada"], "text": "Hello" });
    for pointer in ["/customer", "/people/1", "/people/-", "/people/00", "/text/0", "/people/name"] {
        assert_eq!(masked(&value, &[pointer]), value, "{pointer}");
    }
}

/// Proves ACC-13.
#[test]
fn content_that_can_t_be_read_is_masked_as_a_whole() {
    assert_eq!(mask("{\"name\":\"Ada\"", &pointers(&["/name"])), "{}");
}

/// Proves ACC-13.
#[test]
fn a_pointer_names_a_place_below_the_whole() {
    for good in ["/", "/a", "/a/0/b", "/a~0~1", "/ü"] {
        assert_eq!(Pointer::parse(good).map(|pointer| pointer.to_string()), Ok(good.to_owned()));
    }
    for bad in ["", "a", "#/a", "/a~", "/a~2", "/~/b"] {
        assert!(Pointer::parse(bad).unwrap_err().contains("JSON Pointer"), "{bad:?}");
    }
    assert!(Pointer::parse(&format!("/{}", "ü".repeat(255))).is_ok());
    assert!(Pointer::parse(&format!("/{}", "ü".repeat(256))).unwrap_err().contains("256"));
}

/// Proves ACC-13.
#[test]
fn a_mask_that_comes_back_is_what_it_hid() {
    let before = content_of(&json!({ "name": "Ada", "ages": [36, 7], "text": "Hello", "rate": 0.1 }));
    let fields = pointers(&["/name", "/ages/1", "/missing"]);
    let back = |value: &Value| restore(&content_of(value), &before, &fields).unwrap().body;
    let seen: Value = serde_json::from_str(&mask(&before.body, &fields)).unwrap();
    assert_eq!(back(&seen), before.body);
    // Something else in its place is an edit, and a mask where none was shown is a text like any other.
    assert_eq!(back(&json!({ "name": "Eve" })), r#"{"name":"Eve"}"#);
    let elsewhere = json!({ "text": MASK, "missing": MASK });
    assert_eq!(back(&elsewhere), content_of(&elsewhere).body);
}

/// What can't be seen can't be moved to where it could be.
///
/// Proves ACC-13.
#[test]
fn a_mask_is_restored_in_its_own_place_alone() {
    let before = content_of(&json!({ "people": ["Ada", "Bob"] }));
    let fields = pointers(&["/people/0"]);
    for value in [json!({ "people": ["x", MASK] }), json!({ "copy": MASK }), json!({ "people": MASK })] {
        assert_eq!(restore(&content_of(&value), &before, &fields).unwrap().body, content_of(&value).body);
    }
}

/// Proves ACC-13.
#[test]
fn what_is_too_large_with_what_is_masked_does_not_tell_by_how_much() {
    let refused = |hidden: usize| {
        let before = content_of(&json!({ "name": "x".repeat(hidden) }));
        let given = json!({ "name": MASK, "text": "x".repeat(crate::limits::CONTENT_BYTES - 40) });
        restore(&content_of(&given), &before, &pointers(&["/name"])).unwrap_err()
    };
    assert_eq!(refused(100), refused(200));
}

fn writer() -> (World, Member) {
    let masking = masking(role(1, &[(CAMPAIGNS, Rights::WRITE)]));
    (World::new().with_roles(&[&masking]), someone(1, Some(SystemRole::Creator), &[&masking]))
}

fn marked(resource: Resource) -> Resource {
    let live = Content { revision: 4, ..content_of(&json!({ "name": "Ada", "text": "Hello" })) };
    let staged = resource.staged.is_some().then(|| content_of(&json!({ "name": "Bob", "text": "Hi" })));
    Resource { live, staged, pii_fields: pointers(&["/name"]), ..resource }
}

/// The copy that is shown is masked; what is stored, digested and published is whole.
///
/// Proves ACC-13.
#[test]
fn a_masked_member_s_edit_keeps_what_was_masked() {
    let (world, member) = writer();
    let edit =
        || Edit { content: Some(content_of(&json!({ "name": MASK, "text": "Better" }))), ..Edit::default() };
    let update = |resource: &Resource| {
        world.by(&member, |context| edit::update(context, resource, edit())).unwrap().resource
    };
    let live = update(&marked(campaign())).live;
    let whole = content_of(&json!({ "name": "Ada", "text": "Better" }));
    assert_eq!((live.body, live.digest), (whole.body, whole.digest));
    // Where staged content was shown, that is what comes back; where none was, the live content.
    let staged = update(&marked(ab_test(State::RUNNING))).staged.unwrap();
    assert_eq!(staged.body, r#"{"name":"Bob","text":"Better"}"#);
    let none = Resource { staged: None, ..marked(ab_test(State::RUNNING)) };
    assert_eq!(update(&none).staged.unwrap().body, r#"{"name":"Ada","text":"Better"}"#);
}

/// Proves ACC-13.
#[test]
fn sending_back_what_was_shown_changes_no_digest() {
    let (world, member) = writer();
    let before = marked(campaign());
    let shown: Value = serde_json::from_str(&mask(&before.live.body, &before.pii_fields)).unwrap();
    let edit = Edit { content: Some(content_of(&shown)), ..Edit::default() };
    let after = world.by(&member, |context| edit::update(context, &before, edit)).unwrap().resource;
    assert_eq!(after.live.digest, before.live.digest);
}

/// Who is not masked was shown no mask: the text is what they wrote.
///
/// Proves ACC-13.
#[test]
fn who_is_not_masked_may_write_the_mask_itself() {
    let edit = Edit { content: Some(content_of(&json!({ "name": MASK }))), ..Edit::default() };
    let after = World::new().update(Who::Creator, &marked(campaign()), edit).unwrap().resource;
    assert_eq!(after.live.body, content_of(&json!({ "name": MASK })).body);
}

/// Proves ACC-13.
#[test]
fn a_masked_member_adds_marks_and_takes_none() {
    let (world, member) = writer();
    let mark = |fields: &[&str]| {
        let edit = Edit { pii_fields: Some(pointers(fields)), ..Edit::default() };
        let result = world.by(&member, |context| edit::update(context, &marked(campaign()), edit));
        result.map(|outcome| outcome.resource.pii_fields)
    };
    assert_eq!(mark(&["/text", "/name"]), Ok(pointers(&["/text", "/name"])));
    let name = Pointer::parse("/name").unwrap();
    for fields in [&[][..], &["/text"], &["/name/0"], &["/"]] {
        assert_eq!(mark(fields), Err(Refusal::PiiMasked(name.clone())), "{fields:?}");
    }
    let unmark = Edit { pii_fields: Some(Vec::new()), ..Edit::default() };
    assert!(World::new().update(Who::Creator, &marked(campaign()), unmark).is_ok());
}

/// One role that masks is enough: another that does not would lift what the first was given for. An Admin is never masked.
///
/// Proves ACC-13.
#[test]
fn a_member_is_masked_by_any_role_that_masks_and_an_admin_by_none() {
    let (masks, plain) = (masking(role(1, &[])), role(2, &[("engagement", Rights::WRITE)]));
    let world = World::new().with_roles(&[&masks, &plain]);
    let is_masked = |system_role, roles: &[_]| world.access(&someone(1, system_role, roles)).is_masked();
    assert!(is_masked(None, &[&masks]));
    assert!(is_masked(Some(SystemRole::Approver), &[&plain, &masks]));
    assert!(!is_masked(Some(SystemRole::Approver), &[&plain]));
    assert!(!is_masked(Some(SystemRole::Admin), &[&masks]));
}
