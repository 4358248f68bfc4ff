//! Which requests a change of the rules can concern: every one that must be settled is found.

use proptest::prelude::*;

use super::{super::builders::*, CAMPAIGNS, EXPERIENCES, reaching, role, role_id, someone};
use crate::{
    Action, ActorRef, Audience, Member, MemberId, MemberState, Outcome, Resource, Rights, Role, RulesChange,
    RulesWrite, SystemRole,
    loss::{Concern, concern, settle},
    perform::PerformAction,
    request::{Decision, Verdict},
    roles,
    rules::RulesAfter,
};

const MEMBERS: usize = 4;
const ROLES: usize = 2;

fn any_rights() -> impl Strategy<Value = Rights> {
    prop::sample::select(vec![Rights::NONE, Rights::WRITE, Rights::APPROVE, Rights::FULL])
}

fn any_scope() -> impl Strategy<Value = Option<crate::DataScope>> {
    let values = prop::sample::select(vec![&["US"][..], &["CA"], &["US", "CA"]]);
    prop::option::weighted(0.4, values.prop_map(super::countries))
}

fn any_role(number: usize) -> impl Strategy<Value = Role> {
    (any_rights(), any_rights(), any_scope()).prop_map(move |(campaigns, experiences, scope)| {
        let accesses: Vec<_> = [(CAMPAIGNS, campaigns), (EXPERIENCES, experiences)]
            .into_iter()
            .filter(|(_, rights)| !rights.is_none())
            .collect();
        Role { scope, ..role(number as u128, &accesses) }
    })
}

fn any_member(number: usize) -> impl Strategy<Value = Member> {
    let system_role = prop::sample::select(vec![
        None,
        None,
        Some(SystemRole::Admin),
        Some(SystemRole::Creator),
        Some(SystemRole::Approver),
        Some(SystemRole::Editor),
    ]);
    (system_role, any::<[bool; ROLES]>(), any::<bool>(), prop::bool::weighted(0.85)).prop_map(
        move |(system_role, held, approval_right, active)| Member {
            roles: (0..ROLES).filter(|index| held[*index]).map(|index| role_id(index as u128)).collect(),
            approval_right: approval_right && system_role == Some(SystemRole::Editor),
            state: if active { MemberState::Active } else { MemberState::Revoked },
            ..someone(number as u128, system_role, &[])
        },
    )
}

fn any_members() -> impl Strategy<Value = Vec<Member>> {
    (0..MEMBERS).map(any_member).collect::<Vec<_>>()
}

/// A change of the rules.
#[derive(Clone, Debug)]
enum Change {
    Member(Member),
    Role(Role),
    DeleteRole(usize),
    SelfApproval(bool),
    ExcludeAuthors(bool),
    Workflow(bool),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..MEMBERS).prop_flat_map(any_member).prop_map(Change::Member),
        3 => (0..ROLES).prop_flat_map(any_role).prop_map(Change::Role),
        1 => (0..ROLES).prop_map(Change::DeleteRole),
        1 => any::<bool>().prop_map(Change::SelfApproval),
        1 => any::<bool>().prop_map(Change::ExcludeAuthors),
        1 => any::<bool>().prop_map(Change::Workflow),
    ]
}

/// The world after all of `changes`, made at once as an import makes them.
fn changed_at_once(world: &World, changes: &[Change]) -> (World, RulesChange) {
    let (mut after, mut all) = (world.clone(), RulesChange::default());
    for change in changes {
        let (next, change) = changed(&after, change);
        after = next;
        all.writes.extend(change.writes);
        all.touched.retain(|member| change.touched.iter().all(|other| other.id != member.id));
        all.touched.extend(change.touched);
    }
    (after, all)
}

/// The world after `change`, and the change as the commands make it.
fn changed(world: &World, change: &Change) -> (World, RulesChange) {
    let holders = |id| -> Vec<Member> {
        world.members.iter().filter(|member| member.roles.contains(&id)).cloned().collect()
    };
    let mut after = world.clone();
    let policy = |policy: &crate::Policy| RulesChange::of(RulesWrite::Policy(policy.clone()));
    let change = match change {
        Change::Member(member) => RulesChange::update_member(member, member.clone()),
        Change::Role(role) => {
            after.roles.insert(role.clone());
            let write = RulesWrite::UpdateRole(role.clone());
            RulesChange { touched: holders(role.id), ..RulesChange::of(write) }
        }
        Change::DeleteRole(index) => {
            let id = role_id(*index as u128);
            after.roles.remove(id);
            let touched: Vec<Member> = holders(id).iter().map(|holder| roles::without(holder, id)).collect();
            RulesChange { touched, ..RulesChange::of(RulesWrite::DeleteRole(id)) }
        }
        Change::SelfApproval(allowed) => {
            after.campaigns.allow_self_approval = *allowed;
            policy(&after.campaigns)
        }
        Change::ExcludeAuthors(excluded) => {
            after.campaigns.exclude_authors = *excluded;
            policy(&after.campaigns)
        }
        Change::Workflow(enabled) => {
            // The other area's: its own can't be switched off while requests are pending.
            after.experiences.enabled = *enabled;
            policy(&after.experiences)
        }
    };
    for member in &change.touched {
        after = after.with_member(member);
    }
    after.members.sort_by_key(|member| member.id);
    (after, change)
}

fn covers(concern: &Concern, pending: &Pending) -> bool {
    let voted = pending.request.votes().filter_map(|decision| decision.by.member_id);
    concern.everything || pending.request.assigned().chain(voted).any(|id| concern.members.contains(&id))
}

fn settled(world: &World, pending: &Pending) -> Option<Outcome> {
    world.act(Who::Timer, |context| settle(context, &pending.resource, &pending.request))
}

/// A request of member 0, for `chosen` to decide, that needs so many approvals, of which `voted` gave theirs.
fn request(
    world: &World,
    audience: Audience,
    (chosen, voted): ([bool; MEMBERS], [bool; MEMBERS]),
    required: u8,
) -> Pending {
    let resource = Resource { audience, ..campaign() };
    let approvers: Vec<MemberId> =
        (0..MEMBERS).filter(|index| chosen[*index]).map(|index| world.members[index].id).collect();
    // Submitted where anybody may; who may decide it is asked of the rules under test.
    let command = PerformAction { approvers: Vec::new(), ..doing(Action::LAUNCH) };
    let mut pending = World::new().submit(Who::Creator, &resource, &command);
    pending.request.submitter.member_id = Some(world.members[0].id);
    pending.request.required_approvals = required;
    pending.request.assignments = approvers.into_iter().map(crate::Assignment::new).collect();
    let votes = world.members.iter().zip(voted).filter(|(_, voted)| *voted).map(|(member, _)| Decision {
        by: ActorRef { member_id: Some(member.id), name: member.display_name.clone(), service: None },
        verdict: Verdict::Approved,
        note: String::new(),
        at: NOW,
        voided_at: None,
    });
    pending.request.decisions = votes.take(usize::from(required) - 1).collect();
    pending
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proves REQ-9, REQ-10, REQ-22, REQ-23.
    #[test]
    fn every_request_that_a_change_unsettles_is_found(
        members in any_members(),
        roles in (0..ROLES).map(any_role).collect::<Vec<_>>(),
        (self_approval, exclude_authors, workflow) in any::<(bool, bool, bool)>(),
        changes in prop::collection::vec(any_change(), 1..4),
        audience in prop::sample::select(vec![&["US"][..], &["CA"], &["US", "CA"], &[]]),
        (chosen_and_voted, wrote) in any::<(([bool; MEMBERS], [bool; MEMBERS]), [bool; MEMBERS])>(),
        required in 1_u8..4,
    ) {
        let mut before = World { members, ..World::new() }.with_roles(&roles.iter().collect::<Vec<_>>());
        before.campaigns.allow_self_approval = self_approval;
        before.campaigns.exclude_authors = exclude_authors;
        before.experiences.enabled = workflow;
        let mut pending = request(&before, reaching("Country", audience), chosen_and_voted, required);
        pending.request.authors = before.members.iter().zip(wrote).filter(|(_, wrote)| *wrote).map(|(it, _)| it.id).collect();
        pending.resource.authors.clone_from(&pending.request.authors);
        let (after, change) = changed_at_once(&before, &changes);
        // Only from what is settled: whatever is left over from an earlier change was found by that.
        let pending = match settled(&before, &pending) {
            None => pending,
            Some(outcome) => Pending::after(outcome),
        };
        let outcome = settled(&after, &pending);
        before.act(Who::Timer, |context| {
            let rules = RulesAfter::of(context, &change);
            let context_after = rules.context(context);
            // What the change makes of the snapshot is what a later snapshot is.
            let at_once = settle(&context_after, &pending.resource, &pending.request);
            prop_assert_eq!(&at_once, &outcome);
            if outcome.is_some() {
                let concern = concern(context, &context_after);
                prop_assert!(covers(&concern, &pending), "{:?} does not cover {:?}", concern, pending.request);
            }
            Ok(())
        })?;
        if let Some(outcome) = outcome {
            prop_assert_eq!(settled(&after, &Pending::after(outcome)), None, "settled is settled");
        }
    }
}

fn concern_of(before: &World, after: &World) -> Concern {
    before.act(Who::Timer, |before| after.act(Who::Timer, |after| concern(before, after)))
}

/// Proves REQ-10.
#[test]
fn nobody_s_loss_concerns_nobody() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE)]);
    let (before, holder) = (World::new().with_roles(&[&approves]), someone(1, None, &[&approves]));
    let after = before.clone().with_member(&holder);
    assert!(concern_of(&before, &before).is_empty());
    assert!(concern_of(&before, &after).is_empty(), "somebody more may decide");
    let lost = concern_of(&after, &before);
    assert_eq!(lost.members, [holder.id].into());
    assert!(!lost.is_empty());
}

/// Proves REQ-10.
#[test]
fn every_request_is_looked_at_unless_more_are_left_than_could_be_used_up() {
    let before = World::new().only(&[Who::Creator, Who::Admin, Who::Approver]);
    let after = before.clone().only(&[Who::Creator, Who::Admin]);
    let concern = concern_of(&before, &after);
    assert!(concern.everything);
    assert_eq!(concern.members, [Who::Approver.id()].into());
    // A submitter, nine who have approved, and one more: with the Admin eleven, with one fewer somebody could be missing.
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE), (EXPERIENCES, Rights::APPROVE)]);
    let with = |world: &World, holders: std::ops::RangeInclusive<u128>| {
        let roles = world.clone().with_roles(&[&approves]);
        holders.fold(roles, |world, number| world.with_member(&someone(number, None, &[&approves])))
    };
    assert!(concern_of(&with(&before, 1..=9), &with(&after, 1..=9)).everything);
    assert!(!concern_of(&with(&before, 1..=10), &with(&after, 1..=10)).everything);
}
