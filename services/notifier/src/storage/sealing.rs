//! The secret under which page tokens are sealed, where none is given: made once, and the same for every replica (SEC-8).

use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

use super::{Storage, StorageError, failed, statement};

impl Storage {
    /// The secret that is kept, if one is.
    pub async fn kept_secret(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let what = "read the sealing key";
        let select = "SELECT secret FROM sealing_keys WHERE account_id = $1";
        let select = statement(&self.read, select, [Uuid::nil().into()]);
        let row = self.read.query_one_raw(select).await.map_err(failed(what))?;
        row.map(|row| row.try_get_by_index(0).map_err(failed(what))).transpose()
    }

    /// The secret that is kept; `fresh` if none was. Of several replicas that start at once, one's is kept and all get that one.
    pub async fn secret_or_keep(&self, fresh: &[u8], now: i64) -> Result<Vec<u8>, StorageError> {
        if let Some(kept) = self.kept_secret().await? {
            return Ok(kept);
        }
        let insert = "INSERT INTO sealing_keys (account_id, secret, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (account_id) DO NOTHING";
        let values = [Uuid::nil().into(), fresh.to_vec().into(), now.into()];
        self.write
            .execute_raw(statement(&self.write, insert, values))
            .await
            .map_err(failed("keep a sealing key"))?;
        Ok(self.kept_secret().await?.unwrap_or_else(|| fresh.to_vec()))
    }
}
