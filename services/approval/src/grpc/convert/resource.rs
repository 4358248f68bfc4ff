//! Resources.

use std::borrow::Cow;

use countersign_domain::{
    ApprovalStatus, Content, Context, Pointer, Resource, Schedule,
    difference::{self, Difference},
    history::HistoryEvent,
    mask,
    resource::LaunchMode,
};
use countersign_proto::{approval, types};

use super::{etag, time, value};

/// A resource as lists have it: without the bodies of its content, of which a page could hold many megabytes.
pub fn listed(context: &Context<'_>, listed: &Resource) -> approval::Resource {
    let hidden = context.is_masked() && !listed.pii_fields.is_empty();
    let mut listed = with_bodies(context, listed, false);
    for content in [&mut listed.live, &mut listed.staged].into_iter().flatten() {
        content.body = None;
        // That of what would be shown takes its body.
        if hidden {
            content.digest.clear();
        }
    }
    listed.masked = hidden;
    listed
}

/// A resource as the contract writes it, with its PII masked for whom it is to be (ACC-13).
pub fn resource(context: &Context<'_>, resource: &Resource) -> approval::Resource {
    with_bodies(context, resource, context.is_masked())
}

fn with_bodies(context: &Context<'_>, resource: &Resource, masked: bool) -> approval::Resource {
    let pii: &[Pointer] = if masked { &resource.pii_fields } else { &[] };
    let allowed = match (&resource.lock, context.lifecycle(resource)) {
        (None, Some(lifecycle)) => {
            lifecycle.allowed(&resource.state).into_iter().map(|action| action.as_str().to_owned()).collect()
        }
        _ => Vec::new(),
    };
    approval::Resource {
        account_id: resource.account_id.to_string(),
        resource_id: resource.id.to_string(),
        kind: resource.kind.as_str().to_owned(),
        external_id: resource.external_id.clone(),
        title: resource.title.clone(),
        owner_id: resource.owner.to_string(),
        state: resource.state.as_str().to_owned(),
        pending_label: resource.lock.as_ref().map(|lock| lock.label.as_str().to_owned()).unwrap_or_default(),
        approval_status: approval_status(resource.approval_status).into(),
        pending_approval_request_id: resource
            .lock
            .as_ref()
            .map(|lock| lock.request_id.to_string())
            .unwrap_or_default(),
        live: Some(content(&resource.live, pii)),
        staged: resource.staged.as_ref().map(|staged| content(staged, pii)),
        schedule: Some(schedule(resource.schedule)),
        variants: resource.variants.clone(),
        winning_variant: resource.winner.clone().unwrap_or_default(),
        launch_mode: launch_mode(resource.launch_mode).into(),
        allowed_actions: allowed,
        etag: etag(resource.version),
        create_time: Some(time::to_proto(resource.created_at)),
        update_time: Some(time::to_proto(resource.updated_at)),
        audience: resource
            .audience
            .0
            .iter()
            .map(|(property, values)| {
                (property.clone(), approval::AudienceValues { values: values.iter().cloned().collect() })
            })
            .collect(),
        pii_fields: resource.pii_fields.iter().map(ToString::to_string).collect(),
        masked: !pii.is_empty(),
        lifecycle_version: resource.lifecycle_version,
        staged_pii_fields: resource
            .staged_pii_fields
            .as_ref()
            .map(|fields| approval::PiiFields { fields: fields.iter().map(ToString::to_string).collect() }),
    }
}

fn content(content: &Content, pii: &[Pointer]) -> approval::Content {
    let content = seen(content, pii);
    approval::Content {
        body: value::to_struct(&content.body),
        revision: content.revision,
        digest: content.digest.to_string(),
    }
}

fn seen<'c>(content: &'c Content, pii: &[Pointer]) -> Cow<'c, Content> {
    if pii.is_empty() { Cow::Borrowed(content) } else { Cow::Owned(mask::shown(content, pii)) }
}

/// What `staged` would change, as the contract writes it.
pub fn difference(
    resource: &Resource,
    staged: &Content,
    masked: bool,
) -> approval::CompareStagedContentResponse {
    let pii: &[Pointer] = if masked { &resource.pii_fields } else { &[] };
    let Difference { patch, mut lines } = difference::difference(&resource.live, staged, pii);
    if let Some(left) = &resource.staged_pii_fields {
        let taken = resource.pii_fields.iter().filter(|field| !left.contains(field));
        lines.extend(taken.map(|field| format!("- {field} as personal data")));
    }
    let without_body = |content: &Content| approval::Content {
        body: None,
        revision: content.revision,
        digest: seen(content, pii).digest.to_string(),
    };
    approval::CompareStagedContentResponse {
        patch: Some(value::to_list(&patch)),
        lines,
        live: Some(without_body(&resource.live)),
        staged: Some(without_body(staged)),
        masked: !pii.is_empty(),
    }
}

/// A schedule as the contract writes it.
pub fn schedule(schedule: Schedule) -> types::Schedule {
    types::Schedule {
        start_time: schedule.start.map(time::to_proto),
        end_time: schedule.end.map(time::to_proto),
    }
}

/// A launch mode as the contract writes it.
pub fn launch_mode(mode: Option<LaunchMode>) -> types::LaunchMode {
    match mode {
        None => types::LaunchMode::Unspecified,
        Some(LaunchMode::Active) => types::LaunchMode::Active,
        Some(LaunchMode::Test) => types::LaunchMode::Test,
        Some(LaunchMode::Passive) => types::LaunchMode::Passive,
    }
}

fn approval_status(status: ApprovalStatus) -> types::ApprovalStatus {
    match status {
        ApprovalStatus::None => types::ApprovalStatus::None,
        ApprovalStatus::ApprovalPending => types::ApprovalStatus::ApprovalPending,
        ApprovalStatus::ApprovalApproved => types::ApprovalStatus::ApprovalApproved,
        ApprovalStatus::ApprovalRejected => types::ApprovalStatus::ApprovalRejected,
        ApprovalStatus::ApprovalExpired => types::ApprovalStatus::ApprovalExpired,
        ApprovalStatus::ApprovalCancelled => types::ApprovalStatus::ApprovalCancelled,
    }
}

/// What an edit did, from what history says of it.
pub fn edit_effect(event: HistoryEvent) -> approval::EditEffect {
    match event {
        HistoryEvent::Staged => approval::EditEffect::Staged,
        HistoryEvent::ApprovalVoided => approval::EditEffect::ApprovalVoided,
        _ => approval::EditEffect::Written,
    }
}

/// What became of an action, from what history says of it.
pub fn action_outcome(event: HistoryEvent) -> approval::ActionOutcome {
    match event {
        HistoryEvent::Submitted => approval::ActionOutcome::Submitted,
        HistoryEvent::Bypassed => approval::ActionOutcome::AppliedByApprover,
        HistoryEvent::EmergencyBypassed => approval::ActionOutcome::EmergencyBypass,
        _ => approval::ActionOutcome::Applied,
    }
}
