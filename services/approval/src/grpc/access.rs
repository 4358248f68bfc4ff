//! `AccessService`.

use std::collections::BTreeSet;

use countersign_domain::{
    Account, AccountId, Context, Member, MemberId, MemberState, Refusal, SystemRole,
    account::Feature,
    limits,
    membership::{self, MemberChange, NewMember},
    refusal::Missing,
};
use countersign_proto::access::{self as api, access_service_server::AccessService};
use countersign_runtime::ids;
use countersign_store::{About, AccountCreation, Committed, Duplicate, MemberWrite};
use prost::Message;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Edge, convert::access as convert, status::Fault, validate::Fields};
use crate::road::{Call, Repeatable, RulesWrite, actor_of, context_of, replay};

#[tonic::async_trait]
impl AccessService for Edge {
    async fn create_account(
        &self,
        request: Request<api::CreateAccountRequest>,
    ) -> Result<Response<api::CreateAccountResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        caller.platform_only()?;
        let mut fields = Fields::default();
        let key = fields.request_id(&request.request_id);
        let id = fields.optional_id("account_id", &request.account_id);
        fields.line("name", &request.name, 1..=limits::TITLE);
        let features = fields.features(&request.features);
        fields.email("admin_email", &request.admin_email);
        fields.line("admin_display_name", &request.admin_display_name, 1..=limits::TITLE);
        let locale = fields.locale("admin_locale", &request.admin_locale);
        fields.finish()?;
        let now = self.road.now();
        let account = Account {
            id: id.unwrap_or_else(|| AccountId(ids::new_id())),
            name: request.name.clone(),
            features,
            rules_version: 1,
            created_at: now,
        };
        let admin = Member {
            account_id: account.id,
            id: MemberId(ids::new_id()),
            email: request.admin_email.clone(),
            display_name: request.admin_display_name.clone(),
            locale,
            system_role: Some(SystemRole::Admin),
            approval_right: false,
            state: MemberState::Active,
            version: 1,
            created_at: now,
        };
        let nowhere = AccountId(Uuid::nil());
        let repeatable = key.map(|key| Repeatable::new(nowhere, "platform", key, "CreateAccount", &request));
        let call = Call::of_platform(repeatable);
        let response = api::CreateAccountResponse {
            account: Some(convert::account(&account)),
            admin: Some(convert::member(&admin)),
        };
        let idempotency = self.road.record(&call, &response);
        let commit = AccountCreation { account, admin, policies: Vec::new(), idempotency };
        let response = match self.road.store.create_account(commit).await.map_err(Fault::Store)? {
            Committed::Done => response,
            Committed::Replay(record) => replay(&call, Some(&record))?.unwrap_or(response),
            Committed::Duplicate(Duplicate::AccountId) => {
                return Err(Fault::Taken { what: "this account_id".into(), kind: "account" }.into());
            }
            Committed::Duplicate(_) | Committed::Conflict | Committed::StillPending(_) => {
                return Err(Fault::Contended.into());
            }
        };
        Ok(Response::new(response))
    }

    async fn get_account(
        &self,
        request: Request<api::GetAccountRequest>,
    ) -> Result<Response<api::GetAccountResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        actor_of(&call, &snapshot)?;
        Ok(Response::new(api::GetAccountResponse { account: Some(convert::account(&snapshot.account)) }))
    }

    async fn create_member(
        &self,
        request: Request<api::CreateMemberRequest>,
    ) -> Result<Response<api::CreateMemberResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        fields.email("email", &request.email);
        fields.line("display_name", &request.display_name, 1..=limits::TITLE);
        let locale = fields.locale("locale", &request.locale);
        let role = fields.system_role(request.system_role);
        if request.system_role == 0 {
            fields.violation("system_role", "is required");
        }
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "CreateMember", &request)?;
        let new = NewMember {
            id: MemberId(ids::new_id()),
            email: request.email,
            display_name: request.display_name,
            locale,
            system_role: Fields::present("system_role", role)?,
            approval_right: request.approval_right,
        };
        let response = self
            .change_member(
                &call,
                &[],
                |context| membership::create(context, new.clone()).map(MemberWrite::Insert),
                |member| api::CreateMemberResponse { member: Some(member) },
            )
            .await?;
        Ok(Response::new(response))
    }

    async fn get_member(
        &self,
        request: Request<api::GetMemberRequest>,
    ) -> Result<Response<api::GetMemberResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let id = fields.id::<MemberId>("member_id", &request.member_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let id = Fields::present("member_id", id)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[id]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        let member = find(&context, id).map_err(Fault::Refused)?;
        Ok(Response::new(api::GetMemberResponse { member: Some(convert::member(member)) }))
    }

    async fn list_members(
        &self,
        request: Request<api::ListMembersRequest>,
    ) -> Result<Response<api::ListMembersResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let listing = ["members", &request.account_id];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        actor_of(&call, &snapshot)?;
        let page = self.road.store.list_members(call.account, after, size).await.map_err(Fault::Store)?;
        Ok(Response::new(api::ListMembersResponse {
            members: page.items.iter().map(convert::member).collect(),
            next_page_token: self.next_page(&listing, &page, |member| member.id),
        }))
    }

    async fn update_member(
        &self,
        request: Request<api::UpdateMemberRequest>,
    ) -> Result<Response<api::UpdateMemberResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<MemberId>("member_id", &request.member_id);
        if let Some(email) = &request.email {
            fields.email("email", email);
        }
        if let Some(name) = &request.display_name {
            fields.line("display_name", name, 1..=limits::TITLE);
        }
        let change = MemberChange {
            expected_version: fields.etag(&request.etag),
            email: request.email.clone(),
            display_name: request.display_name.clone(),
            locale: request.locale.as_ref().map(|locale| fields.locale("locale", locale)),
            system_role: fields.system_role(request.system_role),
            approval_right: request.approval_right,
        };
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "UpdateMember", &request)?;
        let id = Fields::present("member_id", id)?;
        let response = self
            .change_member(
                &call,
                &[id],
                |context| {
                    membership::update(context, find(context, id)?, change.clone()).map(MemberWrite::Update)
                },
                |member| api::UpdateMemberResponse { member: Some(member) },
            )
            .await?;
        Ok(Response::new(response))
    }

    async fn revoke_member(
        &self,
        request: Request<api::RevokeMemberRequest>,
    ) -> Result<Response<api::RevokeMemberResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<MemberId>("member_id", &request.member_id);
        let expected_version = fields.etag(&request.etag);
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "RevokeMember", &request)?;
        let id = Fields::present("member_id", id)?;
        let response = self
            .change_member(
                &call,
                &[id],
                |context| {
                    membership::revoke(context, find(context, id)?, expected_version).map(MemberWrite::Update)
                },
                |member| api::RevokeMemberResponse { member: Some(member) },
            )
            .await?;
        Ok(Response::new(response))
    }
}

impl Edge {
    async fn change_member<R: Message + Default>(
        &self,
        call: &Call,
        named: &[MemberId],
        decide: impl Fn(&Context<'_>) -> Result<MemberWrite, Refusal>,
        answer: impl Fn(api::Member) -> R,
    ) -> Result<R, Fault> {
        self.road
            .rules(call, named, |_, context| {
                let member = decide(context)?;
                let (MemberWrite::Insert(written) | MemberWrite::Update(written)) = &member;
                let answer = answer(convert::member(written));
                Ok((RulesWrite::Member(member), answer))
            })
            .await
    }
}

/// A member of the account. Every member may see the others, so that one is missing is no secret from them.
fn find<'c>(context: &Context<'c>, id: MemberId) -> Result<&'c Member, Refusal> {
    context.directory.get(id).ok_or(Refusal::NotFound(Missing::Member(id)))
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
}
