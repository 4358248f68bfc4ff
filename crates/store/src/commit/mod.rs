//! The guarded commit: a decision's whole outcome is written, or nothing of it.

mod members;
mod postgres;
mod record;
mod rules;
mod sqlite;
mod steps;

use countersign_domain::{AccountId, ActorRef, Outcome, Request, RequestWrite, ReviewWrite, Timestamp};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel};

pub use self::rules::{AccountCreation, Concerned, Record, RulesCommit, Settled};
pub(crate) use self::{members::update as update_members, steps::count_up};
use crate::{
    IdempotencyRecord, OutboxRow, Store, StoreError,
    entities::{decisions, history, idempotency, outbox, requests, resources, reviews},
    error::{Failure, Unique, classify, failed},
};

/// A decision to write, with what it was based on.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The account.
    pub account_id: AccountId,
    /// The account's `rules_version` in the snapshot that was decided on (REQ-9).
    pub rules_version: i64,
    /// What was decided.
    pub outcome: Outcome,
    /// When time alone changes the resource next, as it is then (LIF-17).
    pub due_at: Option<Timestamp>,
    /// The event that tells of it, and those that name further recipients of it.
    pub outbox: Vec<OutboxRow>,
    /// What a repeated call is answered (REQ-18); none where the client gave no key.
    pub idempotency: Option<IdempotencyRecord>,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All of it is on disk.
    Done,
    /// Somebody else changed what was decided on, and nothing was written: read a new snapshot and decide again.
    Conflict,
    /// A call with the same key was answered already, and nothing was written.
    Replay(IdempotencyRecord),
    /// Another row has the name that the new one wants, and nothing was written.
    Duplicate(Duplicate),
    /// An invitation would be one mail too many, and nothing was written.
    TooManyMails(MailLimit),
    /// So many requests of the area are pending, and nothing was written: only for a policy that must not change then.
    StillPending(u64),
}

/// A limit of the mails with invitations that an account sends in an hour of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailLimit {
    /// To one address.
    Address,
    /// To all together.
    Account,
}

/// Which name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// The id of an account.
    AccountId,
    /// The id of a member.
    MemberId,
    /// A member's address, whatever its case.
    Email,
    /// The id of a resource.
    ResourceId,
    /// The owning service's id of a resource of this kind.
    ExternalId,
    /// The id of a request.
    RequestId,
    /// The id of a custom role.
    RoleId,
    /// A custom role's name, whatever its case.
    RoleName,
    /// The id of an invitation.
    InvitationId,
    /// The address of a pending invitation, whatever its case.
    InvitationEmail,
}

impl Store {
    /// Writes an outcome if everything that it was decided on is as it was: the account's rules, the resource and the
    /// request. One statement on `PostgreSQL`, one transaction on `SQLite`.
    ///
    /// After [`StoreError::Unavailable`] it may be written or not: only the idempotency key can tell.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let idempotency = commit.idempotency.clone();
        let rows = Rows::of(commit)?;
        let tried = if self.is_postgres() {
            postgres::write(&self.write, rows).await?
        } else {
            // Boxed: a future is as large as its largest branch, and this one is ten times the other.
            Box::pin(sqlite::write(self, rows)).await?
        };
        self.settle(tried, idempotency.as_ref()).await
    }

    /// What a try means to the caller: one that hit nothing may have been a repetition.
    async fn settle(
        &self,
        tried: Tried,
        idempotency: Option<&IdempotencyRecord>,
    ) -> Result<Committed, StoreError> {
        match tried {
            Tried::Done => Ok(Committed::Done),
            Tried::Duplicate(_) | Tried::TooManyMails(_) | Tried::Conflict => {
                if let Some(record) = idempotency
                    && let Some(first) = self.replay(&record.key).await?
                {
                    return Ok(Committed::Replay(first));
                }
                Ok(match tried {
                    Tried::Duplicate(which) => Committed::Duplicate(which),
                    Tried::TooManyMails(limit) => Committed::TooManyMails(limit),
                    Tried::Done | Tried::Conflict => Committed::Conflict,
                })
            }
        }
    }
}

/// What became of the statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    Done,
    /// A guard did not hold, or the idempotency key exists.
    Conflict,
    Duplicate(Duplicate),
    TooManyMails(MailLimit),
}

/// The rows of an outcome.
struct Rows {
    rules_version: i64,
    resource: resources::Model,
    request: Option<RequestRows>,
    review: Option<ReviewRow>,
    history: history::Model,
    outbox: Vec<outbox::Model>,
    idempotency: Option<idempotency::Model>,
}

enum RequestRows {
    Insert {
        request: requests::Model,
        approvers: Vec<uuid::Uuid>,
    },
    Update {
        request: requests::Model,
        decision: Option<decisions::Model>,
        /// Whether the decision takes the place of one that does not count any more.
        anew: bool,
        lost: Vec<Lost>,
        voided: Vec<Lost>,
    },
    Reassign {
        request: requests::Model,
        approvers: Vec<uuid::Uuid>,
        removed: Vec<uuid::Uuid>,
        voided: Vec<Lost>,
    },
    Noted(requests::Model),
}

enum ReviewRow {
    Open(Box<reviews::Model>),
    Close(Box<reviews::Model>),
}

/// A member whose assignment ends, or whose decision stops to count, and when.
struct Lost {
    member_id: uuid::Uuid,
    at_us: i64,
}

impl Rows {
    fn of(commit: Commit) -> Result<Self, StoreError> {
        let Commit { account_id, rules_version, outcome, due_at, outbox, idempotency } = commit;
        let consistent = outcome.resource.account_id == account_id
            && outcome.history.account_id == account_id
            && belong_together(&outbox)
            && outbox.iter().all(|event| event.account_id == account_id)
            && outcome.history.resource_id == outcome.resource.id
            && outcome.history.sequence == outcome.resource.version;
        if !consistent {
            return Err(StoreError::Unstorable { what: "an outcome whose parts don't belong together" });
        }
        // The guard on the resource's version, which it was decided on, is also that of the entry before (HIS-3).
        let hash = outcome.history_hash();
        let resource = resources::Model::of(&outcome.resource, due_at);
        Ok(Self {
            rules_version,
            resource: resources::Model { history_hash: Some(hash.as_bytes().to_vec()), ..resource },
            request: outcome.request.as_ref().map(|write| RequestRows::of(write, &outcome)).transpose()?,
            review: outcome.review.as_ref().map(|write| ReviewRow::of(write, &outcome)).transpose()?,
            history: history::Model::of(&outcome.history, hash),
            outbox: outbox.iter().map(Into::into).collect(),
            idempotency: idempotency.as_ref().map(Into::into),
        })
    }
}

/// Whether they are one event: the first, and others that differ in nothing but what is their own.
fn belong_together(outbox: &[OutboxRow]) -> bool {
    let shared = |event: &OutboxRow| {
        (
            event.account_id,
            event.subject.clone(),
            event.sequence,
            event.traceparent.clone(),
            event.occurred_at,
        )
    };
    outbox.first().is_some_and(|first| outbox.iter().all(|event| shared(event) == shared(first)))
}

impl RequestRows {
    fn of(write: &RequestWrite, outcome: &Outcome) -> Result<Self, StoreError> {
        let request = write.request();
        if request.account_id != outcome.resource.account_id || request.resource_id != outcome.resource.id {
            return Err(StoreError::Unstorable { what: "an outcome whose parts don't belong together" });
        }
        Ok(match write {
            RequestWrite::Insert(request) => {
                if request.state.ending().is_some() || !request.decisions.is_empty() {
                    return Err(StoreError::Unstorable { what: "a new request that is decided already" });
                }
                if request.assignments.iter().any(|assignment| assignment.expired_at.is_some()) {
                    return Err(StoreError::Unstorable { what: "a new request with an expired assignment" });
                }
                Self::Insert { request: request.into(), approvers: chosen(request) }
            }
            RequestWrite::Update { request, decision, anew, lost, voided } => {
                let decision =
                    decision.as_ref().map(|decision| decisions::Model::of(request, decision)).transpose()?;
                let lost = lost.iter().map(|who| Lost::assignment(request, who)).collect::<Result<_, _>>()?;
                let voided = Lost::votes(request, voided)?;
                Self::Update { request: request.into(), decision, anew: *anew, lost, voided }
            }
            RequestWrite::Reassign { request, removed, voided } => Self::Reassign {
                request: request.into(),
                approvers: chosen(request),
                removed: removed.iter().map(|member| member.0).collect(),
                voided: Lost::votes(request, voided)?,
            },
            RequestWrite::Noted(request) => Self::Noted(request.into()),
        })
    }
}

fn chosen(request: &Request) -> Vec<uuid::Uuid> {
    request.assignments.iter().map(|assignment| assignment.member.0).collect()
}

impl ReviewRow {
    fn of(write: &ReviewWrite, outcome: &Outcome) -> Result<Self, StoreError> {
        let review = write.review();
        let consistent = review.account_id == outcome.resource.account_id
            && review.resource_id == outcome.resource.id
            && outcome.request.is_none()
            && review.closed.is_some() == matches!(write, ReviewWrite::Close(_));
        if !consistent {
            return Err(StoreError::Unstorable { what: "an outcome whose parts don't belong together" });
        }
        let row = Box::new(review.try_into()?);
        Ok(match write {
            ReviewWrite::Open(_) => Self::Open(row),
            ReviewWrite::Close(_) => Self::Close(row),
        })
    }
}

impl Lost {
    fn assignment(request: &Request, who: &ActorRef) -> Result<Self, StoreError> {
        let ended = request.assignments.iter().find_map(|assignment| {
            let is_this = Some(assignment.member) == who.member_id;
            assignment.expired_at.filter(|_| is_this).map(|at| (assignment.member, at))
        });
        let Some((member, at)) = ended else {
            return Err(StoreError::Unstorable {
                what: "an expired assignment that the request does not have",
            });
        };
        Ok(Self { member_id: member.0, at_us: at.0 })
    }

    fn votes(request: &Request, voided: &[ActorRef]) -> Result<Vec<Self>, StoreError> {
        let vote = |who: &ActorRef| {
            let decision = request.decisions.iter().find(|decision| decision.by.member_id == who.member_id);
            let (member, at) = (who.member_id, decision.and_then(|decision| decision.voided_at));
            let (Some(member), Some(at)) = (member, at) else {
                return Err(StoreError::Unstorable {
                    what: "a voided decision that the request does not have",
                });
            };
            Ok(Self { member_id: member.0, at_us: at.0 })
        };
        voided.iter().map(vote).collect()
    }
}

/// Inserts a row in a transaction.
pub(crate) async fn insert<M, A>(
    transaction: &DatabaseTransaction,
    model: M,
    table: Table,
) -> Result<Tried, StoreError>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    let inserted = A::Entity::insert(model.into_active_model()).exec_without_returning(transaction).await;
    inserted.map_or_else(|error| refused(error, table), |_| Ok(Tried::Done))
}

/// What a failed statement means, where several keys can exist already. SQLite, which does not name them, writes one table
/// per statement: `on_sqlite` says which.
fn refused(error: sea_orm::DbErr, on_sqlite: Table) -> Result<Tried, StoreError> {
    let unique = match classify(&error) {
        Failure::Raced => return Ok(Tried::Conflict),
        Failure::Unique(unique) => unique,
        Failure::PoolTimeout | Failure::Unavailable | Failure::File | Failure::Other => {
            return Err(failed("commit")(error));
        }
    };
    let meaning = KEYS.iter().find(|(name, table, key, _)| match &unique {
        Unique::Named(constraint) => constraint == name,
        Unique::PrimaryKey | Unique::Index => *table == on_sqlite && *key == unique,
    });
    meaning.map_or_else(|| Err(failed("commit")(error)), |(_, _, _, tried)| Ok(*tried))
}

/// A table whose keys a commit may find taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Accounts,
    Members,
    Policies,
    Resources,
    Requests,
    Decisions,
    Idempotency,
    Roles,
    Invitations,
    Reviews,
    /// One whose keys can only be taken by mistake.
    Other,
}

/// The keys that a commit may find taken: PostgreSQL's name, SQLite's table and kind, and what it means.
const KEYS: [(&str, Table, Unique, Tried); 15] = [
    ("accounts_pkey", Table::Accounts, Unique::PrimaryKey, Tried::Duplicate(Duplicate::AccountId)),
    ("members_pkey", Table::Members, Unique::PrimaryKey, Tried::Duplicate(Duplicate::MemberId)),
    ("members_email", Table::Members, Unique::Index, Tried::Duplicate(Duplicate::Email)),
    ("policies_pkey", Table::Policies, Unique::PrimaryKey, Tried::Conflict),
    ("roles_pkey", Table::Roles, Unique::PrimaryKey, Tried::Duplicate(Duplicate::RoleId)),
    ("roles_name", Table::Roles, Unique::Index, Tried::Duplicate(Duplicate::RoleName)),
    ("invitations_pkey", Table::Invitations, Unique::PrimaryKey, Tried::Duplicate(Duplicate::InvitationId)),
    // The other index is that of the tokens' hashes, which are never taken.
    ("invitations_email", Table::Invitations, Unique::Index, Tried::Duplicate(Duplicate::InvitationEmail)),
    ("resources_pkey", Table::Resources, Unique::PrimaryKey, Tried::Duplicate(Duplicate::ResourceId)),
    ("resources_external_id", Table::Resources, Unique::Index, Tried::Duplicate(Duplicate::ExternalId)),
    ("requests_pkey", Table::Requests, Unique::PrimaryKey, Tried::Duplicate(Duplicate::RequestId)),
    // REQ-2: somebody else submitted first.
    ("requests_one_pending", Table::Requests, Unique::Index, Tried::Conflict),
    // POL-8: this Admin has bypassed a moment ago.
    ("reviews_one_open", Table::Reviews, Unique::Index, Tried::Conflict),
    // POL-3: this member has decided already.
    ("decisions_pkey", Table::Decisions, Unique::PrimaryKey, Tried::Conflict),
    // REQ-18: `settle` finds the first answer.
    ("idempotency_pkey", Table::Idempotency, Unique::PrimaryKey, Tried::Conflict),
];
