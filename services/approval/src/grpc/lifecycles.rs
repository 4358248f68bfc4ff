//! `LifecycleService`.

use countersign_domain::{
    AccountId, Action, Area, Kind, PendingLabel, RulesChange, State,
    lifecycle::{
        self, Definition, EditRule, Lifecycle, Lifecycles, OWN, Target, Timed, TimedAt, Transition,
        unknown_kind,
    },
    limits, permission,
    refusal::Permission,
};
use countersign_proto::approval::{self as api, lifecycle_service_server::LifecycleService};
use countersign_store::{About, Snapshot};
use tonic::{Request, Response, Status};

use super::{Caller, Edge, convert::lifecycle as convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{actor_of, context_of, rules::Needs},
};

#[tonic::async_trait]
impl LifecycleService for Edge {
    async fn get_lifecycle(
        &self,
        request: Request<api::GetLifecycleRequest>,
    ) -> Result<Response<api::GetLifecycleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let kind = fields.kind(&request.kind);
        if request.version < 0 {
            fields.violation("version", "must not be negative");
        }
        let (account, kind) = (fields.must(account)?, fields.must(kind)?);
        fields.finish()?;
        let snapshot = self.for_a_member(&caller, account).await?;
        let lifecycles = &snapshot.lifecycles;
        let newest =
            lifecycles.newest(&kind).ok_or_else(|| Fault::Invalid(vec![unknown_kind(lifecycles)]))?;
        let version = if request.version == 0 { newest.version } else { request.version };
        let found = lifecycles.version(&kind, version).map(|lifecycle| shown(lifecycles, lifecycle));
        if found.is_none() {
            let mut fields = Fields::default();
            let text = match newest.version {
                0 => format!("must be left out: {kind} is built in, and has no versions"),
                newest => format!("must be at most {newest}"),
            };
            fields.violation("version", text);
            fields.finish()?;
        }
        Ok(Response::new(api::GetLifecycleResponse { lifecycle: found }))
    }

    async fn list_lifecycles(
        &self,
        request: Request<api::ListLifecyclesRequest>,
    ) -> Result<Response<api::ListLifecyclesResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let account = fields.must(account)?;
        let snapshot = self.for_a_member(&caller, account).await?;
        let lifecycles = &snapshot.lifecycles;
        let all = lifecycles.all().map(|lifecycle| shown(lifecycles, lifecycle)).collect();
        Ok(Response::new(api::ListLifecyclesResponse { lifecycles: all }))
    }

    async fn register_lifecycle(
        &self,
        request: Request<api::RegisterLifecycleRequest>,
    ) -> Result<Response<api::RegisterLifecycleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let definition = fields.definition(request.lifecycle.as_ref());
        let call = caller.write(fields.must(account)?, key, "RegisterLifecycle", &request)?;
        let definition = fields.must(definition)?;
        // Who may see and decide a new kind is told to the notifier, member by member; for who may not register, nobody is read.
        let needs = Needs {
            permission: Some(Permission::ManagePolicy),
            everybody: !request.dry_run && definition.violations().is_empty(),
            only_asks: request.dry_run,
            ..Needs::default()
        };
        let answer = self.road.rules(&call, &needs, |given| {
            let decided = lifecycle::register(&given.context, definition.clone(), &given.facts.members);
            let (change, registered) = fields.merge(decided)?;
            let lifecycle = Some(convert::registered(&registered, &registered));
            Ok((unless_dry(request.dry_run, change), api::RegisterLifecycleResponse { lifecycle }))
        });
        Ok(Response::new(answer.await?))
    }

    async fn update_lifecycle(
        &self,
        request: Request<api::UpdateLifecycleRequest>,
    ) -> Result<Response<api::UpdateLifecycleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let definition = fields.definition(request.lifecycle.as_ref());
        let etag = request.lifecycle.as_ref().map(|given| given.etag.as_str()).unwrap_or_default();
        let expected_version = fields.etag(etag);
        let call = caller.write(fields.must(account)?, key, "UpdateLifecycle", &request)?;
        let definition = fields.must(definition)?;
        let needs = Needs {
            permission: Some(Permission::ManagePolicy),
            only_asks: request.dry_run,
            ..Needs::default()
        };
        let answer = self.road.rules(&call, &needs, |given| {
            let decided = lifecycle::revise(&given.context, definition.clone(), expected_version);
            let (change, registered) = fields.merge(decided)?;
            let lifecycle = Some(convert::registered(&registered, &registered));
            Ok((unless_dry(request.dry_run, change), api::UpdateLifecycleResponse { lifecycle }))
        });
        Ok(Response::new(answer.await?))
    }

    async fn retire_lifecycle(
        &self,
        request: Request<api::RetireLifecycleRequest>,
    ) -> Result<Response<api::RetireLifecycleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let kind = fields.kind(&request.kind);
        let expected_version = fields.etag(&request.etag);
        let call = caller.write(fields.must(account)?, key, "RetireLifecycle", &request)?;
        let kind = fields.must(kind)?;
        let needs = Needs::default();
        let answer = self.road.rules(&call, &needs, |given| {
            let decided = lifecycle::retire(&given.context, &kind, expected_version);
            let (change, registered) = fields.merge(decided)?;
            let lifecycle = Some(convert::registered(&registered, &registered));
            Ok((change, api::RetireLifecycleResponse { lifecycle }))
        });
        Ok(Response::new(answer.await?))
    }
}

fn unless_dry(dry_run: bool, change: RulesChange) -> RulesChange {
    if dry_run { RulesChange::default() } else { change }
}

/// A lifecycle, with who registered it if it is of the account's own.
fn shown(lifecycles: &Lifecycles, lifecycle: &Lifecycle) -> api::Lifecycle {
    let registered = lifecycles.registered(&lifecycle.kind, lifecycle.version);
    match registered.zip(lifecycles.newest_registered(&lifecycle.kind)) {
        Some((registered, newest)) => convert::registered(registered, newest),
        None => convert::lifecycle(lifecycle),
    }
}

impl Edge {
    async fn for_a_member(&self, caller: &Caller, account: AccountId) -> Result<Snapshot, Fault> {
        let call = caller.call(account)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        permission::require_member(&context_of(&snapshot, &actor, self.road.now()))?;
        Ok(snapshot)
    }
}

impl Fields {
    /// A lifecycle as the caller gave it; whether it makes sense is the domain's to say.
    fn definition(&mut self, given: Option<&api::Lifecycle>) -> Option<Definition> {
        let Some(given) = given else {
            self.violation("lifecycle", "is required");
            return None;
        };
        let (most, most_rows) = (*limits::LIFECYCLE_STATES.end(), *limits::LIFECYCLE_TRANSITIONS.end());
        let states = given.states.iter().take(most + 1).enumerate().map(|(index, state)| {
            let rule = self.edit_mode(index, state.edit_mode);
            (State::given(&state.name), rule)
        });
        let states = states.collect();
        let timed = given.timed_transitions.iter().take(most + 1).enumerate().map(|(index, timed)| Timed {
            from: State::given(&timed.from_state),
            to: State::given(&timed.target_state),
            at: self.transition_time(index, timed.time),
        });
        let timed = timed.collect();
        let row = |row: &api::LifecycleTransition| Transition {
            rule: OWN,
            from: row.from_states.iter().map(State::given).collect(),
            action: Action::given(&row.action),
            pending: (!row.pending_label.is_empty()).then(|| PendingLabel::given(&row.pending_label)),
            target: match row.target_state.as_str() {
                "" => Target::StagedGoesLive,
                state => Target::State(State::given(state)),
            },
        };
        Some(Definition {
            kind: Kind::given(&given.kind),
            area: Area::given(&given.area),
            states,
            // One more than are looked at, so that it is seen that they are too many.
            transitions: given.transitions.iter().take(most_rows + 1).map(row).collect(),
            timed,
        })
    }

    fn edit_mode(&mut self, index: usize, number: i32) -> Option<EditRule> {
        match api::EditMode::try_from(number) {
            Ok(api::EditMode::Unspecified) => None,
            Ok(api::EditMode::Refused) => Some(EditRule::Refused),
            Ok(api::EditMode::Direct) => Some(EditRule::Direct),
            Ok(api::EditMode::Staged) => Some(EditRule::Staged),
            Ok(api::EditMode::VoidsApproval) => Some(EditRule::VoidsApproval),
            Err(_) => {
                let text = "must be one of REFUSED, DIRECT, STAGED, VOIDS_APPROVAL";
                self.violation(format!("lifecycle.states[{index}].edit_mode"), text);
                None
            }
        }
    }

    fn transition_time(&mut self, index: usize, number: i32) -> TimedAt {
        match api::TransitionTime::try_from(number) {
            Ok(api::TransitionTime::Start) => TimedAt::Start,
            Ok(api::TransitionTime::End) => TimedAt::End,
            Ok(api::TransitionTime::Unspecified) | Err(_) => {
                let field = format!("lifecycle.timed_transitions[{index}].time");
                self.violation(field, "is required: START or END");
                TimedAt::Start
            }
        }
    }
}
