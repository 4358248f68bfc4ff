//! Creating, changing, cloning, deleting and giving custom roles (ACC-2 … ACC-4, ACC-7): Admins only.

pub mod deletion;

use std::collections::BTreeMap;

use self::deletion::Effects;
use crate::{
    Context, Member, Refusal, RoleId, RulesChange, RulesWrite, Violation,
    access::{Component, DataScope, Rights, Role},
    limits,
    member::SystemRole,
    membership::{self, MemberChange, check_one_scope},
    perform::check_version,
    permission::require_admin,
    refusal::{Missing, Permission},
    text,
};

/// Access to a component as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The component's id.
    pub component: String,
    /// What is to be had there.
    pub rights: Rights,
}

/// A role to create.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// The id that it gets.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What it gives.
    pub accesses: Vec<Asked>,
    /// What it limits its holders to.
    pub scope: Option<DataScope>,
    /// Whether PII is masked for its holders.
    pub masks_pii: bool,
}

/// A change of a role. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// The version of the role that the change was made from, if the actor says so.
    pub expected_version: Option<i64>,
    /// The new name.
    pub name: Option<String>,
    /// What it gives from now on.
    pub accesses: Option<Vec<Asked>>,
    /// The new scope; `Some(None)` takes it.
    pub scope: Option<Option<DataScope>>,
    /// Whether PII is masked for its holders.
    pub masks_pii: Option<bool>,
}

/// A role that a caller names: a custom one, or a system role, which is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// A custom role.
    Custom(RoleId),
    /// A system role.
    System(SystemRole),
}

/// Creates a role.
pub fn create(context: &Context<'_>, new: NewRole) -> Result<Role, Refusal> {
    require_admin(context, Permission::ManageRoles)?;
    let accesses = check_accesses(context, "accesses", &new.accesses)?;
    check_name(context, &new.name, None)?;
    check_room(context, 1)?;
    Ok(Role {
        account_id: context.account.id,
        id: new.id,
        name: new.name,
        accesses,
        scope: new.scope,
        masks_pii: new.masks_pii,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    })
}

/// Makes a role that is like another.
pub fn clone_role(context: &Context<'_>, from: RoleName, id: RoleId, name: String) -> Result<Role, Refusal> {
    require_admin(context, Permission::ManageRoles)?;
    let from = custom(context, from)?;
    check_name(context, &name, None)?;
    check_room(context, 1)?;
    let (created_at, updated_at) = (context.now, context.now);
    Ok(Role { id, name, version: 1, created_at, updated_at, ..from.clone() })
}

/// Changes a role; `holders` are all who have it, revoked members included.
pub fn update(
    context: &Context<'_>,
    name: RoleName,
    holders: &[Member],
    change: RoleChange,
) -> Result<(Role, RulesChange), Refusal> {
    require_admin(context, Permission::ManageRoles)?;
    let role = custom(context, name)?;
    check_version(change.expected_version, role.version)?;
    let accesses = match &change.accesses {
        Some(accesses) => check_accesses(context, "accesses", accesses)?,
        None => role.accesses.clone(),
    };
    if let Some(name) = change.name.as_ref().filter(|name| **name != role.name) {
        check_name(context, name, Some(role.id))?;
    }
    let after = Role {
        name: change.name.unwrap_or_else(|| role.name.clone()),
        accesses,
        scope: change.scope.unwrap_or_else(|| role.scope.clone()),
        masks_pii: change.masks_pii.unwrap_or(role.masks_pii),
        version: role.version + 1,
        updated_at: context.now,
        ..role.clone()
    };
    for holder in holders {
        let others = holder.roles.iter().filter(|id| **id != after.id);
        check_one_scope(others.filter_map(|id| context.roles.get(*id)).chain([&after]), &holder.email)?;
    }
    let change =
        RulesChange { touched: holders.to_vec(), ..RulesChange::of(RulesWrite::UpdateRole(after.clone())) };
    Ok((after, change))
}

/// Deletes a role. Holders who have no system role become MEMBER (ACC-7); all of them are touched. With it comes what that opens to
/// whom.
pub fn delete(
    context: &Context<'_>,
    name: RoleName,
    holders: &[Member],
    expected_version: Option<i64>,
) -> Result<(RulesChange, Effects), Refusal> {
    require_admin(context, Permission::ManageRoles)?;
    let role = custom(context, name)?;
    check_version(expected_version, role.version)?;
    let touched: Vec<Member> = holders.iter().map(|holder| without(holder, role.id)).collect();
    let mut writes: Vec<RulesWrite> = touched.iter().cloned().map(RulesWrite::UpdateMember).collect();
    writes.push(RulesWrite::DeleteRole(role.id));
    let effects = deletion::effects(context, role.id, holders, &touched);
    Ok((RulesChange { writes, touched, told: Vec::new() }, effects))
}

/// `holder` without the role `id`.
pub(crate) fn without(holder: &Member, id: RoleId) -> Member {
    Member {
        roles: holder.roles.iter().copied().filter(|role| *role != id).collect(),
        // ACC-7, C16 with C17: whoever has a system role keeps that.
        system_role: holder.system_role.or(Some(SystemRole::Member)),
        version: holder.version + 1,
        ..holder.clone()
    }
}

/// Gives a member one more role.
pub fn assign(context: &Context<'_>, member: &Member, name: RoleName) -> Result<Member, Refusal> {
    require_admin(context, Permission::ManageMembers)?;
    let change = match name {
        RoleName::System(given) => match member.system_role {
            Some(has) if has != given => return Err(Refusal::SecondSystemRole { has, given }),
            _ => MemberChange { system_role: Some(Some(given)), ..MemberChange::default() },
        },
        RoleName::Custom(id) => {
            custom(context, name)?;
            let mut roles = member.roles.clone();
            if !roles.contains(&id) {
                roles.push(id);
            }
            MemberChange { roles: Some(roles), ..MemberChange::default() }
        }
    };
    membership::update(context, member, change)
}

/// Takes a role from a member; who is left with none becomes MEMBER. Taking what is not there is refused.
pub fn unassign(context: &Context<'_>, member: &Member, name: RoleName) -> Result<Member, Refusal> {
    require_admin(context, Permission::ManageMembers)?;
    let change = match name {
        RoleName::System(role) if member.system_role == Some(role) => MemberChange {
            system_role: Some(if member.roles.is_empty() { Some(SystemRole::Member) } else { None }),
            ..MemberChange::default()
        },
        RoleName::Custom(id) if member.roles.contains(&id) => {
            let after = without(member, id);
            MemberChange {
                roles: Some(after.roles),
                // Only who has nothing else becomes MEMBER.
                system_role: (member.roles.len() == 1).then_some(after.system_role),
                ..MemberChange::default()
            }
        }
        RoleName::System(_) | RoleName::Custom(_) => {
            let text = "is no role of this member";
            return Err(Refusal::Invalid(vec![Violation::new("role_id", text)]));
        }
    };
    membership::update(context, member, change)
}

/// The custom role that is named.
pub fn custom<'c>(context: &Context<'c>, name: RoleName) -> Result<&'c Role, Refusal> {
    match name {
        RoleName::System(role) => Err(Refusal::SystemRoleFixed(role)),
        RoleName::Custom(id) => context.roles.get(id).ok_or(Refusal::NotFound(Missing::Role(id))),
    }
}

/// What a role gives, from what a caller asked for. All that is wrong of one sort is answered at once.
pub(crate) fn check_accesses(
    context: &Context<'_>,
    field: &str,
    asked: &[Asked],
) -> Result<BTreeMap<Component, Rights>, Refusal> {
    let (mut unknown, mut no_workflow, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
    let mut accesses = BTreeMap::new();
    for (index, Asked { component: id, rights }) in asked.iter().enumerate() {
        let at = |name: &str| format!("{field}[{index}].{name}");
        let Some(component) = context.component(id) else {
            unknown.push(Violation::new(at("component"), "is no component"));
            continue;
        };
        if rights.approve && !component.has_workflow() {
            let text = format!("can't be given on {component}: it has no approval workflow");
            no_workflow.push(Violation::new(at("approve"), text));
        }
        if rights.is_none() {
            invalid.push(Violation::new(at("level"), "is required where approve is not set"));
        }
        // ACC-4: WRITE and APPROVE give READ, whether or not whoever asks says so.
        let rights = Rights { read: !rights.is_none(), ..*rights };
        if accesses.insert(component, rights).is_some() {
            invalid.push(Violation::new(at("component"), "is named twice"));
        }
    }
    if !unknown.is_empty() {
        return Err(Refusal::UnknownComponent(unknown));
    }
    if !no_workflow.is_empty() {
        return Err(Refusal::ApproveNotAvailable(no_workflow));
    }
    if invalid.is_empty() { Ok(accesses) } else { Err(Refusal::Invalid(invalid)) }
}

/// ACC-3, ACC-18: unique in the account, by what can be told apart, and no system role's.
fn check_name(context: &Context<'_>, name: &str, own: Option<RoleId>) -> Result<(), Refusal> {
    let key = text::key(name);
    let taken = context.roles.iter().any(|other| Some(other.id) != own && text::key(&other.name) == key);
    if taken || is_system_role(&key) {
        return Err(Refusal::RoleNameTaken(name.to_owned()));
    }
    Ok(())
}

/// Whether a name with this key would be read as a system role's.
pub(crate) fn is_system_role(key: &str) -> bool {
    SystemRole::parse(&key.to_uppercase()).is_some()
}

fn check_room(context: &Context<'_>, more: usize) -> Result<(), Refusal> {
    if context.roles.iter().count() + more > limits::ROLES {
        let text = format!("can't be created: an account has at most {} custom roles", limits::ROLES);
        return Err(Refusal::Invalid(vec![Violation::new("name", text)]));
    }
    Ok(())
}
