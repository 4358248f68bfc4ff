//! How people join.

use std::time::Duration;

use uuid::Uuid;

use super::{super::builders::*, CAMPAIGNS, component, masking, role, scoped, someone};
use crate::{
    Actor, InvitationId, Member, MemberState, Refusal, Rights, Role, RulesChange, RulesWrite, SystemRole,
    Timestamp,
    invitation::{self, Accept, Invitation, InvitationState, Invite, TokenHash},
    limits,
    membership::Given,
    refusal::{Missing, Permission},
    rules::Told,
};

const INVITATION: InvitationId = InvitationId(Uuid::from_u128(77));

fn denied() -> Refusal {
    Refusal::PermissionDenied { permission: Permission::Invite, component: "account".into() }
}

fn as_role(system_role: SystemRole) -> Given {
    Given { system_role: Some(system_role), ..Given::default() }
}

fn with_roles(roles: &[&Role]) -> Given {
    Given { roles: roles.iter().map(|role| role.id).collect(), ..Given::default() }
}

fn invite_with(
    world: &World,
    who: Who,
    given: Given,
    known: Option<&Member>,
    open: Option<&Invitation>,
) -> Result<(Invitation, RulesChange), Refusal> {
    let command = Invite {
        id: INVITATION,
        email: "ada@example.com".into(),
        locale: "de".into(),
        given,
        token: "secret".into(),
    };
    world.act(who, |context| invitation::create(context, command, known, open))
}

fn invite(world: &World, given: Given) -> Invitation {
    invite_with(world, Who::Admin, given, None, None).unwrap().0
}

fn accept(
    world: &World,
    token: &str,
    invitation: &Invitation,
    known: Option<&Member>,
) -> Result<(Member, Invitation, RulesChange), Refusal> {
    let command =
        Accept { token: token.into(), id: Who::Stranger.id(), display_name: "Ada".into(), locale: None };
    let inviter = world.members.iter().find(|member| Some(member.id) == invitation.invited_by.member_id);
    world.act_as(&Actor::Platform, |context| {
        invitation::accept(context, command, Some(invitation), known, inviter)
    })
}

fn resend(world: &World, who: Who, invitation: &Invitation) -> Result<(Invitation, RulesChange), Refusal> {
    world.act(who, |context| invitation::resend(context, Some(invitation), INVITATION, "newer".into()))
}

fn withdraw(world: &World, who: Who, invitation: &Invitation) -> Result<(Invitation, RulesChange), Refusal> {
    world.act(who, |context| invitation::withdraw(context, Some(invitation), INVITATION))
}

/// Proves ACC-8, ACC-14.
#[test]
fn who_may_add_members_may_invite_them() {
    for who in Who::EACH {
        for system_role in SystemRole::ALL {
            let may = who == Who::Admin
                || (who == Who::Approver && [SystemRole::Creator, SystemRole::Member].contains(&system_role));
            let result = invite_with(&World::new(), who, as_role(system_role), None, None);
            assert_eq!(result.err(), (!may).then(denied), "{who:?} invites {system_role:?}");
        }
    }
}

/// Proves ACC-9, ACC-14.
#[test]
fn an_approver_invites_nobody_while_every_workflow_is_off() {
    let off = World::off();
    let invitation = invite(&off, as_role(SystemRole::Member));
    let invited = invite_with(&off, Who::Approver, as_role(SystemRole::Member), None, None);
    assert_eq!(invited.err(), Some(denied()));
    assert_eq!(resend(&off, Who::Approver, &invitation).err(), Some(denied()));
    assert_eq!(withdraw(&off, Who::Approver, &invitation).err(), Some(denied()));
}

/// Proves ACC-14.
#[test]
fn of_the_token_only_its_hash_is_kept_and_the_mail_alone_has_it() {
    let (invitation, change) =
        invite_with(&World::new(), Who::Admin, as_role(SystemRole::Creator), None, None).unwrap();
    // echo -n secret | sha256sum
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(invitation.token.as_str(), hash);
    assert!(!format!("{invitation:?}").contains("secret"));
    let written: Vec<String> = change.writes.iter().map(|write| format!("{write:?}")).collect();
    assert!(written.iter().all(|write| !write.contains("secret")), "{written:?}");
    let [Told::Invitation { token, roles, invitation: told }] = &change.told[..] else { panic!() };
    assert_eq!((token.as_str(), &roles[..], told), ("secret", &["CREATOR".to_owned()][..], &invitation));
}

/// Proves ACC-14.
#[test]
fn an_invitation_says_who_invited_to_what_and_until_when() {
    let (one, two) = (role(1, &[]), role(2, &[]));
    let world = World::new().with_roles(&[&one, &two]);
    let given = Given { system_role: Some(SystemRole::Creator), ..with_roles(&[&two, &one]) };
    let (invitation, change) = invite_with(&world, Who::Approver, given, None, None).unwrap();
    assert_eq!(invitation.invited_by, Who::Approver.as_ref());
    assert_eq!(invitation.given.roles, [one.id, two.id]);
    assert_eq!((invitation.created_at, invitation.version), (NOW, 1));
    assert_eq!(invitation.expires_at, NOW.plus(Duration::from_hours(7 * 24)));
    assert_eq!(invitation.state, InvitationState::Pending);
    let [Told::Invitation { roles, .. }] = &change.told[..] else { panic!() };
    assert_eq!(roles, &["CREATOR", "Role 1", "Role 2"]);
    assert!(change.touched.is_empty(), "nobody has other access yet");
}

/// Proves ACC-14.
#[test]
fn whoever_accepts_becomes_a_member_with_what_was_promised() {
    let one = role(1, &[]);
    let world = World::new().with_roles(&[&one]);
    let given = Given { approval_right: true, ..with_roles(&[&one]) };
    let invitation = invite(&world, Given { system_role: Some(SystemRole::Editor), ..given });
    let (member, after, change) = accept(&world, "secret", &invitation, None).unwrap();
    let expected = Member {
        account_id: ACCOUNT,
        id: Who::Stranger.id(),
        email: "ada@example.com".into(),
        display_name: "Ada".into(),
        locale: "de".into(),
        time_zone: None,
        system_role: Some(SystemRole::Editor),
        roles: vec![one.id],
        approval_right: true,
        state: MemberState::Active,
        version: 1,
        created_at: NOW,
    };
    assert_eq!(member, expected);
    let accepted = InvitationState::Accepted(member.id);
    assert_eq!(after, Invitation { state: accepted, version: 2, ..invitation });
    assert!(matches!(
        &change.writes[..],
        [
            RulesWrite::UpdateInvitation(updated),
            RulesWrite::InsertMember(inserted),
            RulesWrite::WithdrawInvitations(addresses),
        ] if *updated == after && *inserted == member && addresses[..] == [member.email.clone()]
    ));
    assert_eq!(change.touched, [member]);
}

/// Proves ACC-14.
#[test]
fn an_invitation_is_accepted_once() {
    let world = World::new();
    let invitation = invite(&world, as_role(SystemRole::Creator));
    let (_, accepted, _) = accept(&world, "secret", &invitation, None).unwrap();
    let used = Refusal::InvitationUsed("ACCEPTED");
    assert_eq!(accept(&world, "secret", &accepted, None).err(), Some(used.clone()));
    assert_eq!(resend(&world, Who::Admin, &accepted).err(), Some(used.clone()));
    assert_eq!(withdraw(&world, Who::Admin, &accepted).err(), Some(used.clone()));
    // Also after its time.
    let late = world.at(Timestamp(i64::MAX));
    assert_eq!(accept(&late, "secret", &accepted, None).err(), Some(used));
}

/// Proves ACC-14.
#[test]
fn an_invitation_is_accepted_in_time_to_the_microsecond() {
    let invitation = invite(&World::new(), as_role(SystemRole::Creator));
    let at = invitation.expires_at;
    let just_before = World::new().at(Timestamp(at.0 - 1));
    assert!(accept(&just_before, "secret", &invitation, None).is_ok());
    let expired = Refusal::InvitationExpired { at };
    assert_eq!(accept(&World::new().at(at), "secret", &invitation, None).err(), Some(expired));
}

/// Proves ACC-14.
#[test]
fn a_withdrawn_invitation_is_worth_nothing() {
    let world = World::new();
    let invitation = invite(&world, as_role(SystemRole::Creator));
    let (withdrawn, change) = withdraw(&world, Who::Approver, &invitation).unwrap();
    assert_eq!(withdrawn, Invitation { state: InvitationState::Withdrawn, version: 2, ..invitation });
    assert!(change.told.is_empty());
    let used = Refusal::InvitationUsed("WITHDRAWN");
    assert_eq!(accept(&world, "secret", &withdrawn, None).err(), Some(used.clone()));
    assert_eq!(resend(&world, Who::Admin, &withdrawn).err(), Some(used.clone()));
    assert_eq!(withdraw(&world, Who::Admin, &withdrawn).err(), Some(used));
}

/// Proves ACC-14.
#[test]
fn sent_again_it_has_a_new_token_and_a_new_end_and_the_old_token_is_unknown() {
    let invitation = invite(&World::new(), as_role(SystemRole::Creator));
    // Also one that has expired.
    let late = World::new().at(invitation.expires_at);
    let (again, change) = resend(&late, Who::Admin, &invitation).unwrap();
    let expected = Invitation {
        token: TokenHash::of("newer"),
        expires_at: invitation.expires_at.plus(limits::INVITATION_AGE),
        version: 2,
        ..invitation
    };
    assert_eq!(again, expected);
    let [Told::Invitation { token, .. }] = &change.told[..] else { panic!() };
    assert_eq!(token, "newer");
    assert_eq!(accept(&late, "secret", &again, None).err(), Some(Refusal::InvitationTokenUnknown));
    assert!(accept(&late, "newer", &again, None).is_ok());
}

/// An Approver sends again only what they could have promised.
///
/// Proves ACC-8, ACC-14.
#[test]
fn what_one_could_not_invite_to_one_can_t_send_again() {
    let invitation = invite(&World::new(), as_role(SystemRole::Editor));
    assert_eq!(resend(&World::new(), Who::Approver, &invitation).err(), Some(denied()));
    assert!(resend(&World::new(), Who::Admin, &invitation).is_ok());
}

/// Proves ACC-14.
#[test]
fn a_token_that_no_invitation_has_is_unknown() {
    let world = World::new();
    let invitation = invite(&world, as_role(SystemRole::Creator));
    for token in ["", "Secret", invitation.token.as_str()] {
        let refused = accept(&world, token, &invitation, None);
        assert_eq!(refused.err(), Some(Refusal::InvitationTokenUnknown));
    }
    let command =
        Accept { token: "x".into(), id: Who::Stranger.id(), display_name: "A".into(), locale: None };
    let refused =
        world.act_as(&Actor::Platform, |context| invitation::accept(context, command, None, None, None));
    assert_eq!(refused.err(), Some(Refusal::InvitationTokenUnknown));
}

/// What somebody promised who could not promise it any more is as good as withdrawn.
///
/// Proves ACC-9, ACC-14.
#[test]
fn an_invitation_is_worth_no_more_than_who_made_it() {
    let world = World::new();
    let invitation = invite(&world, as_role(SystemRole::Admin));
    assert!(accept(&world, "secret", &invitation, None).is_ok());
    let admin = world.members.iter().find(|member| member.id == Who::Admin.id()).unwrap();
    for changed in [
        Member { state: MemberState::Revoked, ..admin.clone() },
        Member { system_role: Some(SystemRole::Approver), ..admin.clone() },
    ] {
        let later = world.clone().with_member(&changed);
        let refused = accept(&later, "secret", &invitation, None);
        assert_eq!(refused.err(), Some(Refusal::InvitationUsed("WITHDRAWN")));
    }
}

/// Who is limited could else invite themselves under another address and be limited no more.
///
/// Proves ACC-8, ACC-12, ACC-13.
#[test]
fn who_is_limited_can_t_make_somebody_who_is_not() {
    let us = scoped(role(1, &[(CAMPAIGNS, Rights::WRITE)]), &["US"]);
    let masked = masking(role(2, &[(CAMPAIGNS, Rights::READ)]));
    let both = masking(scoped(role(3, &[(CAMPAIGNS, Rights::READ)]), &["US"]));
    let wider = masking(scoped(role(4, &[(CAMPAIGNS, Rights::READ)]), &["US", "CA"]));
    let world = World::new().with_roles(&[&us, &masked, &both, &wider]);
    let limited = someone(9, Some(SystemRole::Approver), &[&us, &masked]);
    let may = |given: Given| {
        let command = Invite {
            id: INVITATION,
            email: "ada@example.com".into(),
            locale: "de".into(),
            given,
            token: "secret".into(),
        };
        world.by(&limited, |context| invitation::create(context, command, None, None)).is_ok()
    };
    assert!(may(with_roles(&[&both])));
    assert!(may(with_roles(&[&us, &masked])));
    assert!(!may(with_roles(&[&us])), "unmasked");
    assert!(!may(with_roles(&[&masked])), "unscoped");
    assert!(!may(with_roles(&[&wider])), "a wider scope");
    assert!(!may(as_role(SystemRole::Creator)));
}

fn ada(state: MemberState) -> Member {
    let email = "Ada@Example.com".into();
    Member { email, state, version: 5, ..super::someone(1, Some(SystemRole::Admin), &[]) }
}

/// Proves ACC-14.
#[test]
fn the_address_of_a_member_is_not_invited_nor_accepted() {
    let (world, known) = (World::new(), ada(MemberState::Active));
    let taken = Some(Refusal::EmailTaken("ada@example.com".into()));
    let invited = invite_with(&world, Who::Admin, as_role(SystemRole::Creator), Some(&known), None);
    assert_eq!(invited.err(), taken);
    // Added in another way meanwhile.
    let invitation = invite(&world, as_role(SystemRole::Creator));
    assert_eq!(accept(&world, "secret", &invitation, Some(&known)).err(), taken);
}

/// Only the new promise counts: who was Admin comes back as what they were invited to.
///
/// Proves ACC-14.
#[test]
fn who_was_revoked_comes_back_as_the_same_member() {
    let (world, known) = (World::new(), ada(MemberState::Revoked));
    let invited = invite_with(&world, Who::Admin, as_role(SystemRole::Creator), Some(&known), None);
    let (member, after, change) = accept(&world, "secret", &invited.unwrap().0, Some(&known)).unwrap();
    assert_eq!((member.id, member.version, member.created_at), (known.id, 6, known.created_at));
    assert_eq!((member.state, member.system_role), (MemberState::Active, Some(SystemRole::Creator)));
    assert_eq!(after.state, InvitationState::Accepted(known.id));
    assert!(matches!(
        &change.writes[..],
        [
            RulesWrite::UpdateInvitation(_),
            RulesWrite::WithdrawInvitations(_),
            RulesWrite::UpdateMember(updated),
        ] if *updated == member
    ));
}

/// Proves ACC-14.
#[test]
fn an_address_has_one_invitation_that_can_be_accepted() {
    let world = World::new();
    let open = invite(&world, as_role(SystemRole::Creator));
    let again =
        |world: &World| invite_with(world, Who::Admin, as_role(SystemRole::Member), None, Some(&open));
    let pending = Refusal::InvitationPending("ada@example.com".into());
    assert_eq!(again(&world).err(), Some(pending));
    let (newer, change) = again(&world.at(open.expires_at)).unwrap();
    assert!(matches!(
        &change.writes[..],
        [RulesWrite::UpdateInvitation(old), RulesWrite::InsertInvitation(inserted)]
            if old.state == InvitationState::Withdrawn && old.version == 2 && *inserted == newer
    ));
}

/// Proves ACC-7, ACC-14.
#[test]
fn a_role_that_was_deleted_meanwhile_is_passed_over() {
    let (gone, left) = (role(1, &[]), role(2, &[(CAMPAIGNS, Rights::READ)]));
    let before = World::new().with_roles(&[&gone, &left]);
    let after = World::new().with_roles(&[&left]);
    let joins = |given: Given| {
        let member = accept(&after, "secret", &invite(&before, given), None).unwrap().0;
        (member.system_role, member.roles)
    };
    assert_eq!(joins(with_roles(&[&gone, &left])), (None, vec![left.id]));
    // As those who held it.
    assert_eq!(joins(with_roles(&[&gone])), (Some(SystemRole::Member), vec![]));
    let creator = Given { system_role: Some(SystemRole::Creator), ..with_roles(&[&gone]) };
    assert_eq!(joins(creator), (Some(SystemRole::Creator), vec![]));
    assert_eq!(after.access(&super::someone(1, None, &[&left])).rights(&component(CAMPAIGNS)), Rights::READ);
}

/// Proves ACC-7, ACC-14.
#[test]
fn an_invitation_to_a_deleted_role_can_be_sent_again() {
    let gone = role(1, &[]);
    let invitation = invite(&World::new().with_roles(&[&gone]), with_roles(&[&gone]));
    let (again, change) = resend(&World::new(), Who::Approver, &invitation).unwrap();
    assert_eq!(again.given, as_role(SystemRole::Member));
    let [Told::Invitation { roles, .. }] = &change.told[..] else { panic!() };
    assert_eq!(roles, &["MEMBER"]);
}

/// Proves ACC-9, ACC-14.
#[test]
fn approver_that_is_not_available_any_more_is_not_given() {
    let invitation = invite(&World::new(), as_role(SystemRole::Approver));
    let refused = accept(&World::off(), "secret", &invitation, None);
    assert_eq!(refused.err(), Some(Refusal::ApproverRoleUnavailable));
    assert!(accept(&World::new(), "secret", &invitation, None).is_ok());
}

/// Proves ACC-12, ACC-14.
#[test]
fn two_roles_that_became_scoped_meanwhile_are_not_given_together() {
    let (one, two) = (scoped(role(1, &[]), &["US"]), role(2, &[]));
    let invitation = invite(&World::new().with_roles(&[&one, &two]), with_roles(&[&one, &two]));
    let after = World::new().with_roles(&[&one, &scoped(two, &["CA"])]);
    let refused = accept(&after, "secret", &invitation, None);
    assert_eq!(refused.err(), Some(Refusal::SecondScopedRole { who: "ada@example.com".into() }));
}

/// Proves ACC-16.
#[test]
fn who_may_not_invite_is_not_told_which_invitations_there_are() {
    let missing = |who: Who| {
        World::new().act(who, |context| {
            let withdrawn = invitation::withdraw(context, None, INVITATION).err();
            assert_eq!(invitation::resend(context, None, INVITATION, "x".into()).err(), withdrawn);
            withdrawn
        })
    };
    for who in Who::EACH {
        let told = if [Who::Admin, Who::Approver].contains(&who) {
            Refusal::NotFound(Missing::Invitation(INVITATION))
        } else {
            denied()
        };
        assert_eq!(missing(who), Some(told), "{who:?}");
    }
}
