//! The secret under which page tokens and cursors are sealed, where none is given: made once, and the same for every replica.

use countersign_domain::Timestamp;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{Store, StoreError, error::failed, store::statement};

impl Store {
    /// The secret that is kept, if one is.
    pub async fn kept_secret(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let what = failed("read the sealing key");
        let select = "SELECT secret FROM sealing_keys WHERE account_id = $1";
        let select = statement(&self.read, select, vec![Uuid::nil().into()]);
        let row = self.read.query_one_raw(select).await.map_err(what)?;
        row.map(|row| row.try_get_by_index(0).map_err(what)).transpose()
    }

    /// The secret that is kept; `fresh` if none was. Of several replicas that start at once, one's is kept and all get that one.
    pub async fn secret_or_keep(&self, fresh: &[u8], now: Timestamp) -> Result<Vec<u8>, StoreError> {
        if let Some(kept) = self.kept_secret().await? {
            return Ok(kept);
        }
        let what = failed("keep a sealing key");
        let insert = "INSERT INTO sealing_keys (account_id, secret, created_at_us) VALUES ($1, $2, $3) \
             ON CONFLICT (account_id) DO NOTHING";
        let values = vec![Uuid::nil().into(), fresh.to_vec().into(), now.0.into()];
        self.write.execute_raw(statement(&self.write, insert, values)).await.map_err(what)?;
        Ok(self.kept_secret().await?.unwrap_or_else(|| fresh.to_vec()))
    }
}
