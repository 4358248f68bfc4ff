//! Pages of lists: the keys of their tokens, which are given, or one that was made at random once and is kept in the database
//! (SEC-8); and the rows that they are made of.

use countersign_domain::Timestamp;
use countersign_runtime::{
    BoxError,
    clock::Clock,
    listing::Rows,
    page_token::PageTokens,
    sealing::{SealingKeys, random_secret},
};
use countersign_store::{Page, Store};

/// What makes and opens the page tokens of every replica on this database. Where keys are given, the kept one still opens what was
/// sealed before.
pub async fn page_tokens(
    store: &Store,
    given: Option<SealingKeys>,
    clock: &Clock,
) -> Result<PageTokens, BoxError> {
    let keys = match given {
        Some(given) => given.and_kept(store.kept_secret().await?.as_deref())?,
        None => {
            SealingKeys::kept(&store.secret_or_keep(&random_secret()?, Timestamp(clock.now_us())).await?)?
        }
    };
    Ok(PageTokens::new(keys))
}

/// A page that was read, as rows of a list of which the reader may not see every one.
pub(crate) fn rows<T>(page: Page<T>) -> Rows<T> {
    Rows { rows: page.items, more: page.more }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
