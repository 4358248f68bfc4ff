//! History's lists: each entry once, by whatever it is asked for.

use std::collections::BTreeSet;

use countersign_domain::{Audience, Kind, Member, MemberId, Outcome, Resource, SystemRole, Timestamp};
use countersign_store::{HistoryFilter, HistoryKey};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    a_resources_history_is_listed_oldest_first,
    a_requests_history_is_its_own,
    an_accounts_history_is_listed_newest_first_by_actor_and_time,
    entries_come_with_what_tells_who_may_read_them,
}

/// An entry by its resource and its number, in pages of `size`.
async fn all(world: &World, filter: &HistoryFilter, size: u32) -> Vec<(countersign_domain::ResourceId, i64)> {
    let (mut seen, mut after): (Vec<_>, Option<HistoryKey>) = (vec![], None);
    loop {
        let page = world.history_page(filter, after, size).await;
        assert!(page.items.len() <= size as usize);
        after = page.items.last().map(countersign_store::HistoryItem::key);
        // As it is in a page's token.
        after = after.map(|key| key.to_string().parse().unwrap());
        seen.extend(page.items.iter().map(|item| (item.key().resource, item.key().sequence)));
        if !page.more {
            return seen;
        }
    }
}

/// What happened at that time, by that member.
fn done_by(outcome: &Outcome, by: &Member, at: Timestamp) -> Outcome {
    let mut outcome = outcome.clone();
    outcome.history.at = at;
    outcome.history.actor = actor(by);
    outcome
}

/// Proves HIS-4: by resource.
async fn a_resources_history_is_listed_oldest_first(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    world.registered().await;
    world.done(approval(&resource, &request, &world.admin)).await;
    let expected = [1, 2, 3].map(|sequence| (resource.id, sequence));
    for size in [1, 2, 3, 50] {
        assert_eq!(all(&world, &HistoryFilter::Resource(resource.id), size).await, expected);
    }
}

/// Proves HIS-4: by request.
async fn a_requests_history_is_its_own(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, first) = world.submitted().await;
    let approved = approval(&resource, &first, &world.admin);
    world.done(approved.clone()).await;
    let again = submission(&approved.resource, &world.admin);
    let second = again.request.as_ref().unwrap().request().id;
    world.done(again).await;
    world.submitted().await;
    for size in [1, 50] {
        let of = async |request| all(&world, &HistoryFilter::Request(request), size).await;
        assert_eq!(of(first.id).await, [(resource.id, 2), (resource.id, 3)]);
        assert_eq!(of(second).await, [(resource.id, 4)]);
    }
    let other = countersign_domain::RequestId(id());
    assert_eq!(all(&world, &HistoryFilter::Request(other), 50).await, []);
}

/// Proves HIS-4: by actor and by time, also where many entries have the same time.
async fn an_accounts_history_is_listed_newest_first_by_actor_and_time(db: TestDatabase) {
    let world = World::new(db).await;
    let members = [world.admin.clone(), member(&world.account, SystemRole::Creator)];
    let mut entries: Vec<(Timestamp, HistoryKey, MemberId)> = vec![];
    for number in 0..5_i64 {
        let mut resource = campaign(&world.account, &world.admin);
        for version in 1..=3_i64 {
            let by = &members[usize::try_from((number + version) % 2).unwrap()];
            // 0 to 3: several of each.
            let at = after((number + version) % 4);
            let outcome = if version == 1 { registration(&resource) } else { edit(&resource, "t") };
            let outcome = done_by(&outcome, by, at);
            world.done(outcome.clone()).await;
            resource = outcome.resource;
            entries.push((at, HistoryKey { at, resource: resource.id, sequence: version }, by.id));
        }
    }
    entries.sort_by_key(|(at, key, _)| (*at, key.resource, key.sequence));
    entries.reverse();
    for actor in [None, Some(members[0].id), Some(members[1].id), Some(MemberId(id()))] {
        for from in [None, Some(after(0)), Some(after(2)), Some(after(9))] {
            for until in [None, Some(after(0)), Some(after(2)), Some(after(3))] {
                let filter = HistoryFilter::Account { actor, from, until };
                let expected: Vec<_> = entries
                    .iter()
                    .filter(|(at, _, by)| {
                        actor.is_none_or(|actor| actor == *by)
                            && from.is_none_or(|from| *at >= from)
                            && until.is_none_or(|until| *at < until)
                    })
                    .map(|(_, key, _)| (key.resource, key.sequence))
                    .collect();
                for size in [1, 4, 50] {
                    assert_eq!(all(&world, &filter, size).await, expected, "{filter:?}");
                }
            }
        }
    }
    let elsewhere = HistoryFilter::Account { actor: None, from: None, until: None };
    assert!(world.store.list_history(account().id, &elsewhere, None, 10).await.unwrap().items.is_empty());
}

/// Proves ACC-12 as far as the store goes: whoever lists can tell what lies outside a scope.
async fn entries_come_with_what_tells_who_may_read_them(db: TestDatabase) {
    let world = World::new(db).await;
    let countries = BTreeSet::from(["US".to_owned(), "Ü\"'".to_owned()]);
    let resource = Resource {
        kind: Kind::AB_TEST,
        audience: Audience([("Country".to_owned(), countries)].into()),
        ..campaign(&world.account, &world.admin)
    };
    let outcome = registration(&resource);
    world.done(outcome.clone()).await;
    let page = world.history_page(&HistoryFilter::Resource(resource.id), None, 10).await;
    let item = &page.items[0];
    assert_eq!((item.kind.as_ref(), &item.audience), (Some(&Kind::AB_TEST), &resource.audience));
    assert_eq!(item.recorded.entry, outcome.history);
    assert_eq!(item.recorded.hash, Some(outcome.history_hash()));
}
