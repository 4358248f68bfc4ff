//! The rules of an account as decisions use them: policies, its own lifecycles, custom roles and approvers, cached by their version.
//!
//! The cache can't make a decision stale: a commit is guarded by the very `rules_version` that an entry is kept under.

use std::sync::Arc;

use countersign_domain::{AccountId, Lifecycles, Member, Policies, Policy, Role, Roles, rules::is_candidate};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use sea_orm::ConnectionTrait;

use crate::{
    Store, StoreError,
    entities::{self, all_of_account, policies},
    error::failed,
    lifecycles, members,
    requests::aggregate,
    roles,
    store::statement,
};

/// Policies, own lifecycles, custom roles and approvers of an account at one `rules_version`.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) version: i64,
    pub(crate) policies: Arc<Policies>,
    pub(crate) lifecycles: Arc<Lifecycles>,
    pub(crate) roles: Arc<Roles>,
    /// Every active member who could approve something, by id.
    pub(crate) candidates: Arc<Vec<Member>>,
}

/// How much is cached, all accounts together, as so many members of few roles: about 10 MB.
const CAPACITY: u64 = 40_000;

/// How many accounts of two approvers fit.
const ACCOUNTS: usize = 10_000;

/// The newest rules seen of each account, bounded by how many approvers and roles they name.
#[derive(Debug)]
pub(crate) struct RulesCache(Cache<AccountId, Arc<Rules>, BySize>);

#[derive(Clone, Debug)]
struct BySize;

impl Weighter<AccountId, Arc<Rules>> for BySize {
    fn weight(&self, _: &AccountId, rules: &Arc<Rules>) -> u64 {
        // Sixteen ids take as much as a member, and so do eight accesses or four values of a scope.
        let members = rules.candidates.iter().map(|member| 1 + member.roles.len() / 16);
        let roles = rules.roles.iter().map(|role| {
            let values = role.scope.as_ref().map_or(0, |scope| scope.values.len());
            1 + role.accesses.len() / 8 + values / 4
        });
        // So do two states, or the actions that lead from two.
        let own = rules.lifecycles.own().map(|own| {
            let rows = own.lifecycle.transitions.iter().map(|row| 1 + row.from.len());
            1 + rows.chain([own.lifecycle.edits.len()]).sum::<usize>() / 2
        });
        2 + members.chain(roles).chain(own).sum::<usize>() as u64
    }
}

/// Few, because an account that weighs more than one holds is never cached.
const SHARDS: usize = 4;

impl Default for RulesCache {
    fn default() -> Self {
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(ACCOUNTS).weight_capacity(CAPACITY).shards(SHARDS);
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(match options.build() {
            Ok(options) => Cache::with_options(options, BySize, hasher, lifecycle),
            // Only where a capacity is not given.
            Err(_) => Cache::with_weighter(ACCOUNTS, CAPACITY, BySize),
        })
    }
}

impl RulesCache {
    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }

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
    ///
    /// Candidates are found by two indexes, those with an approving system role or the approval right and the holders of
    /// custom roles that approve; the domain has the last word on each.
    async fn load(&self, account: AccountId) -> Result<Option<Rules>, StoreError> {
        let what = failed("read an account's rules");
        let sql = format!(
            "SELECT a.rules_version, {policies} AS policies, {versions} AS lifecycles, {retirements} AS retirements, \
             {roles} AS roles, \
             (SELECT {candidates} FROM ( \
             SELECT s.member_id FROM members AS s WHERE s.account_id = a.account_id AND s.state = 'ACTIVE' \
             AND (s.approval_right OR s.system_role IN ('ADMIN', 'APPROVER')) \
             UNION SELECT h.member_id FROM roles AS o JOIN member_roles AS h \
             ON h.account_id = o.account_id AND h.role_id = o.role_id \
             WHERE o.account_id = a.account_id AND o.approves) AS found \
             JOIN members AS m ON m.account_id = a.account_id AND m.member_id = found.member_id \
             AND m.state = 'ACTIVE') AS candidates FROM accounts AS a WHERE a.account_id = $1",
            policies = all_of_account::<policies::Entity>(self.backend),
            versions = all_of_account::<entities::lifecycles::Entity>(self.backend),
            retirements = all_of_account::<entities::lifecycle_retirements::Entity>(self.backend),
            roles = all_of_account::<entities::roles::Entity>(self.backend),
            candidates = members::aggregated(self.backend),
        );
        let select = statement(&self.read, &sql, vec![account.0.into()]);
        let Some(row) = self.read.query_one_raw(select).await.map_err(what)? else { return Ok(None) };
        let text = |column: &str| row.try_get::<Option<String>>("", column).map_err(what);
        let rows: Vec<policies::Model> =
            aggregate(text("policies")?.as_deref(), "policies", || account.to_string())?;
        let set: Vec<Policy> = rows.into_iter().map(Policy::try_from).collect::<Result<_, _>>()?;
        let (versions, retirements) = (text("lifecycles")?, text("retirements")?);
        let lifecycles = lifecycles::from_aggregates(versions.as_deref(), retirements.as_deref(), account)?;
        let roles: Option<String> = text("roles")?;
        let roles: Vec<Role> = roles::from_aggregate(roles.as_deref(), account)?;
        let roles = Roles::new(roles);
        let candidates: Option<String> = text("candidates")?;
        let mut candidates = members::from_aggregate(candidates.as_deref(), account)?;
        candidates.retain(|member| is_candidate(member, &roles));
        Ok(Some(Rules {
            version: row.try_get("", "rules_version").map_err(what)?,
            policies: Arc::new(Policies::new(lifecycles.own_areas().cloned(), set)),
            lifecycles: Arc::new(lifecycles),
            roles: Arc::new(roles),
            candidates: Arc::new(candidates),
        }))
    }
}
