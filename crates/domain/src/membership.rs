//! Who gets, changes and loses access (ACC-8, ACC-10, ACC-11).

use crate::{
    Context, Member, MemberId, Refusal, access,
    lifecycle::Component,
    member::{MemberState, SystemRole},
    perform::check_version,
    refusal::Permission,
};

/// A member to add.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// The id that it gets.
    pub id: MemberId,
    /// Where mail goes.
    pub email: String,
    /// A name for people.
    pub display_name: String,
    /// A BCP 47 language tag.
    pub locale: String,
    /// The system role.
    pub system_role: SystemRole,
    /// The approval right of an EDITOR.
    pub approval_right: bool,
}

/// A change of a member. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct MemberChange {
    /// The version of the member that the change was made from, if the actor says so.
    pub expected_version: Option<i64>,
    /// The new address.
    pub email: Option<String>,
    /// The new name.
    pub display_name: Option<String>,
    /// The new language.
    pub locale: Option<String>,
    /// The new system role.
    pub system_role: Option<SystemRole>,
    /// Gives or takes the approval right.
    pub approval_right: Option<bool>,
}

/// Adds a member: Admins any role, Approvers CREATOR and MEMBER (ACC-8).
pub fn create(context: &Context<'_>, new: NewMember) -> Result<Member, Refusal> {
    let by = context.actor.active_member().and_then(|member| member.system_role);
    if !by.is_some_and(|by| access::may_assign_to_new(by, new.system_role)) {
        return Err(denied());
    }
    let approval_right =
        settle_right(new.system_role, Some(new.approval_right).filter(|given| *given), false)?;
    Ok(Member {
        account_id: context.account.id,
        id: new.id,
        email: new.email,
        display_name: new.display_name,
        locale: new.locale,
        system_role: Some(new.system_role),
        approval_right,
        state: MemberState::Active,
        version: 1,
        created_at: context.now,
    })
}

/// Changes a member. Admins only.
pub fn update(context: &Context<'_>, member: &Member, change: MemberChange) -> Result<Member, Refusal> {
    require_admin(context)?;
    check_version(change.expected_version, member.version)?;
    let role = change.system_role.or(member.system_role);
    if member.system_role == Some(SystemRole::Admin) && role != Some(SystemRole::Admin) {
        check_not_last_admin(context, member)?;
    }
    let approval_right = match role {
        Some(role) => settle_right(role, change.approval_right, member.approval_right)?,
        None => false,
    };
    Ok(Member {
        email: change.email.unwrap_or_else(|| member.email.clone()),
        display_name: change.display_name.unwrap_or_else(|| member.display_name.clone()),
        locale: change.locale.unwrap_or_else(|| member.locale.clone()),
        system_role: role,
        approval_right,
        version: member.version + 1,
        ..member.clone()
    })
}

/// Ends a member's access (ACC-9). Admins only. Revoking twice is harmless.
pub fn revoke(
    context: &Context<'_>,
    member: &Member,
    expected_version: Option<i64>,
) -> Result<Member, Refusal> {
    require_admin(context)?;
    check_version(expected_version, member.version)?;
    if member.system_role == Some(SystemRole::Admin) && member.state == MemberState::Active {
        check_not_last_admin(context, member)?;
    }
    Ok(Member { state: MemberState::Revoked, version: member.version + 1, ..member.clone() })
}

/// Every active member may see the account, its members and its policy.
pub fn require_member(context: &Context<'_>) -> Result<(), Refusal> {
    context
        .actor
        .active_member()
        .map(|_| ())
        .ok_or(Refusal::PermissionDenied { permission: Permission::Read, component: "account" })
}

fn require_admin(context: &Context<'_>) -> Result<(), Refusal> {
    match context.actor.active_member().and_then(|member| member.system_role) {
        Some(SystemRole::Admin) => Ok(()),
        _ => Err(denied()),
    }
}

fn denied() -> Refusal {
    Refusal::PermissionDenied { permission: Permission::ManageMembers, component: "account" }
}

/// ACC-10: only an EDITOR can be given the right or lose it. ADMIN and APPROVER have it by their role, CREATOR and
/// MEMBER can't have it.
fn settle_right(role: SystemRole, asked: Option<bool>, before: bool) -> Result<bool, Refusal> {
    match (role, asked) {
        (SystemRole::Editor, asked) => Ok(asked.unwrap_or(before)),
        (SystemRole::Admin | SystemRole::Approver, None | Some(true))
        | (SystemRole::Creator | SystemRole::Member, None | Some(false)) => Ok(false),
        (role, _) => Err(Refusal::ApprovalRightNotAllowed(role)),
    }
}

fn check_not_last_admin(context: &Context<'_>, member: &Member) -> Result<(), Refusal> {
    let others = context
        .directory
        .approvers_of(Component::Campaigns)
        .any(|other| other.id != member.id && other.system_role == Some(SystemRole::Admin));
    if others { Ok(()) } else { Err(Refusal::LastAdmin) }
}
