//! Registering and editing resources (LIF-20 … LIF-22, ACC-12, ACC-13).

use std::collections::HashSet;

use crate::{
    Content, Context, Kind, MemberId, Outcome, Refusal, Resource, ResourceId, Timestamp, Violation,
    access::Audience,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{EditRule, State, unknown_kind},
    limits,
    mask::{self, Pointer},
    outcome::{Event, EventKind},
    perform::{check_version, enter, entry, next},
    permission::{denied, require_write},
    refusal::Permission,
    resource::{ApprovalStatus, LaunchMode, Schedule},
    text,
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
    /// Whom it reaches (ACC-12).
    pub audience: Audience,
    /// Where its content holds personal data (ACC-13).
    pub pii_fields: Vec<Pointer>,
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
    /// The new audience.
    pub audience: Option<Audience>,
    /// The new marks of personal data.
    pub pii_fields: Option<Vec<Pointer>>,
}

impl Edit {
    /// Whether it changes what an approval is about, and makes whoever did it an author (REQ-23). The variants of an A/B test are as
    /// much of what it does as its content is; marks of personal data are staged with content (ACC-19).
    const fn writes(&self) -> bool {
        self.content.is_some()
            || self.schedule.is_some()
            || self.audience.is_some()
            || self.variants.is_some()
            || self.pii_fields.is_some()
    }
}

/// Registers a resource in DRAFT.
pub fn register(context: &Context<'_>, command: Register) -> Result<Outcome, Refusal> {
    let mut violations = Vec::new();
    let Some(lifecycle) = context.lifecycles.newest(&command.kind) else {
        return Err(Refusal::Invalid(vec![unknown_kind(context.lifecycles)]));
    };
    require_write(context.rights(&lifecycle.component), lifecycle.component.as_str())?;
    check_scope(context, &command.audience)?;
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
    if context.lifecycles.newest_registered(&command.kind).is_some_and(|newest| newest.retired.is_some()) {
        return Err(Refusal::LifecycleRetired(command.kind));
    }
    let resource = Resource {
        account_id: context.account.id,
        id: command.id,
        kind: command.kind,
        lifecycle_version: lifecycle.version,
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
        audience: command.audience,
        pii_fields: command.pii_fields,
        staged_pii_fields: None,
        authors: actor.into_iter().collect(),
        version: 1,
        history_hash: None,
        created_at: context.now,
        updated_at: context.now,
    };
    let history =
        HistoryEntry { from: None, ..entry(context, &resource, &resource, HistoryEvent::Registered, None) };
    Ok(changed(resource, history))
}

/// Edits a resource, as its lifecycle says for its state.
pub fn update(context: &Context<'_>, resource: &Resource, edit: Edit) -> Result<Outcome, Refusal> {
    let Some(lifecycle) = context.lifecycle(resource) else {
        return Err(edit_not_allowed(resource));
    };
    require_write(context.rights_on(resource), lifecycle.component.as_str())?;
    check_version(edit.expected_version, resource.version)?;
    if let Some(lock) = &resource.lock {
        return Err(Refusal::Locked { request: lock.request_id, action: lock.action.clone() });
    }
    let rule = lifecycle.edit_rule(&resource.state);
    if rule == EditRule::Refused {
        return Err(edit_not_allowed(resource));
    }
    // What was launched in TEST or PASSIVE mode was never gated, so there is no approval to void.
    let voids =
        rule == EditRule::VoidsApproval && context.workflow_is_on(&lifecycle.area) && is_gated(resource);
    check_edit(context, resource, rule, voids, &edit)?;
    if let Some(audience) = &edit.audience {
        check_scope(context, audience)?;
    }
    let masked = context.is_masked();
    if let (true, Some(fields)) = (masked, &edit.pii_fields)
        && let Some(unmarked) = resource.pii_fields.iter().find(|field| !fields.contains(field))
    {
        return Err(Refusal::PiiMasked(unmarked.clone()));
    }

    let mut after = next(resource, context.now);
    if edit.writes()
        && let Some(author) = context.actor.active_member().filter(|it| !after.authors.contains(&it.id))
    {
        after.authors.push(author.id);
    }
    let revision = resource.next_revision();
    // What a masked member was shown as the mask and sends back as it was shown stays what it was.
    let content = match edit.content {
        Some(content) if masked => {
            let seen =
                resource.staged.as_ref().filter(|_| rule == EditRule::Staged).unwrap_or(&resource.live);
            Some(mask::restore(&content, seen, &resource.pii_fields)?)
        }
        content => content,
    };
    let content = content.map(|content| Content { revision, ..content });
    if rule == EditRule::Staged {
        return stage(context, resource, after, content, edit.pii_fields);
    }
    if let Some(fields) = edit.pii_fields {
        check_added(context, &after, content.as_ref(), &added_to(&after, &fields))?;
        after.pii_fields = fields;
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
    if let Some(audience) = edit.audience {
        after.audience = audience;
    }
    let event = if voids {
        enter(&mut after, &State::DRAFT);
        after.approval_status = ApprovalStatus::None;
        after.launch_mode = None;
        HistoryEvent::ApprovalVoided
    } else {
        HistoryEvent::Edited
    };
    let history = entry(context, resource, &after, event, None);
    Ok(changed(after, history))
}

/// Stages `content` and marks on `after`. A mark that is added holds at once; one that is taken away, or moved, masks both
/// contents until the staged one is live (ACC-19).
fn stage(
    context: &Context<'_>,
    resource: &Resource,
    mut after: Resource,
    content: Option<Content>,
    marks: Option<Vec<Pointer>>,
) -> Result<Outcome, Refusal> {
    let mut staged = content.is_some();
    let added = marks.as_ref().map_or_else(Vec::new, |fields| added_to(&after, fields));
    check_added(context, &after, content.as_ref(), &added)?;
    if content.is_some() {
        after.staged = content;
    }
    if let Some(fields) = marks {
        after.pii_fields.extend(added);
        let (count, most) = (after.pii_fields.len(), limits::PII_FIELDS);
        if count > most {
            let text =
                format!("must be at most {most} with those that hold until they are published, are {count}");
            return Err(Refusal::Invalid(vec![Violation::new("pii_fields", text)]));
        }
        let takes = fields.len() < after.pii_fields.len();
        if takes && after.staged.is_none() {
            after.staged = Some(Content { revision: after.version, ..after.live.clone() });
        }
        staged |= takes || after.staged_pii_fields.is_some();
        after.staged_pii_fields = takes.then_some(fields);
    }
    if !staged {
        let history = entry(context, resource, &after, HistoryEvent::Edited, None);
        return Ok(changed(after, history));
    }
    let digest = after.staged.as_ref().unwrap_or(&after.live).digest.clone();
    let history = HistoryEntry { digest, ..entry(context, resource, &after, HistoryEvent::Staged, None) };
    Ok(changed(after, history))
}

/// Those of `fields` that are not marked yet.
fn added_to(resource: &Resource, fields: &[Pointer]) -> Vec<Pointer> {
    fields.iter().filter(|field| !resource.pii_fields.contains(field)).cloned().collect()
}

/// What marks hide for a masked member is not counted as content when that member edits, so that it must stay within bounds: what
/// they hide themselves is small, and who sees all of it can't let more be hidden than content may have.
fn check_added(
    context: &Context<'_>,
    resource: &Resource,
    content: Option<&Content>,
    added: &[Pointer],
) -> Result<(), Refusal> {
    if added.is_empty() {
        return Ok(());
    }
    let contents = [content, Some(&resource.live), resource.staged.as_ref()].into_iter().flatten();
    let violations: Vec<Violation> = if context.is_masked() {
        let seen = contents.map(|content| mask::shown(content, &resource.pii_fields));
        seen.flat_map(|seen| mask::added_violations(&seen, added)).collect()
    } else {
        let large = contents.filter(|content| content.body.len() > limits::CONTENT_BYTES);
        let text = |content: &Content| {
            let (most, size) = (limits::CONTENT_BYTES, content.body.len());
            format!("can't be added: the content must be at most {most} bytes for that, is {size}")
        };
        large.take(1).map(|content| Violation::new("pii_fields", text(content))).collect()
    };
    if violations.is_empty() { Ok(()) } else { Err(Refusal::Invalid(violations)) }
}

/// The kinds that a list shows to the actor: those they may read, or only `asked` where they ask for one. Whoever may read
/// none of them is refused.
pub fn readable_kinds(context: &Context<'_>, asked: Option<&Kind>) -> Result<Vec<Kind>, Refusal> {
    if let Some(asked) = asked {
        context.check_kind(asked)?;
    }
    let kinds: Vec<Kind> = context
        .lifecycles
        .all()
        .filter(|lifecycle| asked.is_none_or(|asked| *asked == lifecycle.kind))
        .filter(|lifecycle| context.rights(&lifecycle.component).read)
        .map(|lifecycle| lifecycle.kind.clone())
        .collect();
    if kinds.is_empty() {
        return Err(denied(Permission::Read, "resource"));
    }
    Ok(kinds)
}

/// ACC-12: what a scoped member writes stays inside their scope.
fn check_scope(context: &Context<'_>, audience: &Audience) -> Result<(), Refusal> {
    match context.actors_access().and_then(|access| access.scope().cloned()) {
        Some(scope) if !scope.contains(audience) => Err(Refusal::OutOfScope(scope)),
        _ => Ok(()),
    }
}

fn check_edit(
    context: &Context<'_>,
    resource: &Resource,
    rule: EditRule,
    voids: bool,
    edit: &Edit,
) -> Result<(), Refusal> {
    let mut violations = Vec::new();
    let nothing = edit.title.is_none()
        && edit.content.is_none()
        && edit.schedule.is_none()
        && edit.variants.is_none()
        && edit.audience.is_none()
        && edit.pii_fields.is_none();
    if nothing {
        violations.push(Violation::new("content", "is required where nothing else is given"));
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
        violations.extend(edit.audience.as_ref().map(|_| only_direct("audience")));
    }
    if let Some(schedule) = edit.schedule {
        violations.extend(schedule_violations(context.now, schedule, resource.schedule));
        // What is SCHEDULED without a start time starts at once, and POL-6 knows no immediate launch in ACTIVE mode.
        let stays_launched = rule == EditRule::VoidsApproval && !voids;
        if stays_launched && is_gated(resource) && schedule.start.is_none() {
            let text = format!("is required: the {} is scheduled", resource.kind);
            violations.push(Violation::new("schedule.start_time", text));
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
    let mut keys = HashSet::new();
    for (index, variant) in variants.iter().enumerate() {
        let length = variant.chars().count();
        if length == 0 || length > limits::VARIANT {
            violations.push(Violation::new(
                format!("variants[{index}]"),
                format!("must have 1 to {} characters, has {length}", limits::VARIANT),
            ));
        } else if let Some(problem) = text::line(variant).problems.into_iter().next() {
            violations.push(Violation::new(format!("variants[{index}]"), problem));
        } else if !keys.insert(text::key(variant)) {
            violations.push(Violation::new(format!("variants[{index}]"), "is named twice"));
        }
    }
    violations
}

/// Whether what it was launched as needs approval: launches in TEST and PASSIVE mode don't, and other kinds have no modes (POL-6).
fn is_gated(resource: &Resource) -> bool {
    resource.launch_mode.is_none_or(|mode| mode == LaunchMode::Active)
}

fn edit_not_allowed(resource: &Resource) -> Refusal {
    Refusal::EditNotAllowed { kind: resource.kind.clone(), state: resource.state.clone() }
}

fn changed(resource: Resource, history: HistoryEntry) -> Outcome {
    Outcome {
        resource,
        request: None,
        review: None,
        history,
        event: Event { kind: EventKind::ResourceChanged, recipients: Vec::new() },
    }
}
