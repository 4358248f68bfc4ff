//! Who gets, changes and loses access (ACC-2, ACC-8 … ACC-12).

use crate::{
    Context, Member, MemberId, Refusal, RoleId, Violation,
    access::{self, Access, Role, Roles},
    limits,
    member::{MemberState, SystemRole},
    perform::check_version,
    permission::{acts_as, denied, require_admin},
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
    /// The time zone of their own.
    pub time_zone: Option<String>,
    /// What the member may do.
    pub given: Given,
}

/// What a member or an invitation is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The system role.
    pub system_role: Option<SystemRole>,
    /// The custom roles.
    pub roles: Vec<RoleId>,
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
    /// The new time zone; `Some(None)` takes it.
    pub time_zone: Option<Option<String>>,
    /// The new system role; `Some(None)` takes it.
    pub system_role: Option<Option<SystemRole>>,
    /// The new custom roles.
    pub roles: Option<Vec<RoleId>>,
    /// Gives or takes the approval right.
    pub approval_right: Option<bool>,
}

/// Adds a member: Admins with any role, Approvers as CREATOR or MEMBER and with custom roles (ACC-8).
pub fn create(context: &Context<'_>, new: NewMember) -> Result<Member, Refusal> {
    let given = give_to_new(context, new.given, &new.email)?;
    Ok(joined(context, NewMember { given, ..new }))
}

/// Who has just joined, with what was given.
pub(crate) fn joined(context: &Context<'_>, new: NewMember) -> Member {
    Member {
        account_id: context.account.id,
        id: new.id,
        email: new.email,
        display_name: new.display_name,
        locale: new.locale,
        time_zone: new.time_zone,
        system_role: new.given.system_role,
        roles: new.given.roles,
        approval_right: new.given.approval_right,
        state: MemberState::Active,
        version: 1,
        created_at: context.now,
    }
}

/// What somebody new is given, if the actor may give that: to a member or with an invitation.
pub(crate) fn give_to_new(context: &Context<'_>, given: Given, who: &str) -> Result<Given, Refusal> {
    check_may_give(context, &given)?;
    settle(context, given, who)
}

/// Whether the actor may give that to somebody new (ACC-8). Who is limited can't make somebody who is not: they would only have to
/// invite themselves under another address (ACC-12, ACC-13).
pub(crate) fn check_may_give(context: &Context<'_>, given: &Given) -> Result<(), Refusal> {
    let may = acts_as(context).is_some_and(|by| match given.system_role {
        Some(role) => access::may_assign_to_new(by, role),
        None => access::may_assign_to_new(by, SystemRole::Member),
    });
    let limits = context.actors_access();
    let scope = limits.as_ref().and_then(Access::scope);
    let masked = limits.as_ref().is_some_and(Access::is_masked);
    let roles = || given.roles.iter().filter_map(|id| context.roles.get(*id));
    let inside = scope.is_none_or(|scope| {
        roles().any(|role| role.scope.as_ref().is_some_and(|given| scope.includes(given)))
    });
    if !may {
        return Err(denied(Permission::Invite, "account"));
    }
    if inside && (!masked || roles().any(|role| role.masks_pii)) {
        return Ok(());
    }
    Err(Refusal::LimitNotGiven)
}

/// What is given, if it can be had at all, whoever gives it.
pub(crate) fn settle(context: &Context<'_>, given: Given, who: &str) -> Result<Given, Refusal> {
    check_assignable(context, given.system_role)?;
    let roles = check_roles(context.roles, given.roles, who)?;
    if given.system_role.is_none() && roles.is_empty() {
        return Err(Refusal::RoleRequired);
    }
    let asked = Some(given.approval_right).filter(|given| *given);
    let approval_right = settle_right(given.system_role, asked, false)?;
    Ok(Given { system_role: given.system_role, roles, approval_right })
}

/// Changes a member. Admins only.
pub fn update(context: &Context<'_>, member: &Member, change: MemberChange) -> Result<Member, Refusal> {
    require_admin(context, Permission::ManageMembers)?;
    check_version(change.expected_version, member.version)?;
    let role = change.system_role.unwrap_or(member.system_role);
    if role != member.system_role {
        check_assignable(context, role)?;
    }
    if role != Some(SystemRole::Admin) {
        check_not_last_admin(context, member)?;
    }
    let email = change.email.unwrap_or_else(|| member.email.clone());
    let roles = match change.roles {
        Some(roles) => check_roles(context.roles, roles, &email)?,
        None => member.roles.clone(),
    };
    if role.is_none() && roles.is_empty() {
        return Err(Refusal::RoleRequired);
    }
    Ok(Member {
        email,
        display_name: change.display_name.unwrap_or_else(|| member.display_name.clone()),
        locale: change.locale.unwrap_or_else(|| member.locale.clone()),
        time_zone: change.time_zone.unwrap_or_else(|| member.time_zone.clone()),
        system_role: role,
        approval_right: settle_right(role, change.approval_right, member.approval_right)?,
        roles,
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
    require_admin(context, Permission::ManageMembers)?;
    check_version(expected_version, member.version)?;
    check_not_last_admin(context, member)?;
    Ok(Member { state: MemberState::Revoked, version: member.version + 1, ..member.clone() })
}

/// ACC-9: APPROVER only while some workflow is on.
pub(crate) fn check_assignable(context: &Context<'_>, role: Option<SystemRole>) -> Result<(), Refusal> {
    if role == Some(SystemRole::Approver) && !context.policies.some_workflow_is_on() {
        return Err(Refusal::ApproverRoleUnavailable);
    }
    Ok(())
}

/// Custom roles as a member can have them: known ones, each once, at most one with a data scope (ACC-2, ACC-12). `who` is the
/// member's address.
pub(crate) fn check_roles(roles: &Roles, ids: Vec<RoleId>, who: &str) -> Result<Vec<RoleId>, Refusal> {
    if ids.len() > limits::MEMBER_ROLES {
        let text = format!("must name at most {} roles, names {}", limits::MEMBER_ROLES, ids.len());
        return Err(Refusal::Invalid(vec![Violation::new("role_ids", text)]));
    }
    let mut violations = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        if roles.get(*id).is_none() {
            let text = "is no custom role of this account";
            violations.push(Violation::new(format!("role_ids[{index}]"), text));
        } else if ids[..index].contains(id) {
            violations.push(Violation::new(format!("role_ids[{index}]"), "is named twice"));
        }
    }
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    check_one_scope(ids.iter().filter_map(|id| roles.get(*id)), who)?;
    let mut ids = ids;
    ids.sort();
    Ok(ids)
}

/// ACC-12: at most one scoped role per member.
pub(crate) fn check_one_scope<'a>(roles: impl Iterator<Item = &'a Role>, who: &str) -> Result<(), Refusal> {
    if roles.filter(|role| role.scope.is_some()).count() > 1 {
        return Err(Refusal::SecondScopedRole { who: who.to_owned() });
    }
    Ok(())
}

/// ACC-10: only an EDITOR can be given the right or lose it. ADMIN and APPROVER have it by their role, CREATOR, MEMBER and who
/// has custom roles alone can't have it.
pub(crate) fn settle_right(
    role: Option<SystemRole>,
    asked: Option<bool>,
    before: bool,
) -> Result<bool, Refusal> {
    match (role, asked) {
        (Some(SystemRole::Editor), asked) => Ok(asked.unwrap_or(before)),
        (Some(SystemRole::Admin | SystemRole::Approver), None | Some(true))
        | (Some(SystemRole::Creator | SystemRole::Member) | None, None | Some(false)) => Ok(false),
        (role, _) => Err(Refusal::ApprovalRightNotAllowed(role)),
    }
}

/// ACC-11, where `member` is about to be Admin no more.
pub(crate) fn check_not_last_admin(context: &Context<'_>, member: &Member) -> Result<(), Refusal> {
    let others = || context.directory.admins().any(|other| other.id != member.id);
    if member.is_admin() && !others() { Err(Refusal::LastAdmin) } else { Ok(()) }
}
