//! `ResourceService.CheckAction`: the gate.

use countersign_domain::{
    Content, Context, Kind, Refusal, ResourceId,
    gate::{self, Hindrance, Question},
    limits, permission,
    refusal::{Missing, Permission},
};
use countersign_proto::approval as api;
use countersign_store::{About, Snapshot};
use tonic::Request;
use uuid::Uuid;

use super::{
    Edge,
    convert::{self, time},
    validate::Fields,
};
use crate::{
    fault::Fault,
    road::{Call, actor_of, context_of},
};

impl Edge {
    /// Answers from what is committed.
    pub(super) async fn gate(
        &self,
        request: Request<api::CheckActionRequest>,
    ) -> Result<api::CheckActionResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let about = fields.resource_named(&request.resource_id, &request.kind, &request.external_id);
        let action = fields.action(&request.action);
        let digest = fields.digest(&request.digest);
        if request.digest.is_empty() != request.content.is_some() {
            fields.violation("digest", "must be given, or content, and not both");
        }
        let content = request.content.and_then(|content| fields.content("content", Some(content)));
        let launch_mode = fields.launch_mode(request.launch_mode);
        let call = caller.call(fields.must(account)?)?;
        let about = fields.must(about)?;
        let snapshot = self.snapshot_of(&call, &about, &request.external_id).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        fields.also(check_kind(&context, &about));
        let digest = fields.must(digest.or(content.map(|Content { digest, .. }| digest)))?;
        let question = Question { action: fields.must(action)?, digest, launch_mode };
        fields.finish()?;
        let missing = missing(&about);
        let resource = permission::view(&context, snapshot.resource.as_ref(), missing)?;
        let lifecycle = context.lifecycle(resource).ok_or(Refusal::NotFound(missing))?;
        // Whoever may not see all of the content could ask with a guess of it, and a yes for what they can't see is worth nothing.
        if context.is_masked() && !resource.pii_fields.is_empty() {
            let component = lifecycle.component.as_str();
            return Err(permission::denied(Permission::ReadPii, component).into());
        }
        let mut fields = Fields::default();
        if !lifecycle.knows(&question.action) {
            let kind = &resource.kind;
            fields.violation("action", format!("is no action of the kind {kind}: GetLifecycle has them all"));
        }
        if launch_mode.is_some() && !lifecycle.has_launch_modes(&question.action) {
            fields.violation("launch_mode", "is only for the action LAUNCH of a campaign");
        }
        fields.finish()?;
        let (id, version) = (resource.id, resource.version);
        let standing =
            self.road.store.standing(call.account, id, version, lifecycle, &question.action).await?;
        let against = gate::check(&context, lifecycle, resource, &standing, &question);
        Ok(api::CheckActionResponse {
            allowed: against.is_empty(),
            reasons: against.iter().map(|hindrance| reason(hindrance, context.is_masked())).collect(),
            grant: standing.granted.as_ref().map(|entry| api::ActionGrant {
                sequence: entry.sequence,
                event: entry.event.as_str().to_owned(),
                approval_request_id: entry.request_id.map(|id| id.to_string()).unwrap_or_default(),
                actor: Some(convert::actor(&entry.actor)),
                time: Some(time::to_proto(entry.at)),
                digest: convert::digest(&entry.digest, context.is_masked()),
                winning_variant: resource.winner.clone().unwrap_or_default(),
            }),
            state: resource.state.as_str().to_owned(),
            valid_until: standing
                .granted
                .as_ref()
                .and_then(|granted| gate::valid_until(lifecycle, resource, granted))
                .map(time::to_proto),
        })
    }
}

fn reason(hindrance: &Hindrance, masked: bool) -> api::GateReason {
    use api::GateBlock as Block;
    let (block, message) = match hindrance {
        Hindrance::NeverAllowed => (Block::NeverAllowed, "it was never allowed on this resource".to_owned()),
        Hindrance::Pending(request) => (Block::Pending, format!("request {request} waits for a decision")),
        Hindrance::NotInForce(state) => {
            (Block::NotInForce, format!("it is not in force any more: the resource is {state}"))
        }
        Hindrance::OtherContent { .. } if masked => {
            (Block::OtherContent, "the content that was allowed is another".to_owned())
        }
        Hindrance::OtherContent { allowed } => {
            (Block::OtherContent, format!("the content that was allowed is {allowed}"))
        }
        Hindrance::OtherMode(mode) => (Block::OtherMode, format!("it was launched {}", mode.as_str())),
        Hindrance::TooEarly(start) => (Block::TooEarly, format!("its start time is {}", time::text(*start))),
        Hindrance::TooLate(end) => (Block::TooLate, format!("its end time was {}", time::text(*end))),
        Hindrance::AccountNotActive => {
            (Block::AccountNotActive, "the account is suspended or deleted".to_owned())
        }
    };
    api::GateReason { block: block.into(), message }
}

/// That the account has the kind by which a resource is named.
pub(super) fn check_kind(context: &Context<'_>, about: &About) -> Result<(), Refusal> {
    match about {
        About::ResourceByExternalId(kind, _) => context.check_kind(kind),
        _ => Ok(()),
    }
}

/// What is missing where what a call is about isn't there: the resource by its id, if that is what the caller gave.
pub(super) fn missing(about: &About) -> Missing {
    Missing::Resource(match about {
        About::Resource(id) => *id,
        _ => ResourceId(Uuid::nil()),
    })
}

impl Edge {
    /// The snapshot of a resource by what names it. One that was registered before ids were kept in one form (ACC-18) is found by
    /// its id as it was given then, if no other has it in that form.
    pub(super) async fn snapshot_of(
        &self,
        call: &Call,
        about: &About,
        external_id: &str,
    ) -> Result<Snapshot, Fault> {
        let snapshot = self.road.snapshot(call, about, &[]).await?;
        match about {
            About::ResourceByExternalId(kind, id)
                if snapshot.resource.is_none() && !id.is_empty() && id != external_id =>
            {
                let about = About::ResourceByExternalId(kind.clone(), external_id.to_owned());
                self.road.snapshot(call, &about, &[]).await
            }
            _ => Ok(snapshot),
        }
    }
}

impl Fields {
    /// A resource by its id, or by its kind and the owning service's id.
    pub(super) fn resource_named(&mut self, id: &str, kind: &str, external_id: &str) -> Option<About> {
        let by_name = !kind.is_empty() || !external_id.is_empty();
        if by_name != id.is_empty() {
            self.violation("resource_id", "must be given, or kind and external_id, and not both");
        }
        if !by_name {
            return self.optional_id::<ResourceId>("resource_id", id).map(About::Resource);
        }
        let external_id = self.line("external_id", external_id, 1..=limits::EXTERNAL_ID);
        let kind: Option<Kind> = self.kind(kind);
        kind.map(|kind| About::ResourceByExternalId(kind, external_id))
    }
}
