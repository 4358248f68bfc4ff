//! Invitations: how people join an account (ACC-14).

use crate::{
    AccountId, Actor, ActorRef, Context, InvitationId, Member, MemberId, Refusal, RoleId, RulesChange,
    RulesWrite, Timestamp,
    content::sha256_hex,
    limits,
    member::{MemberState, SystemRole},
    membership::{self, Given, NewMember},
    permission,
    refusal::{Missing, Permission},
    rules::Told,
    text,
};

/// The SHA-256 of an invitation's token, in hex: what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of `token`.
    pub fn of(token: &str) -> Self {
        Self(sha256_hex(token.as_bytes()))
    }

    /// One read back from storage.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// In hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is kept of an address to know it again, whatever its case, and tells nothing of it: the SHA-256 of its key, in hex.
pub fn address_key(address: &str) -> String {
    sha256_hex(text::key(address).as_bytes())
}

/// The state of an invitation; that one has expired shows by its time alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationState {
    /// Can be accepted until it expires.
    Pending,
    /// Made this member.
    Accepted(MemberId),
    /// Was taken back.
    Withdrawn,
}

impl InvitationState {
    /// The name that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Accepted(_) => "ACCEPTED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

/// An invitation to join an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The account.
    pub account_id: AccountId,
    /// The id.
    pub id: InvitationId,
    /// Where it is sent; at most one pending for an address.
    pub email: String,
    /// The language of the mail and of the member.
    pub locale: String,
    /// What the member gets.
    pub given: Given,
    /// Its newest token's hash.
    pub token: TokenHash,
    /// PENDING, or what became of it.
    pub state: InvitationState,
    /// Who invited.
    pub invited_by: ActorRef,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// Counts up with every change.
    pub version: i64,
}

impl Invitation {
    /// Whether it is too late to accept it.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.state == InvitationState::Pending && self.expires_at <= now
    }
}

/// An invitation to make.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The id that it gets.
    pub id: InvitationId,
    /// Where to send it.
    pub email: String,
    /// The language.
    pub locale: String,
    /// What the member gets.
    pub given: Given,
    /// The secret that accepts it.
    pub token: String,
}

/// Somebody who followed an invitation's link.
#[derive(Clone, Debug)]
pub struct Accept {
    /// The secret.
    pub token: String,
    /// The id that a new member gets.
    pub id: MemberId,
    /// The member's name.
    pub display_name: String,
    /// The member's language; none: the invitation's.
    pub locale: Option<String>,
}

/// Invites somebody. `known` is the member with that address, if there is one, and `open` a pending invitation for it.
pub fn create(
    context: &Context<'_>,
    command: Invite,
    known: Option<&Member>,
    open: Option<&Invitation>,
) -> Result<(Invitation, RulesChange), Refusal> {
    let Invite { id, email, locale, given, token } = command;
    let given = membership::give_to_new(context, given, &email)?;
    if known.is_some_and(|member| member.state == MemberState::Active) {
        return Err(Refusal::EmailTaken(email));
    }
    // One that has expired makes room: it is withdrawn.
    if open.is_some_and(|open| !open.has_expired(context.now)) {
        return Err(Refusal::InvitationPending(email));
    }
    let invitation = Invitation {
        account_id: context.account.id,
        id,
        email,
        locale,
        given,
        token: TokenHash::of(&token),
        state: InvitationState::Pending,
        invited_by: context.actor.to_ref(),
        created_at: context.now,
        expires_at: context.now.plus(limits::INVITATION_AGE),
        version: 1,
    };
    let mut change = RulesChange::default();
    if let Some(expired) = open {
        change.writes.push(RulesWrite::UpdateInvitation(next(expired, InvitationState::Withdrawn)));
    }
    change.writes.push(RulesWrite::InsertInvitation(invitation.clone()));
    change.told.push(told(context, &invitation, token));
    Ok((invitation, change))
}

/// Sends a pending or expired invitation again, with a new token and what is left of what was promised.
pub fn resend(
    context: &Context<'_>,
    invitation: Option<&Invitation>,
    id: InvitationId,
    token: String,
) -> Result<(Invitation, RulesChange), Refusal> {
    let invitation = pending(context, invitation, id)?;
    let given = still_given(context, &invitation.given);
    let mut after = next(invitation, InvitationState::Pending);
    after.given = membership::give_to_new(context, given, &invitation.email)?;
    after.token = TokenHash::of(&token);
    after.expires_at = context.now.plus(limits::INVITATION_AGE);
    let mut change = RulesChange::of(RulesWrite::UpdateInvitation(after.clone()));
    change.told.push(told(context, &after, token));
    Ok((after, change))
}

/// Takes an invitation back.
pub fn withdraw(
    context: &Context<'_>,
    invitation: Option<&Invitation>,
    id: InvitationId,
) -> Result<(Invitation, RulesChange), Refusal> {
    let after = next(pending(context, invitation, id)?, InvitationState::Withdrawn);
    let change = RulesChange::of(RulesWrite::UpdateInvitation(after.clone()));
    Ok((after, change))
}

/// Accepts an invitation, once and in time. `invitation` is the one with the token's hash, `known` the member with its address, if
/// there is one: who was revoked gets access again. `inviter` is who invited: what somebody promised who could not promise it any
/// more is as good as withdrawn.
pub fn accept(
    context: &Context<'_>,
    command: Accept,
    invitation: Option<&Invitation>,
    known: Option<&Member>,
    inviter: Option<&Member>,
) -> Result<(Member, Invitation, RulesChange), Refusal> {
    let invitation = invitation
        .filter(|invitation| invitation.token == TokenHash::of(&command.token))
        .ok_or(Refusal::InvitationTokenUnknown)?;
    check_unused(invitation)?;
    if invitation.has_expired(context.now) {
        return Err(Refusal::InvitationExpired { at: invitation.expires_at });
    }
    if known.is_some_and(|member| member.state == MemberState::Active) {
        return Err(Refusal::EmailTaken(invitation.email.clone()));
    }
    let given = still_given(context, &invitation.given);
    let still_may = inviter.is_some_and(|inviter| {
        let actor = Actor::Member { member: inviter.clone(), service: None };
        membership::check_may_give(&Context { actor: &actor, ..context.clone() }, &given).is_ok()
    });
    if !still_may {
        return Err(Refusal::InvitationUsed(InvitationState::Withdrawn.as_str()));
    }
    let given = membership::settle(context, given, &invitation.email)?;
    let new = NewMember {
        id: command.id,
        email: invitation.email.clone(),
        display_name: command.display_name,
        locale: command.locale.unwrap_or_else(|| invitation.locale.clone()),
        // One who comes back has what they had.
        time_zone: known.and_then(|known| known.time_zone.clone()),
        given,
    };
    let mut member = membership::joined(context, new);
    let mut change = if let Some(known) = known {
        (member.id, member.version, member.created_at) = (known.id, known.version + 1, known.created_at);
        RulesChange::update_member(known, member.clone())
    } else {
        RulesChange::insert_member(member.clone())
    };
    let after = next(invitation, InvitationState::Accepted(member.id));
    // First: the member's joining withdraws what is still pending.
    change.writes.insert(0, RulesWrite::UpdateInvitation(after.clone()));
    Ok((member, after, change))
}

/// What is left of what was promised: custom roles that were deleted since are passed over, and whoever would have none is MEMBER,
/// as those are who held them (ACC-7).
fn still_given(context: &Context<'_>, given: &Given) -> Given {
    let roles: Vec<RoleId> =
        given.roles.iter().copied().filter(|id| context.roles.get(*id).is_some()).collect();
    let system_role = given.system_role.or_else(|| roles.is_empty().then_some(SystemRole::Member));
    Given { system_role, roles, approval_right: given.approval_right }
}

/// The invitation, if it can still be sent or withdrawn, by whoever could make it (ACC-8).
fn pending<'i>(
    context: &Context<'_>,
    invitation: Option<&'i Invitation>,
    id: InvitationId,
) -> Result<&'i Invitation, Refusal> {
    permission::check(context, Permission::Invite, permission::Target::Account)?;
    let invitation = invitation.ok_or(Refusal::NotFound(Missing::Invitation(id)))?;
    membership::check_may_give(context, &invitation.given)?;
    check_unused(invitation)?;
    Ok(invitation)
}

fn check_unused(invitation: &Invitation) -> Result<(), Refusal> {
    match invitation.state {
        InvitationState::Pending => Ok(()),
        state => Err(Refusal::InvitationUsed(state.as_str())),
    }
}

fn next(invitation: &Invitation, state: InvitationState) -> Invitation {
    Invitation { state, version: invitation.version + 1, ..invitation.clone() }
}

fn told(context: &Context<'_>, invitation: &Invitation, token: String) -> Told {
    let custom = invitation.given.roles.iter().filter_map(|id| context.roles.get(*id));
    let roles = invitation
        .given
        .system_role
        .iter()
        .map(|role| role.as_str().to_owned())
        .chain(custom.map(|role| role.name.clone()))
        .collect();
    Told::Invitation { invitation: invitation.clone(), token, roles }
}
