//! What a decision starts from, in one statement.

use std::sync::{Arc, LazyLock};

use countersign_domain::{
    Account, AccountId, Directory, Kind, Lifecycles, Member, MemberId, Policies, Request, RequestId,
    Resource, ResourceId, Review, ReviewId, Roles, Timestamp,
};
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Value};
use uuid::Uuid;

use crate::{
    Backend, IdempotencyKey, IdempotencyRecord, Store, StoreError,
    entities::{accounts, resources, reviews, select_list},
    error::failed,
    members, requests,
    store::statement,
};

/// What the decision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Only the account and its members.
    Nothing,
    /// A resource, and its pending request if there is one.
    Resource(ResourceId),
    /// A resource by the owning service's id, and its pending request if there is one.
    ResourceByExternalId(Kind, String),
    /// A request in whatever state, and its resource.
    Request(RequestId),
    /// As [`Resource`](Self::Resource), and the review that the actor's last emergency bypass has open (POL-8).
    Bypass(ResourceId),
    /// A review in whatever state, its resource, and that one's pending request if there is one.
    Review(ReviewId),
}

/// What a decision starts from. Resource and request were read at one moment; a commit is refused when any of this has
/// changed since.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The account; its `rules_version` guards the commit.
    pub account: Account,
    /// Its policy, area by area.
    pub policies: Arc<Policies>,
    /// Its lifecycles: the built-in ones and its own.
    pub lifecycles: Arc<Lifecycles>,
    /// Its custom roles.
    pub roles: Arc<Roles>,
    /// Every active member who could approve something; the actor, the named members, the resource's owner, the request's
    /// submitter and its chosen approvers, whether they are active or not.
    pub directory: Directory,
    /// The actor, if that is a member of the account, active or not.
    pub actor: Option<Member>,
    /// The resource.
    pub resource: Option<Resource>,
    /// The request asked for, or the pending one of the resource.
    pub request: Option<Request>,
    /// The review asked for.
    pub review: Option<Box<Review>>,
    /// What the call with this idempotency key answered, if it was made.
    pub replay: Option<IdempotencyRecord>,
}

/// How often a snapshot is read again because the rules changed while they were read.
const TRIES: usize = 5;

impl Store {
    /// Reads what a decision starts from: one statement, and one more when the account's rules are not in the cache. None:
    /// there is no such account, or not any more. `named` are further members that the decision concerns.
    pub async fn snapshot(
        &self,
        account: AccountId,
        actor: Option<MemberId>,
        about: &About,
        named: &[MemberId],
        idempotency: Option<&IdempotencyKey>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut tries = 1;
        loop {
            let Some(read) = self.read_snapshot(account, actor, about, named, idempotency).await? else {
                return Ok(None);
            };
            let Some(rules) = self.rules(account, read.account.rules_version).await? else { return Ok(None) };
            // Rules that changed in between don't fit what was read. After some tries they may: a commit on them is refused.
            if rules.version != read.account.rules_version && tries < TRIES {
                tries += 1;
                continue;
            }
            let Read { account, resource, request, review, replay, members: mut known } = read;
            self.add_chosen_approvers(account.id, request.as_ref(), &rules.candidates, &mut known).await?;
            return Ok(Some(Snapshot {
                actor: actor.and_then(|id| known.iter().find(|member| member.id == id).cloned()),
                policies: Arc::clone(&rules.policies),
                lifecycles: Arc::clone(&rules.lifecycles),
                roles: Arc::clone(&rules.roles),
                directory: Directory::new(Arc::clone(&rules.candidates), known),
                account,
                resource,
                request,
                review,
                replay,
            }));
        }
    }

    async fn read_snapshot(
        &self,
        account: AccountId,
        actor: Option<MemberId>,
        about: &About,
        named: &[MemberId],
        idempotency: Option<&IdempotencyKey>,
    ) -> Result<Option<Read>, StoreError> {
        const WHAT: &str = "read a snapshot";
        let what = failed(WHAT);
        let mut values: Vec<Value> = vec![
            account.0.into(),
            idempotency.map(|key| key.account_id.0).into(),
            idempotency.map(|key| key.actor.clone()).into(),
            idempotency.map(|key| key.key).into(),
            members::ids(self.backend, named.iter().copied().chain(actor)),
        ];
        match about {
            About::Nothing => {}
            About::Resource(id) => values.push(id.0.into()),
            About::ResourceByExternalId(kind, external_id) => {
                values.push(kind.as_str().into());
                values.push(external_id.as_str().into());
            }
            About::Request(id) => values.push(id.0.into()),
            About::Bypass(id) => {
                values.push(id.0.into());
                values.push(actor.map(|id| id.0).into());
            }
            About::Review(id) => values.push(id.0.into()),
        }
        let select = statement(&self.read, sql(self.backend, about), values);
        let Some(row) = self.read.query_one_raw(select).await.map_err(what)? else { return Ok(None) };
        let members: Option<String> = row.try_get("", "members").map_err(what)?;
        let (resource, request) = match about {
            About::Nothing => (None, None),
            _ => (resource(&row)?, requests::from_row(&row, WHAT)?),
        };
        Ok(Some(Read {
            account: accounts::Model::from_query_result(&row, "a_").map_err(what)?.try_into()?,
            resource,
            request,
            review: match about {
                About::Bypass(_) | About::Review(_) => review(&row)?,
                _ => None,
            },
            replay: replay(&row, idempotency)?,
            members: members::from_aggregate(members.as_deref(), account)?,
        }))
    }

    /// Chosen approvers nearly always still are approvers and so already known; one that lost the right is read here.
    async fn add_chosen_approvers(
        &self,
        account: AccountId,
        request: Option<&Request>,
        candidates: &[Member],
        known: &mut Vec<Member>,
    ) -> Result<(), StoreError> {
        let Some(request) = request else { return Ok(()) };
        let is_known = |id: &MemberId| known.iter().chain(candidates).any(|member| member.id == *id);
        let chosen = request.assignments.iter().map(|assignment| assignment.member);
        let missing: Vec<MemberId> = chosen.filter(|id| !is_known(id)).collect();
        if !missing.is_empty() {
            known.extend(self.members(account, &missing).await?);
        }
        Ok(())
    }
}

struct Read {
    account: Account,
    resource: Option<Resource>,
    request: Option<Request>,
    review: Option<Box<Review>>,
    replay: Option<IdempotencyRecord>,
    members: Vec<Member>,
}

/// The resource of a row that selected its columns as `r_…`; none where an outer join found none.
pub(crate) fn resource(row: &QueryResult) -> Result<Option<Resource>, StoreError> {
    let what = failed("read a resource");
    if row.try_get::<Option<Uuid>>("r_", "resource_id").map_err(what)?.is_none() {
        return Ok(None);
    }
    let model = resources::Model::from_query_result(row, "r_").map_err(what)?;
    Ok(Some(model.try_into()?))
}

fn review(row: &QueryResult) -> Result<Option<Box<Review>>, StoreError> {
    let what = failed("read a review");
    if row.try_get::<Option<Uuid>>("v_", "review_id").map_err(what)?.is_none() {
        return Ok(None);
    }
    let model = reviews::Model::from_query_result(row, "v_").map_err(what)?;
    Ok(Some(Box::new(model.try_into()?)))
}

fn replay(row: &QueryResult, key: Option<&IdempotencyKey>) -> Result<Option<IdempotencyRecord>, StoreError> {
    let what = failed("read an idempotency key");
    let Some(key) = key else { return Ok(None) };
    let Some(created_at) = row.try_get::<Option<i64>>("i_", "created_at_us").map_err(what)? else {
        return Ok(None);
    };
    Ok(Some(IdempotencyRecord {
        key: key.clone(),
        fingerprint: row.try_get("i_", "fingerprint").map_err(what)?,
        response: row.try_get("i_", "response").map_err(what)?,
        created_at: Timestamp(created_at),
    }))
}

/// The statement's text: one for each kind of `about`, so that it is prepared once.
fn sql(backend: Backend, about: &About) -> &'static str {
    static POSTGRES: LazyLock<[String; 6]> = LazyLock::new(|| texts(Backend::Postgres));
    static SQLITE: LazyLock<[String; 6]> = LazyLock::new(|| texts(Backend::Sqlite));
    let [nothing, resource, external_id, request, bypass, review] = match backend {
        Backend::Postgres => &*POSTGRES,
        Backend::Sqlite => &*SQLITE,
    };
    match about {
        About::Nothing => nothing,
        About::Resource(_) => resource,
        About::ResourceByExternalId(..) => external_id,
        About::Request(_) => request,
        About::Bypass(_) => bypass,
        About::Review(_) => review,
    }
}

fn texts(backend: Backend) -> [String; 6] {
    const PENDING: &str = "LEFT JOIN requests AS q \
        ON q.account_id = r.account_id AND q.resource_id = r.resource_id AND q.state = 'PENDING'";
    const BY_ID: &str = "LEFT JOIN resources AS r ON r.account_id = a.account_id AND r.resource_id = $6";
    [
        text(backend, None, false),
        text(backend, Some(&format!("{BY_ID} {PENDING}")), false),
        text(
            backend,
            Some(&format!(
                "LEFT JOIN resources AS r ON r.account_id = a.account_id AND r.kind = $6 AND r.external_id = $7 \
                 {PENDING}"
            )),
            false,
        ),
        text(
            backend,
            Some(
                "LEFT JOIN requests AS q ON q.account_id = a.account_id AND q.request_id = $6 \
                 LEFT JOIN resources AS r ON r.account_id = q.account_id AND r.resource_id = q.resource_id",
            ),
            false,
        ),
        text(
            backend,
            Some(&format!(
                "{BY_ID} {PENDING} LEFT JOIN reviews AS v \
                 ON v.account_id = a.account_id AND v.bypassed_by_id = $7 AND v.closed_at_us IS NULL"
            )),
            true,
        ),
        text(
            backend,
            Some(&format!(
                "LEFT JOIN reviews AS v ON v.account_id = a.account_id AND v.review_id = $6 \
                 LEFT JOIN resources AS r ON r.account_id = v.account_id AND r.resource_id = v.resource_id {PENDING}"
            )),
            true,
        ),
    ]
}

/// `joins` brings in `resources AS r`, `requests AS q` and, `with_review`, `reviews AS v`.
fn text(backend: Backend, joins: Option<&str>, with_review: bool) -> String {
    let mut selected = joins.map_or_else(String::new, |_| {
        format!(", {}, {}", select_list::<resources::Entity>("r", "r_"), requests::selected(backend))
    });
    let mut concerned = "r.owner_id, q.submitter_id".to_owned();
    if with_review {
        selected = format!("{selected}, {}", select_list::<reviews::Entity>("v", "v_"));
        concerned.push_str(", v.bypassed_by_id");
    }
    let named = match (backend, joins.is_some()) {
        (Backend::Postgres, false) => "= ANY ($5)".to_owned(),
        (Backend::Postgres, true) => format!("= ANY ($5 || ARRAY[{concerned}])"),
        (Backend::Sqlite, false) => "IN (SELECT unhex(value) FROM json_each($5))".to_owned(),
        (Backend::Sqlite, true) => format!(
            "IN (SELECT unhex(value) FROM json_each($5) UNION ALL SELECT {})",
            concerned.replace(", ", " UNION ALL SELECT ")
        ),
    };
    format!(
        "SELECT {account}{selected}, i.fingerprint AS i_fingerprint, i.response AS i_response, \
         i.created_at_us AS i_created_at_us, \
         (SELECT {members} FROM members AS m WHERE m.account_id = a.account_id AND m.member_id {named}) AS members \
         FROM accounts AS a {joins} \
         LEFT JOIN idempotency AS i ON i.account_id = $2 AND i.actor = $3 AND i.key = $4 \
         WHERE a.account_id = $1 AND a.state <> 'ERASED'",
        account = select_list::<accounts::Entity>("a", "a_"),
        members = members::aggregated(backend),
        joins = joins.unwrap_or_default(),
    )
}
