//! What happens to an account's requests, entry by entry, for those who watch (REQ-20): each once, those of one request in their
//! order, none lost.
//!
//! # The order
//!
//! `history.position` numbers the entries. On SQLite one transaction writes at a time and draws the next number, so who sees a number
//! sees those below it. On PostgreSQL the number comes from a sequence, and transactions don't commit in the order in which they drew:
//! while 8 is there, 7 may still come, or never, if its transaction was rolled back. A reader who went on to 8 would never see 7.
//!
//! So a reader goes on to a position only when every transaction that could have drawn a lower one has ended:
//!
//! 1. It reads entries. Let H be the highest position that it saw. Whatever has drawn a lower one did so before H was drawn, hence
//!    before this.
//! 2. It draws a transaction number X of its own. A commit takes its number before it draws a position (it locks the account's row
//!    first, see `commit::postgres`), so whoever has drawn a position below H has a number below X.
//! 3. When `pg_snapshot_xmin` is X or more, all with a number below X have ended. What is there now up to H is all there will ever be.
//!
//! X must be a number of its own: `pg_snapshot_xmax` is only one more than the highest number that has *ended*. A transaction that has
//! begun with a higher one, and drawn a lower position, does not show in it.
//!
//! In one resource positions and sequence numbers have the same order: both are drawn while the resource's row is locked.
//!
//! What it costs: two statements when nothing happened, five for what did. A transaction that writes for long, anywhere in the database
//! server, holds up the feed for as long, and loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{AccountId, Audience, Request, RequestId, history::Recorded};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{
    Backend, Store, StoreError,
    entities::{history, resources, select_list},
    error::failed,
    members, requests,
    store::statement,
};

const WHAT: &str = "read what happened to requests";

/// A change of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the account's order.
    pub position: i64,
    /// What history says of it.
    pub recorded: Recorded,
    /// The request as it was when this was read, which may be later.
    pub request: Request,
    /// Whom its resource reaches (ACC-12).
    pub audience: Audience,
}

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    /// What happened after the last look, in order; a part of it, if it is much.
    pub changes: Vec<Change>,
    /// Up to which position everything has been read.
    pub position: i64,
    /// Whether there may be more at once: it is there and was not read, or is not settled yet.
    pub more: bool,
    /// The account's rules as they were before this was read.
    pub rules_version: i64,
}

/// A reader of an account's feed.
#[derive(Debug)]
pub struct Feed {
    store: Store,
    account: AccountId,
    /// Up to which position everything has been read; none: it is not known yet where it begins.
    position: Option<i64>,
    waiting: Option<Waiting>,
}

/// What is there and waits for transactions to end.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// The highest position that was seen.
    position: i64,
    /// Those with a number below it.
    transaction: i64,
}

/// An account, and which transactions run.
struct State {
    rules_version: i64,
    /// All transactions with a lower number have ended.
    running: i64,
}

struct Entry {
    position: i64,
    recorded: Recorded,
}

impl Feed {
    /// Reads what comes after `position`, or after now.
    pub const fn new(store: Store, account: AccountId, position: Option<i64>) -> Self {
        Self { store, account, position, waiting: None }
    }

    /// Reads on; at most `limit` entries. Until it is settled where a feed that begins now begins, its position is 0 and nothing is
    /// found. None: there is no such account any more.
    pub async fn read(&mut self, limit: u32) -> Result<Option<Fed>, StoreError> {
        let read = self.try_read(limit).await;
        if read.is_err() {
            // Who answers next may be another server, which counts transactions by itself.
            self.waiting = None;
        }
        read
    }

    async fn try_read(&mut self, limit: u32) -> Result<Option<Fed>, StoreError> {
        let Some(mut state) = self.store.feed_state(self.account).await? else { return Ok(None) };
        if self.waiting.is_none() {
            let Some(position) = self.highest(limit).await? else { return Ok(Some(self.nothing(&state))) };
            let transaction = self.store.draw_transaction().await?;
            self.waiting = Some(Waiting { position, transaction });
            // Most often it is settled at once.
            let Some(now) = self.store.feed_state(self.account).await? else { return Ok(None) };
            state = now;
        }
        match self.waiting {
            Some(waiting) if state.running >= waiting.transaction => {
                self.waiting = None;
                self.settled(&state, waiting.position, limit).await.map(Some)
            }
            waiting => Ok(Some(Fed { more: waiting.is_some(), ..self.nothing(&state) })),
        }
    }

    /// The highest position of what would be read now; none where there is nothing to wait for.
    async fn highest(&self, limit: u32) -> Result<Option<i64>, StoreError> {
        match self.position {
            None => self.store.feed_head(self.account).await.map(Some),
            Some(after) => {
                let entries = self.store.feed_entries(self.account, after, limit).await?;
                Ok(entries.last().map(|entry| entry.position))
            }
        }
    }

    /// All that is there up to `until` is there for good.
    async fn settled(&mut self, state: &State, until: i64, limit: u32) -> Result<Fed, StoreError> {
        let Some(after) = self.position else {
            self.position = Some(until);
            return Ok(self.nothing(state));
        };
        let mut entries = self.store.feed_entries(self.account, after, limit).await?;
        let beyond = entries.last().is_some_and(|entry| entry.position > until);
        entries.retain(|entry| entry.position <= until);
        // With those that came late it may be more than one look takes.
        let full = entries.len() >= limit as usize;
        let position = entries.last().filter(|_| full).map_or(until, |entry| entry.position);
        let changes = self.store.changes(self.account, entries).await?;
        self.position = Some(position);
        Ok(Fed { changes, position, more: full || beyond, rules_version: state.rules_version })
    }

    fn nothing(&self, state: &State) -> Fed {
        let position = self.position.unwrap_or_default();
        Fed { changes: Vec::new(), position, more: false, rules_version: state.rules_version }
    }

    /// Whether it is known where it begins.
    pub const fn has_begun(&self) -> bool {
        self.position.is_some()
    }
}

impl Store {
    /// The highest position of the account's feed, whether settled or not: no cursor can lie beyond it. 0: nothing has happened.
    pub async fn feed_head(&self, account: AccountId) -> Result<i64, StoreError> {
        let what = failed(WHAT);
        let sql = "SELECT coalesce(max(position), 0) FROM history \
            WHERE account_id = $1 AND request_id IS NOT NULL AND position IS NOT NULL";
        let row = self.read.query_one_raw(statement(&self.read, sql, vec![account.0.into()])).await;
        row.map_err(what)?.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(what)
    }

    async fn feed_state(&self, account: AccountId) -> Result<Option<State>, StoreError> {
        let what = failed(WHAT);
        let running = match self.backend {
            Backend::Postgres => "pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            // Nobody commits out of order.
            Backend::Sqlite => "9223372036854775807",
        };
        let sql = format!(
            "SELECT rules_version, {running} FROM accounts WHERE account_id = $1 AND state <> 'ERASED'"
        );
        let row = self.read.query_one_raw(statement(&self.read, &sql, vec![account.0.into()])).await;
        let state = |row: sea_orm::QueryResult| {
            Ok(State { rules_version: row.try_get_by_index(0)?, running: row.try_get_by_index(1)? })
        };
        row.map_err(what)?.map(state).transpose().map_err(what)
    }

    /// A number higher than that of every transaction that has one.
    async fn draw_transaction(&self) -> Result<i64, StoreError> {
        let what = failed(WHAT);
        let sql = match self.backend {
            Backend::Postgres => "SELECT pg_current_xact_id()::text::bigint",
            Backend::Sqlite => return Ok(0),
        };
        let row = self.write.query_one_raw(statement(&self.write, sql, vec![])).await.map_err(what)?;
        row.map_or(Ok(i64::MAX), |row| row.try_get_by_index(0)).map_err(what)
    }

    async fn feed_entries(
        &self,
        account: AccountId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let what = failed(WHAT);
        let sql = format!(
            "SELECT {}, h.position AS h_position FROM history AS h \
             WHERE h.account_id = $1 AND h.request_id IS NOT NULL AND h.position > $2 ORDER BY h.position LIMIT $3",
            select_list::<history::Entity>("h", "h_"),
        );
        let values = vec![account.0.into(), after.into(), i64::from(limit).into()];
        let rows = self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(what)?;
        let entry = |row: &sea_orm::QueryResult| {
            let recorded = history::Model::from_query_result(row, "h_").map_err(what)?.try_into()?;
            Ok(Entry { position: row.try_get("h_", "position").map_err(what)?, recorded })
        };
        rows.iter().map(entry).collect()
    }

    /// The entries, each with its request as it is now. An entry whose request is gone, because its account is being erased, goes too.
    async fn changes(&self, account: AccountId, entries: Vec<Entry>) -> Result<Vec<Change>, StoreError> {
        let ids: BTreeSet<RequestId> =
            entries.iter().filter_map(|entry| entry.recorded.entry.request_id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.requests_of(account, &ids).await?;
        let change = |Entry { position, recorded }: Entry| {
            let (request, audience) = known.get(&recorded.entry.request_id?)?.clone();
            Some(Change { position, recorded, request, audience })
        };
        Ok(entries.into_iter().filter_map(change).collect())
    }

    async fn requests_of(
        &self,
        account: AccountId,
        ids: &BTreeSet<RequestId>,
    ) -> Result<BTreeMap<RequestId, (Request, Audience)>, StoreError> {
        let sql = format!(
            "SELECT {selected}, {audience} \
             FROM requests AS q WHERE q.account_id = $1 AND {among}",
            audience = resources::looked_up("audience", "q"),
            selected = requests::selected(self.backend),
            among = members::is_among(self.backend, "q.request_id", 2),
        );
        let ids = members::uuids(self.backend, ids.iter().map(|id| id.0));
        let select = statement(&self.read, &sql, vec![account.0.into(), ids]);
        let mut known = BTreeMap::new();
        for row in self.read.query_all_raw(select).await.map_err(failed(WHAT))? {
            let Some(request) = requests::from_row(&row, WHAT)? else { continue };
            let audience = resources::audience_of(&row, account, request.resource_id, WHAT)?;
            known.insert(request.id, (request, audience));
        }
        Ok(known)
    }
}
