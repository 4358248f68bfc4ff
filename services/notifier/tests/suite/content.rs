//! Proves ACC-13 for mails and ribbons: what a resource's content marks as personal is masked there, because no content
//! gets there at all. Two halves: events have no place for content, and of what they have, mails and ribbons show only what
//! is listed here. Both are read from the contract, so that whoever adds a field or an event type is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_broker::{Event, Verdict};
use countersign_notifier::outbound::{Folder, Outbound};
use countersign_notifier::storage::Backlog;
use countersign_proto::DESCRIPTORS;
use countersign_proto::inbox::ListRibbonsRequest;
use countersign_runtime::ids::new_id;
use countersign_testkit::{TestDatabase, both_databases, wait_for};
use mail_parser::MessageParser;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::inbox::{by, serve};
use crate::support::{ACCOUNT, ADA, NOON, RESOURCE, Running, access_event, may_all, request};

both_databases! { mails_and_ribbons_show_what_is_listed_and_no_content }

/// What an event may hold. None of it is content: titles, names and notes are what people call a resource and say about it,
/// a digest tells whether content is the same and not what it is, and an audience is a property's values, not a person's.
/// A field that would hold content, or a part or difference of it, does not belong into events: services mask content where
/// they show it, by who is looking, and a mail that is sent can't be masked any more.
const NO_CONTENT: &[&str] = &[
    "AccessEvent.members",
    "AccountEvent.state",
    "Actor.display_name",
    "Actor.member_id",
    "Actor.service",
    "AudienceValues.values",
    "BypassEvent.action",
    "BypassEvent.area",
    "BypassEvent.bypass_time",
    "BypassEvent.bypassed_by",
    "BypassEvent.closed_by",
    "BypassEvent.digest",
    "BypassEvent.from_state",
    "BypassEvent.note",
    "BypassEvent.reason",
    "BypassEvent.resource",
    "BypassEvent.review_id",
    "BypassEvent.target_state",
    "BypassEvent.winning_variant",
    "Event.access",
    "Event.account",
    "Event.account_name",
    "Event.actor",
    "Event.bypass",
    "Event.continues",
    "Event.invitation",
    "Event.policy",
    "Event.recipients",
    "Event.request",
    "Event.resource",
    "Event.workflow",
    "InvitationEvent.expire_time",
    "InvitationEvent.invitation_id",
    "InvitationEvent.roles",
    "InvitationEvent.token",
    "MemberAccess.active",
    "MemberAccess.approvable_kinds",
    "MemberAccess.member_id",
    "MemberAccess.readable_kinds",
    "MemberAccess.scope_property",
    "MemberAccess.scope_values",
    "PolicyEvent.area",
    "PolicyEvent.cooling_off_end_time",
    "PolicyEvent.weakened",
    "Recipient.display_name",
    "Recipient.email",
    "Recipient.locale",
    "Recipient.mail",
    "Recipient.member_id",
    "Recipient.reason",
    "Recipient.ribbon",
    "Recipient.time_zone",
    "RequestEvent.action",
    "RequestEvent.approval_request_id",
    "RequestEvent.approvals",
    "RequestEvent.area",
    "RequestEvent.deadline",
    "RequestEvent.digest",
    "RequestEvent.expiry_reason",
    "RequestEvent.feedback",
    "RequestEvent.from_state",
    "RequestEvent.launch_mode",
    "RequestEvent.lost_approvers",
    "RequestEvent.note",
    "RequestEvent.required_approvals",
    "RequestEvent.resource",
    "RequestEvent.state",
    "RequestEvent.submitter",
    "RequestEvent.target_state",
    "RequestEvent.voided_approvals",
    "RequestEvent.winning_variant",
    "ResourceEvent.action",
    "ResourceEvent.change",
    "ResourceEvent.from_state",
    "ResourceEvent.resource",
    "ResourceEvent.winning_variant",
    "ResourceSnapshot.audience",
    "ResourceSnapshot.digest",
    "ResourceSnapshot.external_id",
    "ResourceSnapshot.kind",
    "ResourceSnapshot.resource_id",
    "ResourceSnapshot.schedule",
    "ResourceSnapshot.state",
    "ResourceSnapshot.title",
    "Schedule.end_time",
    "Schedule.start_time",
    "WeakenedSetting.after",
    "WeakenedSetting.before",
    "WeakenedSetting.setting",
    "WorkflowEvent.area",
    "WorkflowEvent.enabled",
];

/// The texts of an event that mails and ribbons show; an audience, a digest or another service's id is not among them.
const SHOWN: &[&str] = &[
    "Actor.display_name",
    "Actor.service",
    "BypassEvent.action",
    "BypassEvent.area",
    "BypassEvent.note",
    "BypassEvent.reason",
    "Event.account_name",
    "InvitationEvent.roles",
    "InvitationEvent.token",
    "PolicyEvent.area",
    "Recipient.display_name",
    "Recipient.email",
    "RequestEvent.action",
    "RequestEvent.area",
    "RequestEvent.feedback",
    "RequestEvent.from_state",
    "RequestEvent.note",
    "RequestEvent.target_state",
    "RequestEvent.winning_variant",
    "ResourceSnapshot.kind",
    "ResourceSnapshot.state",
    "ResourceSnapshot.title",
    "WeakenedSetting.after",
    "WeakenedSetting.before",
    "WeakenedSetting.setting",
    "WorkflowEvent.area",
];

/// An account that is erased.
const ELSEWHERE: Uuid = Uuid::from_u128(0xe15e);

/// Stands where content would be, should somebody send it.
const CONTENT: &str = "contentofaresource";

fn event_message() -> MessageDescriptor {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    pool.get_message_by_name("countersign.event.v1.Event").unwrap()
}

fn name_of(field: &FieldDescriptor) -> String {
    format!("{}.{}", field.parent_message().name(), field.name())
}

/// Every field that an event can have, at any depth, by name.
fn fields(message: &MessageDescriptor, found: &mut BTreeMap<String, FieldDescriptor>) {
    for field in message.fields() {
        if found.insert(name_of(&field), field.clone()).is_some() {
            continue;
        }
        match field.kind() {
            Kind::Message(_) if field.is_map() => {
                // A map is one field: its entry's message has no name of its own.
                let Kind::Message(entry) = field.kind() else { continue };
                let Kind::Message(value) = entry.map_entry_value_field().kind() else {
                    panic!("{} is a map of something new", name_of(&field))
                };
                fields(&value, found);
            }
            Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp" => {}
            Kind::Message(inner) => {
                let ours = inner.package_name().starts_with("countersign.");
                assert!(ours, "{} can hold anything: {}", name_of(&field), inner.full_name());
                fields(&inner, found);
            }
            Kind::Bytes => panic!("{} can hold anything", name_of(&field)),
            _ => {}
        }
    }
}

/// Proves ACC-13.
#[test]
fn events_have_no_place_for_content() {
    let mut found = BTreeMap::new();
    fields(&event_message(), &mut found);
    let found: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = NO_CONTENT.iter().copied().collect();
    let added: Vec<_> = found.difference(&listed).collect();
    assert!(added.is_empty(), "can these hold content? If not, list them: {added:?}");
    assert_eq!(found, listed, "listed fields that are gone");
}

/// The types of the contract's table, each with the name of its payload.
fn event_types() -> Vec<(String, String)> {
    let message = event_message();
    let file = message.parent_file();
    let source = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let place = source.location.iter().find(|location| location.path == message.path()).unwrap();
    let rows = place.leading_comments().lines().filter(|line| line.trim().starts_with("| countersign."));
    let rows = rows.map(|line| line.split('|').map(str::trim).map(str::to_owned).collect::<Vec<_>>());
    rows.flat_map(|row| {
        let types: Vec<String> = row[1].split(", ").map(ToOwned::to_owned).collect();
        // What is continued has the payload of what it continues.
        let payload = if row[3] == "that event's" { "request".to_owned() } else { row[3].clone() };
        types.into_iter().map(move |name| (name, payload.clone()))
    })
    .collect()
}

/// Makes messages in which every text says which field it stands in.
#[derive(Default)]
struct Marks(BTreeMap<String, String>);

impl Marks {
    /// No mark is part of another, and none is changed by lower case.
    fn mark(&mut self, field: &FieldDescriptor) -> String {
        let next = format!("mark{}x", self.0.len());
        self.0.entry(name_of(field)).or_insert(next).clone()
    }

    /// `message` with every field filled, of its payloads only `payload`, and content beside the fields of each message.
    fn message(&mut self, message: &MessageDescriptor, payload: &str, ribbon: i32) -> Value {
        let mut object = Map::new();
        for field in message.fields() {
            if field.containing_oneof().is_some() && field.json_name() != payload {
                continue;
            }
            let value = if field.is_map() {
                let Kind::Message(entry) = field.kind() else { continue };
                let key = self.mark(&field);
                json!({ key: self.value(&entry.map_entry_value_field(), payload, ribbon) })
            } else {
                let value = self.value(&field, payload, ribbon);
                if field.is_list() { json!([value]) } else { value }
            };
            object.insert(field.json_name().to_owned(), value);
        }
        for name in ["content", "stagedContent", "change", "difference"] {
            object.entry(name).or_insert_with(|| json!({"email": CONTENT, "items": [CONTENT]}));
        }
        Value::Object(object)
    }

    fn value(&mut self, field: &FieldDescriptor, payload: &str, ribbon: i32) -> Value {
        let id = field.name().ends_with("_id") && field.name() != "external_id";
        match field.kind() {
            Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp" => {
                json!("2026-05-03T10:00:00Z")
            }
            Kind::Message(inner) => self.message(&inner, payload, ribbon),
            Kind::String if field.name() == "resource_id" => json!(RESOURCE),
            Kind::String if field.name() == "approval_request_id" => json!(request(1)),
            Kind::String if id => json!(ADA),
            Kind::String if field.name() == "continues" => json!("countersign.request.submitted.v1"),
            Kind::String if field.name() == "email" => json!(format!("{}@example.com", self.mark(field))),
            Kind::String => json!(self.mark(field)),
            Kind::Enum(_) if field.name() == "ribbon" => json!(ribbon),
            Kind::Enum(_) if field.name() == "reason" => json!(2),
            Kind::Enum(_) | Kind::Int32 => json!(1),
            Kind::Bool => json!(true),
            other => panic!("{} is of a new type: {other:?}", name_of(field)),
        }
    }
}

fn event(event_type: &str, sequence: i64, data: Value) -> Event {
    Event {
        id: new_id(),
        event_type: event_type.to_owned(),
        source: "/countersign/approval".to_owned(),
        subject: RESOURCE.to_string(),
        time_us: NOON,
        account_id: ACCOUNT,
        sequence,
        traceparent: None,
        data,
    }
}

/// What the mails say, headers included.
fn mails(folder: &std::path::Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let raw = std::fs::read(file.unwrap().path()).unwrap();
            let mail = MessageParser::default().parse(&raw).unwrap();
            let headers = format!("{:?}", mail.headers());
            format!("{headers}{}{}", mail.body_text(0).unwrap(), mail.body_html(0).unwrap())
        })
        .collect()
}

/// Proves ACC-13: every event type of the contract, with a text of its own in every field and content wherever it might be.
async fn mails_and_ribbons_show_what_is_listed_and_no_content(db: TestDatabase) {
    let mailbox = tempfile::tempdir().unwrap();
    let folder = mailbox.path().join("mail");
    let mut running = Running::with(&db, Outbound::Folder(Folder::new(&folder))).await;
    let mut client = serve(&running).await;
    let (message, mut marks) = (event_message(), Marks::default());
    let mut seen = String::new();
    let mut told = 0;
    for (sequence, (event_type, payload)) in (1..).zip(event_types()) {
        for (turn, ribbon) in [(0, 1), (1, 2), (2, 3)] {
            let mut data = marks.message(&message, &payload, ribbon);
            let kinds = vec![marks.0.get("ResourceSnapshot.kind").cloned().unwrap_or_default()];
            let access = countersign_proto::event::MemberAccess {
                approvable_kinds: kinds.clone(),
                readable_kinds: kinds,
                ..may_all(ADA)
            };
            running.take(&access_event(1_000, vec![access])).await;
            // Nobody is left to be told: of an account of its own, since nothing could be shown of this one any more.
            let gone = payload == "none";
            if event_type == "countersign.resource.changed.v1" {
                let verdict = running.handle(&event(&event_type, sequence, data.clone())).await;
                assert!(matches!(verdict, Verdict::DeadLetter { .. }), "nobody is told of it: {verdict:?}");
                data["recipients"] = json!([]);
            } else if !["access", "account"].contains(&payload.as_str()) && !gone {
                told += 1;
            }
            let mut event = event(&event_type, sequence * 3 + turn, data);
            if gone {
                event.account_id = ELSEWHERE;
            }
            running.take(&event).await;
            let list = ListRibbonsRequest { account_id: ACCOUNT.to_string(), ..Default::default() };
            let ribbons = client.list_ribbons(by(ADA, list)).await.unwrap().into_inner().ribbons;
            seen.extend(ribbons.iter().map(|ribbon| format!("{ribbon:?}")));
        }
    }
    running.deliver();
    wait_for("every mail", Duration::from_secs(20), async || {
        (running.notifier.storage().backlog().await.unwrap() == Backlog::default()).then_some(())
    })
    .await;
    let mails = mails(&folder);
    assert_eq!(mails.len(), told);
    seen.extend(mails);
    assert!(!seen.contains(CONTENT), "content is shown: {seen}");
    let shown: Vec<&str> =
        marks.0.iter().filter(|(_, mark)| seen.contains(*mark)).map(|(name, _)| name.as_str()).collect();
    assert_eq!(shown, SHOWN, "what is shown and not listed, or the other way round");
    running.stop().await;
}
