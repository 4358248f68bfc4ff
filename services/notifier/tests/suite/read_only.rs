//! Accounts in which nothing can be changed: suspended or deleted ones.

use countersign_broker::Event;
use countersign_proto::inbox::{
    Channel, DeliveryMode, EventGroup, GetCountsRequest, MarkRequest, Preference, RibbonMark,
    UpdatePreferencesRequest,
};
use countersign_testkit::{TestDatabase, both_databases};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::inbox::{Client, by, list, serve};
use crate::support::{ACCOUNT, ADA, Running, about, access_event, approver, may_all};

both_databases! {
    a_read_only_account_is_read_and_not_written,
    the_newest_state_holds_in_whichever_order_they_come,
}

/// The account's state since its rules version `sequence`.
fn state_event(sequence: i64, state: &str) -> Event {
    let mut event = access_event(sequence, Vec::new());
    event.event_type = "countersign.account.state_changed.v1".to_owned();
    event.data = json!({"account": {"state": state}});
    event
}

/// The two calls that write.
async fn writes(client: &mut Client) -> [Result<(), Status>; 2] {
    let ribbons = client.list_ribbons(by(ADA, list())).await.unwrap().into_inner().ribbons;
    let mark = MarkRequest {
        account_id: ACCOUNT.to_string(),
        ribbon_ids: ribbons.into_iter().map(|ribbon| ribbon.ribbon_id).collect(),
        mark: RibbonMark::Seen.into(),
    };
    let preference = Preference {
        group: EventGroup::Comments.into(),
        channel: Channel::Email.into(),
        mode: DeliveryMode::Off.into(),
    };
    let prefer = UpdatePreferencesRequest {
        account_id: ACCOUNT.to_string(),
        preferences: vec![preference],
        ..Default::default()
    };
    [
        client.mark(by(ADA, mark)).await.map(|_| ()),
        client.update_preferences(by(ADA, prefer)).await.map(|_| ()),
    ]
}

async fn unseen(client: &mut Client) -> i64 {
    let request = by(ADA, GetCountsRequest { account_id: ACCOUNT.to_string() });
    client.get_counts(request).await.unwrap().into_inner().counts.unwrap().unseen
}

async fn a_read_only_account_is_read_and_not_written(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&access_event(1, vec![may_all(ADA)])).await;
    running.take(&about("submitted", 1, 1, vec![approver(ADA)])).await;
    let mut client = serve(&running).await;
    for (version, state) in [(2, "SUSPENDED"), (3, "DELETED")] {
        running.take(&state_event(version, state)).await;
        for refused in writes(&mut client).await {
            let refused = refused.unwrap_err();
            let info = refused.get_error_details().error_info().unwrap().clone();
            assert_eq!(
                (refused.code(), info.reason.as_str()),
                (Code::FailedPrecondition, "ACCOUNT_SUSPENDED")
            );
            assert_eq!(info.metadata["state"], state);
        }
        assert_eq!(unseen(&mut client).await, 1);
    }
    running.take(&state_event(4, "ACTIVE")).await;
    for done in writes(&mut client).await {
        done.unwrap();
    }
    assert_eq!(unseen(&mut client).await, 0);
    running.stop().await;
}

async fn the_newest_state_holds_in_whichever_order_they_come(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let state = async || running.notifier.storage().read_only(ACCOUNT).await.unwrap();
    assert_eq!(state().await, None);
    running.take(&state_event(7, "ACTIVE")).await;
    running.take(&state_event(5, "SUSPENDED")).await;
    assert_eq!(state().await, None);
    running.take(&state_event(9, "DELETED")).await;
    running.take(&state_event(8, "ACTIVE")).await;
    assert_eq!(state().await.as_deref(), Some("DELETED"));
    running.stop().await;
}
