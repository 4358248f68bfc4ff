//! Personal data that is masked.

use serde_json::{Value, json};

use super::{super::builders::*, CAMPAIGNS, masking, pointers, role, someone};
use crate::{
    Action, Content, Member, Refusal, Resource, Rights, State, SystemRole,
    decide::{self, Approve},
    edit::{self, Edit},
    history::HistoryEvent,
    mask::{MASK, Pointer, restore, shown},
};

fn content_of(value: &Value) -> Content {
    Content::new(value, 1).unwrap()
}

fn masked(value: &Value, fields: &[&str]) -> Value {
    serde_json::from_str(&shown(&content_of(value), &pointers(fields)).body).unwrap()
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
    let broken = Content { body: "{\"name\":\"Ada\"".into(), ..Content::empty() };
    assert_eq!(shown(&broken, &pointers(&["/name"])), Content::empty());
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
    let seen: Value = serde_json::from_str(&shown(&before, &fields).body).unwrap();
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

/// Proves ACC-19: what is hidden counts as the mask, so that no limit tells how long it is.
#[test]
fn the_limit_of_content_does_not_tell_how_long_hidden_data_is() {
    let given = json!({ "name": MASK, "text": "x".repeat(crate::limits::CONTENT_BYTES - 40) });
    for hidden in [0, 1, 100, crate::limits::CONTENT_BYTES - 40] {
        let before = content_of(&json!({ "name": "x".repeat(hidden) }));
        let whole = restore(&content_of(&given), &before, &pointers(&["/name"])).unwrap();
        assert!(whole.body.len() > crate::limits::CONTENT_BYTES - 40 + hidden);
    }
}

/// What a masked member hides themselves is not counted either from then on, so it is small: content stays within bounds.
///
/// Proves ACC-19.
#[test]
fn what_a_masked_member_hides_is_small() {
    let (world, member) = writer();
    let by = |edit| world.by(&member, |context| edit::update(context, &marked(campaign()), edit));
    let value = |bytes: usize| "x".repeat(bytes - 2);
    let write = |bytes| Edit {
        content: Some(content_of(&json!({ "name": value(bytes), "text": "Hello" }))),
        ..Edit::default()
    };
    let most = crate::limits::MASKED_VALUE_BYTES;
    assert!(by(write(most)).is_ok());
    assert_eq!(violated(by(write(most + 1))), ["content"]);
    let mark = |bytes| Edit {
        content: Some(content_of(&json!({ "name": MASK, "text": value(bytes) }))),
        pii_fields: Some(pointers(&["/name", "/text"])),
        ..Edit::default()
    };
    assert!(by(mark(most)).is_ok());
    assert_eq!(violated(by(mark(most + 1))), ["pii_fields"]);
    // A mark around another one counts what is hidden below it as the mask.
    let large = || Resource { live: content_of(&json!({ "who": { "name": value(9_000) } })), ..campaign() };
    let around = Resource { pii_fields: pointers(&["/who/name"]), ..large() };
    let edit = Edit { pii_fields: Some(pointers(&["/who/name", "/who"])), ..Edit::default() };
    assert!(world.by(&member, |context| edit::update(context, &around, edit)).is_ok());
    // Who sees all of it is told by how much it is too large.
    let whole = json!({ "name": "x".repeat(crate::limits::CONTENT_BYTES) });
    let whole = Resource { live: Content::made_of(&whole, 1), ..campaign() };
    let edit = Edit { pii_fields: Some(pointers(&["/name"])), ..Edit::default() };
    assert_eq!(violated(World::new().update(Who::Creator, &whole, edit)), ["pii_fields"]);
}

/// Proves ACC-19: the digest of what a masked member sees is the same whatever is hidden, and tells what they see apart.
#[test]
fn a_digest_of_what_is_shown_confirms_no_guess() {
    let digest = |name: &str, text: &str| {
        shown(&content_of(&json!({ "name": name, "text": text })), &pointers(&["/name"])).digest
    };
    assert_eq!(digest("Ada", "Hello"), digest("Eve", "Hello"));
    assert_ne!(digest("Ada", "Hello"), digest("Ada", "Hi"));
    assert_eq!(digest("Ada", "Hello"), content_of(&json!({ "name": MASK, "text": "Hello" })).digest);
}

/// Proves ACC-19: a mark that is taken away from live content waits for the approval of the edit, and masks both contents until then.
#[test]
fn a_mark_is_taken_away_with_the_approval_of_the_edit() {
    let world = World::new();
    for before in [ab_test(State::RUNNING), ab_test(State::PAUSED), remote_config(State::LIVE)] {
        let before = Resource { staged: None, ..marked(before) };
        let unmark = Edit { pii_fields: Some(Vec::new()), ..Edit::default() };
        let outcome = world.update(Who::Creator, &before, unmark).unwrap();
        assert_eq!(outcome.history.event, HistoryEvent::Staged);
        let staged = outcome.resource;
        assert_eq!(staged.pii_fields, pointers(&["/name"]));
        assert_eq!(staged.staged_pii_fields, Some(Vec::new()));
        assert_eq!(staged.staged.as_ref().map(|content| &content.body), Some(&before.live.body));

        let pending = world.submit(Who::Creator, &staged, &doing(Action::PUBLISH_EDITS));
        assert_eq!(pending.resource.pii_fields, pointers(&["/name"]));
        let approved = world.approve(Who::Approver, &pending).unwrap().resource;
        assert_eq!((approved.pii_fields, approved.staged_pii_fields), (Vec::new(), None));
        let rejected = world.reject(Who::Approver, &pending).unwrap().resource;
        assert_eq!(rejected.pii_fields, pointers(&["/name"]));
        assert_eq!((rejected.staged_pii_fields, rejected.staged), (None, None));
    }
}

/// Proves ACC-19: a value that is moved with its mark stays masked where it was, for as long as that is live.
#[test]
fn a_moved_mark_masks_where_it_was_and_where_it_will_be() {
    let before = Resource { staged: None, ..marked(remote_config(State::LIVE)) };
    let moved = content_of(&json!({ "person": "Ada", "text": "Hello" }));
    let edit = Edit { content: Some(moved), pii_fields: Some(pointers(&["/person"])), ..Edit::default() };
    let world = World::new();
    let staged = world.update(Who::Creator, &before, edit).unwrap().resource;
    for content in [&staged.live, staged.staged.as_ref().unwrap()] {
        assert!(!shown(content, &staged.pii_fields).body.contains("Ada"), "{}", content.body);
    }
    // Taken back before it was published.
    let back = Edit { pii_fields: Some(pointers(&["/name", "/person"])), ..Edit::default() };
    let outcome = world.update(Who::Creator, &staged, back).unwrap();
    assert_eq!((outcome.history.event, outcome.resource.staged_pii_fields), (HistoryEvent::Staged, None));
}

/// Proves ACC-19: a mark that is added holds at once and needs no approval.
#[test]
fn a_mark_that_is_added_to_live_content_holds_at_once() {
    let before = Resource { staged: None, ..marked(remote_config(State::LIVE)) };
    let add = |fields: &[&str]| {
        let edit = Edit { pii_fields: Some(pointers(fields)), ..Edit::default() };
        World::new().update(Who::Creator, &before, edit)
    };
    let outcome = add(&["/text", "/name"]).unwrap();
    assert_eq!(outcome.history.event, HistoryEvent::Edited);
    assert_eq!(outcome.history.digest, before.live.digest);
    assert_eq!(outcome.resource.pii_fields, pointers(&["/name", "/text"]));
    assert_eq!((outcome.resource.staged, outcome.resource.staged_pii_fields), (None, None));
    // So many hold at a time, those that wait to be taken away among them.
    let many: Vec<String> = (0..crate::limits::PII_FIELDS).map(|n| format!("/n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(violated(add(&many)), ["pii_fields"]);
}

/// Proves ACC-19, REQ-16: a masked approver decides on what they saw, and learns nothing of the rest by the digest.
#[test]
fn a_masked_approver_s_digest_is_that_of_what_they_saw() {
    let masking = masking(role(1, &[(CAMPAIGNS, Rights::FULL)]));
    let world = World::new().with_roles(&[&masking]);
    let approver = someone(1, None, &[&masking]);
    let before = marked(campaign());
    let pending = world.submit(Who::Creator, &before, &doing(Action::LAUNCH));
    let approve = |digest| {
        let approve = Approve { digest: Some(digest), ..Approve::default() };
        world.by(&approver, |context| decide::approve(context, &pending.resource, &pending.request, &approve))
    };
    let seen = shown(&before.live, &before.pii_fields).digest;
    assert!(approve(seen.clone()).is_ok());
    assert_eq!(approve(before.live.digest.clone()), Err(Refusal::DigestMismatch(seen)));
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
    let shown: Value = serde_json::from_str(&shown(&before.live, &before.pii_fields).body).unwrap();
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
