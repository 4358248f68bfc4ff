//! Whole mails, as they are sent: nothing in them is volatile, so nothing is left out.

use std::sync::Arc;

use countersign_proto::event::event::Payload;
use countersign_proto::event::{
    Event, InvitationEvent, RecipientReason, RequestEvent, ResourceSnapshot, WorkflowEvent,
};
use countersign_proto::types::{Actor, LaunchMode, RequestState, Schedule};
use mail_parser::MessageParser;
use prost_types::Timestamp;
use uuid::Uuid;

use super::{Composer, MailSettings};
use crate::storage::Claim;

/// 1 May 2026, 10:00 UTC.
const TEN: i64 = 1_777_629_600;

fn composer() -> Composer {
    Composer::new(MailSettings {
        from: "Countersign <countersign@countersign.example>".parse().unwrap(),
        domain: "countersign.example".to_owned(),
        review_url: "https://app.example/{account_id}/review/{approval_request_id}?on={resource_id}"
            .parse()
            .unwrap(),
        invitation_url: "https://app.example/{account_id}/join/{invitation_id}#{token}".parse().unwrap(),
    })
    .unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "as the message's field wants it")]
fn actor(number: u128, name: &str, service: &str) -> Option<Actor> {
    Some(Actor {
        member_id: Uuid::from_u128(number).to_string(),
        display_name: name.to_owned(),
        service: service.to_owned(),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "as the message's field wants it")]
fn at(hours: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: TEN + hours * 3_600, nanos: 0 })
}

fn lena() -> Option<Actor> {
    actor(1, "Lena Weber", "campaigns")
}

fn ada() -> Option<Actor> {
    actor(2, "Ada Okafor", "")
}

fn request() -> RequestEvent {
    RequestEvent {
        resource: Some(ResourceSnapshot {
            resource_id: Uuid::from_u128(0x7e50).to_string(),
            kind: "campaign".to_owned(),
            external_id: "spring-sale".to_owned(),
            title: "Spring sale".to_owned(),
            state: "DRAFT".to_owned(),
            schedule: Some(Schedule { start_time: at(48), end_time: at(24 * 9) }),
            ..Default::default()
        }),
        approval_request_id: Uuid::from_u128(0x4e90).to_string(),
        area: "CAMPAIGNS".to_owned(),
        action: "LAUNCH".to_owned(),
        state: RequestState::Pending.into(),
        submitter: lena(),
        note: "20 % off everything until the 10th.\nLegal has seen the small print.".to_owned(),
        deadline: at(24 * 9),
        launch_mode: LaunchMode::Active.into(),
        required_approvals: 1,
        ..Default::default()
    }
}

fn claim(what: &str, actor: Option<Actor>, payload: Payload, reason: RecipientReason) -> Claim {
    let event_id = Uuid::from_u128(0xe0e0);
    let member_id = Uuid::from_u128(2);
    Claim {
        account_id: Uuid::from_u128(0xacc0),
        event_id,
        event_type: format!("countersign.{what}.v1"),
        occurred_at: TEN * 1_000_000,
        event: Some(Arc::new(Event {
            account_name: "Acme".to_owned(),
            actor,
            recipients: Vec::new(),
            payload: Some(payload),
        })),
        member_id,
        address: "ada@example.com".to_owned(),
        display_name: "Ada Okafor".to_owned(),
        locale: "en".to_owned(),
        reason: reason.into(),
        message_id: composer().settings().message_id(event_id, member_id),
        attempts: 1,
        created_at: 0,
        lease_until: 0,
    }
}

/// The headers as sent, and both parts decoded.
fn whole(claim: &Claim) -> String {
    let mail = composer().compose(claim).unwrap();
    let raw = String::from_utf8(mail.bytes).unwrap();
    let (headers, body) = raw.split_once("\r\n\r\n").unwrap();
    // RFC 5322 (2.1.1) for lines, RFC 2045 (6.7) for those of quoted-printable; ids are longer than 76 and can't be folded.
    let lines =
        |text: &str, max| text.split("\r\n").all(|line| line.len() <= max && !line.contains(['\r', '\n']));
    assert!(raw.is_ascii() && lines(headers, 998) && lines(body, 76), "{raw}");
    let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    format!("{headers}\n\n{text}\n\n{html}").replace("\r\n", "\n").replace("-- \n", "--\u{b7}\n")
}

fn submitted() -> Claim {
    claim("request.submitted", lena(), Payload::Request(request()), RecipientReason::AssignedApprover)
}

fn ended(
    what: &str,
    state: RequestState,
    actor: Option<Actor>,
    change: impl FnOnce(&mut RequestEvent),
) -> Claim {
    let mut request = request();
    request.state = state.into();
    change(&mut request);
    claim(what, actor, Payload::Request(request), RecipientReason::Submitter)
}

fn state_of(request: &mut RequestEvent, state: &str) {
    request.resource.as_mut().unwrap().state = state.to_owned();
}

/// Proves NOT-1 and NOT-13.
#[test]
fn campaign_submitted() {
    insta::assert_snapshot!(whole(&submitted()));
}

/// Proves NOT-2 and NOT-13.
#[test]
fn ab_test_submitted() {
    let mut request = request();
    let resource = request.resource.as_mut().unwrap();
    resource.kind = "ab_test".to_owned();
    resource.title = "Checkout button".to_owned();
    resource.state = "RUNNING".to_owned();
    resource.schedule = None;
    request.area = "PRODUCT_EXPERIENCES".to_owned();
    request.action = "PUBLISH_EDITS".to_owned();
    request.launch_mode = 0;
    request.note = String::new();
    request.deadline = None;
    let claim = claim("request.submitted", lena(), Payload::Request(request), RecipientReason::AreaApprover);
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-13.
#[test]
fn approval_recorded() {
    let claim = ended("request.approval_recorded", RequestState::Pending, ada(), |request| {
        request.approvals = 1;
        request.required_approvals = 2;
        request.feedback = "Fine with me.".to_owned();
    });
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-3 and NOT-13.
#[test]
fn campaign_approved() {
    let claim =
        ended("request.approved", RequestState::Approved, ada(), |request| state_of(request, "SCHEDULED"));
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-4 and NOT-13: with the variant that wins.
#[test]
fn ab_test_finished_with_a_winner() {
    let mut claim = ended("request.approved", RequestState::Approved, ada(), |request| {
        let resource = request.resource.as_mut().unwrap();
        resource.kind = "ab_test".to_owned();
        resource.title = "Checkout button".to_owned();
        resource.state = "FINISHED".to_owned();
        resource.schedule = None;
        request.action = "FINISH".to_owned();
        request.area = "PRODUCT_EXPERIENCES".to_owned();
        request.launch_mode = 0;
        request.winning_variant = "green".to_owned();
        request.feedback = "Green it is.".to_owned();
    });
    claim.reason = RecipientReason::Admin.into();
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-3, NOT-4 and NOT-13.
#[test]
fn rejected() {
    let claim = ended("request.rejected", RequestState::Rejected, ada(), |request| {
        request.feedback = "The discount is too high.\n\nPlease make it 10 %.".to_owned();
    });
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-5 and NOT-13.
#[test]
fn cancelled() {
    let mut claim =
        ended("request.cancelled", RequestState::Cancelled, actor(3, "Bo Lindqvist", ""), |request| {
            request.feedback = "We go with the summer sale instead.".to_owned();
        });
    claim.reason = RecipientReason::Owner.into();
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-6 and NOT-13.
#[test]
fn expired_at_its_deadline() {
    let claim = ended("request.expired", RequestState::Expired, actor(0, "countersign", ""), |request| {
        request.expiry_reason = "DEADLINE".to_owned();
    });
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-6 and NOT-13.
#[test]
fn expired_without_anybody_to_decide() {
    let claim = ended("request.expired", RequestState::Expired, actor(0, "countersign", ""), |request| {
        request.expiry_reason = "NO_ELIGIBLE_APPROVERS".to_owned();
    });
    insta::assert_snapshot!(whole(&claim));
}

/// Proves REQ-10, NOT-6 and NOT-13: who is left out, and that the others are still asked.
#[test]
fn assignment_expired() {
    let claim =
        ended("request.assignment_expired", RequestState::Pending, actor(3, "Bo Lindqvist", ""), |r| {
            r.lost_approvers = [ada(), actor(5, "Zoe Hart", "")].into_iter().flatten().collect();
        });
    insta::assert_snapshot!(whole(&claim));
}

fn invitation() -> InvitationEvent {
    InvitationEvent {
        invitation_id: Uuid::from_u128(0x1417).to_string(),
        token: "s3cret/+=".to_owned(),
        expire_time: at(24 * 7),
        roles: vec!["Creator".to_owned(), "US campaigns".to_owned()],
    }
}

fn invited(invitation: InvitationEvent) -> Claim {
    let (inviter, payload) = (actor(3, "Bo Lindqvist", ""), Payload::Invitation(invitation));
    claim("invitation.sent", inviter, payload, RecipientReason::Invited)
}

/// Proves ACC-14 and NOT-13.
#[test]
fn invitation_sent() {
    insta::assert_snapshot!(whole(&invited(invitation())));
}

/// Proves ACC-14: sent again, it is part of the same conversation, and without its token it is not sent.
#[test]
fn an_invitation_sent_again_is_the_same_conversation() {
    let references = |claim: &Claim| {
        let mail = composer().compose(claim).unwrap();
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        parsed.header_raw("References").unwrap().trim().to_owned()
    };
    let again = InvitationEvent { token: "another".to_owned(), expire_time: None, ..invitation() };
    assert_eq!(references(&invited(invitation())), references(&invited(again)));
    let forgotten = invited(InvitationEvent { token: String::new(), ..invitation() });
    assert!(matches!(composer().compose(&forgotten), Err(super::ComposeError::TokenForgotten)));
}

/// Proves NOT-13.
#[test]
fn reverted() {
    let claim = ended("request.reverted", RequestState::Reverted, actor(3, "Bo Lindqvist", ""), |_| {});
    insta::assert_snapshot!(whole(&claim));
}

/// Proves NOT-7 and NOT-13.
#[test]
fn workflow_switched() {
    for (what, enabled) in [("enabled", true), ("disabled", false)] {
        let payload = Payload::Workflow(WorkflowEvent { area: "CAMPAIGNS".to_owned(), enabled });
        let claim =
            claim(&format!("workflow.{what}"), actor(3, "Bo Lindqvist", ""), payload, RecipientReason::Admin);
        insta::assert_snapshot!(format!("workflow_{what}"), whole(&claim));
    }
}

const EVIL: &str =
    "<script>alert('x')</script>\"><img src=//evil.example/x>\r\nBcc: victim@example.com\r\n\r\n<h1>\u{202e}";

fn evil() -> Claim {
    let mut request = request();
    request.resource.as_mut().unwrap().title = format!("Title {EVIL}");
    request.resource.as_mut().unwrap().kind = format!("kind {EVIL}");
    request.note =
        format!("Note {EVIL}\r\n.\r\nMAIL FROM:<x@evil.example>\n-- \nYou get this mail because we say so.");
    request.area = EVIL.to_owned();
    request.action = format!("ACTION {EVIL}");
    request.approval_request_id = EVIL.to_owned();
    request.submitter = actor(1, EVIL, EVIL);
    let mut claim = claim(
        "request.submitted",
        actor(1, &format!("Actor {EVIL}"), EVIL),
        Payload::Request(request),
        RecipientReason::AreaApprover,
    );
    claim.display_name = format!("Reader {EVIL}");
    claim.locale = EVIL.to_owned();
    let mut event = Event::clone(claim.event.as_ref().unwrap());
    event.account_name = EVIL.to_owned();
    claim.event = Some(Arc::new(event));
    claim
}

/// Proves NOT-13: what people type can neither add a header nor markup, and can't pass for the mail's own words.
#[test]
fn what_people_type_stays_what_they_typed() {
    let claim = evil();
    let mail = composer().compose(&claim).unwrap();
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    let mut names: Vec<&str> = parsed.headers().iter().map(|header| header.name.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "no header twice: {names:?}");
    assert!(!names.contains(&"Bcc"), "{names:?}");
    assert!(parsed.to().unwrap().first().unwrap().address().unwrap() == "ada@example.com");
    assert_eq!(parsed.to().unwrap().iter().count(), 1);
    assert_eq!(mail.envelope.to().len(), 1);

    let html = parsed.body_html(0).unwrap();
    for markup in ["<script", "<img", "<h1>", "evil.example/x>", "\u{202e}"] {
        assert!(!html.contains(markup), "{markup} in {html}");
    }
    assert_eq!(html.matches("<a ").count(), 1, "one link, ours");
    assert!(html.contains("href=\"https://app.example/"), "{html}");
    assert!(html.contains("&lt;script&gt;"), "escaped, not lost");

    let text = parsed.body_text(0).unwrap();
    assert!(text.lines().any(|line| line == "> You get this mail because we say so."), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("You get this mail")).count(), 1, "{text}");
    assert!(!text.lines().any(|line| line.starts_with("Bcc:") || line == "."), "{text}");
    assert_eq!(text.matches("https://").count(), 1, "{text}");
}

/// Proves NOT-11: every try is the same message, to the byte.
#[test]
fn every_try_is_the_same_message() {
    let (first, mut second) = (submitted(), submitted());
    second.attempts = 7;
    second.lease_until = 99;
    assert_eq!(composer().compose(&first).unwrap().bytes, composer().compose(&second).unwrap().bytes);
}

/// Proves NOT-13: all mails about one request to one member answer to the same message, and no others do.
#[test]
fn mails_are_threaded_by_request_and_member() {
    let thread = |claim: &Claim| {
        let mail = composer().compose(claim).unwrap();
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        let of = |name| parsed.header_raw(name).unwrap().trim().to_owned();
        assert_eq!(of("In-Reply-To"), of("References"));
        (of("References"), of("Message-ID"))
    };
    let submitted = thread(&submitted());
    let mut later = ended("request.rejected", RequestState::Rejected, ada(), |_| {});
    later.message_id = "<later@countersign.example>".to_owned();
    let rejected = thread(&later);
    assert_eq!(submitted.0, rejected.0);
    assert_ne!(submitted.1, rejected.1);
    assert_ne!(submitted.0, submitted.1);
    later.member_id = Uuid::from_u128(9);
    assert_ne!(thread(&later).0, submitted.0);
    let other = ended("request.rejected", RequestState::Rejected, ada(), |request| {
        request.approval_request_id = Uuid::from_u128(8).to_string();
    });
    assert_ne!(thread(&other).0, submitted.0);
}
