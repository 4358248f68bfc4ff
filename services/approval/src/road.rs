//! The one road that every command takes: snapshot → decide → one guarded commit. The snapshot is read, or what this process
//! has just written: then only a commit that is done counts, and all else is told from one that was read.
//!
//! A commit that loses to another is tried again from a new snapshot, so that the loser's answer says who won (REQ-4). A
//! command with a `request_id` that was answered before is answered the same (REQ-18).

use std::sync::Arc;

use countersign_domain::{AccountId, Actor, Context, EventId, MemberId, Outcome, Policy, Refusal, Timestamp};
use countersign_runtime::{clock::Clock, ids};
use countersign_store::{
    About, Commit, Committed, Duplicate, IdempotencyKey, IdempotencyRecord, MemberCommit, MemberWrite,
    OutboxRow, PolicyCommit, Snapshot, Store,
};
use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    events,
    grpc::{status::Fault, validate::Fields},
    metrics::Metrics,
};

/// How often a commit is tried that keeps losing. Each loss means that somebody else won, so this many losses in a row
/// need as many different winners on one resource within one call.
const ATTEMPTS: usize = 32;

/// Who makes a call, and what its answer is remembered under.
#[derive(Clone, Debug)]
pub struct Call {
    /// The account.
    pub account: AccountId,
    /// The member who acts; none for the platform's operator.
    pub actor: Option<MemberId>,
    /// The service that acts for them.
    pub service: Option<String>,
    /// The caller's trace context, which travels with the event.
    pub traceparent: Option<String>,
    /// The caller's `request_id` and what it was used for.
    pub idempotency: Option<Repeatable>,
}

impl Call {
    /// A call of the platform's operator, who acts in no account.
    pub fn of_platform(idempotency: Option<Repeatable>) -> Self {
        Self { account: AccountId(Uuid::nil()), actor: None, service: None, traceparent: None, idempotency }
    }

    /// What Countersign does by itself when its time has come.
    pub fn of_timer(account: AccountId) -> Self {
        Self { account, actor: None, service: None, traceparent: None, idempotency: None }
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

/// A change of what decisions rely on.
#[derive(Debug)]
pub enum RulesWrite {
    /// A member.
    Member(MemberWrite),
    /// A policy, and the event that tells of a switch.
    Policy(Policy, Option<OutboxRow>),
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
        snapshot.ok_or(Fault::OtherAccount)
    }

    /// A command about a resource or its request. Fields that the edge found wrong are answered together with those that the
    /// decision finds wrong, after whether the actor may at all, and after what the same call was answered before: a time
    /// that has passed since then is no reason to answer otherwise.
    pub async fn command<R: Message + Default>(
        &self,
        call: &Call,
        subject: Subject<'_>,
        decide: impl Fn(&Context<'_>, &Snapshot) -> Result<Outcome, Refusal>,
        answer: impl Fn(&Outcome) -> R,
    ) -> Result<R, Fault> {
        if let Some(response) = self.unread(call, subject, &decide, &answer).await? {
            return Ok(response);
        }
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot(call, subject.about, subject.named).await?;
            let actor = actor_of(call, &snapshot)?;
            if let Some(response) = replay(call, snapshot.replay.as_ref())? {
                return Ok(response);
            }
            let context = context_of(&snapshot, &actor, self.now());
            let outcome = subject.violations.merge(decide(&context, &snapshot))?;
            let response = answer(&outcome);
            match self.commit(call, &snapshot, outcome, self.record(call, &response)).await? {
                Committed::Done => return Ok(response),
                Committed::Conflict | Committed::StillPending(_) => self.metrics.lost(),
                Committed::Replay(record) => {
                    if let Some(response) = replay(call, Some(&record))? {
                        return Ok(response);
                    }
                }
                Committed::Duplicate(Duplicate::ExternalId) => {
                    return Err(Fault::Taken { what: "this external_id".into(), kind: "resource" });
                }
                Committed::Duplicate(_) => {
                    return Err(collision());
                }
            }
        }
        Err(Fault::Contended)
    }

    /// A command decided on what this process has written last, which saves reading it. That may be out of date, so the only
    /// answer that counts is to a commit that is done. None: the database has to be read, also to say why not.
    async fn unread<R: Message>(
        &self,
        call: &Call,
        subject: Subject<'_>,
        decide: &impl Fn(&Context<'_>, &Snapshot) -> Result<Outcome, Refusal>,
        answer: &impl Fn(&Outcome) -> R,
    ) -> Result<Option<R>, Fault> {
        let Some(snapshot) = self.store.recent(call.account, call.actor, subject.about, subject.named) else {
            return Ok(None);
        };
        let Ok(actor) = actor_of(call, &snapshot) else { return Ok(None) };
        let context = context_of(&snapshot, &actor, self.now());
        let Ok(outcome) = subject.violations.merge(decide(&context, &snapshot)) else { return Ok(None) };
        let response = answer(&outcome);
        if self.commit(call, &snapshot, outcome, self.record(call, &response)).await? == Committed::Done {
            return Ok(Some(response));
        }
        // Also where the key was used before: whether the caller may be told the answer is for the database to say.
        self.store.forget(call.account, subject.about);
        self.metrics.lost();
        Ok(None)
    }

    /// A command about what decisions rely on: members, policy.
    pub async fn rules<R: Message + Default>(
        &self,
        call: &Call,
        named: &[MemberId],
        decide: impl Fn(&Snapshot, &Context<'_>) -> Result<(RulesWrite, R), Fault>,
    ) -> Result<R, Fault> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot(call, &About::Nothing, named).await?;
            let actor = actor_of(call, &snapshot)?;
            if let Some(response) = replay(call, snapshot.replay.as_ref())? {
                return Ok(response);
            }
            let (write, response) = decide(&snapshot, &context_of(&snapshot, &actor, self.now()))?;
            match self.commit_rules(call, &snapshot, write, self.record(call, &response)).await? {
                Committed::Done => {
                    self.committed.notify_one();
                    return Ok(response);
                }
                Committed::Conflict | Committed::StillPending(_) => self.metrics.lost(),
                Committed::Replay(record) => {
                    if let Some(response) = replay(call, Some(&record))? {
                        return Ok(response);
                    }
                }
                Committed::Duplicate(Duplicate::Email) => {
                    return Err(Fault::Taken { what: "this email".into(), kind: "member" });
                }
                Committed::Duplicate(_) => return Err(collision()),
            }
        }
        Err(Fault::Contended)
    }

    async fn commit_rules(
        &self,
        call: &Call,
        snapshot: &Snapshot,
        write: RulesWrite,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Committed, Fault> {
        let (account_id, rules_version) = (call.account, snapshot.account.rules_version);
        Ok(match write {
            RulesWrite::Member(member) => {
                let commit = MemberCommit { account_id, rules_version, member, idempotency };
                self.store.commit_member(commit).await?
            }
            RulesWrite::Policy(policy, outbox) => {
                let (only_without_pending, area) = (!policy.enabled, policy.area.clone());
                let commit = PolicyCommit {
                    account_id,
                    rules_version,
                    policy,
                    only_without_pending,
                    outbox,
                    idempotency,
                };
                match self.store.commit_policy(commit).await? {
                    Committed::StillPending(pending) => {
                        return Err(Refusal::RequestsPending { area, pending }.into());
                    }
                    committed => committed,
                }
            }
        })
    }

    /// The record that makes `response` the answer for every later call with the same `request_id`.
    /// None, and nothing is encoded, where the call has none.
    pub fn record<R: Message>(&self, call: &Call, response: &R) -> Option<IdempotencyRecord> {
        let Repeatable { key, fingerprint } = call.idempotency.clone()?;
        let response = response.encode_to_vec();
        Some(IdempotencyRecord { key, fingerprint, response, created_at: self.now() })
    }

    /// Lets time take effect on a resource: expire its request, start it, complete it; whether it did. Nothing happens where
    /// nothing is due, so any number of replicas may try at once.
    pub async fn tick(&self, account: AccountId, about: &About) -> Result<bool, Fault> {
        use countersign_domain::{decide::expire, timer::fire};

        let call = Call::of_timer(account);
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot(&call, about, &[]).await?;
            let context = context_of(&snapshot, &Actor::Countersign, self.now());
            let Some(resource) = &snapshot.resource else { return Ok(false) };
            let outcome = snapshot
                .request
                .as_ref()
                .and_then(|request| expire(&context, resource, request))
                .or_else(|| fire(&context, resource));
            let Some(outcome) = outcome else { return Ok(false) };
            match self.commit(&call, &snapshot, outcome, None).await? {
                Committed::Conflict => self.metrics.lost(),
                _ => return Ok(true),
            }
        }
        Err(Fault::Contended)
    }

    async fn commit(
        &self,
        call: &Call,
        snapshot: &Snapshot,
        outcome: Outcome,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Committed, Fault> {
        let outbox = events::of_outcome(
            &snapshot.account,
            &outcome,
            EventId(ids::new_id()),
            call.traceparent.clone(),
        )?;
        let event = outcome.history.event;
        let left = snapshot.after(&outcome);
        let committed = self
            .store
            .commit(Commit {
                account_id: call.account,
                rules_version: snapshot.account.rules_version,
                outcome,
                outbox,
                idempotency,
            })
            .await
            .inspect_err(|_| self.store.forget_all())?;
        if committed == Committed::Done {
            if let Some(left) = left {
                self.store.remember(left);
            }
            self.metrics.outcome(event);
            self.committed.notify_one();
        }
        Ok(committed)
    }
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
        directory: &snapshot.directory,
        actor,
        now,
    }
}

#[cfg(test)]
#[path = "road_tests.rs"]
mod tests;
