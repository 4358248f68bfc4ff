//! Replicas and their keys.

use countersign_store::{Store, StoreConfig};
use countersign_testkit::{TestDatabase, both_databases};
use futures_util::future::join_all;

use super::*;

both_databases! {
    replicas_open_each_other_s_tokens,
    a_kept_key_gives_way_to_given_ones,
}

const LISTING: [&str; 2] = ["resources", "account"];

async fn store(url: &str) -> Store {
    Store::connect(&StoreConfig::new(url)).await.unwrap()
}

/// The same database in other words: a rotated password or another pooler is another URL, too.
fn other_spelling(url: &str) -> String {
    if url.starts_with("sqlite:") {
        // SQLite's file is one process's; its URL has no second spelling that would matter.
        return url.to_owned();
    }
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}application_name=another")
}

/// Of several that start at once on a new database one's key is kept, and a restart changes nothing.
///
/// Proves SEC-8.
async fn replicas_open_each_other_s_tokens(db: TestDatabase) {
    let first = store(db.url()).await;
    first.migrate().await.unwrap();
    let second = store(&other_spelling(db.url())).await;
    let clock = Clock::system();
    let started = (0..8).map(|index| page_tokens([&first, &second][index % 2], None, &clock));
    let replicas: Vec<PageTokens> = join_all(started).await.into_iter().map(Result::unwrap).collect();
    let token = replicas[0].seal(&LISTING, "17");
    let restarted = page_tokens(&store(db.url()).await, None, &Clock::system()).await.unwrap();
    for replica in replicas.iter().chain([&restarted]) {
        assert_eq!(replica.open(&LISTING, &token), Ok(Some("17".to_owned())));
    }
}

/// Proves SEC-8.
async fn a_kept_key_gives_way_to_given_ones(db: TestDatabase) {
    let store = store(db.url()).await;
    store.migrate().await.unwrap();
    let kept = page_tokens(&store, None, &Clock::system()).await.unwrap();
    let before = kept.seal(&LISTING, "17");
    let keys = || SealingKeys::kept(&[7; 32]).ok();
    let given = page_tokens(&store, keys(), &Clock::system()).await.unwrap();
    assert!(given.open(&LISTING, &before).is_ok());
    let after = given.seal(&LISTING, "17");
    assert!(kept.open(&LISTING, &after).is_err());
    assert!(PageTokens::new(keys().unwrap()).open(&LISTING, &after).is_ok());
}
