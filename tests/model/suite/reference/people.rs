//! Changes of policy, members and custom roles (POL, ACC-7 to ACC-12).

use std::collections::BTreeSet;

use countersign_proto::types::ErrorReason;

use super::told::Told;
use super::{Answer, Done, HOUR, Reference, denied, refused};
use crate::cast::{Area, RoleName, SystemRole, Who};
use crate::command::{MemberChange, PolicyChange, RoleChange};

impl Reference {
    pub fn change_policy(&mut self, by: Who, area: Area, change: PolicyChange) -> Answer {
        if !self.is_admin(by) {
            return denied();
        }
        let was = self.policies[&area].enabled;
        // Who is an approver by the role APPROVER is one while a workflow is on: told is who is one before or after.
        let before = self.told_of_switch(area);
        if let Some(policy) = self.policies.get_mut(&area) {
            match change {
                PolicyChange::Enabled(on) => policy.enabled = on,
                PolicyChange::RequiredApprovals(number) => policy.required = number.into(),
                PolicyChange::SelfApproval(yes) => policy.self_approval = yes,
                PolicyChange::ExcludeAuthors(yes) => policy.exclude_authors = yes,
                PolicyChange::NoteRequired(yes) => policy.note_required = yes,
                PolicyChange::WritersCancel(yes) => policy.writers_cancel = yes,
                PolicyChange::MaxAge(0) => policy.max_age = None,
                PolicyChange::MaxAge(hours) => policy.max_age = Some(i64::from(hours) * HOUR),
                PolicyChange::ReminderAfter(0) => policy.reminder_after = None,
                PolicyChange::ReminderAfter(hours) => policy.reminder_after = Some(i64::from(hours) * HOUR),
                PolicyChange::LeadTime(hours) => policy.lead_time = i64::from(hours) * HOUR,
            }
        }
        let enabled = self.policies[&area].enabled;
        if was != enabled {
            let recipients = if enabled { self.told_of_switch(area) } else { before };
            self.told.push(Told::OfWorkflow { area, enabled, recipients });
        }
        self.settle();
        Answer::Done(Done::Changed)
    }

    /// None where the rules say nothing about such a change.
    pub fn change_member(&mut self, by: Who, of: Who, change: MemberChange) -> Option<Answer> {
        if !self.is_admin(by) {
            return Some(denied());
        }
        let member = self.member(of)?.clone();
        let is_admin = member.system_role == Some(SystemRole::Admin);
        let loses_admin = is_admin
            && match change {
                MemberChange::SystemRole(role) => role != SystemRole::Admin,
                MemberChange::Revoke => true,
                _ => false,
            };
        let mut why = BTreeSet::new();
        if loses_admin && self.admins().len() == 1 {
            why.insert(ErrorReason::LastAdmin);
        }
        let mut after = member.clone();
        match change {
            MemberChange::SystemRole(role) => {
                if Some(role) == member.system_role {
                    return None;
                }
                if role == SystemRole::Approver && !self.some_workflow_is_on() {
                    why.insert(ErrorReason::ApproverRoleUnavailable);
                }
                after.system_role = Some(role);
                after.right &= role == SystemRole::Editor;
            }
            MemberChange::ApprovalRight(given) => match member.system_role {
                Some(SystemRole::Editor) => after.right = given,
                Some(SystemRole::Admin | SystemRole::Approver) if given => return None,
                Some(SystemRole::Creator | SystemRole::Member) | None if !given => return None,
                _ => return Some(refused(ErrorReason::ApprovalRightNotAllowed)),
            },
            MemberChange::Assign(role) => {
                if member.roles.contains(&role) || !self.roles.contains_key(&role) {
                    return None;
                }
                after.roles.insert(role);
                if self.scoped_roles(&after.roles) > 1 {
                    return Some(refused(ErrorReason::SecondScopedRole));
                }
            }
            MemberChange::Unassign(role) => {
                if !after.roles.remove(&role) {
                    return None;
                }
                if after.system_role.is_none() && after.roles.is_empty() {
                    after.system_role = Some(SystemRole::Member);
                }
            }
            MemberChange::Revoke => after.active = false,
        }
        if !why.is_empty() {
            return Some(Answer::Refused(why));
        }
        self.members.insert(of, after);
        self.settle();
        Some(Answer::Done(Done::Changed))
    }

    fn scoped_roles(&self, roles: &BTreeSet<RoleName>) -> usize {
        roles.iter().filter(|name| self.roles.get(name).is_some_and(|role| role.scoped)).count()
    }

    /// None where the rules say nothing about such a change.
    pub fn change_role(&mut self, by: Who, name: RoleName, change: RoleChange) -> Option<Answer> {
        if !self.is_admin(by) {
            return Some(denied());
        }
        let mut role = *self.roles.get(&name)?;
        match change {
            RoleChange::Approves(yes) => role.approves = yes,
            RoleChange::Scoped(yes) => role.scoped = yes,
            RoleChange::Delete => {
                self.roles.remove(&name);
                for member in self.members.values_mut() {
                    let held = member.roles.remove(&name);
                    // ACC-7: also who holds another custom role.
                    if held && member.system_role.is_none() {
                        member.system_role = Some(SystemRole::Member);
                    }
                }
                self.settle();
                return Some(Answer::Done(Done::Changed));
            }
        }
        let before = self.roles.insert(name, role);
        let twice = self.members.values().any(|member| self.scoped_roles(&member.roles) > 1);
        if twice && let Some(before) = before {
            self.roles.insert(name, before);
            return Some(refused(ErrorReason::SecondScopedRole));
        }
        self.settle();
        Some(Answer::Done(Done::Changed))
    }
}
