//! Changes of policy, members and custom roles (POL, ACC-7 to ACC-12).

use std::collections::BTreeSet;

use countersign_proto::types::ErrorReason;

use super::told::Told;
use super::{Answer, Done, HOUR, Policy, Reference, denied, refused};
use crate::cast::{Area, RoleName, SystemRole, Who};
use crate::command::{MemberChange, PolicyChange, RoleChange};

impl Reference {
    pub fn change_policy(&mut self, by: Who, area: Area, change: PolicyChange) -> Answer {
        if !self.is_admin(by) {
            return denied();
        }
        let was = self.policies[&area].clone();
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
                PolicyChange::CoolingOff(hours) => policy.cooling_off = i64::from(hours) * HOUR,
            }
        }
        let enabled = self.policies[&area].enabled;
        if was.enabled != enabled {
            let recipients = if enabled { self.told_of_switch(area) } else { before };
            self.told.push(Told::OfWorkflow { area, enabled, recipients });
        }
        self.weaken(by, area, &was);
        self.settle();
        Answer::Done(Done::Changed)
    }

    /// POL-9: who made it weaker than it `was` is held, and it is told. That the workflow is off is told by itself.
    fn weaken(&mut self, by: Who, area: Area, was: &Policy) {
        let is = &self.policies[&area];
        let weakened = weakened(was, is);
        if weakened.is_empty() && (is.enabled || !was.enabled) {
            return;
        }
        let until = self.now + was.cooling_off.max(is.cooling_off);
        let until = was.held.get(&by).map_or(until, |earlier| until.max(*earlier));
        let held_until = (until > self.now).then_some(until);
        if !weakened.is_empty() {
            let recipients = self.told_of_switch(area);
            self.told.push(Told::WeakerPolicy { area, weakened, held_until, recipients });
        }
        if let (Some(until), Some(policy)) = (held_until, self.policies.get_mut(&area)) {
            policy.held.insert(by, until);
        }
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

/// The settings by which a policy is weaker than it was, the workflow aside, as the contract writes them.
fn weakened(was: &Policy, is: &Policy) -> BTreeSet<(String, String, String)> {
    let span = |micros: i64| format!("{}s", micros / 1_000_000);
    let age = |policy: &Policy| span(policy.max_age.unwrap_or(0));
    let cancels = |yes: bool| if yes { "WRITERS" } else { "NOBODY" }.to_owned();
    let longer = match (was.max_age, is.max_age) {
        (Some(was), Some(is)) => is > was,
        (was, is) => was.is_some() && is.is_none(),
    };
    let all = [
        ("required_approvals", is.required < was.required, was.required.to_string(), is.required.to_string()),
        (
            "allow_self_approval",
            is.self_approval && !was.self_approval,
            was.self_approval.to_string(),
            is.self_approval.to_string(),
        ),
        (
            "exclude_authors",
            was.exclude_authors && !is.exclude_authors,
            was.exclude_authors.to_string(),
            is.exclude_authors.to_string(),
        ),
        (
            "cancellation",
            is.writers_cancel && !was.writers_cancel,
            cancels(was.writers_cancel),
            cancels(is.writers_cancel),
        ),
        ("request_max_age", longer, age(was), age(is)),
        ("minimum_lead_time", is.lead_time < was.lead_time, span(was.lead_time), span(is.lead_time)),
        ("cooling_off", is.cooling_off < was.cooling_off, span(was.cooling_off), span(is.cooling_off)),
    ];
    let weaker = all.into_iter().filter(|(_, weaker, ..)| *weaker);
    weaker.map(|(setting, _, before, after)| (setting.to_owned(), before, after)).collect()
}
