//! The history of accounts (ACC-17): its list, and verifying its chain.

use countersign_domain::{
    AccountId, MemberId, Timestamp,
    history::{
        EntryHash,
        account::{AccountEntry, AccountEvent, SubjectKind},
        verify::Chain,
    },
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::{
    Page, Store, StoreError,
    entities::account_history::{self, Column, Entity},
    error::failed,
    store::statement,
};

/// Entries that are read at a time while a chain is verified.
const VERIFIED_AT_A_TIME: u64 = 500;

const VERIFY: &str = "verify an account's history";

/// What of an account's history to list. Each that is given narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountHistoryFilter {
    /// Only what happened to subjects of this kind.
    pub kind: Option<SubjectKind>,
    /// Only what happened to this one.
    pub subject: Option<String>,
    /// Only what this member did.
    pub actor: Option<MemberId>,
    /// Only this.
    pub event: Option<AccountEvent>,
    /// Only from this time on.
    pub from: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
}

impl AccountHistoryFilter {
    fn of(&self, account: AccountId) -> Select<Entity> {
        let mut select = Entity::find().filter(Column::AccountId.eq(account.0));
        if let Some(kind) = self.kind {
            select = select.filter(Column::SubjectKind.eq(kind.as_str()));
        }
        if let Some(subject) = &self.subject {
            select = select.filter(Column::Subject.eq(subject.as_str()));
        }
        if let Some(actor) = self.actor {
            select = select.filter(Column::ActorId.eq(actor.0));
        }
        if let Some(event) = self.event {
            select = select.filter(Column::Event.eq(event.as_str()));
        }
        if let Some(from) = self.from {
            select = select.filter(Column::HappenedAtUs.gte(from.0));
        }
        if let Some(until) = self.until {
            select = select.filter(Column::HappenedAtUs.lt(until.0));
        }
        select
    }
}

impl Store {
    /// A page of an account's history, newest first, from before the entry with the number `before`.
    pub async fn list_account_history(
        &self,
        account: AccountId,
        filter: &AccountHistoryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<AccountEntry>, StoreError> {
        let rows = filter
            .of(account)
            .filter(Column::Sequence.lt(before.unwrap_or(i64::MAX)))
            .order_by_desc(Column::Sequence)
            .limit(u64::from(limit) + 1)
            .all(&self.read)
            .await
            .map_err(failed("list an account's history"))?;
        let items = rows.into_iter().map(AccountEntry::try_from).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit))
    }

    /// Follows the chain of an account's history from its first entry to its newest, and holds its end against what the account's row
    /// says. Entries that are written meanwhile are followed too.
    pub async fn verify_account_history(&self, account: AccountId) -> Result<Chain, StoreError> {
        let what = failed(VERIFY);
        let mut chain = Chain::default();
        loop {
            let rows = Entity::find()
                .filter(Column::AccountId.eq(account.0))
                .filter(Column::Sequence.gt(chain.entries))
                .order_by_asc(Column::Sequence)
                .limit(VERIFIED_AT_A_TIME)
                .all(&self.read)
                .await
                .map_err(what)?;
            if !rows
                .iter()
                .all(|row: &account_history::Model| chain.follow_account(&row.fields(), Some(&row.hash)))
            {
                return Ok(chain);
            }
            if !rows.is_empty() {
                continue;
            }
            let sql = "SELECT a.history_sequence, a.history_hash, (SELECT max(h.sequence) FROM account_history AS h \
                WHERE h.account_id = a.account_id) AS newest FROM accounts AS a WHERE a.account_id = $1";
            let head = self.read.query_one_raw(statement(&self.read, sql, vec![account.0.into()])).await;
            let Some(head) = head.map_err(what)? else { return Ok(chain) };
            let newest: Option<i64> = head.try_get_by_index(2).map_err(what)?;
            if newest.is_some_and(|newest| newest > chain.entries) {
                // Committed since the last page was read.
                continue;
            }
            let sequence: i64 = head.try_get_by_index(0).map_err(what)?;
            let hash: Option<Vec<u8>> = head.try_get_by_index(1).map_err(what)?;
            chain.compare_head(sequence, hash.as_deref().and_then(EntryHash::from_bytes));
            return Ok(chain);
        }
    }

    /// The hash of one entry of an account's history; none where it is not there.
    pub async fn account_history_hash(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<EntryHash>, StoreError> {
        let row = Entity::find_by_id((account.0, sequence)).one(&self.read).await.map_err(failed(VERIFY))?;
        Ok(row.and_then(|row| EntryHash::from_bytes(&row.hash)))
    }
}
