//! History's lists, and verifying its chain. As every list, a page starts at a key and reads along an index.

mod untold;

use std::{fmt, str::FromStr};

use countersign_domain::{
    AccountId, Audience, Kind, MemberId, RequestId, Resource, ResourceId, Timestamp,
    history::{EntryHash, Recorded, verify::Chain},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Value,
};

use crate::{
    Page, Store, StoreError,
    entities::{history, resources, select_list},
    error::failed,
    store::statement,
};

/// Entries that are read at a time while a chain is verified.
const VERIFIED_AT_A_TIME: u64 = 500;

const LIST: &str = "list history";
const VERIFY: &str = "verify history";

/// Whose history to list (HIS-4): each is a way along an index of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryFilter {
    /// A resource's, oldest first.
    Resource(ResourceId),
    /// A request's, oldest first.
    Request(RequestId),
    /// The account's, newest first.
    Account {
        /// Only what this member did.
        actor: Option<MemberId>,
        /// Only from this time on.
        from: Option<Timestamp>,
        /// Only before this time.
        until: Option<Timestamp>,
    },
}

/// Where a page ends: the key of its last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryKey {
    /// When it happened.
    pub at: Timestamp,
    /// To which resource.
    pub resource: ResourceId,
    /// The entry's number there.
    pub sequence: i64,
}

impl fmt::Display for HistoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at.0, self.resource, self.sequence)
    }
}

impl FromStr for HistoryKey {
    type Err = InvalidHistoryKey;

    fn from_str(text: &str) -> Result<Self, InvalidHistoryKey> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(InvalidHistoryKey);
        Ok(Self {
            at: Timestamp(next()?.parse().map_err(|_| InvalidHistoryKey)?),
            resource: next()?.parse().map_err(|_| InvalidHistoryKey)?,
            sequence: next()?.parse().map_err(|_| InvalidHistoryKey)?,
        })
    }
}

/// A text that is no key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key of a history entry")]
pub struct InvalidHistoryKey;

/// An entry with what tells who may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryItem {
    /// The entry.
    pub recorded: Recorded,
    /// What its resource is; none where there is no resource any more, because its account is being erased.
    pub kind: Option<Kind>,
    /// Whom its resource reaches (ACC-12).
    pub audience: Audience,
}

impl HistoryItem {
    /// Where a page that ends with it ends.
    pub const fn key(&self) -> HistoryKey {
        let entry = &self.recorded.entry;
        HistoryKey { at: entry.at, resource: entry.resource_id, sequence: entry.sequence }
    }
}

impl Store {
    /// A page of history from after `after`. What the reader may not see is for the caller to leave out.
    pub async fn list_history(
        &self,
        account: AccountId,
        filter: &HistoryFilter,
        after: Option<HistoryKey>,
        limit: u32,
    ) -> Result<Page<HistoryItem>, StoreError> {
        let (sql, values) = page(account, filter, after, limit);
        let rows = self.read.query_all_raw(statement(&self.read, &sql, values)).await;
        let rows = rows.map_err(failed(LIST))?;
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit))
    }

    /// Follows the chain of a resource's history from its first entry to its newest (HIS-3), and holds its end against the resource, its
    /// requests, decisions and reviews (HIS-5). Costs as much as the history is long, and holds a page of it at a time. Where there is
    /// no resource, because its account was erased, the end of the chain has nothing to be compared with: then what fits is told.
    ///
    /// Entries that are written meanwhile are followed too: a head is only compared when it was read after the last entry.
    pub async fn verify_history(
        &self,
        account: AccountId,
        resource: ResourceId,
    ) -> Result<Chain, StoreError> {
        let mut chain = Chain::default();
        loop {
            let before = chain.entries;
            if !self.follow_page(account, resource, &mut chain).await? {
                return Ok(chain);
            }
            if chain.entries > before {
                continue;
            }
            // The end. What was committed between that page and this is longer by as much.
            let Some(now) = self.as_it_is(account, resource).await? else { return Ok(chain) };
            if now.version > chain.entries {
                if !self.follow_page(account, resource, &mut chain).await? {
                    return Ok(chain);
                }
                if chain.entries > before {
                    continue;
                }
            }
            chain.compare(&now);
            if chain.misfit.is_none()
                && let Some(flaw) = self.untold(account, resource).await?
            {
                chain.found(flaw);
            }
            return Ok(chain);
        }
    }

    /// Whether the chain fits as far as a page further.
    async fn follow_page(
        &self,
        account: AccountId,
        resource: ResourceId,
        chain: &mut Chain,
    ) -> Result<bool, StoreError> {
        let rows = history::Entity::find()
            .filter(history::Column::AccountId.eq(account.0))
            .filter(history::Column::ResourceId.eq(resource.0))
            .filter(history::Column::Sequence.gt(chain.entries))
            .order_by_asc(history::Column::Sequence)
            .limit(VERIFIED_AT_A_TIME)
            .all(&self.read)
            .await
            .map_err(failed(VERIFY))?;
        Ok(rows.iter().all(|row| chain.follow(&row.fields(), row.hash.as_deref())))
    }

    async fn as_it_is(
        &self,
        account: AccountId,
        resource: ResourceId,
    ) -> Result<Option<Resource>, StoreError> {
        let row = resources::Entity::find_by_id((account.0, resource.0)).one(&self.read).await;
        Ok(row.map_err(failed(VERIFY))?.map(Resource::try_from).transpose()?)
    }

    /// The hash of one entry; none where it has none that is one, or is not there.
    pub async fn history_hash(
        &self,
        account: AccountId,
        resource: ResourceId,
        sequence: i64,
    ) -> Result<Option<EntryHash>, StoreError> {
        let row = history::Entity::find_by_id((account.0, resource.0, sequence)).one(&self.read).await;
        let hash = row.map_err(failed(VERIFY))?.and_then(|row| row.hash);
        Ok(hash.as_deref().and_then(EntryHash::from_bytes))
    }
}

/// One text for each set of filters that is given, so that each finds its index.
fn page(
    account: AccountId,
    filter: &HistoryFilter,
    after: Option<HistoryKey>,
    limit: u32,
) -> (String, Vec<Value>) {
    let mut conditions = vec!["h.account_id = $1".to_owned()];
    let mut values: Vec<Value> = vec![account.0.into()];
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("${}", values.len())));
    };
    let order = match filter {
        HistoryFilter::Resource(id) => {
            add("h.resource_id = ?", id.0.into());
            "h.sequence"
        }
        HistoryFilter::Request(id) => {
            add("h.request_id = ?", id.0.into());
            "h.sequence"
        }
        HistoryFilter::Account { actor, from, until } => {
            if let Some(actor) = actor {
                add("h.actor_id = ?", actor.0.into());
            }
            if let Some(from) = from {
                add("h.happened_at_us >= ?", from.0.into());
            }
            if let Some(until) = until {
                add("h.happened_at_us < ?", until.0.into());
            }
            "h.happened_at_us DESC, h.resource_id DESC, h.sequence DESC"
        }
    };
    match (filter, after) {
        (_, None) => {}
        (HistoryFilter::Resource(_) | HistoryFilter::Request(_), Some(after)) => {
            add("h.sequence > ?", after.sequence.into());
        }
        // Those of the same time by the rest of the key; the index has only the time, which the first condition is for.
        (HistoryFilter::Account { .. }, Some(after)) => {
            add("h.happened_at_us <= ?", after.at.0.into());
            let first = values.len();
            values.extend([after.resource.0.into(), after.sequence.into()]);
            conditions.push(format!(
                "(h.happened_at_us < ${first} OR h.resource_id < ${} \
                 OR (h.resource_id = ${} AND h.sequence < ${}))",
                first + 1,
                first + 1,
                first + 2
            ));
        }
    }
    values.push((i64::from(limit) + 1).into());
    let sql = format!(
        "SELECT {entry}, {kind}, {audience} FROM history AS h WHERE {conditions} ORDER BY {order} LIMIT ${limit}",
        entry = select_list::<history::Entity>("h", "h_"),
        kind = resources::looked_up("kind", "h"),
        audience = resources::looked_up("audience", "h"),
        conditions = conditions.join(" AND "),
        limit = values.len(),
    );
    (sql, values)
}

fn item(row: &QueryResult) -> Result<HistoryItem, StoreError> {
    let what = failed(LIST);
    let recorded: Recorded = history::Model::from_query_result(row, "h_").map_err(what)?.try_into()?;
    let kind: Option<String> = row.try_get("r_", "kind").map_err(what)?;
    let audience = resources::audience_of(row, recorded.entry.account_id, recorded.entry.resource_id, LIST)?;
    Ok(HistoryItem { recorded, kind: kind.map(Kind::given), audience })
}
