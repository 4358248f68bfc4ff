//! Changes of policy, members and custom roles, as calls.

use countersign_proto::access::{
    AssignRoleRequest, DeleteRoleRequest, RevokeMemberRequest, UnassignRoleRequest, UpdateMemberRequest,
    UpdateRoleRequest, access_service_client::AccessServiceClient, role_service_client::RoleServiceClient,
};
use countersign_proto::approval::{
    Cancellation, UpdatePolicyRequest, policy_service_client::PolicyServiceClient,
};
use countersign_runtime::ids::new_id;
use prost_types::Duration;

use super::Answered;
use super::account::{Account, accesses, given, us};
use super::answer::done;
use crate::cast::{Area, RoleName, Who};
use crate::command::{MemberChange, PolicyChange, RoleChange};
use crate::reference::Done;

impl Account<'_> {
    pub async fn change_policy(&self, by: Who, area: Area, change: PolicyChange) -> Answered {
        let hours = |hours: u8| Some(Duration { seconds: i64::from(hours) * 3600, nanos: 0 });
        let mut message = UpdatePolicyRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            area: area.name().into(),
            ..Default::default()
        };
        match change {
            PolicyChange::Enabled(on) => message.enabled = Some(on),
            PolicyChange::RequiredApprovals(number) => message.required_approvals = Some(number.into()),
            PolicyChange::SelfApproval(yes) => message.allow_self_approval = Some(yes),
            PolicyChange::ExcludeAuthors(yes) => message.exclude_authors = Some(yes),
            PolicyChange::NoteRequired(yes) => message.rejection_note_required = Some(yes),
            PolicyChange::WritersCancel(true) => message.set_cancellation(Cancellation::Writers),
            PolicyChange::WritersCancel(false) => message.set_cancellation(Cancellation::Nobody),
            PolicyChange::MaxAge(age) => message.request_max_age = hours(age),
            PolicyChange::ReminderAfter(after) => message.reminder_after = hours(after),
            PolicyChange::LeadTime(lead) => message.minimum_lead_time = hours(lead),
            PolicyChange::CoolingOff(time) => message.cooling_off = hours(time),
        }
        self.send(by, message, async |call| {
            PolicyServiceClient::new(self.channel()).update_policy(call).await
        })
        .await?;
        Ok(Done::Changed)
    }

    pub async fn change_member(&self, by: Who, of: Who, change: MemberChange) -> Answered {
        let (account_id, member_id) = (self.id.clone(), self.members[&of].clone());
        let request_id = new_id().to_string();
        let access = AccessServiceClient::new(self.channel());
        let roles = RoleServiceClient::new(self.channel());
        let mut update = UpdateMemberRequest {
            account_id: account_id.clone(),
            request_id: request_id.clone(),
            member_id: member_id.clone(),
            ..Default::default()
        };
        match change {
            MemberChange::SystemRole(role) => update.set_system_role(given(role)),
            MemberChange::ApprovalRight(right) => update.approval_right = Some(right),
            MemberChange::Assign(role) => {
                let role_id = self.roles[&role].clone();
                let message = AssignRoleRequest { account_id, request_id, member_id, role_id };
                self.send(by, message, async |call| roles.clone().assign_role(call).await).await?;
                return Ok(Done::Changed);
            }
            MemberChange::Unassign(role) => {
                let role_id = self.roles[&role].clone();
                let message = UnassignRoleRequest { account_id, request_id, member_id, role_id };
                self.send(by, message, async |call| roles.clone().unassign_role(call).await).await?;
                return Ok(Done::Changed);
            }
            MemberChange::Revoke => {
                let message = RevokeMemberRequest { account_id, request_id, member_id, ..Default::default() };
                let revoke = async |call| access.clone().revoke_member(call).await;
                if by == of {
                    // Whose access has ended is not answered again (README, ACC-9).
                    done(revoke(self.by(by, message)).await)?;
                } else {
                    self.send(by, message, revoke).await?;
                }
                return Ok(Done::Changed);
            }
        }
        self.send(by, update, async |call| access.clone().update_member(call).await).await?;
        Ok(Done::Changed)
    }

    pub async fn change_role(&self, by: Who, role: RoleName, change: RoleChange) -> Answered {
        let (account_id, role_id) = (self.id.clone(), self.roles[&role].clone());
        let request_id = new_id().to_string();
        let client = RoleServiceClient::new(self.channel());
        let mut update = UpdateRoleRequest { account_id, request_id, role_id, ..Default::default() };
        match change {
            RoleChange::Approves(approves) => {
                update.accesses = accesses(role, approves);
                update.replace_accesses = true;
            }
            RoleChange::Scoped(true) => update.scope = Some(us()),
            RoleChange::Scoped(false) => update.clear_scope = true,
            RoleChange::Delete => {
                let UpdateRoleRequest { account_id, request_id, role_id, .. } = update;
                let message = DeleteRoleRequest { account_id, request_id, role_id, ..Default::default() };
                self.send(by, message, async |call| client.clone().delete_role(call).await).await?;
                return Ok(Done::Changed);
            }
        }
        self.send(by, update, async |call| client.clone().update_role(call).await).await?;
        Ok(Done::Changed)
    }
}
