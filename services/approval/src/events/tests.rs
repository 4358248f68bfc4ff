use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use countersign_domain::{AccountState, Area, Feature, limits};
use uuid::Uuid;

use super::*;

fn account() -> Account {
    Account {
        id: AccountId(Uuid::from_u128(1)),
        name: "Acme".into(),
        features: BTreeSet::from(Feature::ALL),
        state: AccountState::Active,
        time_zone: None,
        rules_version: 1,
        created_at: Timestamp(0),
    }
}

/// As many recipients, each with the longest address and name that there can be.
fn recipients(count: u128) -> Vec<Recipient> {
    let one = |number| Recipient {
        member_id: MemberId(Uuid::from_u128(number)),
        email: "a".repeat(limits::EMAIL_BYTES),
        // Four bytes each.
        display_name: "\u{1f600}".repeat(200),
        locale: "en".into(),
        time_zone: None,
        reason: Reason::AreaApprover,
        mail: true,
        ribbon: Some(RibbonKind::Decide),
    };
    (1..=count).map(one).collect()
}

async fn switched(count: u128) -> Vec<OutboxRow> {
    let account = account();
    let actor = ActorRef::countersign();
    let envelope = Envelope { account: &account, actor: &actor, at: Timestamp(5), traceparent: Some("t") };
    let told = Event { kind: EventKind::WorkflowEnabled, recipients: recipients(count) };
    let policy = Policy::default_of(Area::CAMPAIGNS);
    of_switch(&envelope, &policy, &told, EventId(Uuid::from_u128(7))).await.unwrap()
}

fn read(row: &OutboxRow) -> event::Event {
    json::from_value(serde_json::from_str(&row.payload).unwrap()).unwrap()
}

/// Proves NOT-10: however many are told, each event names at most 500 and is smaller than 1 MB; each is named once; and there is one
/// event of its type for each thing that happened.
#[tokio::test]
async fn an_event_is_of_bounded_size() {
    for (count, events) in [(0, 1), (1, 1), (500, 1), (501, 2), (10_000, 20)] {
        let rows = switched(count).await;
        assert_eq!(rows.len(), events, "{count}");
        let mut named = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let data = read(row);
            assert!(data.recipients.len() <= RECIPIENTS_IN_ONE && row.payload.len() < 1_000_000);
            let told = EventKind::WorkflowEnabled.as_str();
            let expected = if index == 0 { (told, "") } else { (CONTINUED, told) };
            assert_eq!((row.event_type.as_str(), data.continues.as_str()), expected);
            assert!(matches!(data.payload, Some(event::event::Payload::Workflow(_))));
            named.extend(data.recipients.into_iter().map(|recipient| recipient.member_id));
        }
        let first = &rows[0];
        assert_eq!(first.event_id.0, Uuid::from_u128(7));
        assert!(rows.iter().all(|row| (&row.subject, row.sequence) == (&first.subject, first.sequence)));
        assert_eq!(rows.iter().map(|row| row.event_id.0).collect::<BTreeSet<_>>().len(), events);
        assert_eq!(named.len() as u128, count);
        assert_eq!(named.into_iter().collect::<BTreeSet<_>>().len() as u128, count);
    }
}

/// What one account tells 100,000 does not hold up others: between any two events everything else has its turn, so that nobody waits
/// for more than one of them to be written.
#[tokio::test]
async fn others_have_their_turn_between_the_parts_of_an_event() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counting.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let parts = switched(100_000).await.len();
    other.abort();
    assert_eq!(parts, 200);
    assert!(turns.load(Ordering::Relaxed) >= parts - 1, "{turns:?}");
}

/// Proves NOT-15: a recipient's own time zone, else the account's, else none.
#[test]
fn a_recipient_has_their_own_time_zone_else_the_accounts() {
    let actor = ActorRef::countersign();
    for (own, shared, told) in [
        (Some("Asia/Tokyo"), Some("Europe/Berlin"), "Asia/Tokyo"),
        (None, Some("Europe/Berlin"), "Europe/Berlin"),
        (Some("Asia/Tokyo"), None, "Asia/Tokyo"),
        (None, None, ""),
    ] {
        let account = Account { time_zone: shared.map(str::to_owned), ..account() };
        let envelope = Envelope { account: &account, actor: &actor, at: Timestamp(5), traceparent: None };
        let to = Recipient { time_zone: own.map(str::to_owned), ..recipients(1).remove(0) };
        assert_eq!(recipient(&envelope, &to).time_zone, told);
    }
}
