//! Registering and editing resources (LIF-20 … LIF-22), and who may see them (ACC-16).

use crate::{
    Content, Context, Kind, MemberId, Outcome, Refusal, Resource, ResourceId, Timestamp, Violation,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Component, EditRule, Lifecycle, State},
    limits,
    outcome::{Event, EventKind},
    perform::{check_version, entry, next, require_write},
    refusal::{Missing, Permission},
    resource::{ApprovalStatus, LaunchMode, Schedule},
};

/// A resource to register.
#[derive(Clone, Debug)]
pub struct Register {
    /// The id that it gets.
    pub id: ResourceId,
    /// What it is.
    pub kind: Kind,
    /// The owning service's id.
    pub external_id: String,
    /// A title for people.
    pub title: String,
    /// The owner; none: the actor.
    pub owner: Option<MemberId>,
    /// Its content; its revision is set to 1.
    pub content: Content,
    /// When it starts and ends.
    pub schedule: Schedule,
    /// The variants of an A/B test.
    pub variants: Vec<String>,
}

/// An edit. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The version of the resource that the edit was made from, if the actor says so.
    pub expected_version: Option<i64>,
    /// The new title.
    pub title: Option<String>,
    /// The new content; its revision is set by [`update`] ([`Resource::next_revision`]).
    pub content: Option<Content>,
    /// The new schedule.
    pub schedule: Option<Schedule>,
    /// The new variants.
    pub variants: Option<Vec<String>>,
}

/// Registers a resource in DRAFT.
pub fn register(context: &Context<'_>, command: Register) -> Result<Outcome, Refusal> {
    let mut violations = Vec::new();
    let Some(lifecycle) = Lifecycle::of(&command.kind) else {
        return Err(Refusal::Invalid(vec![unknown_kind()]));
    };
    require_write(context.actor.rights(lifecycle.component), lifecycle.component)?;
    let actor = context.actor.active_member().map(|member| member.id);
    let owner = match command.owner.or(actor) {
        Some(owner) if context.directory.active(owner).is_some() || actor == Some(owner) => owner,
        owner => {
            violations.push(Violation::new("owner_id", "must be an active member of the account"));
            owner.unwrap_or(MemberId(uuid::Uuid::nil()))
        }
    };
    violations.extend(schedule_violations(context.now, command.schedule, Schedule::default()));
    violations.extend(variants_violations(&command.kind, &command.variants));
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    let resource = Resource {
        account_id: context.account.id,
        id: command.id,
        kind: command.kind,
        external_id: command.external_id,
        title: command.title,
        owner,
        state: State::DRAFT,
        approval_status: ApprovalStatus::None,
        lock: None,
        live: Content { revision: 1, ..command.content },
        staged: None,
        schedule: command.schedule,
        variants: command.variants,
        winner: None,
        launch_mode: None,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    let history =
        HistoryEntry { from: None, ..entry(context, &resource, &resource, HistoryEvent::Registered, None) };
    Ok(changed(resource, history))
}

/// Edits a resource, as its lifecycle says for its state.
pub fn update(context: &Context<'_>, resource: &Resource, edit: Edit) -> Result<Outcome, Refusal> {
    let Some(lifecycle) = Lifecycle::of(&resource.kind) else {
        return Err(edit_not_allowed(resource));
    };
    require_write(context.actor.rights(lifecycle.component), lifecycle.component)?;
    check_version(edit.expected_version, resource.version)?;
    if let Some(lock) = &resource.lock {
        return Err(Refusal::Locked { request: lock.request_id, action: lock.action.clone() });
    }
    let rule = lifecycle.edit_rule(&resource.state);
    if rule == EditRule::Refused {
        return Err(edit_not_allowed(resource));
    }
    // What was launched in TEST or PASSIVE mode was never gated, so there is no approval to void.
    let voids = rule == EditRule::VoidsApproval
        && context.workflow_is_on(&lifecycle.area)
        && resource.launch_mode == Some(LaunchMode::Active);
    check_edit(context, resource, rule, voids, &edit)?;

    let mut after = next(resource, context.now);
    let revision = resource.next_revision();
    let content = edit.content.map(|content| Content { revision, ..content });
    if rule == EditRule::Staged {
        after.staged = content;
        let digest = after.staged.as_ref().unwrap_or(&after.live).digest.clone();
        let history = HistoryEntry { digest, ..entry(context, resource, &after, HistoryEvent::Staged, None) };
        return Ok(changed(after, history));
    }
    if let Some(content) = content {
        after.live = content;
    }
    if let Some(title) = edit.title {
        after.title = title;
    }
    if let Some(schedule) = edit.schedule {
        after.schedule = schedule;
    }
    if let Some(variants) = edit.variants {
        after.variants = variants;
    }
    let event = if voids {
        after.state = State::DRAFT;
        after.approval_status = ApprovalStatus::None;
        after.launch_mode = None;
        HistoryEvent::ApprovalVoided
    } else {
        HistoryEvent::Edited
    };
    let history = entry(context, resource, &after, event, None);
    Ok(changed(after, history))
}

/// What an actor may see of a resource: ACC-16, permission before existence. Whoever may read no such thing gets the same
/// answer whether or not it exists.
pub fn view<'r>(
    context: &Context<'_>,
    resource: Option<&'r Resource>,
    missing: Missing,
) -> Result<&'r Resource, Refusal> {
    let component = resource.and_then(|resource| Lifecycle::of(&resource.kind)).map(|it| it.component);
    let readable = |component: Component| context.actor.rights(component).read;
    match (resource, component) {
        (Some(resource), Some(component)) if readable(component) => Ok(resource),
        (None, _) if Component::ALL.into_iter().all(readable) => Err(Refusal::NotFound(missing)),
        _ => Err(Refusal::PermissionDenied { permission: Permission::Read, component: "resource" }),
    }
}

/// The kinds that a list shows to the actor: those they may read, or only `asked` where they ask for one. Whoever may read
/// none of them is refused.
pub fn readable_kinds(context: &Context<'_>, asked: Option<&Kind>) -> Result<Vec<Kind>, Refusal> {
    let kinds: Vec<Kind> = Lifecycle::all()
        .iter()
        .filter(|lifecycle| asked.is_none_or(|asked| *asked == lifecycle.kind))
        .filter(|lifecycle| context.actor.rights(lifecycle.component).read)
        .map(|lifecycle| lifecycle.kind.clone())
        .collect();
    if kinds.is_empty() {
        return Err(Refusal::PermissionDenied { permission: Permission::Read, component: "resource" });
    }
    Ok(kinds)
}

/// The violation of a kind that is none.
pub fn unknown_kind() -> Violation {
    let kinds: Vec<&str> = Lifecycle::all().iter().map(|lifecycle| lifecycle.kind.as_str()).collect();
    Violation::new("kind", format!("must be one of {}", kinds.join(", ")))
}

fn check_edit(
    context: &Context<'_>,
    resource: &Resource,
    rule: EditRule,
    voids: bool,
    edit: &Edit,
) -> Result<(), Refusal> {
    let mut violations = Vec::new();
    if edit.title.is_none() && edit.content.is_none() && edit.schedule.is_none() && edit.variants.is_none() {
        violations
            .push(Violation::new("content", "is required where no title, schedule or variants are given"));
    }
    if rule == EditRule::Staged {
        let only_direct = |field: &str| {
            Violation::new(
                field,
                format!("can't be edited in state {}: only content can be staged", resource.state),
            )
        };
        violations.extend(edit.title.as_ref().map(|_| only_direct("title")));
        violations.extend(edit.schedule.as_ref().map(|_| only_direct("schedule")));
    }
    if let Some(schedule) = edit.schedule {
        violations.extend(schedule_violations(context.now, schedule, resource.schedule));
        // What is SCHEDULED without a start time starts at once, and POL-6 knows no immediate launch in ACTIVE mode.
        let stays_launched = rule == EditRule::VoidsApproval && !voids;
        if stays_launched && resource.launch_mode == Some(LaunchMode::Active) && schedule.start.is_none() {
            violations.push(Violation::new("schedule.start_time", "is required: the campaign is scheduled"));
        }
    }
    if let Some(variants) = &edit.variants {
        if resource.state == State::DRAFT {
            violations.extend(variants_violations(&resource.kind, variants));
        } else {
            violations.push(Violation::new("variants", "can be changed only in state DRAFT"));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Refusal::Invalid(violations)) }
}

/// What is wrong with a schedule: a time that is set anew must not have passed; one that is as `before` may have. Public so
/// that the edge can name it together with what else is wrong with a registration.
pub fn schedule_violations(now: Timestamp, schedule: Schedule, before: Schedule) -> Vec<Violation> {
    let mut violations = Vec::new();
    if schedule.start != before.start && schedule.start.is_some_and(|start| start <= now) {
        violations.push(Violation::new("schedule.start_time", "must be in the future"));
    }
    if let Some(end) = schedule.end {
        if end <= now && schedule.end != before.end {
            violations.push(Violation::new("schedule.end_time", "must be in the future"));
        }
        if schedule.start.is_some_and(|start| end <= start) {
            violations.push(Violation::new("schedule.end_time", "must be after schedule.start_time"));
        }
    }
    violations
}

/// What is wrong with the variants of a resource of `kind`. Public for the same reason.
pub fn variants_violations(kind: &Kind, variants: &[String]) -> Vec<Violation> {
    let mut violations = Vec::new();
    if *kind != Kind::AB_TEST {
        if !variants.is_empty() {
            violations.push(Violation::new("variants", format!("must be empty: a {kind} has none")));
        }
        return violations;
    }
    if !limits::VARIANTS.contains(&variants.len()) {
        let (least, most) = (limits::VARIANTS.start(), limits::VARIANTS.end());
        let text = format!("must be {least} to {most} names, is {}", variants.len());
        // Not looked at name by name: that takes time that grows with the square of the list.
        return vec![Violation::new("variants", text)];
    }
    for (index, variant) in variants.iter().enumerate() {
        let length = variant.chars().count();
        if length == 0 || length > limits::VARIANT {
            violations.push(Violation::new(
                format!("variants[{index}]"),
                format!("must have 1 to {} characters, has {length}", limits::VARIANT),
            ));
        } else if variant.chars().any(char::is_control) {
            let text = "must not hold control characters";
            violations.push(Violation::new(format!("variants[{index}]"), text));
        } else if variants[..index].contains(variant) {
            violations.push(Violation::new(format!("variants[{index}]"), "is named twice"));
        }
    }
    violations
}

fn edit_not_allowed(resource: &Resource) -> Refusal {
    Refusal::EditNotAllowed { kind: resource.kind.clone(), state: resource.state.clone() }
}

fn changed(resource: Resource, history: HistoryEntry) -> Outcome {
    Outcome {
        resource,
        request: None,
        history,
        event: Event { kind: EventKind::ResourceChanged, recipients: Vec::new() },
    }
}
