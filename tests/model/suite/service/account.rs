//! One account of a running service, with the cast in it, and who is meant by which id.

use std::cell::Cell;
use std::collections::BTreeMap;

use countersign_proto::access::{
    AccessLevel, ComponentAccess, CreateAccountRequest, CreateMemberRequest, CreateRoleRequest, DataScope,
    SuspendAccountRequest, access_service_client::AccessServiceClient,
    role_service_client::RoleServiceClient,
};
use countersign_proto::approval::{
    RegisterLifecycleRequest, UpdatePolicyRequest, lifecycle_service_client::LifecycleServiceClient,
    policy_service_client::PolicyServiceClient,
};
use countersign_proto::types::SystemRole as Given;
use countersign_runtime::ids::new_id;
use tonic::Request;
use tonic::transport::Channel;

use super::Service;
use super::journeys::journeys;
use crate::cast::{Area, RoleName, SystemRole, Who};
use crate::reference::Reference;

/// An account and the ids of all that is in it.
pub struct Account<'a> {
    pub(super) service: &'a Service,
    pub(super) id: String,
    pub(super) members: BTreeMap<Who, String>,
    pub(super) roles: BTreeMap<RoleName, String>,
    /// By their numbers.
    pub(super) resources: Vec<String>,
    /// By their numbers.
    pub(super) requests: Vec<String>,
    /// By their numbers.
    pub(super) reviews: Vec<String>,
    /// How many calls succeeded.
    pub(super) succeeded: Cell<usize>,
}

impl<'a> Account<'a> {
    /// Makes a new account what `reference` is at its beginning.
    pub async fn new(service: &'a Service, reference: &Reference) -> Self {
        let message = CreateAccountRequest {
            name: "Acme".into(),
            features: vec!["campaign_approval".into(), "ab_testing".into()],
            admin_email: address(Who::Ada),
            admin_display_name: format!("{:?}", Who::Ada),
            ..Default::default()
        };
        let mut call = Request::new(message);
        call.metadata_mut().insert("countersign-actor", "platform".parse().unwrap());
        let created = AccessServiceClient::new(service.channel.clone()).create_account(call).await.unwrap();
        let created = created.into_inner();
        let mut account = Self {
            service,
            id: created.account.unwrap().account_id,
            members: BTreeMap::from([(Who::Ada, created.admin.unwrap().member_id)]),
            roles: BTreeMap::new(),
            resources: Vec::new(),
            requests: Vec::new(),
            reviews: Vec::new(),
            succeeded: Cell::new(0),
        };
        account.register_journeys().await;
        account.switch_on().await;
        for name in RoleName::ALL {
            let role = account.create_role(name).await;
            account.roles.insert(name, role);
        }
        for who in Who::MEMBERS.into_iter().skip(1) {
            let member = account.add(who, reference).await;
            account.members.insert(who, member);
        }
        // Nobody knows this one.
        account.members.insert(Who::Zoe, new_id().to_string());
        service.settle().await;
        account
    }

    /// Nothing happens in it any more, whatever time it becomes for the next one.
    pub async fn freeze(&self) {
        let message = SuspendAccountRequest { account_id: self.id.clone(), ..Default::default() };
        let mut call = Request::new(message);
        call.metadata_mut().insert("countersign-actor", "platform".parse().unwrap());
        AccessServiceClient::new(self.service.channel.clone()).suspend_account(call).await.unwrap();
        self.service.settle().await;
    }

    pub(super) fn channel(&self) -> Channel {
        self.service.channel.clone()
    }

    /// A call by a member.
    pub(super) fn by<T>(&self, who: Who, message: T) -> Request<T> {
        let mut call = Request::new(message);
        call.metadata_mut().insert("countersign-account", self.id.parse().unwrap());
        call.metadata_mut().insert("countersign-actor", self.members[&who].parse().unwrap());
        call
    }

    /// Who has this id; none: Countersign, or nobody of the cast.
    pub(super) fn who(&self, id: &str) -> Option<Who> {
        self.members.iter().find(|(_, member)| *member == id).map(|(who, _)| *who)
    }

    pub(super) fn resource_number(&self, id: &str) -> Option<usize> {
        self.resources.iter().position(|resource| resource == id)
    }

    pub(super) fn request_number(&self, id: &str) -> Option<usize> {
        self.requests.iter().position(|request| request == id)
    }

    pub(super) fn review_number(&self, id: &str) -> Option<usize> {
        self.reviews.iter().position(|review| review == id)
    }

    async fn register_journeys(&self) {
        let message = RegisterLifecycleRequest {
            account_id: self.id.clone(),
            lifecycle: Some(journeys()),
            ..Default::default()
        };
        let call = self.by(Who::Ada, message);
        LifecycleServiceClient::new(self.channel()).register_lifecycle(call).await.unwrap();
    }

    async fn switch_on(&self) {
        for area in Area::ALL {
            let message = UpdatePolicyRequest {
                account_id: self.id.clone(),
                area: area.name().into(),
                enabled: Some(true),
                ..Default::default()
            };
            let call = self.by(Who::Ada, message);
            PolicyServiceClient::new(self.channel()).update_policy(call).await.unwrap();
        }
    }

    async fn create_role(&self, name: RoleName) -> String {
        let message = CreateRoleRequest {
            account_id: self.id.clone(),
            name: format!("{name:?}"),
            accesses: accesses(name, true),
            scope: (name == RoleName::Us).then(us),
            ..Default::default()
        };
        let call = self.by(Who::Ada, message);
        let created = RoleServiceClient::new(self.channel()).create_role(call).await.unwrap();
        created.into_inner().role.unwrap().role_id
    }

    async fn add(&self, who: Who, reference: &Reference) -> String {
        let member = &reference.members[&who];
        let message = CreateMemberRequest {
            account_id: self.id.clone(),
            email: address(who),
            display_name: format!("{who:?}"),
            system_role: member.system_role.map_or(Given::Unspecified, given).into(),
            approval_right: member.right,
            role_ids: member.roles.iter().map(|role| self.roles[role].clone()).collect(),
            ..Default::default()
        };
        let call = self.by(Who::Ada, message);
        let created = AccessServiceClient::new(self.channel()).create_member(call).await.unwrap();
        created.into_inner().member.unwrap().member_id
    }
}

fn address(who: Who) -> String {
    format!("{who:?}@acme.example").to_lowercase()
}

pub(super) fn given(role: SystemRole) -> Given {
    match role {
        SystemRole::Admin => Given::Admin,
        SystemRole::Approver => Given::Approver,
        SystemRole::Creator => Given::Creator,
        SystemRole::Editor => Given::Editor,
        SystemRole::Member => Given::Member,
    }
}

/// What a custom role gives.
pub(super) fn accesses(name: RoleName, approves: bool) -> Vec<ComponentAccess> {
    let access = |component: &str, level: AccessLevel, approve| ComponentAccess {
        component: component.into(),
        level: level.into(),
        approve,
    };
    match name {
        RoleName::Campaigns => vec![access("engagement.campaigns", AccessLevel::Write, approves)],
        RoleName::Experiences => {
            vec![access("engagement.product_experiences", AccessLevel::Read, approves)]
        }
        RoleName::Journeys => vec![access("engagement.custom.journeys", AccessLevel::Read, approves)],
        RoleName::Us => vec![
            access("engagement", AccessLevel::Write, false),
            access("engagement.campaigns", AccessLevel::Write, approves),
        ],
    }
}

/// The one data scope that there is.
pub(super) fn us() -> DataScope {
    DataScope { property: "Country".into(), values: vec!["US".into()] }
}
