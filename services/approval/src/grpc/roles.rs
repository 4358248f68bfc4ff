//! `RoleService`.

use std::collections::BTreeSet;

use countersign_domain::{
    DataScope, MemberId, Rights, RoleId, RulesChange, RulesWrite, SystemRole,
    access::TREE,
    limits, permission,
    refusal::Permission,
    roles::{self, Asked, NewRole, RoleChange, RoleName},
};
use countersign_proto::access::{self as api, role_service_server::RoleService};
use countersign_runtime::ids;
use countersign_store::About;
use prost::Message;
use tonic::{Request, Response, Status};

use super::{
    Caller, Edge,
    convert::roles as convert,
    validate::{Fields, uuid},
};
use crate::{
    fault::Fault,
    road::{Call, actor_of, context_of, rules::Needs},
};

#[tonic::async_trait]
impl RoleService for Edge {
    async fn list_components(
        &self,
        request: Request<api::ListComponentsRequest>,
    ) -> Result<Response<api::ListComponentsResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        actor_of(&call, &snapshot)?;
        let components = convert::components(&snapshot.lifecycles);
        Ok(Response::new(api::ListComponentsResponse { components }))
    }

    async fn create_role(
        &self,
        request: Request<api::CreateRoleRequest>,
    ) -> Result<Response<api::CreateRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let new = NewRole {
            id: RoleId(ids::new_id()),
            name: fields.role_title("name", &request.name),
            accesses: fields.accesses("accesses", &request.accesses),
            scope: request.scope.as_ref().map(|scope| fields.scope("scope", scope)),
            masks_pii: request.masks_pii,
        };
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "CreateRole", &request)?;
        let answer = self
            .road
            .rules(&call, &Needs::default(), |given| {
                let role = roles::create(&given.context, new.clone())?;
                let answer = api::CreateRoleResponse { role: Some(convert::role(&role)) };
                Ok((RulesChange::of(RulesWrite::InsertRole(role)), answer))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn get_role(
        &self,
        request: Request<api::GetRoleRequest>,
    ) -> Result<Response<api::GetRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let name = fields.role_name("role_id", &request.role_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let name = Fields::present("role_id", name)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        permission::require_member(&context).map_err(Fault::Refused)?;
        let role = match name {
            RoleName::System(role) => convert::system_role(call.account, &snapshot.lifecycles, role),
            RoleName::Custom(_) => convert::role(roles::custom(&context, name).map_err(Fault::Refused)?),
        };
        Ok(Response::new(api::GetRoleResponse { role: Some(role) }))
    }

    async fn list_roles(
        &self,
        request: Request<api::ListRolesRequest>,
    ) -> Result<Response<api::ListRolesResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let listing = ["roles", &request.account_id];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        actor_of(&call, &snapshot)?;
        let page = self.road.store.list_roles(call.account, after, size).await.map_err(Fault::Store)?;
        Ok(Response::new(api::ListRolesResponse {
            roles: page.items.iter().map(convert::role).collect(),
            next_page_token: self.next_page(&listing, &page, |role| role.id),
        }))
    }

    async fn update_role(
        &self,
        request: Request<api::UpdateRoleRequest>,
    ) -> Result<Response<api::UpdateRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let name = fields.role_name("role_id", &request.role_id);
        let title = request.name.as_ref().map(|title| fields.role_title("name", title));
        let accesses = fields.accesses("accesses", &request.accesses);
        if !request.replace_accesses && !accesses.is_empty() {
            fields.violation("accesses", "are given without replace_accesses");
        }
        if request.clear_scope && request.scope.is_some() {
            fields.violation("clear_scope", "can't be set where a scope is given");
        }
        let scope = request.scope.as_ref().map(|scope| Some(fields.scope("scope", scope)));
        let change = RoleChange {
            expected_version: fields.etag(&request.etag),
            name: title,
            accesses: request.replace_accesses.then_some(accesses),
            scope: if request.clear_scope { Some(None) } else { scope },
            masks_pii: request.masks_pii,
        };
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "UpdateRole", &request)?;
        let name = Fields::present("role_id", name)?;
        let answer = self
            .road
            .rules(&call, &holders_of(name), |given| {
                let (role, changed) =
                    roles::update(&given.context, name, &given.facts.members, change.clone())?;
                Ok((changed, api::UpdateRoleResponse { role: Some(convert::role(&role)) }))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn clone_role(
        &self,
        request: Request<api::CloneRoleRequest>,
    ) -> Result<Response<api::CloneRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let from = fields.role_name("role_id", &request.role_id);
        let title = fields.role_title("name", &request.name);
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "CloneRole", &request)?;
        let (from, id) = (Fields::present("role_id", from)?, RoleId(ids::new_id()));
        let answer = self
            .road
            .rules(&call, &Needs::default(), |given| {
                let role = roles::clone_role(&given.context, from, id, title.clone())?;
                let answer = api::CloneRoleResponse { role: Some(convert::role(&role)) };
                Ok((RulesChange::of(RulesWrite::InsertRole(role)), answer))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn delete_role(
        &self,
        request: Request<api::DeleteRoleRequest>,
    ) -> Result<Response<api::DeleteRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let name = fields.role_name("role_id", &request.role_id);
        let expected_version = fields.etag(&request.etag);
        fields.finish()?;
        let call = caller.write(Fields::present("account_id", account)?, key, "DeleteRole", &request)?;
        let name = Fields::present("role_id", name)?;
        let needs = Needs { only_asks: request.dry_run, ..holders_of(name) };
        let answer = self
            .road
            .rules(&call, &needs, |given| {
                let holders = &given.facts.members;
                let (change, effects) = roles::delete(&given.context, name, holders, expected_version)?;
                let answer = convert::deletion(holders.len(), &effects);
                Ok((if request.dry_run { RulesChange::default() } else { change }, answer))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn assign_role(
        &self,
        request: Request<api::AssignRoleRequest>,
    ) -> Result<Response<api::AssignRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let asked = [&request.account_id, &request.request_id, &request.member_id, &request.role_id];
        let (call, member, name) = role_of_member(&caller, asked, "AssignRole", &request)?;
        let answer = self
            .member_changed(
                &call,
                member,
                |context, member| roles::assign(context, member, name),
                |member| api::AssignRoleResponse { role_ids: convert::role_ids(member) },
            )
            .await?;
        Ok(Response::new(answer))
    }

    async fn unassign_role(
        &self,
        request: Request<api::UnassignRoleRequest>,
    ) -> Result<Response<api::UnassignRoleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let asked = [&request.account_id, &request.request_id, &request.member_id, &request.role_id];
        let (call, member, name) = role_of_member(&caller, asked, "UnassignRole", &request)?;
        let answer = self
            .member_changed(
                &call,
                member,
                |context, member| roles::unassign(context, member, name),
                |member| api::UnassignRoleResponse { role_ids: convert::role_ids(member) },
            )
            .await?;
        Ok(Response::new(answer))
    }
}

/// The fields of a call that gives or takes a role.
fn role_of_member<M: Message>(
    caller: &Caller,
    [account_id, request_id, member_id, role_id]: [&String; 4],
    method: &str,
    request: &M,
) -> Result<(Call, MemberId, RoleName), Fault> {
    let mut fields = Fields::default();
    let account = fields.account(account_id);
    let key = fields.request_id(request_id);
    let member = fields.id::<MemberId>("member_id", member_id);
    let name = fields.role_name("role_id", role_id);
    fields.finish()?;
    let call = caller.write(Fields::present("account_id", account)?, key, method, request)?;
    Ok((call, Fields::present("member_id", member)?, Fields::present("role_id", name)?))
}

/// A change of a role concerns all who hold it.
fn holders_of(name: RoleName) -> Needs {
    match name {
        RoleName::Custom(role) => {
            Needs { permission: Some(Permission::ManageRoles), holders: Some(role), ..Needs::default() }
        }
        RoleName::System(_) => Needs::default(),
    }
}

impl Fields {
    /// A role: a UUID, or a system role's name.
    pub(super) fn role_name(&mut self, field: &str, text: &str) -> Option<RoleName> {
        if let Some(role) = SystemRole::parse(text) {
            return Some(RoleName::System(role));
        }
        let id = uuid(text);
        if id.is_none() {
            self.violation(field, "must be a UUID, or a system role's name");
        }
        id.map(RoleName::Custom)
    }

    /// Custom roles. An id that is none is a violation and stands in the list as the nil UUID.
    pub(super) fn roles(&mut self, field: &str, texts: &[String]) -> Vec<RoleId> {
        self.ids(field, texts, limits::MEMBER_ROLES).into_iter().map(RoleId).collect()
    }

    /// The name of a role.
    pub(super) fn role_title(&mut self, field: &str, text: &str) -> String {
        let title = self.line(field, text, 1..=limits::ROLE_NAME);
        if title.trim() != title {
            self.violation(field, "must not begin or end with a blank");
        }
        title
    }

    /// What a role gives; whether there are such components is the domain's to say.
    pub(super) fn accesses(&mut self, field: &str, given: &[api::ComponentAccess]) -> Vec<Asked> {
        let most = TREE.len() + limits::LIFECYCLE_KINDS;
        if given.len() > most {
            self.violation(field, format!("must be at most {most}: there are no more components"));
            return Vec::new();
        }
        let mut asked = Vec::new();
        for (index, access) in given.iter().enumerate() {
            let level = match api::AccessLevel::try_from(access.level) {
                Ok(api::AccessLevel::Unspecified) => Rights::NONE,
                Ok(api::AccessLevel::Read) => Rights::READ,
                Ok(api::AccessLevel::Write) => Rights::WRITE,
                Err(_) => {
                    self.violation(format!("{field}[{index}].level"), "must be READ or WRITE");
                    Rights::NONE
                }
            };
            let rights = if access.approve { level.and(Rights::APPROVE) } else { level };
            asked.push(Asked { component: access.component.clone(), rights });
        }
        asked
    }

    /// A data scope.
    pub(super) fn scope(&mut self, field: &str, given: &api::DataScope) -> DataScope {
        let property = self.line(&format!("{field}.property"), &given.property, 1..=limits::SCOPE_NAME);
        let values = self.values(&format!("{field}.values"), &given.values);
        DataScope { property, values }
    }

    /// The values of an audience property.
    pub(super) fn values(&mut self, field: &str, given: &[String]) -> BTreeSet<String> {
        if !(1..=limits::SCOPE_VALUES).contains(&given.len()) {
            self.violation(field, format!("must be 1 to {}, are {}", limits::SCOPE_VALUES, given.len()));
            return BTreeSet::new();
        }
        let given = given.iter().enumerate();
        given.map(|(at, value)| self.line(&format!("{field}[{at}]"), value, 1..=limits::SCOPE_NAME)).collect()
    }
}
