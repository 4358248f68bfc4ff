//! Pages hold everything once, newest or oldest first.

use std::collections::BTreeSet;

use countersign_domain::{Audience, Kind, RequestId, Resource, SystemRole};
use countersign_store::{RequestCursor, RequestFilter, RequestStateName};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    resources_are_listed_newest_first,
    requests_are_listed_and_filtered,
    requests_come_with_whom_they_reach,
    members_are_listed,
}

async fn resources_are_listed_newest_first(db: TestDatabase) {
    let world = World::new(db).await;
    let mut expected = vec![];
    for number in 0..7 {
        let kind = if number % 3 == 0 { Kind::AB_TEST } else { Kind::CAMPAIGN };
        let resource = Resource { kind, ..campaign(&world.account, &world.admin) };
        world.done(registration(&resource)).await;
        expected.insert(0, resource);
    }
    for kinds in [vec![Kind::CAMPAIGN, Kind::AB_TEST, Kind::REMOTE_CONFIG], vec![Kind::CAMPAIGN], vec![]] {
        let (mut seen, mut after) = (vec![], None);
        loop {
            let page = world.store.list_resources(world.account.id, &kinds, after, 2).await.unwrap();
            assert!(page.items.len() <= 2);
            after = page.items.last().map(|resource| resource.id);
            seen.extend(page.items.into_iter().map(|resource| Resource { history_hash: None, ..resource }));
            if !page.more {
                break;
            }
        }
        let wanted: Vec<Resource> =
            expected.iter().filter(|resource| kinds.contains(&resource.kind)).cloned().collect();
        assert_eq!(seen, wanted);
    }
    assert!(
        world.store.list_resources(account().id, &[Kind::CAMPAIGN], None, 10).await.unwrap().items.is_empty()
    );
}

async fn requests_are_listed_and_filtered(db: TestDatabase) {
    let world = World::new(db).await;
    let mut pending = vec![];
    let mut approved = vec![];
    for number in 0..7 {
        let (resource, request) = world.submitted().await;
        if number % 2 == 0 {
            world.done(approval(&resource, &request, &world.admin)).await;
            approved.insert(0, request);
        } else {
            pending.insert(0, request);
        }
    }
    let ids = async |filter: RequestFilter| {
        let (mut seen, mut after): (Vec<RequestId>, _) = (vec![], None);
        loop {
            let page = world.store.list_requests(world.account.id, &filter, after, 2).await.unwrap();
            after = page.items.last().map(|(last, _)| RequestCursor { id: last.id, deadline: last.deadline });
            seen.extend(page.items.iter().map(|(request, _)| request.id));
            if !page.more {
                return seen;
            }
        }
    };
    let by_state = |state| RequestFilter { state: Some(state), ..RequestFilter::default() };
    let of = |requests: &[countersign_domain::Request]| {
        requests.iter().map(|request| request.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(by_state(RequestStateName::Pending)).await, of(&pending));
    assert_eq!(ids(by_state(RequestStateName::Approved)).await, of(&approved));
    for state in [
        RequestStateName::Rejected,
        RequestStateName::Cancelled,
        RequestStateName::Expired,
        RequestStateName::Reverted,
    ] {
        assert!(ids(by_state(state)).await.is_empty());
    }
    let mut all = [of(&pending), of(&approved)].concat();
    all.sort();
    all.reverse();
    assert_eq!(ids(RequestFilter::default()).await, all);
    let on_one = RequestFilter { resource: Some(approved[1].resource_id), ..RequestFilter::default() };
    assert_eq!(ids(on_one.clone()).await, [approved[1].id]);
    let neither = RequestFilter { state: Some(RequestStateName::Pending), ..on_one };
    assert!(ids(neither).await.is_empty());
}

/// Proves ACC-12 as far as the store goes: whoever lists can tell what lies outside a scope.
async fn requests_come_with_whom_they_reach(db: TestDatabase) {
    let world = World::new(db).await;
    let countries = BTreeSet::from(["US".to_owned(), "Ü\"'".to_owned()]);
    let audience = Audience([("Country".to_owned(), countries)].into());
    for audience in [Audience::default(), audience] {
        let resource = Resource { audience: audience.clone(), ..campaign(&world.account, &world.admin) };
        world.done(registration(&resource)).await;
        world.done(submission(&resource, &world.admin)).await;
        let page = world.store.list_requests(world.account.id, &RequestFilter::default(), None, 1).await;
        let page = page.unwrap();
        assert_eq!(page.items[0].1, audience);
        assert_eq!(page.items[0].0.resource_id, resource.id);
    }
}

async fn members_are_listed(db: TestDatabase) {
    let mut world = World::new(db).await;
    let mut expected = vec![world.admin.clone()];
    for _ in 1..5 {
        let new = member(&world.account, SystemRole::Creator);
        expected.push(world.joined(new).await);
    }
    let (mut seen, mut after) = (vec![], None);
    loop {
        let page = world.store.list_members(world.account.id, after, 2).await.unwrap();
        after = page.items.last().map(|member| member.id);
        seen.extend(page.items);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, expected);
}
