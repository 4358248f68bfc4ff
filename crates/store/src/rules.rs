//! The rules of an account as decisions use them: policies and approvers, cached by their version.
//!
//! The cache can't make a decision stale: a commit is guarded by the very `rules_version` that an entry is kept under.

use std::sync::Arc;

use countersign_domain::{AccountId, Member, Policies, Policy};
use quick_cache::{Weighter, sync::Cache};
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult};

use crate::{
    Store, StoreError,
    entities::{policies, select_list},
    error::failed,
    members,
    store::statement,
};

/// Policies and approvers of an account at one `rules_version`.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) version: i64,
    pub(crate) policies: Arc<Policies>,
    /// Every active member who could approve something, by id.
    pub(crate) approvers: Arc<Vec<Member>>,
}

/// How many approvers are cached, all accounts together: about 10 MB.
const CAPACITY: u64 = 40_000;

/// How many accounts of two approvers fit.
const ACCOUNTS: usize = 10_000;

/// The newest rules seen of each account, bounded by how many approvers they name.
#[derive(Debug)]
pub(crate) struct RulesCache(Cache<AccountId, Arc<Rules>, ByApprovers>);

#[derive(Clone, Debug)]
struct ByApprovers;

impl Weighter<AccountId, Arc<Rules>> for ByApprovers {
    fn weight(&self, _: &AccountId, rules: &Arc<Rules>) -> u64 {
        2 + rules.approvers.len() as u64
    }
}

impl Default for RulesCache {
    fn default() -> Self {
        Self(Cache::with_weighter(ACCOUNTS, CAPACITY, ByApprovers))
    }
}

impl RulesCache {
    /// The rules of `account`, if the newest seen are those of `version`.
    pub(crate) fn of_version(&self, account: AccountId, version: i64) -> Option<Arc<Rules>> {
        self.0.get(&account).filter(|rules| rules.version == version)
    }
}

impl Store {
    /// The rules of `account` at `version`, from the cache or the database. The database may meanwhile hold newer ones:
    /// these are then returned, and the caller sees it by their version. None: there is no such account.
    pub(crate) async fn rules(
        &self,
        account: AccountId,
        version: i64,
    ) -> Result<Option<Arc<Rules>>, StoreError> {
        if let Some(rules) = self.rules.of_version(account, version) {
            return Ok(Some(rules));
        }
        let Some(rules) = self.load(account).await? else { return Ok(None) };
        let rules = Arc::new(rules);
        self.rules.0.insert(account, Arc::clone(&rules));
        Ok(Some(rules))
    }

    /// In one statement, so that the version is that of everything read with it.
    async fn load(&self, account: AccountId) -> Result<Option<Rules>, StoreError> {
        let what = failed("read an account's rules");
        let sql = format!(
            "SELECT a.rules_version, {campaigns}, {experiences}, (SELECT {approvers} FROM members AS m \
             WHERE m.account_id = a.account_id AND m.state = 'ACTIVE' \
             AND (m.approval_right OR m.system_role IN ('ADMIN', 'APPROVER'))) AS approvers FROM accounts AS a \
             LEFT JOIN policies AS c ON c.account_id = a.account_id AND c.area = 'CAMPAIGNS' \
             LEFT JOIN policies AS e ON e.account_id = a.account_id AND e.area = 'PRODUCT_EXPERIENCES' \
             WHERE a.account_id = $1",
            campaigns = select_list::<policies::Entity>("c", "c_"),
            experiences = select_list::<policies::Entity>("e", "e_"),
            approvers = members::aggregated(self.backend),
        );
        let select = statement(&self.read, &sql, vec![account.0.into()]);
        let Some(row) = self.read.query_one_raw(select).await.map_err(what)? else { return Ok(None) };
        let approvers: Option<String> = row.try_get("", "approvers").map_err(what)?;
        Ok(Some(Rules {
            version: row.try_get("", "rules_version").map_err(what)?,
            policies: Arc::new(Policies::new(policy(&row, "c_")?, policy(&row, "e_")?)),
            approvers: Arc::new(members::from_aggregate(approvers.as_deref(), account)?),
        }))
    }
}

fn policy(row: &QueryResult, prefix: &str) -> Result<Option<Policy>, StoreError> {
    let what = failed("read an account's policy");
    if row.try_get::<Option<String>>(prefix, "area").map_err(what)?.is_none() {
        return Ok(None);
    }
    let model = policies::Model::from_query_result(row, prefix).map_err(what)?;
    Ok(Some(model.try_into()?))
}
