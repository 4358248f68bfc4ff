//! The secret under which page tokens are sealed, where none is given.

use countersign_notifier::storage::Storage;
use countersign_testkit::{TestDatabase, both_databases};

both_databases! { replicas_keep_one_secret }

/// Of replicas that start at once on a new database one's secret is kept, and all use that one, also after a restart.
///
/// Proves SEC-8.
async fn replicas_keep_one_secret(db: TestDatabase) {
    countersign_notifier::migrate(db.url()).await.unwrap();
    let (first, second) =
        (Storage::connect(db.url()).await.unwrap(), Storage::connect(db.url()).await.unwrap());
    assert_eq!(first.kept_secret().await.unwrap(), None);
    let (one, two) = tokio::join!(first.secret_or_keep(&[1; 32], 0), second.secret_or_keep(&[2; 32], 0));
    let kept = one.unwrap();
    assert!(kept == [1; 32] || kept == [2; 32]);
    assert_eq!(two.unwrap(), kept);
    let restarted = Storage::connect(db.url()).await.unwrap();
    assert_eq!(restarted.secret_or_keep(&[3; 32], 1).await.unwrap(), kept);
    assert_eq!(restarted.kept_secret().await.unwrap(), Some(kept));
}
