//! A running notifier, and the events that it is given.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_broker::{Event, Handler as _, Verdict};
use countersign_notifier::delivery::{DeliverySettings, RetryPolicy};
use countersign_notifier::mail::Composer;
use countersign_notifier::outbound::{Outbound, SmtpServer};
use countersign_notifier::plan::Access;
use countersign_notifier::purge::DEFAULT_KEEP;
use countersign_notifier::settings::{MailArgs, TemplatesArgs};
use countersign_notifier::storage::{Counts, Filter, Mark, StoredRibbon};
use countersign_notifier::{Notifier, NotifierConfig, migrate};
use countersign_proto::event::event::Payload;
use countersign_proto::event::{
    self, AccessEvent, BypassEvent, MemberAccess, Recipient, RecipientReason, RecipientRibbon, RequestEvent,
    ResourceSnapshot,
};
use countersign_proto::inbox::RibbonKind;
use countersign_proto::json;
use countersign_proto::types::{Actor, RequestState};
use countersign_runtime::clock::{Clock, ManualClock};
use countersign_runtime::ids::new_id;
use countersign_testkit::{SmtpSink, TestDatabase};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// 1 May 2026, 10:00 UTC.
pub const NOON: i64 = 1_777_629_600_000_000;
pub const MINUTE: i64 = 60_000_000;

pub const ACCOUNT: Uuid = Uuid::from_u128(0xacc0);
pub const RESOURCE: Uuid = Uuid::from_u128(0x7e50);
/// Submits.
pub const LENA: Uuid = Uuid::from_u128(0x1e7a);
/// Approve.
pub const ADA: Uuid = Uuid::from_u128(0xada);
pub const BO: Uuid = Uuid::from_u128(0xb0);
/// Looks on.
pub const ZOE: Uuid = Uuid::from_u128(0x20e);

pub const fn request(number: u128) -> Uuid {
    Uuid::from_u128(0x4e90_0000 + number)
}

pub struct Running {
    pub notifier: Notifier,
    pub clock: ManualClock,
    pub stop: CancellationToken,
    delivering: Option<JoinHandle<()>>,
}

pub const QUICK: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(1),
    cap: Duration::from_millis(1),
    give_up_after: Duration::from_hours(72),
};

impl Running {
    /// A notifier that delivers to nobody.
    pub async fn silent(db: &TestDatabase) -> Self {
        Self::with(db, Outbound::Folder(countersign_notifier::outbound::Folder::new("/nowhere"))).await
    }

    /// A notifier for `sink` that does not deliver yet.
    pub async fn to(db: &TestDatabase, sink: &SmtpSink) -> Self {
        Self::with(db, smtp(sink)).await
    }

    pub async fn with(db: &TestDatabase, outbound: Outbound) -> Self {
        Self::gathering(db, outbound, Duration::ZERO).await
    }

    /// A notifier that gathers reminders.
    pub async fn gathering(db: &TestDatabase, outbound: Outbound, reminder_digest: Duration) -> Self {
        migrate(db.url()).await.unwrap();
        let mail = MailArgs {
            mail_from: "Countersign <countersign@countersign.example>".to_owned(),
            mail_domain: None,
            review_url_template: "https://app.example/{account_id}/review/{approval_request_id}".to_owned(),
            invitation_url_template: "https://app.example/{account_id}/join/{invitation_id}#{token}"
                .to_owned(),
            bypass_url_template: Some("https://app.example/{account_id}/bypasses/{review_id}".to_owned()),
            templates: TemplatesArgs::default(),
        };
        let config = NotifierConfig {
            sealing_keys: None,
            database_url: db.url().to_owned(),
            outbound,
            composer: Composer::new(mail.settings().unwrap()).unwrap(),
            delivery: DeliverySettings { connections: 2, retry: QUICK },
            reminder_digest,
            keep: DEFAULT_KEEP,
        };
        let clock = Clock::manual(NOON);
        let notifier = Notifier::open(config, clock.clock()).await.unwrap();
        Self { notifier, clock, stop: CancellationToken::new(), delivering: None }
    }

    /// Starts the delivery loop.
    pub fn deliver(&mut self) {
        self.delivering = Some(tokio::spawn(self.notifier.deliver(self.stop.clone())));
    }

    /// Ends it as a crash would: nothing is written down.
    pub async fn crash(&mut self) {
        if let Some(delivering) = self.delivering.take() {
            delivering.abort();
            let _aborted = delivering.await;
        }
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(delivering) = self.delivering.take() {
            delivering.await.unwrap();
        }
        self.notifier.storage().close().await;
    }

    pub async fn handle(&self, event: &Event) -> Verdict {
        Arc::clone(&self.notifier.handler()).handle(event.clone()).await
    }

    pub async fn take(&self, event: &Event) {
        assert_eq!(self.handle(event).await, Verdict::Done);
    }

    pub async fn ribbons(&self, viewer: Uuid) -> Vec<StoredRibbon> {
        self.page(viewer, &everything(), Filter::default()).await
    }

    /// What a viewer with `access` sees.
    pub async fn page(&self, viewer: Uuid, access: &Access, filter: Filter) -> Vec<StoredRibbon> {
        let page = self.notifier.storage().ribbons(ACCOUNT, viewer, access, filter, None, 100).await.unwrap();
        assert_eq!(page.next, None);
        page.items
    }

    pub async fn mark(&self, viewer: Uuid, ribbon_ids: &[Uuid], mark: Mark) -> u64 {
        self.notifier.storage().mark(ACCOUNT, viewer, &everything(), ribbon_ids, mark, NOON).await.unwrap()
    }

    /// Gives these members access to all campaigns.
    pub async fn admit(&self, members: &[Uuid]) {
        self.take(&access_event(1, members.iter().map(|member| may_all(*member)).collect())).await;
    }

    /// What a viewer sees, as (kind, request).
    pub async fn sees(&self, viewer: Uuid) -> Vec<(RibbonKind, Uuid)> {
        let ribbons = self.ribbons(viewer).await;
        ribbons.iter().map(|ribbon| (ribbon.kind.try_into().unwrap(), ribbon.approval_request_id)).collect()
    }

    pub async fn counts(&self, viewer: Uuid) -> Counts {
        self.notifier.storage().counts(ACCOUNT, viewer, &everything()).await.unwrap()
    }
}

pub fn smtp(sink: &SmtpSink) -> Outbound {
    let url = format!("smtp://127.0.0.1:{}?tls=none", sink.port()).parse().unwrap();
    let server = SmtpServer::new(url, "countersign.example", Vec::new(), Duration::from_secs(2)).unwrap();
    Outbound::Smtp(server)
}

/// The access of a member who may see and decide all campaigns.
pub fn everything() -> Access {
    let campaigns: BTreeSet<String> = ["campaign".to_owned()].into();
    Access { readable_kinds: campaigns.clone(), approvable_kinds: campaigns, scope: None }
}

/// The same, as an event says it.
pub fn may_all(member: Uuid) -> MemberAccess {
    MemberAccess {
        member_id: member.to_string(),
        active: true,
        readable_kinds: vec!["campaign".to_owned()],
        approvable_kinds: vec!["campaign".to_owned()],
        ..Default::default()
    }
}

/// An event that says what `members` may see and decide, new each time.
pub fn access_event(sequence: i64, members: Vec<MemberAccess>) -> Event {
    other_event("access.changed", sequence, Vec::new(), Payload::Access(AccessEvent { members }))
}

/// An event about the account, new each time.
pub fn other_event(what: &str, sequence: i64, recipients: Vec<Recipient>, payload: Payload) -> Event {
    let data = event::Event {
        account_name: "Acme".to_owned(),
        actor: actor(BO, "Bo Lindqvist"),
        recipients,
        payload: Some(payload),
        continues: String::new(),
    };
    Event {
        id: new_id(),
        event_type: format!("countersign.{what}.v1"),
        source: "/countersign/approval".to_owned(),
        subject: ACCOUNT.to_string(),
        time_us: NOON,
        account_id: ACCOUNT,
        sequence,
        traceparent: None,
        data: json::to_value(&data).unwrap(),
    }
}

pub fn address(member: Uuid) -> String {
    let name = match member {
        LENA => "lena",
        ADA => "ada",
        BO => "bo",
        ZOE => "zoe",
        other => return format!("m{}@example.com", other.simple()),
    };
    format!("{name}@example.com")
}

#[expect(clippy::unnecessary_wraps, reason = "as the message's field wants it")]
pub fn actor(member: Uuid, name: &str) -> Option<Actor> {
    Some(Actor { member_id: member.to_string(), display_name: name.to_owned(), service: String::new() })
}

pub fn recipient(member: Uuid, reason: RecipientReason, ribbon: RecipientRibbon) -> Recipient {
    Recipient {
        member_id: member.to_string(),
        email: address(member),
        display_name: format!("Member {}", address(member)),
        locale: "en".to_owned(),
        time_zone: String::new(),
        reason: reason.into(),
        mail: true,
        ribbon: ribbon.into(),
    }
}

pub fn approver(member: Uuid) -> Recipient {
    recipient(member, RecipientReason::AssignedApprover, RecipientRibbon::Decide)
}

pub fn submitter(member: Uuid) -> Recipient {
    recipient(member, RecipientReason::Submitter, RecipientRibbon::Result)
}

/// An event about request number `request_number` on [`RESOURCE`]: `what` is `submitted`, `approved`, …
pub fn about(what: &str, request_number: u128, sequence: i64, recipients: Vec<Recipient>) -> Event {
    let (state, actor) = match what {
        "submitted" | "commented" => (RequestState::Pending, actor(LENA, "Lena Weber")),
        "approval_recorded" => (RequestState::Pending, actor(ADA, "Ada Okafor")),
        "assignment_expired" | "reassigned" => (RequestState::Pending, actor(BO, "Bo Lindqvist")),
        "reminded" => (RequestState::Pending, actor(Uuid::nil(), "countersign")),
        "approved" => (RequestState::Approved, actor(ADA, "Ada Okafor")),
        "rejected" => (RequestState::Rejected, actor(ADA, "Ada Okafor")),
        "cancelled" => (RequestState::Cancelled, actor(BO, "Bo Lindqvist")),
        "expired" => (RequestState::Expired, actor(Uuid::nil(), "countersign")),
        "reverted" => (RequestState::Reverted, actor(BO, "Bo Lindqvist")),
        other => panic!("no such event: {other}"),
    };
    let payload = RequestEvent {
        resource: Some(ResourceSnapshot {
            resource_id: RESOURCE.to_string(),
            kind: "campaign".to_owned(),
            title: "Spring sale".to_owned(),
            state: "DRAFT".to_owned(),
            ..Default::default()
        }),
        approval_request_id: request(request_number).to_string(),
        area: "CAMPAIGNS".to_owned(),
        action: "LAUNCH".to_owned(),
        state: state.into(),
        from_state: "DRAFT".to_owned(),
        target_state: "SCHEDULED".to_owned(),
        submitter: self::actor(LENA, "Lena Weber"),
        note: "Please look at the discount.".to_owned(),
        feedback: if what == "commented" { "It ends on Sunday.".to_owned() } else { String::new() },
        lost_approvers: if what == "assignment_expired" {
            vec![self::actor(ADA, "Ada Okafor").unwrap(), self::actor(BO, "Bo Lindqvist").unwrap()]
        } else {
            Vec::new()
        },
        ..Default::default()
    };
    let data = event::Event {
        account_name: "Acme".to_owned(),
        actor,
        recipients,
        payload: Some(Payload::Request(payload)),
        continues: String::new(),
    };
    Event {
        // The same event has the same id in every test, and no two have the same.
        id: Uuid::from_u128((0xe << 64) | (request_number << 32) | u128::try_from(sequence).unwrap()),
        event_type: format!("countersign.request.{what}.v1"),
        source: "/countersign/approval".to_owned(),
        subject: RESOURCE.to_string(),
        time_us: NOON + sequence * MINUTE,
        account_id: ACCOUNT,
        sequence,
        traceparent: None,
        data: json::to_value(&data).unwrap(),
    }
}

pub const REVIEW: Uuid = Uuid::from_u128(0x4e71);

/// An event about review [`REVIEW`] of a bypass by Bo on [`RESOURCE`]: `bypassed` or `closed`, by Ada.
pub fn review(what: &str, sequence: i64, recipients: Vec<Recipient>) -> Event {
    let (event_type, closed_by) = match what {
        "bypassed" => ("resource.bypassed", None),
        "closed" => ("review.closed", actor(ADA, "Ada Okafor")),
        other => panic!("no such event: {other}"),
    };
    let payload = BypassEvent {
        resource: Some(ResourceSnapshot {
            resource_id: RESOURCE.to_string(),
            kind: "campaign".to_owned(),
            title: "Spring sale".to_owned(),
            state: "RUNNING".to_owned(),
            ..Default::default()
        }),
        review_id: REVIEW.to_string(),
        area: "CAMPAIGNS".to_owned(),
        action: "LAUNCH".to_owned(),
        bypassed_by: actor(BO, "Bo Lindqvist"),
        reason: "The shop was down.".to_owned(),
        closed_by,
        ..Default::default()
    };
    let mut event = other_event(event_type, sequence, recipients, Payload::Bypass(payload));
    event.id = Uuid::from_u128((0xf << 64) | u128::try_from(sequence).unwrap());
    event.subject = RESOURCE.to_string();
    event
}

pub fn reviewer(member: Uuid) -> Recipient {
    recipient(member, RecipientReason::AreaApprover, RecipientRibbon::Review)
}
