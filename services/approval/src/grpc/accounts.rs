//! Running accounts.

use std::{collections::BTreeSet, time::Duration};

use countersign_domain::{
    Account, AccountId, AccountState, Actor, Context, EventId, Lifecycles, Member, MemberId, MemberState,
    Policies, Refusal, Roles, RulesChange, RulesWrite, SystemRole,
    account::{Directory, Feature},
    limits,
    rules::Told,
    tenancy,
};
use countersign_proto::access as api;
use countersign_runtime::{identity::PLATFORM, ids};
use countersign_store::{About, AccountCreation, Committed, Duplicate};
use prost::Message;
use tonic::Request;
use uuid::Uuid;

use super::{Caller, Edge, convert::access as convert, validate::Fields};
use crate::{
    events,
    fault::Fault,
    road::{Call, Repeatable, actor_of, replay, rules::Needs},
};

impl Edge {
    pub(super) async fn new_account(
        &self,
        request: Request<api::CreateAccountRequest>,
    ) -> Result<api::CreateAccountResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let nowhere = AccountId(Uuid::nil());
        let mut call = caller.operate(nowhere)?;
        let mut fields = Fields::default();
        let key = fields.request_id(&request.request_id);
        let id = fields.optional_id("account_id", &request.account_id);
        let name = fields.line("name", &request.name, 1..=limits::TITLE);
        let features = fields.features(&request.features);
        fields.email("admin_email", &request.admin_email);
        let display_name = fields.display_name("admin_display_name", &request.admin_display_name);
        let locale = fields.locale("admin_locale", &request.admin_locale);
        let time_zone = fields.time_zone("time_zone", &request.time_zone);
        fields.finish()?;
        let now = self.road.now();
        let account = Account {
            id: id.unwrap_or_else(|| AccountId(ids::new_id())),
            name,
            features,
            state: AccountState::Active,
            time_zone,
            rules_version: 1,
            created_at: now,
        };
        let admin = Member {
            account_id: account.id,
            id: MemberId(ids::new_id()),
            email: request.admin_email.clone(),
            display_name,
            locale,
            time_zone: None,
            system_role: Some(SystemRole::Admin),
            roles: Vec::new(),
            approval_right: false,
            state: MemberState::Active,
            version: 1,
            created_at: now,
        };
        call.idempotency = key.map(|key| Repeatable::new(nowhere, PLATFORM, key, "CreateAccount", &request));
        let response = api::CreateAccountResponse {
            account: Some(convert::account(&account)),
            admin: Some(convert::member(&admin)),
        };
        let idempotency = self.road.record(&call, &response);
        let told = told_of_first(&call, &account, &admin)?;
        let commit =
            AccountCreation { account, admin, policies: Vec::new(), outbox: vec![told], idempotency };
        match self.road.create_account(commit).await? {
            Committed::Done => Ok(response),
            Committed::Replay(record) => Ok(replay(&call, Some(&record))?.unwrap_or(response)),
            Committed::Duplicate(Duplicate::AccountId) => {
                Err(Fault::Taken { what: "this account_id".into(), kind: "account" })
            }
            Committed::Duplicate(_)
            | Committed::TooManyMails(_)
            | Committed::Conflict
            | Committed::StillPending(_) => Err(Fault::Contended),
        }
    }

    pub(super) async fn one_account(
        &self,
        request: Request<api::GetAccountRequest>,
    ) -> Result<api::GetAccountResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        fields.finish()?;
        let call = caller.call_or_operate(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        actor_of(&call, &snapshot)?;
        Ok(api::GetAccountResponse { account: Some(convert::account(&snapshot.account)) })
    }

    pub(super) async fn change_account(
        &self,
        request: Request<api::UpdateAccountRequest>,
    ) -> Result<api::UpdateAccountResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        caller.platform_only()?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let expected_version = fields.etag(&request.etag);
        let name = request.name.as_ref().map(|name| fields.line("name", name, 1..=limits::TITLE));
        let features = fields.features(&request.features);
        if !request.replace_features && !features.is_empty() {
            fields.violation("features", "are given without replace_features");
        }
        let time_zone = request.time_zone.as_ref().map(|zone| fields.time_zone("time_zone", zone));
        if !request.replace_features && request.name.is_none() && time_zone.is_none() {
            fields.violation("name", "is required where neither features nor a time_zone are given");
        }
        fields.finish()?;
        let account = Fields::present("account_id", account)?;
        let call = caller.operate_write(account, key, "UpdateAccount", &request)?;
        let change = tenancy::AccountChange {
            expected_version,
            name,
            features: request.replace_features.then_some(features),
            time_zone,
        };
        self.operated(
            &call,
            |context| tenancy::update(context, change.clone()),
            |account| api::UpdateAccountResponse { account: Some(account) },
        )
        .await
    }

    pub(super) async fn suspend(
        &self,
        request: Request<api::SuspendAccountRequest>,
    ) -> Result<api::SuspendAccountResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let call = operation(
            &caller,
            Fields::default(),
            [&request.account_id, &request.request_id],
            "SuspendAccount",
            &request,
        )?;
        self.operated(&call, tenancy::suspend, |account| api::SuspendAccountResponse {
            account: Some(account),
        })
        .await
    }

    pub(super) async fn resume(
        &self,
        request: Request<api::ResumeAccountRequest>,
    ) -> Result<api::ResumeAccountResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let call = operation(
            &caller,
            Fields::default(),
            [&request.account_id, &request.request_id],
            "ResumeAccount",
            &request,
        )?;
        self.operated(&call, tenancy::resume, |account| api::ResumeAccountResponse { account: Some(account) })
            .await
    }

    pub(super) async fn delete(
        &self,
        request: Request<api::DeleteAccountRequest>,
    ) -> Result<api::DeleteAccountResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let grace = fields.grace(request.grace);
        let call = operation(
            &caller,
            fields,
            [&request.account_id, &request.request_id],
            "DeleteAccount",
            &request,
        )?;
        self.operated(
            &call,
            |context| tenancy::delete(context, grace),
            |account| api::DeleteAccountResponse { account: Some(account) },
        )
        .await
    }

    pub(super) async fn announce(
        &self,
        request: Request<api::AnnounceMembersRequest>,
    ) -> Result<api::AnnounceMembersResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let call = operation(
            &caller,
            Fields::default(),
            [&request.account_id, &request.request_id],
            "AnnounceMembers",
            &request,
        )?;
        let needs = Needs { everybody: true, ..Needs::default() };
        self.road
            .rules(&call, &needs, |given| {
                let touched = given.facts.members.clone();
                let members = i32::try_from(touched.len()).unwrap_or(i32::MAX);
                let told = vec![Told::AccountState(given.context.account.state)];
                let change = RulesChange { touched, told, ..RulesChange::default() };
                Ok((change, api::AnnounceMembersResponse { members }))
            })
            .await
    }

    async fn operated<R: Message + Default>(
        &self,
        call: &Call,
        decide: impl Fn(&Context<'_>) -> Result<Account, Refusal>,
        answer: impl Fn(api::Account) -> R,
    ) -> Result<R, Fault> {
        self.road
            .rules(call, &Needs::default(), |given| {
                let account = decide(&given.context)?;
                let answer = answer(convert::account(&account));
                let is_told = account.state != given.context.account.state;
                let told = is_told.then_some(Told::AccountState(account.state)).into_iter().collect();
                Ok((RulesChange { told, ..RulesChange::of(RulesWrite::Account(account)) }, answer))
            })
            .await
    }
}

/// The event that makes the first Admin known.
fn told_of_first(
    call: &Call,
    account: &Account,
    admin: &Member,
) -> Result<countersign_store::OutboxRow, Fault> {
    let (policies, lifecycles, roles) = (Policies::default(), Lifecycles::default(), Roles::default());
    let context = Context {
        account,
        policies: &policies,
        lifecycles: &lifecycles,
        roles: &roles,
        directory: &Directory::default(),
        actor: &Actor::Platform,
        now: account.created_at,
    };
    let envelope = events::Envelope {
        account,
        actor: &Actor::Platform.to_ref(),
        at: account.created_at,
        traceparent: call.traceparent.as_deref(),
    };
    events::of_access(&envelope, &context, &[admin], account.rules_version, EventId(ids::new_id()))
}

/// The call of the operator about an account, with what the edge has found wrong with further fields.
fn operation<M: Message>(
    caller: &Caller,
    mut fields: Fields,
    [account_id, request_id]: [&str; 2],
    method: &str,
    request: &M,
) -> Result<Call, Fault> {
    caller.platform_only()?;
    let account = fields.account(account_id);
    let key = fields.request_id(request_id);
    fields.finish()?;
    caller.operate_write(Fields::present("account_id", account)?, key, method, request)
}

impl Fields {
    fn features(&mut self, names: &[String]) -> BTreeSet<Feature> {
        let mut features = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            if let Some(feature) = Feature::parse(name) {
                features.insert(feature);
            } else {
                let known: Vec<_> = Feature::ALL.into_iter().map(Feature::as_str).collect();
                self.violation(format!("features[{index}]"), format!("must be one of {}", known.join(", ")));
            }
        }
        features
    }

    fn grace(&mut self, given: Option<prost_types::Duration>) -> Duration {
        let range = limits::DELETION_GRACE;
        let grace = self.duration("grace", given, *range.end()).unwrap_or(limits::DELETION_GRACE_DEFAULT);
        if grace < *range.start() {
            self.violation("grace", "must be at least 1 hour");
        }
        grace
    }
}
