//! What a calling service has: the generated clients, with an actor's metadata on each call.

mod access_calls;
mod history_calls;
mod lifecycle_calls;
mod workflow_calls;

use std::time::{Duration, SystemTime};

use countersign_proto::{
    access::{self, access_service_client::AccessServiceClient},
    approval::{
        self, approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
        resource_service_client::ResourceServiceClient,
    },
    inbox::{self, inbox_service_client::InboxServiceClient},
    types::{Schedule, SystemRole},
};
use tonic::{Request, Status, transport::Channel};
use uuid::Uuid;

use crate::system::System;

/// A member who calls.
#[derive(Clone)]
pub struct Caller {
    pub account: String,
    pub id: String,
    approval: Channel,
    notifier: Channel,
    deadline: Option<Duration>,
}

/// An account with a member of each role and both workflows on.
pub struct Team {
    pub account: String,
    pub admin: Caller,
    pub creator: Caller,
    pub approver: Caller,
    pub editor: Caller,
    pub member: Caller,
}

pub fn request<T>(account: &str, actor: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("countersign-account", account.parse().unwrap());
    request.metadata_mut().insert("countersign-actor", actor.parse().unwrap());
    request
}

pub fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// The time so far ahead.
pub fn in_future(ahead: Duration) -> prost_types::Timestamp {
    (SystemTime::now() + ahead).into()
}

/// A JSON object.
pub fn content(json: &serde_json::Value) -> prost_types::Struct {
    use prost_types::{ListValue, Struct, Value, value::Kind};
    fn wrap(json: &serde_json::Value) -> Value {
        let kind = match json {
            serde_json::Value::Null => Kind::NullValue(0),
            serde_json::Value::Bool(bool) => Kind::BoolValue(*bool),
            serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
            serde_json::Value::String(text) => Kind::StringValue(text.clone()),
            serde_json::Value::Array(items) => {
                Kind::ListValue(ListValue { values: items.iter().map(wrap).collect() })
            }
            serde_json::Value::Object(_) => Kind::StructValue(content(json)),
        };
        Value { kind: Some(kind) }
    }
    let fields = json.as_object().unwrap().iter().map(|(key, value)| (key.clone(), wrap(value))).collect();
    Struct { fields }
}

impl Team {
    /// Makes it.
    pub async fn new(system: &System) -> Self {
        Self::on(system.approval().await, system.notifier().await).await
    }

    /// Makes it over these connections.
    pub async fn on(approval: Channel, notifier: Channel) -> Self {
        let admin = Caller::with_new_account(approval, notifier).await;
        for area in ["CAMPAIGNS", "PRODUCT_EXPERIENCES"] {
            admin
                .set_policy(approval::UpdatePolicyRequest {
                    area: area.into(),
                    enabled: Some(true),
                    ..Default::default()
                })
                .await
                .unwrap();
        }
        let creator = admin.other(admin.add("Carl Creator", SystemRole::Creator).await);
        let approver = admin.other(admin.add("Abel Approver", SystemRole::Approver).await);
        let editor = admin.other(admin.add("Edda Editor", SystemRole::Editor).await);
        let member = admin.other(admin.add("Mia Member", SystemRole::Member).await);
        Self { account: admin.account.clone(), admin, creator, approver, editor, member }
    }
}

impl Caller {
    /// The first Admin of a new account.
    pub async fn with_new_account(approval: Channel, notifier: Channel) -> Self {
        let created = AccessServiceClient::new(approval.clone())
            .create_account(request(
                &new_id(),
                "platform",
                access::CreateAccountRequest {
                    name: "Acme".into(),
                    features: vec!["campaign_approval".into(), "ab_testing".into()],
                    admin_email: "ada@acme.example".into(),
                    admin_display_name: "Ada Admin".into(),
                    ..Default::default()
                },
            ))
            .await
            .unwrap()
            .into_inner();
        let (account, id) = (created.account.unwrap().account_id, created.admin.unwrap().member_id);
        Self { account, id, approval, notifier, deadline: None }
    }

    /// The same member over another connection.
    pub fn over(&self, approval: Channel) -> Self {
        Self { approval, ..self.clone() }
    }

    /// The same member over other connections to both services.
    pub fn over_both(&self, approval: Channel, notifier: Channel) -> Self {
        Self { approval, notifier, ..self.clone() }
    }

    /// The same member with a deadline for each call, of which the service is told.
    pub fn within(&self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// Another member of the account over the same connection.
    pub fn other(&self, id: String) -> Self {
        Self { id, ..self.clone() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = request(&self.account, &self.id, message);
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        request
    }

    pub async fn add(&self, name: &str, role: SystemRole) -> String {
        let request = access::CreateMemberRequest {
            account_id: self.account.clone(),
            email: format!("{}@acme.example", name.replace(' ', ".").to_lowercase()),
            display_name: name.into(),
            system_role: role.into(),
            ..Default::default()
        };
        self.create_member(request).await.unwrap().member_id
    }

    pub async fn create_member(
        &self,
        mut message: access::CreateMemberRequest,
    ) -> Result<access::Member, Status> {
        message.account_id.clone_from(&self.account);
        let answer =
            AccessServiceClient::new(self.approval.clone()).create_member(self.request(message)).await?;
        Ok(answer.into_inner().member.unwrap())
    }

    pub async fn update_member(
        &self,
        mut message: access::UpdateMemberRequest,
    ) -> Result<access::Member, Status> {
        message.account_id.clone_from(&self.account);
        let answer =
            AccessServiceClient::new(self.approval.clone()).update_member(self.request(message)).await?;
        Ok(answer.into_inner().member.unwrap())
    }

    pub async fn revoke(&self, member: &str) -> Result<access::Member, Status> {
        let message = access::RevokeMemberRequest {
            account_id: self.account.clone(),
            member_id: member.into(),
            ..Default::default()
        };
        let answer =
            AccessServiceClient::new(self.approval.clone()).revoke_member(self.request(message)).await?;
        Ok(answer.into_inner().member.unwrap())
    }

    pub async fn set_policy(
        &self,
        mut message: approval::UpdatePolicyRequest,
    ) -> Result<approval::Policy, Status> {
        message.account_id.clone_from(&self.account);
        let answer =
            PolicyServiceClient::new(self.approval.clone()).update_policy(self.request(message)).await?;
        Ok(answer.into_inner().policy.unwrap())
    }

    pub async fn policy(&self, area: &str) -> approval::Policy {
        let message = approval::GetPolicyRequest { account_id: self.account.clone(), area: area.into() };
        let answer = PolicyServiceClient::new(self.approval.clone()).get_policy(self.request(message)).await;
        answer.unwrap().into_inner().policy.unwrap()
    }

    pub async fn register(
        &self,
        mut message: approval::RegisterResourceRequest,
    ) -> Result<approval::Resource, Status> {
        message.account_id.clone_from(&self.account);
        let answer = ResourceServiceClient::new(self.approval.clone())
            .register_resource(self.request(message))
            .await?;
        Ok(answer.into_inner().resource.unwrap())
    }

    /// Registers a campaign that starts and ends so far ahead.
    pub async fn campaign(&self, start: Duration, end: Duration) -> approval::Resource {
        self.register(approval::RegisterResourceRequest {
            kind: "campaign".into(),
            external_id: new_id(),
            title: "Spring sale".into(),
            content: Some(content(&serde_json::json!({"subject": "Spring is here: 20 % off"}))),
            schedule: Some(Schedule { start_time: Some(in_future(start)), end_time: Some(in_future(end)) }),
            ..Default::default()
        })
        .await
        .unwrap()
    }

    /// Registers an A/B test with two variants.
    pub async fn ab_test(&self) -> approval::Resource {
        self.register(approval::RegisterResourceRequest {
            kind: "ab_test".into(),
            external_id: new_id(),
            title: "Button colour".into(),
            content: Some(content(&serde_json::json!({"metric": "clicks"}))),
            variants: vec!["green".into(), "blue".into()],
            ..Default::default()
        })
        .await
        .unwrap()
    }

    pub async fn resource(&self, id: &str) -> Result<approval::Resource, Status> {
        let message = approval::GetResourceRequest {
            account_id: self.account.clone(),
            resource_id: id.into(),
            ..Default::default()
        };
        let answer =
            ResourceServiceClient::new(self.approval.clone()).get_resource(self.request(message)).await?;
        Ok(answer.into_inner().resource.unwrap())
    }

    /// A resource by the owning service's id.
    pub async fn resource_named(&self, kind: &str, external_id: &str) -> Result<approval::Resource, Status> {
        let message = approval::GetResourceRequest {
            account_id: self.account.clone(),
            kind: kind.into(),
            external_id: external_id.into(),
            ..Default::default()
        };
        let answer =
            ResourceServiceClient::new(self.approval.clone()).get_resource(self.request(message)).await?;
        Ok(answer.into_inner().resource.unwrap())
    }

    pub async fn update(
        &self,
        mut message: approval::UpdateResourceRequest,
    ) -> Result<approval::UpdateResourceResponse, Status> {
        message.account_id.clone_from(&self.account);
        Ok(ResourceServiceClient::new(self.approval.clone())
            .update_resource(self.request(message))
            .await?
            .into_inner())
    }

    pub async fn perform(
        &self,
        mut message: approval::PerformActionRequest,
    ) -> Result<approval::PerformActionResponse, Status> {
        message.account_id.clone_from(&self.account);
        Ok(ResourceServiceClient::new(self.approval.clone())
            .perform_action(self.request(message))
            .await?
            .into_inner())
    }

    /// Submits an action; the request's id.
    pub async fn submit(&self, resource: &str, action: &str) -> String {
        let answer = self
            .perform(approval::PerformActionRequest {
                resource_id: resource.into(),
                action: action.into(),
                note: "Please have a look".into(),
                ..Default::default()
            })
            .await
            .unwrap();
        answer.approval_request.expect("a request").approval_request_id
    }

    pub async fn approval_request(&self, id: &str) -> Result<approval::ApprovalRequest, Status> {
        let message = approval::GetApprovalRequestRequest {
            account_id: self.account.clone(),
            approval_request_id: id.into(),
        };
        let answer = ApprovalServiceClient::new(self.approval.clone())
            .get_approval_request(self.request(message))
            .await?;
        Ok(answer.into_inner().approval_request.unwrap())
    }

    /// The first page of the requests on a resource.
    pub async fn requests_on(
        &self,
        resource: &str,
        page_size: i32,
    ) -> approval::ListApprovalRequestsResponse {
        let message = approval::ListApprovalRequestsRequest {
            account_id: self.account.clone(),
            resource_id: resource.into(),
            page_size,
            ..Default::default()
        };
        ApprovalServiceClient::new(self.approval.clone())
            .list_approval_requests(self.request(message))
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn approve(
        &self,
        mut message: approval::ApproveRequest,
    ) -> Result<approval::ApprovalRequest, Status> {
        message.account_id.clone_from(&self.account);
        let answer = ApprovalServiceClient::new(self.approval.clone()).approve(self.request(message)).await?;
        Ok(answer.into_inner().approval_request.unwrap())
    }

    pub async fn reject(
        &self,
        mut message: approval::RejectRequest,
    ) -> Result<approval::ApprovalRequest, Status> {
        message.account_id.clone_from(&self.account);
        let answer = ApprovalServiceClient::new(self.approval.clone()).reject(self.request(message)).await?;
        Ok(answer.into_inner().approval_request.unwrap())
    }

    pub async fn cancel(
        &self,
        mut message: approval::CancelRequest,
    ) -> Result<approval::ApprovalRequest, Status> {
        message.account_id.clone_from(&self.account);
        let answer = ApprovalServiceClient::new(self.approval.clone()).cancel(self.request(message)).await?;
        Ok(answer.into_inner().approval_request.unwrap())
    }

    /// Changes when the member is told of what; the preferences' etag afterwards.
    pub async fn prefer(&self, preference: inbox::Preference) -> Result<String, Status> {
        let message = inbox::UpdatePreferencesRequest {
            account_id: self.account.clone(),
            preferences: vec![preference],
            ..Default::default()
        };
        let answer =
            InboxServiceClient::new(self.notifier.clone()).update_preferences(self.request(message)).await?;
        Ok(answer.into_inner().preferences.unwrap().etag)
    }

    /// What the viewer sees on a resource; nothing before the notifier knows them.
    pub async fn ribbons(&self, resource: &str) -> Vec<inbox::Ribbon> {
        self.try_ribbons(resource).await.unwrap_or_default()
    }

    /// What the viewer sees on a resource, or on all.
    pub async fn try_ribbons(&self, resource: &str) -> Result<Vec<inbox::Ribbon>, Status> {
        let message = inbox::ListRibbonsRequest {
            account_id: self.account.clone(),
            resource_id: resource.into(),
            ..Default::default()
        };
        let answer =
            InboxServiceClient::new(self.notifier.clone()).list_ribbons(self.request(message)).await?;
        Ok(answer.into_inner().ribbons)
    }
}
