//! Proves NOT-14: what members prefer is what they are told, and what they must be told they are.

use std::time::Duration;

use countersign_proto::inbox::{
    Channel, DeliveryMode, EventGroup, GetPreferencesRequest, Preference, Preferences,
    UpdatePreferencesRequest,
};
use countersign_testkit::{SmtpSink, TestDatabase, both_databases, wait_for};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::inbox::{Client, by, fields, serve};
use crate::purge::rows;
use crate::support::{
    ACCOUNT, ADA, BO, LENA, NOON, Running, ZOE, about, address, approver, request, review, reviewer,
    submitter,
};

both_databases! {
    by_default_everything_is_told,
    a_change_is_kept_and_is_the_members_own,
    what_must_be_told_cannot_be_turned_off,
    a_stale_etag_changes_nothing,
    changes_at_the_same_time_are_all_kept,
    what_is_turned_off_is_not_told,
    requests_to_act_and_notices_are_told_whatever_was_chosen,
}

fn prefer(group: EventGroup, channel: Channel, mode: DeliveryMode) -> Preference {
    Preference { group: group.into(), channel: channel.into(), mode: mode.into() }
}

async fn get(client: &mut Client, member: Uuid) -> Preferences {
    let request = GetPreferencesRequest { account_id: ACCOUNT.to_string() };
    client.get_preferences(by(member, request)).await.unwrap().into_inner().preferences.unwrap()
}

async fn update(
    client: &mut Client,
    member: Uuid,
    preferences: &[Preference],
    etag: &str,
) -> Result<Preferences, Status> {
    let request = UpdatePreferencesRequest {
        account_id: ACCOUNT.to_string(),
        preferences: preferences.to_vec(),
        etag: etag.to_owned(),
    };
    let answer = client.update_preferences(by(member, request)).await?;
    Ok(answer.into_inner().preferences.unwrap())
}

fn mode(preferences: &Preferences, group: EventGroup, channel: Channel) -> DeliveryMode {
    let of = |one: &&Preference| one.group() == group && one.channel() == channel;
    preferences.preferences.iter().find(of).unwrap().mode()
}

/// Everything that can be turned off.
fn quiet() -> Vec<Preference> {
    use Channel::{Email, Ribbon};
    use EventGroup::{Cancellations, Comments, Expiries, Progress, Results};
    [
        (Results, Email),
        (Results, Ribbon),
        (Cancellations, Email),
        (Cancellations, Ribbon),
        (Expiries, Email),
        (Expiries, Ribbon),
        (Progress, Email),
        (Comments, Email),
    ]
    .map(|(group, channel)| prefer(group, channel, DeliveryMode::Off))
    .to_vec()
}

/// Proves NOT-14.
async fn by_default_everything_is_told(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA]).await;
    let mut client = serve(&running).await;
    let preferences = get(&mut client, ADA).await;
    assert_eq!((preferences.etag.as_str(), preferences.update_time), ("0", None));
    assert_eq!(preferences.preferences.len(), 13);
    for one in &preferences.preferences {
        let reminders = one.group() == EventGroup::Reminders;
        let expected = if reminders { DeliveryMode::Digest } else { DeliveryMode::Immediate };
        assert_eq!(one.mode(), expected, "{one:?}");
    }
    assert_eq!(rows(&db, "preferences").await, 0, "asking leaves nothing");
    let stranger = GetPreferencesRequest { account_id: ACCOUNT.to_string() };
    let refused = client.get_preferences(by(ZOE, stranger)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    running.stop().await;
}

/// Proves NOT-14.
async fn a_change_is_kept_and_is_the_members_own(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, BO]).await;
    let mut client = serve(&running).await;
    let comments = prefer(EventGroup::Comments, Channel::Email, DeliveryMode::Off);
    let changed = update(&mut client, ADA, &[comments], "0").await.unwrap();
    assert_eq!(changed.etag, "1");
    assert_eq!(changed.update_time.unwrap().seconds, NOON / 1_000_000);
    let reminders = prefer(EventGroup::Reminders, Channel::Email, DeliveryMode::Immediate);
    let changed = update(&mut client, ADA, &[reminders], "").await.unwrap();
    assert_eq!(mode(&changed, EventGroup::Comments, Channel::Email), DeliveryMode::Off, "stays");
    assert_eq!(mode(&changed, EventGroup::Reminders, Channel::Email), DeliveryMode::Immediate);
    assert_eq!(get(&mut client, ADA).await, changed);
    assert_eq!(get(&mut client, BO).await.etag, "0");
    // Again, as after an answer that was lost: the same, whatever the etag.
    let again = update(&mut client, ADA, &[comments, reminders], "0").await.unwrap();
    assert_eq!(again, changed);
    running.stop().await;
}

/// Proves NOT-14: each such field is named, and nothing of the call is done.
async fn what_must_be_told_cannot_be_turned_off(db: TestDatabase) {
    use Channel::{Email, Ribbon};
    let running = Running::silent(&db).await;
    running.admit(&[ADA]).await;
    let mut client = serve(&running).await;
    let wanted = [
        prefer(EventGroup::Results, Email, DeliveryMode::Off),
        prefer(EventGroup::RequestsToAct, Email, DeliveryMode::Off),
        prefer(EventGroup::RequestsToAct, Ribbon, DeliveryMode::Off),
        prefer(EventGroup::RoleSeparation, Email, DeliveryMode::Off),
        prefer(EventGroup::RoleSeparation, Ribbon, DeliveryMode::Off),
        prefer(EventGroup::Reminders, Email, DeliveryMode::Off),
        prefer(EventGroup::Results, Ribbon, DeliveryMode::Digest),
        prefer(EventGroup::Comments, Ribbon, DeliveryMode::Off),
        prefer(EventGroup::Results, Email, DeliveryMode::Immediate),
        Preference::default(),
        Preference { group: 99, channel: 99, mode: 99 },
    ];
    let refused = update(&mut client, ADA, &wanted, "yesterday").await.unwrap_err();
    let fields = fields(&refused);
    let named: Vec<&str> = fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        named,
        [
            "preferences[1].mode",
            "preferences[2].mode",
            "preferences[3].mode",
            "preferences[4].mode",
            "preferences[5].mode",
            "preferences[6].mode",
            "preferences[7].channel",
            "preferences[8]",
            "preferences[9].group",
            "preferences[9].channel",
            "preferences[9].mode",
            "preferences[10].group",
            "preferences[10].channel",
            "preferences[10].mode",
            "etag",
        ]
    );
    assert_eq!(fields[0].1, "requests to act can't be turned off");
    assert_eq!(fields[2].1, "role-separation notices can't be turned off");
    for count in [0, 51] {
        let refused = update(&mut client, ADA, &vec![wanted[0]; count], "").await.unwrap_err();
        assert_eq!(crate::inbox::fields(&refused)[0].0, "preferences");
    }
    assert_eq!(get(&mut client, ADA).await.etag, "0");
    assert_eq!(rows(&db, "preferences").await, 0);
    running.stop().await;
}

/// AIP-154.
async fn a_stale_etag_changes_nothing(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA]).await;
    let mut client = serve(&running).await;
    let off = |group| prefer(group, Channel::Email, DeliveryMode::Off);
    update(&mut client, ADA, &[off(EventGroup::Comments)], "0").await.unwrap();
    let refused = update(&mut client, ADA, &[off(EventGroup::Progress)], "0").await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.metadata["etag"].as_str()), ("ETAG_MISMATCH", "1"));
    let now = get(&mut client, ADA).await;
    assert_eq!(mode(&now, EventGroup::Progress, Channel::Email), DeliveryMode::Immediate);
    update(&mut client, ADA, &[off(EventGroup::Progress)], &now.etag).await.unwrap();
    running.stop().await;
}

/// Also the first ones, which have no row yet to agree about.
async fn changes_at_the_same_time_are_all_kept(db: TestDatabase) {
    let (one, two) = (Running::silent(&db).await, Running::silent(&db).await);
    one.admit(&[ADA]).await;
    let mut tasks = JoinSet::new();
    for (index, preference) in quiet().into_iter().enumerate() {
        let mut client = serve(if index % 2 == 0 { &one } else { &two }).await;
        tasks.spawn(async move { update(&mut client, ADA, &[preference], "").await.unwrap() });
    }
    let count = tasks.join_all().await.len();
    let now = get(&mut serve(&one).await, ADA).await;
    assert_eq!(now.etag, count.to_string());
    for one in quiet() {
        assert_eq!(mode(&now, one.group(), one.channel()), DeliveryMode::Off, "{one:?}");
    }
    one.stop().await;
    two.stop().await;
}

/// Proves NOT-14: from the next event on, in the transaction that takes it; others are told as before.
async fn what_is_turned_off_is_not_told(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.admit(&[LENA, BO]).await;
    update(&mut serve(&running).await, LENA, &quiet(), "").await.unwrap();
    let told = || vec![submitter(LENA), submitter(BO)];
    let mut sequence = 0;
    let events = ["approval_recorded", "commented", "approved", "rejected", "cancelled", "expired"];
    for (number, what) in (1..).zip(events) {
        running.take(&about("submitted", number, sequence, vec![])).await;
        running.take(&about(what, number, sequence + 1, told())).await;
        if !matches!(what, "approval_recorded" | "commented") {
            assert_eq!(running.counts(LENA).await.results, 0, "{what}");
            assert_eq!(running.counts(BO).await.results, 1, "{what}");
        }
        sequence += 2;
    }
    // To nobody at all: then nothing is kept to tell it with.
    running.take(&about("commented", 9, sequence, vec![submitter(LENA)])).await;
    let ids = "events WHERE data IS NOT NULL AND event_type LIKE '%commented%'";
    assert_eq!(rows(&db, ids).await, 1, "that which Bo is told");
    running.deliver();
    let mails = sink.wait_for_messages(events.len()).await;
    assert!(mails.iter().all(|mail| mail.to == [address(BO)]), "{mails:?}");
    let storage = running.notifier.storage();
    wait_for("nothing left", Duration::from_secs(20), async || {
        (storage.backlog().await.unwrap().queued == 0).then_some(())
    })
    .await;
    assert_eq!(sink.messages_to(&address(LENA)).len(), 0);
    // And told again when it is turned on again.
    let on = prefer(EventGroup::Results, Channel::Email, DeliveryMode::Immediate);
    update(&mut serve(&running).await, LENA, &[on], "").await.unwrap();
    running.take(&about("rejected", 10, sequence + 2, vec![submitter(LENA)])).await;
    sink.wait_for_messages(events.len() + 1).await;
    assert_eq!(running.counts(LENA).await.results, 0, "ribbons are still off");
    running.stop().await;
}

/// Proves NOT-7, NOT-9 and NOT-14.
async fn requests_to_act_and_notices_are_told_whatever_was_chosen(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.admit(&[ADA]).await;
    update(&mut serve(&running).await, ADA, &quiet(), "").await.unwrap();
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    running.take(&about("reassigned", 1, 1, vec![approver(ADA)])).await;
    assert_eq!(running.counts(ADA).await.decide, 1);
    running.deliver();
    sink.wait_for_messages(2).await;
    running.take(&about("assignment_expired", 2, 2, vec![submitter(ADA)])).await;
    running.take(&review("bypassed", 3, vec![reviewer(ADA)])).await;
    assert_eq!(running.counts(ADA).await.reviews, 1);
    let mut nobody_left = about("expired", 1, 4, vec![submitter(ADA)]);
    nobody_left.data["request"]["expiryReason"] = "NO_ELIGIBLE_APPROVERS".into();
    running.take(&nobody_left).await;
    assert_eq!(running.counts(ADA).await.results, 1);
    let mut reminded = about("reminded", 3, 5, vec![approver(ADA)]);
    reminded.data["request"]["resource"]["resourceId"] = request(3).to_string().into();
    running.take(&reminded).await;
    sink.wait_for_messages(6).await;
    running.stop().await;
}
