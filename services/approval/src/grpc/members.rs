//! Members of an account.

use countersign_domain::{
    Context, Member, MemberId, Refusal, RulesChange,
    membership::{self, Given, MemberChange, NewMember},
    refusal::Missing,
};
use countersign_proto::access as api;
use countersign_runtime::ids;
use countersign_store::About;
use prost::Message;
use tonic::Request;

use super::{Edge, convert::access as convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{Call, actor_of, context_of, rules::Needs},
};

impl Edge {
    pub(super) async fn new_member(
        &self,
        request: Request<api::CreateMemberRequest>,
    ) -> Result<api::CreateMemberResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        fields.email("email", &request.email);
        let display_name = fields.display_name("display_name", &request.display_name);
        let locale = fields.locale("locale", &request.locale);
        let time_zone = fields.time_zone("time_zone", &request.time_zone);
        let given = fields.given(request.system_role, &request.role_ids, request.approval_right);
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "CreateMember", &request)?;
        let id = MemberId(ids::new_id());
        let new = NewMember { id, email: request.email, display_name, locale, time_zone, given };
        self.road
            .rules(&call, &Needs::default(), |given| {
                let member = membership::create(&given.context, new.clone())?;
                let answer = api::CreateMemberResponse { member: Some(convert::member(&member)) };
                Ok((RulesChange::insert_member(member), answer))
            })
            .await
    }

    pub(super) async fn one_member(
        &self,
        request: Request<api::GetMemberRequest>,
    ) -> Result<api::GetMemberResponse, Fault> {
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
        let member = find_member(&context, id)?;
        Ok(api::GetMemberResponse { member: Some(convert::member(member)) })
    }

    pub(super) async fn page_of_members(
        &self,
        request: Request<api::ListMembersRequest>,
    ) -> Result<api::ListMembersResponse, Fault> {
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
        let page = self.road.store.list_members(call.account, after, size).await?;
        Ok(api::ListMembersResponse {
            members: page.items.iter().map(convert::member).collect(),
            next_page_token: self.next_page(&listing, &page, |member| member.id),
        })
    }

    pub(super) async fn change_member(
        &self,
        request: Request<api::UpdateMemberRequest>,
    ) -> Result<api::UpdateMemberResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<MemberId>("member_id", &request.member_id);
        if let Some(email) = &request.email {
            fields.email("email", email);
        }
        let display_name =
            request.display_name.as_ref().map(|name| fields.display_name("display_name", name));
        let system_role = fields.system_role(request.system_role);
        if request.clear_system_role && request.system_role != 0 {
            fields.violation("clear_system_role", "can't be set where a system_role is given");
        }
        let roles = fields.roles("role_ids", &request.role_ids);
        if !request.replace_role_ids && !roles.is_empty() {
            fields.violation("role_ids", "are given without replace_role_ids");
        }
        let change = MemberChange {
            expected_version: fields.etag(&request.etag),
            email: request.email.clone(),
            display_name,
            locale: request.locale.as_ref().map(|locale| fields.locale("locale", locale)),
            time_zone: request.time_zone.as_ref().map(|zone| fields.time_zone("time_zone", zone)),
            system_role: if request.clear_system_role { Some(None) } else { system_role.map(Some) },
            roles: request.replace_role_ids.then_some(roles),
            approval_right: request.approval_right,
        };
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "UpdateMember", &request)?;
        let id = Fields::present("member_id", id)?;
        self.member_changed(
            &call,
            id,
            |context, member| membership::update(context, member, change.clone()),
            |member| api::UpdateMemberResponse { member: Some(convert::member(member)) },
        )
        .await
    }

    pub(super) async fn revoke(
        &self,
        request: Request<api::RevokeMemberRequest>,
    ) -> Result<api::RevokeMemberResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<MemberId>("member_id", &request.member_id);
        let expected_version = fields.etag(&request.etag);
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "RevokeMember", &request)?;
        let id = Fields::present("member_id", id)?;
        self.member_changed(
            &call,
            id,
            |context, member| membership::revoke(context, member, expected_version),
            |member| api::RevokeMemberResponse { member: Some(convert::member(member)) },
        )
        .await
    }

    /// Changes one member.
    pub(super) async fn member_changed<R: Message + Default>(
        &self,
        call: &Call,
        id: MemberId,
        decide: impl Fn(&Context<'_>, &Member) -> Result<Member, Refusal>,
        answer: impl Fn(&Member) -> R,
    ) -> Result<R, Fault> {
        let needs = Needs { named: vec![id], ..Needs::default() };
        self.road
            .rules(call, &needs, |given| {
                let before = find_member(&given.context, id)?;
                let member = decide(&given.context, before)?;
                let answer = answer(&member);
                Ok((RulesChange::update_member(before, member), answer))
            })
            .await
    }
}

/// A member of the account. Every member may see the others, so that one is missing is no secret from them.
pub(super) fn find_member<'c>(context: &Context<'c>, id: MemberId) -> Result<&'c Member, Refusal> {
    context.directory.get(id).ok_or(Refusal::NotFound(Missing::Member(id)))
}

impl Fields {
    /// What somebody new is given.
    pub(super) fn given(&mut self, system_role: i32, role_ids: &[String], approval_right: bool) -> Given {
        let given = Given {
            system_role: self.system_role(system_role),
            roles: self.roles("role_ids", role_ids),
            approval_right,
        };
        if system_role == 0 && role_ids.is_empty() {
            self.violation("system_role", "is required where no role_ids are given");
        }
        given
    }
}
