//! Registering, changing and retiring a lifecycle of an account's own (LIF-24): Admins only.
//!
//! Nothing that was registered changes afterwards. A change is a further version, which new resources begin with; those that are
//! there keep theirs. Retired is a kind of which no new resource can be registered; a further version ends that.

use super::{Definition, Kind, Registered, unknown_kind};
use crate::{
    Context, Member, Refusal, RulesChange, RulesWrite, Violation, limits, perform::check_version,
    permission::require_admin, refusal::Permission,
};

/// Registers the lifecycle of a new kind. `everybody` are the account's members: whoever may see something new is told.
pub fn register(
    context: &Context<'_>,
    definition: Definition,
    everybody: &[Member],
) -> Result<(RulesChange, Registered), Refusal> {
    require_admin(context, Permission::ManagePolicy)?;
    let mut violations = definition.violations();
    check_room(context, &mut violations);
    let known = context.lifecycles.newest_registered(&definition.kind).is_some();
    if !known && context.lifecycles.own_kinds() >= limits::LIFECYCLE_KINDS {
        let text = format!("can't be registered: an account has at most {} kinds", limits::LIFECYCLE_KINDS);
        violations.push(Violation::new("lifecycle.kind", text));
    }
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    if known {
        return Err(Refusal::LifecycleExists(definition.kind));
    }
    let registered = registered(context, definition, 1);
    let write = RulesWrite::InsertLifecycle(Box::new(registered.clone()));
    Ok((RulesChange { touched: everybody.to_vec(), ..RulesChange::of(write) }, registered))
}

/// Registers a further version of a kind. What is the same as the newest one changes nothing.
pub fn revise(
    context: &Context<'_>,
    definition: Definition,
    expected_version: Option<i64>,
) -> Result<(RulesChange, Registered), Refusal> {
    require_admin(context, Permission::ManagePolicy)?;
    let newest = newest(context, "lifecycle.kind", &definition.kind)?;
    check_version(expected_version, newest.etag())?;
    let (before, version) = (&newest.lifecycle, newest.lifecycle.version + 1);
    let mut violations = definition.violations();
    if definition.area != before.area {
        let text = format!("must stay {}: requests of it may be pending", before.area);
        violations.push(Violation::new("lifecycle.area", text));
    }
    check_room(context, &mut violations);
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    if newest.retired.is_none() && definition.clone().lifecycle(before.version) == *before {
        return Ok((RulesChange::default(), newest.clone()));
    }
    let registered = registered(context, definition, version);
    let write = RulesWrite::InsertLifecycle(Box::new(registered.clone()));
    Ok((RulesChange::of(write), registered))
}

/// Retires a kind: no new resource of it can be registered. Those that are there go on. Twice is as once.
pub fn retire(
    context: &Context<'_>,
    kind: &Kind,
    expected_version: Option<i64>,
) -> Result<(RulesChange, Registered), Refusal> {
    require_admin(context, Permission::ManagePolicy)?;
    let newest = newest(context, "kind", kind)?;
    if newest.retired.is_some() {
        return Ok((RulesChange::default(), newest.clone()));
    }
    check_version(expected_version, newest.etag())?;
    let retired = Registered { retired: Some((context.actor.to_ref(), context.now)), ..newest.clone() };
    Ok((RulesChange::of(RulesWrite::RetireLifecycle(Box::new(retired.clone()))), retired))
}

/// A version is never deleted, since resources keep theirs.
fn check_room(context: &Context<'_>, violations: &mut Vec<Violation>) {
    if context.lifecycles.own().count() >= limits::LIFECYCLE_VERSIONS {
        let most = limits::LIFECYCLE_VERSIONS;
        let text = format!("can't be registered: an account has at most {most} versions, all kinds together");
        violations.push(Violation::new("lifecycle", text));
    }
}

fn newest<'a>(context: &Context<'a>, field: &str, kind: &Kind) -> Result<&'a Registered, Refusal> {
    let lifecycles = context.lifecycles;
    let known = lifecycles.newest_registered(kind);
    known.ok_or_else(|| {
        Refusal::Invalid(vec![match lifecycles.newest(kind) {
            Some(_) => Violation::new(field, "is built in, and the same in every account"),
            None => Violation { field: field.to_owned(), ..unknown_kind(lifecycles) },
        }])
    })
}

fn registered(context: &Context<'_>, definition: Definition, version: i64) -> Registered {
    Registered {
        lifecycle: definition.lifecycle(version),
        by: context.actor.to_ref(),
        at: context.now,
        retired: None,
    }
}
