use countersign_testkit::TestDatabase;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::*;
use crate::StoreConfig;

/// How SQLite goes about a list: one line for each table and index that it reads.
async fn plan(store: &Store, filter: &RequestFilter, after: Option<RequestCursor>) -> Vec<String> {
    let list = Text::of(AccountId(Uuid::nil()), filter, after, 50);
    let (sql, values) = list.finish(requests::selected(store.backend));
    let explain = statement(&store.read, &format!("EXPLAIN QUERY PLAN {sql}"), values);
    let rows = store.read.query_all_raw(explain).await.unwrap();
    rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect()
}

/// Proves REQ-19, on SQLite: it knows nothing of how much there is of what, so that each list has one plan, whatever the data is.
#[tokio::test]
async fn every_list_is_read_along_indexes() {
    let db = TestDatabase::sqlite();
    let store = Store::connect(&StoreConfig::new(db.url())).await.unwrap();
    store.migrate().await.unwrap();
    let (member, any) = (MemberId(Uuid::nil()), RequestFilter::default());
    let areas = [(Area::CAMPAIGNS, false), (Area::PRODUCT_EXPERIENCES, true)];
    let areas = areas.map(|(area, too)| WaitingArea { area, submitted_too: too, written_too: too });
    let waiting = Some(Waiting { member, areas: areas.into() });
    let kinds = Some(vec![Kind::CAMPAIGN, Kind::AB_TEST]);
    let pending = Some(RequestStateName::Pending);
    let waits = RequestFilter { waiting, state: pending, ..any.clone() };
    let filters = [
        any.clone(),
        RequestFilter { state: pending, ..any.clone() },
        RequestFilter { kinds: kinds.clone(), ..any.clone() },
        RequestFilter { resource: Some(ResourceId(Uuid::nil())), ..any.clone() },
        RequestFilter { submitter: Some(member), ..any.clone() },
        RequestFilter { decided_by: Some(member), ..any },
        waits.clone(),
        RequestFilter { kinds, ..waits },
    ];
    let cursor = RequestCursor { id: RequestId(Uuid::nil()), deadline: Some(Timestamp(0)) };
    let without = RequestCursor { deadline: None, ..cursor };
    for filter in filters {
        for order in [RequestOrder::Newest, RequestOrder::MostUrgent] {
            let filter = RequestFilter { order, ..filter.clone() };
            for after in [None, Some(cursor), Some(without)] {
                let plan = plan(&store, &filter, after).await;
                let reads_through = |line: &&String| {
                    ["q", "d", "w", "ra"].iter().any(|table| {
                        line.strip_prefix(&format!("SCAN {table}")).is_some_and(|rest| !rest.starts_with('_'))
                    })
                };
                assert_eq!(plan.iter().find(reads_through), None, "{filter:?}: {plan:#?}");
                if filter.waiting.is_some() {
                    // Whether the member has decided is looked up by all that names one decision.
                    let by_all = |line: &String| {
                        line.starts_with("SEARCH d ")
                            && ["account_id=?", "request_id=?", "member_id=?"]
                                .iter()
                                .all(|it| line.contains(it))
                    };
                    assert!(plan.iter().any(by_all), "{filter:?}: {plan:#?}");
                }
            }
        }
    }
    store.close().await.unwrap();
}
