//! A change of what decisions rely on: members, roles, policy, the account itself. It is committed as a whole under the account's
//! `rules_version`, so that no decision is made half on the old and half on the new (REQ-9).

use std::{collections::HashSet, sync::Arc};

use crate::{
    Account, AccountState, ActorRef, Context, Directory, Invitation, Member, MemberId, MemberState, Policies,
    Policy, Role, RoleId, Roles, SystemRole,
    access::role_approves,
    invitation::InvitationState,
    lifecycle::{Lifecycles, Registered},
    outcome::Event,
    policy::Weakening,
};

/// One thing to write.
#[derive(Clone, Debug)]
pub enum RulesWrite {
    /// The account after the change of its name, features or state.
    Account(Account),
    /// A new member.
    InsertMember(Member),
    /// The member after the change: guarded by the version before, one less.
    UpdateMember(Member),
    /// A new custom role.
    InsertRole(Role),
    /// The role after the change: guarded by the version before, one less.
    UpdateRole(Role),
    /// A role that goes; its holders are written with [`UpdateMember`](Self::UpdateMember) before.
    DeleteRole(RoleId),
    /// The policy after the change.
    Policy(Policy),
    /// The same in the history of policies, with who changed it.
    RecordPolicy(Policy, ActorRef),
    /// A further version of a lifecycle of the account's own (LIF-24).
    InsertLifecycle(Box<Registered>),
    /// The newest version of a lifecycle, retired.
    RetireLifecycle(Box<Registered>),
    /// A new invitation.
    InsertInvitation(Invitation),
    /// The invitation after the change: guarded by the version before, one less.
    UpdateInvitation(Invitation),
    /// The pending invitations of these addresses are withdrawn: who has joined, or whose access has ended, does not come in by a
    /// link that was sent before.
    WithdrawInvitations(Vec<String>),
}

/// What is told of a change, beside what members may see and decide from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A workflow was switched (NOT-7).
    Workflow(Policy, Event),
    /// A policy got weaker (POL-9).
    Weakened(Policy, Vec<Weakening>, Event),
    /// The account is read only, or not any more, or whoever keeps that is told anew.
    AccountState(AccountState),
    /// Somebody is invited; the token is for the mail alone.
    Invitation {
        /// The invitation.
        invitation: Invitation,
        /// The secret that accepts it.
        token: String,
        /// The names of its roles.
        roles: Vec<String>,
    },
}

/// What a decision about the rules leads to.
#[derive(Clone, Debug, Default)]
pub struct RulesChange {
    /// What is written, in this order.
    pub writes: Vec<RulesWrite>,
    /// Members who may see or decide other things from now on, as they are after the change.
    pub touched: Vec<Member>,
    /// What is told.
    pub told: Vec<Told>,
}

impl RulesChange {
    /// A new member.
    pub fn insert_member(member: Member) -> Self {
        let withdrawn = RulesWrite::WithdrawInvitations(vec![member.email.clone()]);
        let touched = vec![member.clone()];
        Self { writes: vec![RulesWrite::InsertMember(member), withdrawn], touched, told: Vec::new() }
    }

    /// A member who was `before` what is changed here.
    pub fn update_member(before: &Member, member: Member) -> Self {
        let touched = vec![member.clone()];
        let mut writes = Vec::new();
        if before.state != member.state || before.email != member.email {
            writes.push(RulesWrite::WithdrawInvitations(vec![member.email.clone()]));
        }
        writes.push(RulesWrite::UpdateMember(member));
        Self { writes, touched, told: Vec::new() }
    }

    /// A policy that was changed, with its place in the history of policies.
    pub fn of_policy(policy: Policy, by: ActorRef) -> Self {
        let record = RulesWrite::RecordPolicy(policy.clone(), by);
        Self { writes: vec![RulesWrite::Policy(policy), record], ..Self::default() }
    }

    /// Whether it changes nothing and tells nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.touched.is_empty() && self.told.is_empty()
    }

    /// Whether decisions rely on none of it: an invitation that is only sent again gives nobody anything.
    pub fn leaves_the_rules(&self) -> bool {
        let is_sent_again = |write: &RulesWrite| {
            matches!(write, RulesWrite::UpdateInvitation(Invitation { state: InvitationState::Pending, .. }))
        };
        self.touched.is_empty() && !self.writes.is_empty() && self.writes.iter().all(is_sent_again)
    }

    /// One write that touches nobody's access.
    pub fn of(write: RulesWrite) -> Self {
        Self { writes: vec![write], ..Self::default() }
    }
}

/// Whether `member` might approve something: what a [`Directory`] holds all of.
pub fn is_candidate(member: &Member, roles: &Roles) -> bool {
    member.state == MemberState::Active
        && (member.approval_right
            || member.system_role.is_some_and(role_approves)
            || member.roles.iter().any(|id| roles.get(*id).is_some_and(Role::approves)))
}

/// What decisions rely on after a change.
#[derive(Clone, Debug)]
pub struct RulesAfter {
    account: Account,
    policies: Policies,
    lifecycles: Lifecycles,
    roles: Roles,
    directory: Directory,
}

impl RulesAfter {
    /// The context's rules with `change` made.
    pub fn of(context: &Context<'_>, change: &RulesChange) -> Self {
        let mut after = Self {
            account: context.account.clone(),
            policies: context.policies.clone(),
            lifecycles: context.lifecycles.clone(),
            roles: context.roles.clone(),
            directory: context.directory.clone(),
        };
        for write in &change.writes {
            match write {
                RulesWrite::Account(account) => after.account = account.clone(),
                RulesWrite::InsertRole(role) | RulesWrite::UpdateRole(role) => {
                    after.roles.insert(role.clone());
                }
                RulesWrite::DeleteRole(id) => after.roles.remove(*id),
                RulesWrite::Policy(policy) => after.policies = after.policies.with(policy.clone()),
                RulesWrite::InsertLifecycle(registered) | RulesWrite::RetireLifecycle(registered) => {
                    let area = &registered.lifecycle.area;
                    if !after.policies.has(area) {
                        after.policies = after.policies.with(Policy::default_of(area.clone()));
                    }
                    after.lifecycles.insert(registered.as_ref().clone());
                }
                RulesWrite::InsertMember(_)
                | RulesWrite::UpdateMember(_)
                | RulesWrite::RecordPolicy(..)
                | RulesWrite::InsertInvitation(_)
                | RulesWrite::UpdateInvitation(_)
                | RulesWrite::WithdrawInvitations(_) => {}
            }
        }
        // Members last: who is a candidate depends on the roles.
        let changed = &change.touched;
        let ids: HashSet<MemberId> = changed.iter().map(|member| member.id).collect();
        let is_changed = |member: &Member| ids.contains(&member.id);
        let mut candidates: Vec<Member> = after
            .directory
            .candidates()
            .iter()
            .filter(|member| !is_changed(member))
            .chain(changed)
            .filter(|member| is_candidate(member, &after.roles))
            .cloned()
            .collect();
        candidates.sort_by_key(|member| member.id);
        after.directory = after.directory.replacing(Arc::new(candidates), changed);
        after
    }

    /// Makes members known that are to be told, where the change does not concern them.
    pub fn introduce(&mut self, members: Vec<Member>) {
        let unknown = members.into_iter().filter(|member| self.directory.get(member.id).is_none()).collect();
        self.directory = self.directory.knowing(unknown);
    }

    /// The context of whatever is decided after the change, at the same time and by the same actor.
    pub fn context<'a>(&'a self, before: &Context<'a>) -> Context<'a> {
        Context {
            account: &self.account,
            policies: &self.policies,
            lifecycles: &self.lifecycles,
            roles: &self.roles,
            directory: &self.directory,
            actor: before.actor,
            now: before.now,
        }
    }
}

/// What a member may see and decide, as the notifier has to know it to show ribbons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Whether they have access at all.
    pub active: bool,
    /// The kinds that they may see.
    pub readable: Vec<String>,
    /// The kinds whose requests they may decide.
    pub approvable: Vec<String>,
    /// What limits them.
    pub scope: Option<crate::DataScope>,
}

/// What `member` may see and decide.
pub fn sight(context: &Context<'_>, member: &Member) -> Sight {
    let access = context.access(member);
    let kinds = |may: fn(crate::Rights) -> bool| {
        context
            .lifecycles
            .all()
            .filter(|lifecycle| may(access.rights(&lifecycle.component)))
            .map(|lifecycle| lifecycle.kind.as_str().to_owned())
            .collect()
    };
    Sight {
        active: member.state == MemberState::Active,
        readable: kinds(|rights| rights.read),
        approvable: kinds(|rights| rights.approve),
        scope: access.scope().cloned(),
    }
}

/// Members whose rights change because the first workflow is switched on or the last one off (ACC-9).
pub fn touched_by_switch<'a>(
    context: &Context<'a>,
    after: &Policies,
) -> impl Iterator<Item = &'a Member> + use<'a> {
    let switched = context.policies.some_workflow_is_on() != after.some_workflow_is_on();
    context
        .directory
        .candidates()
        .iter()
        .filter(move |member| switched && member.system_role == Some(SystemRole::Approver))
}
