//! Commands about what decisions rely on: the account, its members, roles, policy and invitations.
//!
//! The same road, with one more step: a change that takes somebody's right to decide settles the pending requests that it
//! concerns in its own transaction (REQ-10). Where those are more than `AT_ONCE`, the transaction also records that the rest is
//! to be settled, and [`crate::sweeps`] does so in batches; nobody who lost the right can decide meanwhile (REQ-9).

use std::time::Duration;

use countersign_domain::{
    AccountId, Actor, Area, Context, EventId, Invitation, InvitationId, Member, MemberId, RoleId,
    RulesChange,
    history::{HistoryEvent, account},
    invitation::TokenHash,
    loss,
    permission::{Target, check},
    refusal::Permission,
    rules::{RulesAfter, RulesWrite, Told, touched_by_switch},
    timer,
};
use countersign_runtime::{ids, task::to_its_end};
use countersign_store::{
    About, AccountCreation, Committed, Concerned, Duplicate, IdempotencyRecord, OutboxRow, Record,
    RulesCommit, Settled,
};
use prost::Message;

use super::{ATTEMPTS, Call, Road, actor_of, collision, context_of, outbox_rows, replay};
use crate::{events, fault::Fault};

/// So many requests are settled in the transaction of the change itself: it holds up the account's other commands.
const AT_ONCE: u32 = 50;

/// What a command about the rules needs to know beyond the snapshot. It is read after the snapshot, and every change of it counts
/// up the `rules_version` that guards the commit: what no longer holds is refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// What the actor must have before any of it is read: it can be much.
    pub permission: Option<Permission>,
    /// Further members.
    pub named: Vec<MemberId>,
    /// All who hold this role.
    pub holders: Option<RoleId>,
    /// Every member.
    pub everybody: bool,
    /// The member with this address and the pending invitation for it.
    pub email: Option<String>,
    /// This invitation.
    pub invitation: Option<InvitationId>,
    /// The invitation with this token, the member with its address, and who invited.
    pub token: Option<TokenHash>,
    /// How many requests of this area are pending.
    pub pending_of: Option<Area>,
    /// Nothing is to be written, so it may be asked of an account that is suspended too.
    pub only_asks: bool,
}

impl Needs {
    /// Whether it takes more reads than the snapshot's.
    fn more_than_a_snapshot(&self) -> bool {
        let (named, only_asks) = (self.named.clone(), self.only_asks);
        *self != Self { named, only_asks, ..Self::default() }
    }
}

/// What was needed.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The holders of the role, or every member.
    pub members: Vec<Member>,
    /// The member with the address.
    pub known: Option<Member>,
    /// Who invited.
    pub inviter: Option<Member>,
    /// The invitation asked for, or the pending one for the address.
    pub invitation: Option<Invitation>,
    /// How many requests are pending.
    pub pending: u64,
}

impl Facts {
    /// What was before, for the account's history.
    fn as_known(&self) -> account::Known<'_> {
        account::Known {
            members: &self.members,
            other: self.known.as_ref(),
            invitation: self.invitation.as_ref(),
        }
    }
}

/// What a decision starts from.
pub struct Given<'a> {
    /// The context.
    pub context: Context<'a>,
    /// What was needed beside it.
    pub facts: &'a Facts,
}

impl Road {
    /// A command about the rules. One that changes nothing is answered without a commit.
    pub async fn rules<R: Message + Default>(
        &self,
        call: &Call,
        needs: &Needs,
        decide: impl Fn(&Given<'_>) -> Result<(RulesChange, R), Fault>,
    ) -> Result<R, Fault> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot(call, &About::Nothing, &needs.named).await?;
            let actor = actor_of(call, &snapshot)?;
            if let Some(response) = replay(call, snapshot.replay.as_ref())? {
                return Ok(response);
            }
            let context = context_of(&snapshot, &actor, self.now());
            // The operator's decisions say themselves what they may do with an account that is suspended.
            if !call.operator && !needs.only_asks {
                context.check_account_is_active()?;
            }
            if let Some(permission) = needs.permission {
                check(&context, permission, Target::Account)?;
            }
            let facts = self.facts(call.account, needs).await?;
            let decided = decide(&Given { context: context.clone(), facts: &facts });
            if decided.is_err() && needs.more_than_a_snapshot() {
                // No commit guards a refusal. Where something changed between the reads it may be one of something that never
                // was, such as a pending invitation of somebody who has just accepted it.
                let now = self.snapshot(call, &About::Nothing, &[]).await?;
                if now.account.rules_version != snapshot.account.rules_version {
                    self.metrics.lost();
                    continue;
                }
            }
            let (change, response) = decided?;
            if change.is_empty() {
                return Ok(response);
            }
            let known = facts.as_known();
            let commit = self.effects(call, &context, known, change, self.record(call, &response)).await?;
            match self.commit_rules(commit).await? {
                Committed::Done => return Ok(response),
                Committed::Conflict | Committed::StillPending(_) => self.metrics.lost(),
                Committed::Replay(record) => {
                    if let Some(response) = replay(call, Some(&record))? {
                        return Ok(response);
                    }
                }
                Committed::TooManyMails(limit) => {
                    let until = context.now.hour().plus(Duration::from_hours(1));
                    return Err(Fault::TooManyMails { limit, until });
                }
                Committed::Duplicate(which) => return Err(taken(which)),
            }
        }
        Err(Fault::Contended)
    }

    /// Creates an account and tells of it, also when the call ends before (SEC-12).
    pub async fn create_account(&self, creation: AccountCreation) -> Result<Committed, Fault> {
        let road = self.clone();
        to_its_end(async move {
            let committed = road.store.create_account(creation).await?;
            if committed == Committed::Done {
                road.committed.notify_one();
            }
            Ok(committed)
        })
        .await
    }

    /// Commits and tells of it, also when the call ends before (SEC-12).
    async fn commit_rules(&self, commit: RulesCommit) -> Result<Committed, Fault> {
        let road = self.clone();
        to_its_end(async move {
            let (account, sweep) = (commit.account_id, commit.sweep);
            let settled: Vec<HistoryEvent> =
                commit.settled.iter().map(|settled| settled.outcome.history.event).collect();
            let committed = road.store.commit_rules(commit).await?;
            if committed == Committed::Done {
                road.tell(account);
                for event in settled {
                    road.metrics.outcome(event);
                }
                if sweep {
                    road.unsettled.notify_one();
                }
            }
            Ok(committed)
        })
        .await
    }

    /// What `needs` asks for.
    async fn facts(&self, account: AccountId, needs: &Needs) -> Result<Facts, Fault> {
        let mut facts = Facts::default();
        if let Some(role) = needs.holders {
            facts.members = self.store.holders(account, role).await?;
        }
        if needs.everybody {
            facts.members = self.store.all_members(account).await?;
        }
        if let Some(id) = needs.invitation {
            facts.invitation = self.store.invitation(account, id).await?;
        }
        if let Some(token) = &needs.token {
            facts.invitation = self.store.invitation_by_token(account, token).await?;
            if let Some(invitation) = &facts.invitation {
                facts.known = self.store.member_by_email(account, &invitation.email).await?;
                let inviter: Vec<MemberId> = invitation.invited_by.member_id.into_iter().collect();
                facts.inviter = self.store.members(account, &inviter).await?.pop();
            }
        }
        if let Some(email) = &needs.email {
            facts.known = self.store.member_by_email(account, email).await?;
            facts.invitation = self.store.pending_invitation(account, email).await?;
        }
        if let Some(area) = &needs.pending_of {
            facts.pending = self.store.count_pending(account, area).await?;
        }
        Ok(facts)
    }

    /// All that a change entails: the requests that it settles and the events that tell of it.
    async fn effects(
        &self,
        call: &Call,
        context: &Context<'_>,
        known: account::Known<'_>,
        change: RulesChange,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<RulesCommit, Fault> {
        let record = Record {
            by: context.actor.to_ref(),
            at: context.now,
            changes: account::changes(context, known, &change),
        };
        let mut rules = RulesAfter::of(context, &change);
        let concern = loss::concern(context, &rules.context(context));
        let (mut settled, mut found, mut sweep) = (Vec::new(), None, false);
        if !concern.is_empty() {
            let mut concerned = self.store.concerned(call.account, &concern, AT_ONCE + 1).await?;
            sweep = concerned.len() > AT_ONCE as usize;
            concerned.truncate(AT_ONCE as usize);
            if !sweep {
                let requests = concerned.iter().map(|(_, request)| request.id).collect();
                found = Some(Concerned { concern, requests });
            }
            let told: Vec<MemberId> =
                concerned.iter().filter_map(|(_, request)| request.submitter.member_id).collect();
            rules.introduce(self.store.members(call.account, &told).await?);
            let after = Context { actor: &Actor::Countersign, ..rules.context(context) };
            for (resource, request) in &concerned {
                if let Some(outcome) = loss::settle(&after, resource, request) {
                    let outbox = outbox_rows(call, context.account, &outcome).await?;
                    let due_at = timer::due_at(after.lifecycles, &outcome.resource);
                    settled.push(Settled { outcome, due_at, outbox });
                }
            }
        }
        let outbox = told(call, context, &rules, &change).await?;
        let posted = change.told.iter().filter_map(|told| match told {
            Told::Invitation { invitation, .. } => Some(invitation.email.clone()),
            Told::Workflow(..) | Told::Weakened(..) | Told::AccountState(_) => None,
        });
        Ok(RulesCommit {
            posted: posted.collect(),
            leaves_the_rules: change.leaves_the_rules(),
            account_id: call.account,
            rules_version: context.account.rules_version,
            only_without_pending: switched_on(context, &change),
            writes: change.writes,
            record,
            concerned: found,
            settled,
            sweep,
            outbox,
            idempotency,
        })
    }
}

/// The events of a change: what is told, and what members may see and decide from now on.
async fn told(
    call: &Call,
    context: &Context<'_>,
    rules: &RulesAfter,
    change: &RulesChange,
) -> Result<Vec<OutboxRow>, Fault> {
    let after = rules.context(context);
    let envelope = events::Envelope {
        account: after.account,
        actor: &context.actor.to_ref(),
        at: context.now,
        traceparent: call.traceparent.as_deref(),
    };
    let mut rows = Vec::new();
    for told in &change.told {
        let id = EventId(ids::new_id());
        match told {
            Told::Workflow(policy, event) => {
                rows.extend(events::of_switch(&envelope, policy, event, id).await?);
            }
            Told::Weakened(policy, weakened, event) => {
                rows.extend(events::of_weakening(&envelope, policy, weakened, event, id).await?);
            }
            Told::AccountState(state) => {
                let version = context.account.rules_version + 1;
                rows.push(events::of_account_state(&envelope, *state, version, id)?);
            }
            Told::Invitation { invitation, token, roles } => {
                rows.push(events::of_invitation(&envelope, invitation, token, roles, id)?);
            }
        }
    }
    let switched = touched_by_switch(context, after.policies);
    let touched: Vec<&Member> = change.touched.iter().chain(switched).collect();
    let version = context.account.rules_version + 1;
    for members in touched.chunks(events::MEMBERS_IN_ONE) {
        rows.push(events::of_access(&envelope, &after, members, version, EventId(ids::new_id()))?);
    }
    Ok(rows)
}

/// The area whose workflow the change switches on: only while nothing there is still to be reverted (POL-2).
fn switched_on(context: &Context<'_>, change: &RulesChange) -> Option<Area> {
    change.writes.iter().find_map(|write| match write {
        RulesWrite::Policy(policy) if policy.enabled && !context.workflow_is_on(&policy.area) => {
            Some(policy.area.clone())
        }
        _ => None,
    })
}

fn taken(which: Duplicate) -> Fault {
    match which {
        Duplicate::Email => Fault::Taken { what: "this email".into(), kind: "member" },
        Duplicate::InvitationEmail => {
            Fault::Taken { what: "an invitation of this email".into(), kind: "invitation" }
        }
        Duplicate::RoleName => Fault::Taken { what: "this role name".into(), kind: "role" },
        _ => collision(),
    }
}
