//! "May member M do X on R?" (ACC-15): the one place that says so, for every call and for `CheckPermission` alike.

use crate::{
    Area, Context, Member, Refusal, Request, Resource,
    access::{Component, Rights},
    decide::{check_counts_once, check_open},
    member::SystemRole,
    policy::Cancellation,
    refusal::{Missing, Permission},
};

/// What somebody wants to do something with.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// The account.
    Account,
    /// A component, no matter with which resource.
    Component(&'a Component),
    /// A resource.
    Resource(&'a Resource),
    /// An approval request and its resource.
    Request(&'a Resource, &'a Request),
}

impl<'a> Target<'a> {
    /// The component that rights come from; none for the account.
    pub fn component(self, context: &Context<'a>) -> Option<&'a Component> {
        match self {
            Self::Account => None,
            Self::Component(component) => Some(component),
            Self::Resource(resource) | Self::Request(resource, _) => {
                context.lifecycle(resource).map(|lifecycle| &lifecycle.component)
            }
        }
    }

    /// Where a permission is missing.
    fn place(self, context: &Context<'a>) -> &'a str {
        self.component(context).map_or("account", Component::as_str)
    }
}

/// Whether the context's actor has `permission` on `target`. A pair that makes no sense is refused.
pub fn check<'a>(context: &Context<'a>, permission: Permission, target: Target<'a>) -> Result<(), Refusal> {
    // As every call does: who may not see it is told nothing else, not even its kind (ACC-16).
    if let Target::Resource(resource) | Target::Request(resource, _) = target {
        view(context, Some(resource), Missing::Resource(resource.id))?;
    }
    match (permission, target) {
        (Permission::Read, Target::Resource(_) | Target::Request(..)) => Ok(()),
        (Permission::Write, Target::Resource(resource) | Target::Request(resource, _)) => {
            require_write(context.rights_on(resource), target.place(context))
        }
        (Permission::Read, Target::Component(component)) => {
            require(context.rights(component).read, permission, component.as_str())
        }
        (Permission::Write, Target::Component(component)) => {
            require_write(context.rights(component), component.as_str())
        }
        (Permission::Approve, Target::Component(component)) => {
            require(context.rights(component).approve, permission, component.as_str())
        }
        (Permission::Approve, Target::Resource(resource)) => {
            require(context.rights_on(resource).approve, permission, target.place(context))
        }
        // The right first and then the state, as the calls do: nobody may decide what has ended.
        (Permission::Approve, Target::Request(resource, request)) => {
            check_may_decide(context, resource, request)?;
            check_open(context, request)?;
            check_counts_once(context, request)
        }
        (Permission::Cancel, Target::Request(resource, request)) => {
            check_may_cancel(context, resource, request)?;
            check_open(context, request)
        }
        (Permission::Reassign, Target::Request(resource, request)) => {
            check_may_reassign(context, resource, request)?;
            check_open(context, request)
        }
        (Permission::ReadPii, Target::Resource(_) | Target::Request(..)) => {
            require(!context.is_masked(), permission, target.place(context))
        }
        (Permission::ManageMembers | Permission::ManageRoles | Permission::ManagePolicy, Target::Account) => {
            require_admin(context, permission)
        }
        // Of an open review says the bypass itself.
        (Permission::Bypass, Target::Component(component)) => {
            let may = context.actor.active_member().is_some_and(Member::is_admin);
            require(may && component.has_workflow(), permission, component.as_str())
        }
        (Permission::Invite | Permission::AskForOthers, Target::Account) => match acts_as(context) {
            Some(SystemRole::Admin | SystemRole::Approver) => Ok(()),
            _ => Err(denied(permission, "account")),
        },
        (permission, target) => Err(denied(permission, target.place(context))),
    }
}

/// The system role that the actor acts with: an APPROVER is CREATOR while the workflow of every area is off (ACC-9).
pub(crate) fn acts_as(context: &Context<'_>) -> Option<SystemRole> {
    context.actors_access().and_then(|access| access.system_role())
}

/// Admins only.
pub fn require_admin(context: &Context<'_>, permission: Permission) -> Result<(), Refusal> {
    match context.actor.active_member() {
        Some(member) if member.is_admin() => Ok(()),
        _ => Err(denied(permission, "account")),
    }
}

/// Every active member may see the account, its members, roles and policy.
pub fn require_member<'a>(context: &Context<'a>) -> Result<&'a Member, Refusal> {
    context.actor.active_member().ok_or_else(|| denied(Permission::Read, "account"))
}

/// What an actor may see of a resource: ACC-16, permission before existence. Whoever may read no such thing, or something only
/// inside a data scope, gets the same answer whether or not it exists.
pub fn view<'r>(
    context: &Context<'_>,
    resource: Option<&'r Resource>,
    missing: Missing,
) -> Result<&'r Resource, Refusal> {
    match resource {
        Some(resource) if context.rights_on(resource).read => Ok(resource),
        None if sees_every_kind(context) => Err(Refusal::NotFound(missing)),
        _ => Err(denied(Permission::Read, "resource")),
    }
}

fn sees_every_kind(context: &Context<'_>) -> bool {
    context.actors_access().is_some_and(|access| {
        access.scope().is_none() && context.components().all(|component| access.rights(component).read)
    })
}

pub(crate) fn require(has: bool, permission: Permission, component: &str) -> Result<(), Refusal> {
    if has { Ok(()) } else { Err(denied(permission, component)) }
}

pub(crate) fn require_write(rights: Rights, component: &str) -> Result<(), Refusal> {
    let permission = match (rights.read, rights.write) {
        (_, true) => return Ok(()),
        (true, false) => Permission::Write,
        (false, false) => Permission::Read,
    };
    Err(denied(permission, component))
}

/// The refusal of a `permission` that is missing in `component`.
pub fn denied(permission: Permission, component: &str) -> Refusal {
    Refusal::PermissionDenied { permission, component: component.to_owned() }
}

/// Whether the actor may decide `request` at all: REQ-5, REQ-7, REQ-23, ACC-10, ACC-12. Says nothing of its state.
pub(crate) fn check_may_decide(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
) -> Result<(), Refusal> {
    let (member, _) = reader(context, resource, request)?;
    may_decide(context, member, resource, request)?;
    check_cooled_off(context, &request.area)
}

/// POL-9: whoever made a policy weaker decides nothing in its area until the time of cooling off has passed. What they decided before
/// counts: their right to is not lost, it rests.
pub(crate) fn check_cooled_off(context: &Context<'_>, area: &Area) -> Result<(), Refusal> {
    let held = |member: &Member| context.policies.of(area).held_until(member.id, context.now);
    match context.actor.active_member().and_then(held) {
        Some(until) => Err(Refusal::CoolingOff { area: area.clone(), until }),
        None => Ok(()),
    }
}

/// Whether `member` may decide `request`: the one answer for who is about to, for who did, and for who is asked (REQ-5, REQ-7,
/// REQ-22, REQ-23).
pub(crate) fn may_decide(
    context: &Context<'_>,
    member: &Member,
    resource: &Resource,
    request: &Request,
) -> Result<(), Refusal> {
    let component = Component::of_area(&request.area);
    let rights = context.access(member).rights_on(&component, &resource.audience);
    require(rights.approve, Permission::Approve, component.as_str())?;
    let policy = context.policies.of(&request.area);
    if request.submitted_by(member.id) && !policy.allow_self_approval {
        return Err(Refusal::SelfApproval(request.id));
    }
    if policy.exclude_authors && request.written_by(member.id) {
        return Err(Refusal::AuthorApproval(request.id));
    }
    if !member.is_admin() && request.has_chosen_approvers() && !request.is_assigned(member.id) {
        return Err(Refusal::NotAssigned(request.id));
    }
    Ok(())
}

/// Whether the actor may cancel `request` (REQ-17). Says nothing of its state.
pub(crate) fn check_may_cancel(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
) -> Result<(), Refusal> {
    let (member, rights) = reader(context, resource, request)?;
    let assigned = rights.approve && request.is_assigned(member.id);
    let may = match context.policies.of(&request.area).cancellation {
        Cancellation::Writers => rights.write || assigned || member.is_admin(),
        Cancellation::Nobody => false,
    };
    require(may, Permission::Cancel, Component::of_area(&request.area).as_str())
}

/// Whether the actor may choose other approvers for `request`: its submitter, an assigned approver who hands it on, or an Admin.
/// Says nothing of its state.
pub(crate) fn check_may_reassign(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
) -> Result<(), Refusal> {
    let (member, rights) = reader(context, resource, request)?;
    let submitted = rights.write && request.submitted_by(member.id);
    let assigned = rights.approve && request.is_assigned(member.id);
    let may = submitted || assigned || member.is_admin();
    require(may, Permission::Reassign, Component::of_area(&request.area).as_str())
}

/// The actor, with what they may do with a request that they may see.
fn reader<'a>(
    context: &Context<'a>,
    resource: &Resource,
    request: &Request,
) -> Result<(&'a Member, Rights), Refusal> {
    let (rights, component) = (context.rights_on(resource), Component::of_area(&request.area));
    let member = context.actor.active_member().filter(|_| rights.read);
    Ok((member.ok_or_else(|| denied(Permission::Read, component.as_str()))?, rights))
}
