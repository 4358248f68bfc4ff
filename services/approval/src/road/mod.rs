//! The one road that every command takes: snapshot → decide → one guarded commit. The snapshot is read, or what this process
//! has just written: then only a commit that is done counts, and all else is told from one that was read.
//!
//! A call may end before its command does: its client hangs up, its deadline passes. Until the commit nothing has happened, and
//! nothing will. The commit, and all that follows from it, is carried to its end without the call (SEC-12).
//!
//! A commit that loses to another is tried again from a new snapshot, so that the loser's answer says who won (REQ-4). A
//! command with a `request_id` that was answered before is answered the same (REQ-18).
//!
//! Commands about resources and requests are here, those about the rules in [`rules`], and what happens by itself in [`alone`].

pub mod alone;
pub mod answer;
pub mod rules;

use std::sync::Arc;

use countersign_domain::{
    Account, AccountId, Actor, Context, EventId, Kind, MemberId, Outcome, Refusal, ResourceId, Timestamp,
    permission, refusal::Missing, timer,
};
use countersign_runtime::{clock::Clock, ids, task::to_its_end};
use countersign_store::{
    About, Commit, Committed, Duplicate, IdempotencyKey, IdempotencyRecord, OutboxRow, Snapshot, Store,
};
use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

use self::answer::Answer;
use crate::{events, fault::Fault, grpc::validate::Fields, metrics::Metrics, watch::Watches};

/// How often a commit is tried that keeps losing. Each loss means that somebody else won, so this many losses in a row
/// need as many different winners on one resource within one call.
const ATTEMPTS: usize = 32;

/// Who makes a call, and what its answer is remembered under.
#[derive(Clone, Debug)]
pub struct Call {
    /// The account.
    pub account: AccountId,
    /// The member who acts; none for the platform's operator and for Countersign itself.
    pub actor: Option<MemberId>,
    /// Whether the platform's operator acts.
    pub operator: bool,
    /// The service that acts for them.
    pub service: Option<String>,
    /// The caller's trace context, which travels with the event.
    pub traceparent: Option<String>,
    /// The caller's `request_id` and what it was used for.
    pub idempotency: Option<Repeatable>,
}

impl Call {
    /// What Countersign does by itself when its time has come.
    pub fn of_countersign(account: AccountId) -> Self {
        Self { account, actor: None, operator: false, service: None, traceparent: None, idempotency: None }
    }
}

/// A call that can be repeated: the key that the caller chose, and what it was used for.
#[derive(Clone, Debug)]
pub struct Repeatable {
    /// The key.
    pub key: IdempotencyKey,
    /// A digest of what was asked.
    pub fingerprint: Vec<u8>,
}

impl Repeatable {
    /// A call of `actor` in `account` to `method` with `request`, under the `request_id` `key`.
    pub fn new<M: Message>(account: AccountId, actor: &str, key: Uuid, method: &str, request: &M) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(method.as_bytes());
        hasher.update([0]);
        hasher.update(request.encode_to_vec());
        let key = IdempotencyKey { account_id: account, actor: actor.to_owned(), key };
        Self { key, fingerprint: hasher.finalize().to_vec() }
    }
}

/// What a command is about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// What the decision starts from.
    pub about: &'a About,
    /// Further members that it concerns.
    pub named: &'a [MemberId],
    /// What the edge found wrong with the call's fields.
    pub violations: &'a Fields,
}

/// What commands need.
#[derive(Clone)]
pub struct Road {
    /// The state.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Wakes the relay after a commit.
    pub committed: Arc<Notify>,
    /// Tells those who watch of a commit.
    pub watches: Watches,
    /// Wakes what settles requests after a loss of rights that concerned too many for one transaction.
    pub unsettled: Arc<Notify>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Road {
    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_us())
    }

    /// Loads what a call needs. The account must exist and the actor be an active member, or they are told nothing of it
    /// (ACC-16).
    pub async fn snapshot(&self, call: &Call, about: &About, named: &[MemberId]) -> Result<Snapshot, Fault> {
        let key = call.idempotency.as_ref().map(|given| &given.key);
        let snapshot = self.store.snapshot(call.account, call.actor, about, named, key).await?;
        match snapshot {
            Some(snapshot) => Ok(snapshot),
            None if call.operator => Err(Refusal::NotFound(Missing::Account(call.account)).into()),
            None => Err(Fault::OtherAccount),
        }
    }

    /// A command about a resource or its request. Fields that the edge found wrong are answered together with those that the
    /// decision finds wrong, after whether the actor may at all, and after what the same call was answered before: a time
    /// that has passed since then is no reason to answer otherwise.
    pub async fn command<R: Answer>(
        &self,
        call: &Call,
        subject: Subject<'_>,
        decide: impl Fn(&Context<'_>, &Snapshot) -> Result<Outcome, Refusal>,
        answer: impl Fn(&Context<'_>, &Outcome) -> R,
    ) -> Result<R, Fault> {
        if let Some(response) = self.unread(call, subject, &decide, &answer).await? {
            return Ok(response);
        }
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot(call, subject.about, subject.named).await?;
            let actor = actor_of(call, &snapshot)?;
            if let Some(response) = replay(call, snapshot.replay.as_ref())? {
                return self.again(call, response).await;
            }
            let context = context_of(&snapshot, &actor, self.now());
            context.check_account_is_active()?;
            let outcome = subject.violations.merge(decide(&context, &snapshot))?;
            let response = answer(&context, &outcome);
            let (kind, external_id) = (outcome.resource.kind.clone(), outcome.resource.external_id.clone());
            match self.commit(call, &snapshot, outcome, self.record(call, &response)).await? {
                Committed::Done => return Ok(response),
                Committed::Conflict | Committed::StillPending(_) | Committed::TooManyMails(_) => {
                    self.metrics.lost();
                }
                Committed::Replay(record) => {
                    if let Some(response) = replay(call, Some(&record))? {
                        return self.again(call, response).await;
                    }
                }
                Committed::Duplicate(Duplicate::ExternalId) => {
                    return Err(self.taken(call, kind, external_id).await);
                }
                Committed::Duplicate(_) => {
                    return Err(collision());
                }
            }
        }
        Err(Fault::Contended)
    }

    /// The answer to the registration of what is there already. Whoever may not see that is refused as for everything that they
    /// may not see, in the words of every call about it: what it is, and whether it is a resource at all, is not told (ACC-16). That
    /// the registration fails can't be hidden, since there is one resource of a name.
    async fn taken(&self, call: &Call, kind: Kind, external_id: String) -> Fault {
        let about = About::ResourceByExternalId(kind, external_id);
        let there = async {
            let snapshot = self.snapshot(call, &about, &[]).await?;
            let actor = actor_of(call, &snapshot)?;
            let context = context_of(&snapshot, &actor, self.now());
            let nameless = Missing::Resource(ResourceId(Uuid::nil()));
            let there = permission::view(&context, snapshot.resource.as_ref(), nameless)?;
            Ok(Fault::ResourceExists { kind: there.kind.clone(), id: there.id })
        };
        there.await.unwrap_or_else(|fault: Fault| fault)
    }

    /// A command decided on what this process has written last, which saves reading it. That may be out of date, so the only
    /// answer that counts is to a commit that is done. None: the database has to be read, also to say why not.
    async fn unread<R: Answer>(
        &self,
        call: &Call,
        subject: Subject<'_>,
        decide: &impl Fn(&Context<'_>, &Snapshot) -> Result<Outcome, Refusal>,
        answer: &impl Fn(&Context<'_>, &Outcome) -> R,
    ) -> Result<Option<R>, Fault> {
        let Some(snapshot) = self.store.recent(call.account, call.actor, subject.about, subject.named) else {
            return Ok(None);
        };
        let Ok(actor) = actor_of(call, &snapshot) else { return Ok(None) };
        let context = context_of(&snapshot, &actor, self.now());
        if context.check_account_is_active().is_err() {
            return Ok(None);
        }
        let Ok(outcome) = subject.violations.merge(decide(&context, &snapshot)) else { return Ok(None) };
        let response = answer(&context, &outcome);
        if self.commit(call, &snapshot, outcome, self.record(call, &response)).await? == Committed::Done {
            return Ok(Some(response));
        }
        // Also where the key was used before: whether the caller may be told the answer is for the database to say.
        self.store.forget(call.account, subject.about);
        self.metrics.lost();
        Ok(None)
    }

    /// The record that makes `response` the answer for every later call with the same `request_id`.
    /// None, and nothing is encoded, where the call has none.
    pub fn record<R: Message>(&self, call: &Call, response: &R) -> Option<IdempotencyRecord> {
        let Repeatable { key, fingerprint } = call.idempotency.clone()?;
        let response = response.encode_to_vec();
        Some(IdempotencyRecord { key, fingerprint, response, created_at: self.now() })
    }

    /// Wakes whoever waits for a commit in the account.
    fn tell(&self, account: AccountId) {
        self.committed.notify_one();
        self.watches.wake(account);
    }

    /// Commits and tells of it, also when the call ends before (SEC-12).
    async fn commit(
        &self,
        call: &Call,
        snapshot: &Snapshot,
        outcome: Outcome,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Committed, Fault> {
        let outbox = outbox_rows(call, &snapshot.account, &outcome).await?;
        let event = outcome.history.event;
        let left = snapshot.after(&outcome);
        let commit = Commit {
            account_id: call.account,
            rules_version: snapshot.account.rules_version,
            due_at: timer::due_at(&snapshot.lifecycles, &outcome.resource),
            outcome,
            outbox,
            idempotency,
        };
        let (road, account) = (self.clone(), call.account);
        to_its_end(async move {
            let committed = road.store.commit(commit).await.inspect_err(|_| road.store.forget_all())?;
            if committed == Committed::Done {
                if let Some(left) = left {
                    road.store.remember(left);
                }
                road.metrics.outcome(event);
                road.tell(account);
            }
            Ok(committed)
        })
        .await
    }
}

async fn outbox_rows(call: &Call, account: &Account, outcome: &Outcome) -> Result<Vec<OutboxRow>, Fault> {
    events::of_outcome(account, outcome, EventId(ids::new_id()), call.traceparent.as_deref()).await
}

fn collision() -> Fault {
    Fault::Internal("a commit collided with an id that was made for it", None)
}

/// The answer that was given before under the call's `request_id`, if there is one.
pub fn replay<R: Message + Default>(
    call: &Call,
    record: Option<&IdempotencyRecord>,
) -> Result<Option<R>, Fault> {
    let (Some(key), Some(record)) = (&call.idempotency, record) else { return Ok(None) };
    if record.fingerprint != key.fingerprint {
        return Err(Fault::RequestIdReused(key.key.key));
    }
    R::decode(record.response.as_slice())
        .map(Some)
        .map_err(|error| Fault::Internal("a stored answer can't be read", Some(error.into())))
}

/// Who acts. A member who is not active is refused before anything is said of what they asked for (ACC-16), also where the
/// same call was answered before.
pub fn actor_of(call: &Call, snapshot: &Snapshot) -> Result<Actor, Fault> {
    if call.operator {
        return Ok(Actor::Platform);
    }
    let member = snapshot.actor.clone().ok_or(Fault::OtherAccount)?;
    let actor = Actor::Member { member, service: call.service.clone() };
    if actor.active_member().is_none() {
        return Err(Fault::OtherAccount);
    }
    Ok(actor)
}

/// What a decision starts from.
pub fn context_of<'a>(snapshot: &'a Snapshot, actor: &'a Actor, now: Timestamp) -> Context<'a> {
    Context {
        account: &snapshot.account,
        policies: &snapshot.policies,
        lifecycles: &snapshot.lifecycles,
        roles: &snapshot.roles,
        directory: &snapshot.directory,
        actor,
        now,
    }
}

#[cfg(test)]
mod tests;
