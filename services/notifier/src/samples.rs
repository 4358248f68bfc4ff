//! One example of every kind of mail, with the values that people would see: what the start-up check renders, what `preview`
//! shows, and what the tests keep whole.

use std::sync::Arc;

use countersign_proto::event::event::Payload;
use countersign_proto::event::{
    BypassEvent, Event, InvitationEvent, PolicyEvent, RecipientReason, RequestEvent, ResourceSnapshot,
    WeakenedSetting, WorkflowEvent,
};
use countersign_proto::types::{Actor, LaunchMode, RequestState, Schedule};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::mail::MailSettings;
use crate::storage::{Claim, REMINDERS, Told};

/// 1 May 2026, 10:00 UTC.
const NOW: i64 = 1_777_629_600;

/// Ids of the samples' things.
const ACCOUNT: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_acc0);
const EVENT: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_e0e0);
const READER: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_0ada);
const RESOURCE: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_7e50);
const REQUEST: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_4e90);
const TEST: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_7e51);
const TEST_REQUEST: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_4e91);
const REVIEW: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_4e41);
const INVITATION: Uuid = Uuid::from_u128(0x0190_aaaa_0000_7000_8000_0000_0000_1417);

/// An example of a mail.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is called.
    pub name: &'static str,
    /// What is told, to whom.
    pub claim: Claim,
}

/// All samples, in English; a change of the claim's `locale` makes them another language.
pub fn samples(settings: &MailSettings) -> Vec<Sample> {
    let mut samples = requests();
    samples.extend(ends());
    samples.extend(others());
    for sample in &mut samples {
        sample.claim.message_id = settings.message_id(EVENT, READER);
    }
    samples
}

fn requests() -> Vec<Sample> {
    use RecipientReason::{AreaApprover, AssignedApprover, Submitter};
    let told = |name, actor, request, reason| request_sample(name, name, actor, request, reason);
    vec![
        told("submitted", lena(), campaign(), AssignedApprover),
        request_sample("submitted-ab-test", "submitted", lena(), ab_test(), AreaApprover),
        request_sample("submitted-own-kind", "submitted", lena(), price_list(), AreaApprover),
        request_sample(
            "approval-recorded",
            "approval_recorded",
            ada(),
            RequestEvent {
                approvals: 1,
                required_approvals: 2,
                feedback: "Fine with me.".to_owned(),
                ..campaign()
            },
            Submitter,
        ),
        request_sample(
            "assignment-expired",
            "assignment_expired",
            bo(),
            RequestEvent { lost_approvers: vec![ada(), zoe()], ..campaign() },
            Submitter,
        ),
        request_sample(
            "approval-voided",
            "assignment_expired",
            bo(),
            RequestEvent {
                approvals: 1,
                required_approvals: 3,
                lost_approvers: vec![ada()],
                voided_approvals: vec![ada()],
                ..campaign()
            },
            Submitter,
        ),
        told(
            "reassigned",
            bo(),
            RequestEvent { feedback: "Zoe is on holiday this week.".to_owned(), ..campaign() },
            AssignedApprover,
        ),
        told(
            "reminded",
            system(),
            RequestEvent { approvals: 1, required_approvals: 2, ..campaign() },
            AssignedApprover,
        ),
        told(
            "commented",
            ada(),
            RequestEvent { feedback: "Does the 20 % also apply to gift cards?".to_owned(), ..campaign() },
            Submitter,
        ),
    ]
}

fn ends() -> Vec<Sample> {
    use RecipientReason::{Admin, Owner, Submitter};
    let ended = |name, actor, state: RequestState, request: RequestEvent, reason| {
        request_sample(name, name, actor, RequestEvent { state: state.into(), ..request }, reason)
    };
    let expired = |name, why: &str| {
        let request =
            RequestEvent { state: RequestState::Expired.into(), expiry_reason: why.to_owned(), ..campaign() };
        request_sample(name, "expired", system(), request, Submitter)
    };
    let finished = in_state(ab_test(), "FINISHED");
    vec![
        ended("approved", ada(), RequestState::Approved, in_state(campaign(), "SCHEDULED"), Submitter),
        request_sample(
            "approved-winner",
            "approved",
            ada(),
            RequestEvent {
                state: RequestState::Approved.into(),
                action: "FINISH".to_owned(),
                winning_variant: "green".to_owned(),
                feedback: "Green it is.".to_owned(),
                ..finished
            },
            Admin,
        ),
        ended(
            "rejected",
            ada(),
            RequestState::Rejected,
            RequestEvent {
                feedback: "The discount is too high.\n\nPlease make it 10 %.".to_owned(),
                ..campaign()
            },
            Submitter,
        ),
        ended(
            "cancelled",
            bo(),
            RequestState::Cancelled,
            RequestEvent { feedback: "We go with the summer sale instead.".to_owned(), ..campaign() },
            Owner,
        ),
        expired("expired", "DEADLINE"),
        expired("expired-nobody-left", "NO_ELIGIBLE_APPROVERS"),
        ended("reverted", bo(), RequestState::Reverted, campaign(), Submitter),
    ]
}

fn others() -> Vec<Sample> {
    use RecipientReason::{Admin, AreaApprover, AssignedApprover, Invited};
    let workflow = |name, what, enabled| {
        let payload = Payload::Workflow(WorkflowEvent { area: "CAMPAIGNS".to_owned(), enabled });
        sample(name, what, bo(), payload, Admin)
    };
    let invitation = InvitationEvent {
        invitation_id: INVITATION.to_string(),
        token: "s3cret/+=".to_owned(),
        expire_time: at(24 * 7),
        roles: vec!["Creator".to_owned(), "US campaigns".to_owned()],
    };
    let weakened = |setting: &str, before: &str, after: &str| WeakenedSetting {
        setting: setting.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
    };
    // Every setting that can be weaker, and each way to say its value.
    let policy = PolicyEvent {
        area: "CAMPAIGNS".to_owned(),
        weakened: vec![
            weakened("enabled", "true", "false"),
            weakened("required_approvals", "2", "1"),
            weakened("allow_self_approval", "false", "true"),
            weakened("exclude_authors", "true", "false"),
            weakened("cancellation", "NOBODY", "WRITERS"),
            weakened("request_max_age", "604800s", "0s"),
            weakened("minimum_lead_time", "5400s", "45s"),
            weakened("cooling_off", "86400s", "3600s"),
        ],
        cooling_off_end_time: at(24),
    };
    let closed = BypassEvent {
        closed_by: Some(ada()),
        note: "Agreed, the typo had to go at once.".to_owned(),
        ..bypass()
    };
    vec![
        reminders(AssignedApprover),
        sample("bypassed", "resource.bypassed", bo(), Payload::Bypass(bypass()), AreaApprover),
        sample("review-closed", "review.closed", ada(), Payload::Bypass(closed), Admin),
        workflow("workflow-enabled", "workflow.enabled", true),
        workflow("workflow-disabled", "workflow.disabled", false),
        sample("policy-weakened", "policy.weakened", bo(), Payload::Policy(policy), Admin),
        sample("invitation", "invitation.sent", bo(), Payload::Invitation(invitation), Invited),
    ]
}

fn campaign() -> RequestEvent {
    RequestEvent {
        resource: Some(ResourceSnapshot {
            resource_id: RESOURCE.to_string(),
            kind: "campaign".to_owned(),
            external_id: "spring-sale".to_owned(),
            title: "Spring sale".to_owned(),
            state: "DRAFT".to_owned(),
            schedule: Some(Schedule { start_time: at(48), end_time: at(24 * 9) }),
            ..Default::default()
        }),
        approval_request_id: REQUEST.to_string(),
        area: "CAMPAIGNS".to_owned(),
        action: "LAUNCH".to_owned(),
        state: RequestState::Pending.into(),
        submitter: Some(Actor { service: "campaigns".to_owned(), ..lena() }),
        note: "20 % off everything until the 10th.\nLegal has seen the small print.".to_owned(),
        deadline: at(24 * 9),
        launch_mode: LaunchMode::Active.into(),
        required_approvals: 1,
        ..Default::default()
    }
}

fn ab_test() -> RequestEvent {
    RequestEvent {
        resource: Some(ResourceSnapshot {
            resource_id: TEST.to_string(),
            kind: "ab_test".to_owned(),
            external_id: "checkout-button".to_owned(),
            title: "Checkout button".to_owned(),
            state: "RUNNING".to_owned(),
            ..Default::default()
        }),
        approval_request_id: TEST_REQUEST.to_string(),
        area: "PRODUCT_EXPERIENCES".to_owned(),
        action: "PUBLISH_EDITS".to_owned(),
        launch_mode: LaunchMode::Unspecified.into(),
        note: String::new(),
        deadline: None,
        ..campaign()
    }
}

/// Of a kind of the account's own (LIF-24): for its names there are no words in any language.
fn price_list() -> RequestEvent {
    RequestEvent {
        resource: Some(ResourceSnapshot {
            resource_id: TEST.to_string(),
            kind: "price_list".to_owned(),
            external_id: "spring".to_owned(),
            title: "Spring prices".to_owned(),
            state: "UNDER_REVISION".to_owned(),
            ..Default::default()
        }),
        area: "PRICES".to_owned(),
        action: "TAKE_OFF_SALE".to_owned(),
        from_state: "UNDER_REVISION".to_owned(),
        target_state: "OFF_SALE".to_owned(),
        ..ab_test()
    }
}

fn in_state(mut request: RequestEvent, state: &str) -> RequestEvent {
    if let Some(resource) = &mut request.resource {
        state.clone_into(&mut resource.state);
    }
    request
}

fn bypass() -> BypassEvent {
    let request = in_state(ab_test(), "RUNNING");
    BypassEvent {
        resource: request.resource,
        review_id: REVIEW.to_string(),
        area: request.area,
        action: request.action,
        from_state: "RUNNING".to_owned(),
        target_state: "RUNNING".to_owned(),
        bypassed_by: Some(bo()),
        reason: "The button showed the wrong price to everybody, and nobody else was awake.".to_owned(),
        bypass_time: at(0),
        ..Default::default()
    }
}

/// What is gathered for one member.
fn reminders(reason: RecipientReason) -> Sample {
    let mut sample = request_sample("reminders", "reminded", system(), campaign(), reason);
    let events = [campaign(), ab_test()].map(|request| event(system(), Payload::Request(request)));
    sample.claim.told = Some(Told::Reminders(events.to_vec()));
    REMINDERS.clone_into(&mut sample.claim.event_type);
    sample
}

fn request_sample(
    name: &'static str,
    what: &str,
    actor: Actor,
    request: RequestEvent,
    reason: RecipientReason,
) -> Sample {
    sample(name, &format!("request.{what}"), actor, Payload::Request(request), reason)
}

fn event(actor: Actor, payload: Payload) -> Event {
    let recipients = Vec::new();
    Event {
        account_name: "Acme".to_owned(),
        actor: Some(actor),
        recipients,
        payload: Some(payload),
        continues: String::new(),
    }
}

fn sample(name: &'static str, what: &str, actor: Actor, payload: Payload, reason: RecipientReason) -> Sample {
    // Submissions come by way of the service that asks for them.
    let actor =
        if what == "request.submitted" { Actor { service: "campaigns".to_owned(), ..actor } } else { actor };
    let (display_name, address) = match reason {
        RecipientReason::Submitter => ("Lena Weber", "lena@example.com"),
        RecipientReason::Admin | RecipientReason::Owner => ("Mia Torres", "mia@example.com"),
        RecipientReason::Invited => ("Nora New", "nora@example.com"),
        _ => ("Ada Okafor", "ada@example.com"),
    };
    let claim = Claim {
        account_id: ACCOUNT,
        event_id: EVENT,
        event_type: format!("countersign.{what}.v1"),
        occurred_at: NOW * 1_000_000,
        told: Some(Told::Event(Arc::new(event(actor, payload)))),
        member_id: READER,
        address: address.to_owned(),
        display_name: display_name.to_owned(),
        locale: "en".to_owned(),
        time_zone: String::new(),
        reason: reason.into(),
        message_id: String::new(),
        attempts: 1,
        created_at: 0,
        lease_until: 0,
    };
    Sample { name, claim }
}

fn actor(number: u128, name: &str) -> Actor {
    let member_id = Uuid::from_u128(ACCOUNT.as_u128() + number).to_string();
    Actor { member_id, display_name: name.to_owned(), service: String::new() }
}

fn lena() -> Actor {
    actor(1, "Lena Weber")
}

fn ada() -> Actor {
    actor(2, "Ada Okafor")
}

fn bo() -> Actor {
    actor(3, "Bo Lindqvist")
}

fn zoe() -> Actor {
    actor(4, "Zoe Hart")
}

fn system() -> Actor {
    actor(0, "countersign")
}

#[expect(clippy::unnecessary_wraps, reason = "as the messages' fields want it")]
fn at(hours: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: NOW + hours * 3_600, nanos: 0 })
}
