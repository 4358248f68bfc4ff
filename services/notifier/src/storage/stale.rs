//! Mail that asked for a decision, and waited until there was none left to make.

use countersign_proto::event;
use countersign_proto::inbox::RibbonKind;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};

use super::deliveries::{Claim, Told};
use super::{Storage, StorageError, failed, statement};
use crate::plan::{EVERYBODY, Reminds, Topic, reminds};

/// Who has a ribbon that asks is asked. Who has none was only told (NOT-2), and is as long as the request awaits its decision, which
/// everybody's ribbon says; or was asked until it went to others (`{chosen}`) or had their approval. Of a resource that no event has set
/// the ribbons of, nothing is known.
const OVER: &str = "SELECT 1 FROM ribbon_cursors AS c WHERE c.account_id = $1 AND c.resource_id = $2 AND c.sequence >= 0 \
     AND NOT EXISTS (SELECT 1 FROM ribbons AS r WHERE r.account_id = $1 AND r.resource_id = $2 AND r.viewer_id = $3 \
       AND r.approval_request_id = $4 AND r.kind = $5) \
     AND ({chosen} \
       OR EXISTS (SELECT 1 FROM ribbon_withdrawals AS w WHERE w.account_id = $1 AND w.resource_id = $2 \
         AND w.approval_request_id = $4 AND w.member_id = $3) \
       OR NOT EXISTS (SELECT 1 FROM ribbons AS r WHERE r.account_id = $1 AND r.resource_id = $2 AND r.viewer_id = $6 \
         AND r.approval_request_id = $4 AND r.kind = $7))";

/// By whoever holds the claim alone.
const DROP: &str = "DELETE FROM deliveries WHERE account_id = $1 AND event_id = $2 AND member_id = $3 \
     AND channel = 'MAIL' AND state = 'SENDING' AND attempts = $4";

const FORGET: &str = "UPDATE events SET data = NULL WHERE account_id = $1 AND event_id = $2 \
     AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.account_id = $1 AND d.event_id = $2)";

impl Storage {
    /// Whether the mail asks for nothing but decisions that its recipient is no longer asked for (NOT-12).
    pub(crate) async fn is_stale(&self, claim: &Claim) -> Result<bool, StorageError> {
        let what = "ask whether a mail still asks";
        let asks: &[event::Event] = match (&claim.told, Topic::of(&claim.event_type)) {
            (Some(Told::Event(event)), Some(topic)) if topic.asks() => std::slice::from_ref(event),
            (Some(Told::Reminders(events)), _) => events,
            _ => return Ok(false),
        };
        let chosen = claim.reason == event::RecipientReason::AssignedApprover as i32;
        let sql = OVER.replace("{chosen}", if chosen { "1 = 1" } else { "1 = 0" });
        for event in asks {
            let Ok(Reminds { resource_id, approval_request_id }) = reminds(event) else { return Ok(false) };
            let values: [Value; 7] = [
                claim.account_id.into(),
                resource_id.into(),
                claim.member_id.into(),
                approval_request_id.into(),
                (RibbonKind::Decide as i32).into(),
                EVERYBODY.into(),
                (RibbonKind::Awaiting as i32).into(),
            ];
            let over = statement(&self.read, &sql, values);
            if self.read.query_one_raw(over).await.map_err(failed(what))?.is_none() {
                return Ok(false);
            }
        }
        Ok(!asks.is_empty())
    }

    /// Removes the delivery, and what its mail was made from if that was the last.
    pub(super) async fn drop_in(
        &self,
        transaction: &DatabaseTransaction,
        claim: &Claim,
    ) -> Result<(), DbErr> {
        let delivery: [Value; 4] =
            [claim.account_id.into(), claim.event_id.into(), claim.member_id.into(), claim.attempts.into()];
        let dropped = transaction.execute_raw(statement(transaction, DROP, delivery)).await?;
        if dropped.rows_affected() > 0 {
            let event = [claim.account_id.into(), claim.event_id.into()];
            transaction.execute_raw(statement(transaction, FORGET, event)).await?;
        }
        Ok(())
    }
}
