//! `InvitationService`.

use countersign_domain::{
    InvitationId, MemberId,
    invitation::{self, Accept, Invite, TokenHash},
    permission::{self, Target},
    refusal::Permission,
};
use countersign_proto::access::{self as api, invitation_service_server::InvitationService};
use countersign_runtime::ids;
use countersign_store::About;
use prost::Message;
use tonic::{Request, Response, Status};

use super::{Caller, Edge, convert::invitation as convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{Call, actor_of, context_of, rules::Needs},
};

/// The longest token that is looked at, in characters.
const TOKEN: usize = 128;

#[tonic::async_trait]
impl InvitationService for Edge {
    async fn create_invitation(
        &self,
        request: Request<api::CreateInvitationRequest>,
    ) -> Result<Response<api::CreateInvitationResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        fields.email("email", &request.email);
        let locale = fields.locale("locale", &request.locale);
        let given = fields.given(request.system_role, &request.role_ids, request.approval_right);
        fields.finish()?;
        let call =
            caller.write(Fields::present("account_id", account)?, key, "CreateInvitation", &request)?;
        let command = Invite {
            id: InvitationId(ids::new_id()),
            email: request.email.clone(),
            locale,
            given,
            token: ids::new_secret(),
        };
        let needs =
            Needs { permission: Some(Permission::Invite), email: Some(request.email), ..Needs::default() };
        let answer = self
            .road
            .rules(&call, &needs, |given| {
                let facts = given.facts;
                let (invitation, change) = invitation::create(
                    &given.context,
                    command.clone(),
                    facts.known.as_ref(),
                    facts.invitation.as_ref(),
                )?;
                let invitation = Some(convert::invitation(&invitation, given.context.now));
                Ok((change, api::CreateInvitationResponse { invitation }))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn list_invitations(
        &self,
        request: Request<api::ListInvitationsRequest>,
    ) -> Result<Response<api::ListInvitationsResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let listing = ["invitations", &request.account_id];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        permission::check(&context, Permission::Invite, Target::Account).map_err(Fault::Refused)?;
        let page = self.road.store.list_invitations(call.account, after, size).await.map_err(Fault::Store)?;
        Ok(Response::new(api::ListInvitationsResponse {
            invitations: page.items.iter().map(|it| convert::invitation(it, context.now)).collect(),
            next_page_token: self.next_page(&listing, &page, |invitation| invitation.id),
        }))
    }

    async fn resend_invitation(
        &self,
        request: Request<api::ResendInvitationRequest>,
    ) -> Result<Response<api::ResendInvitationResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let asked = [&request.account_id, &request.request_id, &request.invitation_id];
        let (call, id) = about_invitation(&caller, asked, "ResendInvitation", &request)?;
        let token = ids::new_secret();
        let needs = Needs { permission: Some(Permission::Invite), invitation: Some(id), ..Needs::default() };
        let answer = self
            .road
            .rules(&call, &needs, |given| {
                let before = given.facts.invitation.as_ref();
                let (invitation, change) = invitation::resend(&given.context, before, id, token.clone())?;
                let invitation = Some(convert::invitation(&invitation, given.context.now));
                Ok((change, api::ResendInvitationResponse { invitation }))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn withdraw_invitation(
        &self,
        request: Request<api::WithdrawInvitationRequest>,
    ) -> Result<Response<api::WithdrawInvitationResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let asked = [&request.account_id, &request.request_id, &request.invitation_id];
        let (call, id) = about_invitation(&caller, asked, "WithdrawInvitation", &request)?;
        let needs = Needs { permission: Some(Permission::Invite), invitation: Some(id), ..Needs::default() };
        let answer = self
            .road
            .rules(&call, &needs, |given| {
                let before = given.facts.invitation.as_ref();
                let (invitation, change) = invitation::withdraw(&given.context, before, id)?;
                let invitation = Some(convert::invitation(&invitation, given.context.now));
                Ok((change, api::WithdrawInvitationResponse { invitation }))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn accept_invitation(
        &self,
        request: Request<api::AcceptInvitationRequest>,
    ) -> Result<Response<api::AcceptInvitationResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        caller.platform_only()?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let token = fields.line("token", &request.token, 1..=TOKEN);
        let display_name = fields.display_name("display_name", &request.display_name);
        let locale = (!request.locale.is_empty()).then(|| fields.locale("locale", &request.locale));
        fields.finish()?;
        let account = Fields::present("account_id", account)?;
        let call = caller.operate_write(account, key, "AcceptInvitation", &request)?;
        let command = Accept { token: token.clone(), id: MemberId(ids::new_id()), display_name, locale };
        let needs = Needs { token: Some(TokenHash::of(&token)), ..Needs::default() };
        let answer = self
            .road
            .rules(&call, &needs, |given| {
                given.context.check_account_is_active()?;
                let facts = given.facts;
                let (member, invitation, change) = invitation::accept(
                    &given.context,
                    command.clone(),
                    facts.invitation.as_ref(),
                    facts.known.as_ref(),
                    facts.inviter.as_ref(),
                )?;
                let invitation = Some(convert::invitation(&invitation, given.context.now));
                Ok((change, api::AcceptInvitationResponse { member_id: member.id.to_string(), invitation }))
            })
            .await?;
        Ok(Response::new(answer))
    }
}

/// The fields of a call about one invitation.
fn about_invitation<M: Message>(
    caller: &Caller,
    [account_id, request_id, invitation_id]: [&String; 3],
    method: &str,
    request: &M,
) -> Result<(Call, InvitationId), Fault> {
    let mut fields = Fields::default();
    let account = fields.account(account_id);
    let key = fields.request_id(request_id);
    let id = fields.id::<InvitationId>("invitation_id", invitation_id);
    fields.finish()?;
    let call = caller.write(Fields::present("account_id", account)?, key, method, request)?;
    Ok((call, Fields::present("invitation_id", id)?))
}
