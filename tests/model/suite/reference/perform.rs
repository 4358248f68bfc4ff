//! Actions: applied at once or submitted (REQ-1 to REQ-7, REQ-11, REQ-13, REQ-14, POL-1, POL-5, POL-6).

use std::collections::BTreeSet;

use countersign_proto::types::ErrorReason;

use super::edit::VARIANTS;
use super::lifecycle::{Row, Target, row};
use super::{Answer, Done, Reference, Request, denied};
use crate::cast::{Kind, Mode, SystemRole, Who};

/// What is asked for beside the action.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub mode: Option<Mode>,
    pub approvers: Vec<Who>,
    pub winner: Option<&'static str>,
    pub emergency: bool,
}

/// How an action goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Free,
    /// By an approver who is not gated (POL-5).
    Bypass,
    /// An Admin's emergency (POL-8).
    Emergency,
    Gated,
}

impl Reference {
    pub fn perform(&mut self, by: Who, index: usize, action: &'static str, asked: &Asked) -> Answer {
        let resource = &self.resources[index];
        if !self.rights_on(by, resource).write {
            return denied();
        }
        let row = row(resource.kind, resource.state, action);
        let enabled = self.policy(index).enabled;
        let way = row.map_or(Way::Free, |row| self.way(by, index, row, enabled, asked));
        let mut why = match row {
            _ if resource.pending.is_some() => locked(row, way),
            None => BTreeSet::from([ErrorReason::ActionNotAllowed]),
            Some(_) => BTreeSet::new(),
        };
        why.extend(self.objections(by, index, action, way, asked));
        let guarded = |row| matches!(self.way(by, index, row, true, asked), Way::Gated | Way::Emergency);
        if way == Way::Free && row.is_some_and(guarded) && self.is_held(by, index) {
            why.insert(ErrorReason::CoolingOff);
        }
        let (Some(row), true) = (row, why.is_empty()) else { return Answer::Refused(why) };
        if way == Way::Gated {
            self.submit(by, index, row, asked);
            return Answer::Done(Done::Submitted);
        }
        let from = self.resources[index].state;
        let mode = launch_mode(action, asked);
        self.apply(index, action, target(from, row), mode, asked.winner);
        if way == Way::Emergency {
            self.bypassed(by, index, action, from);
            return Answer::Done(Done::Bypassed);
        }
        let (event, done) = match way {
            Way::Bypass => ("BYPASSED", Done::AppliedByApprover),
            _ => ("APPLIED", Done::Applied),
        };
        self.record(index, event, Some(by), action, from);
        Answer::Done(done)
    }

    fn way(&self, by: Who, index: usize, row: Row, enabled: bool, asked: &Asked) -> Way {
        let resource = &self.resources[index];
        let reaches_customers = launch_mode(row.action, asked).is_none_or(|mode| mode == Mode::Active);
        if row.label.is_none() || !enabled || !reaches_customers {
            return Way::Free;
        }
        let creator = self.members[&by].system_role == Some(SystemRole::Creator);
        let approver = self.rights_on(by, resource).approve && !creator;
        if resource.kind == Kind::Campaign && approver && asked.approvers.is_empty() {
            Way::Bypass
        } else if asked.emergency {
            Way::Emergency
        } else {
            Way::Gated
        }
    }

    /// Who could decide what `by` submits.
    pub fn may_be_chosen(&self, by: Who, index: usize) -> BTreeSet<Who> {
        let mut able = self.approvers(&self.resources[index]);
        let excluded = self.excluded(index, by, &self.resources[index].authors);
        able.retain(|who| !excluded.contains(who));
        able
    }

    /// What is wrong with the fields, the schedule, the staged content and the approvers.
    fn objections(
        &self,
        by: Who,
        index: usize,
        action: &str,
        way: Way,
        asked: &Asked,
    ) -> BTreeSet<ErrorReason> {
        let resource = &self.resources[index];
        let mut why = BTreeSet::new();
        if asked.mode.is_some() && action != "LAUNCH" {
            why.insert(ErrorReason::InvalidFields);
        }
        if let Some(winner) = asked.winner
            && (action != "FINISH" || way == Way::Gated || !VARIANTS.contains(&winner))
        {
            why.insert(ErrorReason::InvalidFields);
        }
        if way == Way::Emergency {
            if !self.is_admin(by) {
                why.insert(ErrorReason::PermissionDenied);
            }
            if self.has_review_open(by) {
                why.insert(ErrorReason::ReviewOpen);
            }
        } else if asked.emergency {
            why.insert(ErrorReason::InvalidFields);
        }
        let mut able = self.may_be_chosen(by, index);
        let distinct: BTreeSet<Who> = asked.approvers.iter().copied().collect();
        let chosen_well = distinct.len() == asked.approvers.len() && distinct.is_subset(&able);
        if !chosen_well || (way != Way::Gated && !asked.approvers.is_empty()) {
            why.insert(ErrorReason::InvalidFields);
        }
        if way == Way::Gated {
            if !asked.approvers.is_empty() {
                able.retain(|who| distinct.contains(who) || self.is_admin(*who));
            }
            if able.len() < self.policy(index).required {
                why.insert(ErrorReason::NoEligibleApprovers);
            }
        }
        if !self.schedule_allows(index, action, asked) {
            why.insert(ErrorReason::ScheduleNotAcceptable);
        }
        if action == "PUBLISH_EDITS" && resource.staged.is_none() {
            why.insert(ErrorReason::NothingStaged);
        }
        why
    }

    /// POL-6 and REQ-14.
    fn schedule_allows(&self, index: usize, action: &str, asked: &Asked) -> bool {
        let resource = &self.resources[index];
        let starts_from =
            |earliest: i64| resource.start.is_some_and(|start| start > self.now && start >= earliest);
        match action {
            "LAUNCH" => {
                let active = launch_mode(action, asked) == Some(Mode::Active);
                let over = resource.end.is_some_and(|end| end <= self.now);
                !over && (!active || starts_from(self.now + self.policy(index).lead_time))
            }
            "SCHEDULE" | "PLAN" => starts_from(self.now),
            "GO_ON" => resource.end.is_none_or(|end| end > self.now),
            _ => true,
        }
    }

    fn submit(&mut self, by: Who, index: usize, row: Row, asked: &Asked) {
        let resource = &self.resources[index];
        let policy = self.policy(index);
        let own_deadline = match row.action {
            // Of a journey that goes on, its end would come meanwhile, or at once.
            "LAUNCH" | "GO_ON" => resource.end,
            "SCHEDULE" | "UNSCHEDULE" | "PLAN" => resource.start,
            _ if resource.state == "UNDER_WAY" => resource.end,
            _ => None,
        };
        let content = match row.target {
            Target::Same => resource.staged.clone().unwrap_or_default(),
            Target::State(_) => resource.live.clone(),
        };
        let deadline = own_deadline.or(policy.max_age.map(|age| self.now + age));
        let remind = policy.reminder_after.map(|after| self.now + after);
        let request = Request {
            resource: index,
            action: row.action,
            from: resource.state,
            label: row.label.unwrap_or_default(),
            target: target(resource.state, row),
            submitter: by,
            authors: resource.authors.clone(),
            mode: launch_mode(row.action, asked),
            content,
            chosen: asked.approvers.iter().copied().collect(),
            lost: BTreeSet::new(),
            required: policy.required,
            decisions: Vec::new(),
            voided: BTreeSet::new(),
            deadline,
            remind: remind.filter(|at| deadline.is_none_or(|deadline| *at < deadline)),
            state: "PENDING",
            expiry_reason: "",
            ended: None,
            winner: None,
        };
        self.requests.push(request);
        let number = self.requests.len() - 1;
        let resource = &mut self.resources[index];
        (resource.pending, resource.status) = (Some(number), "APPROVAL_PENDING");
        self.record_of(number, "SUBMITTED", Some(by), self.told_of_submission(number));
    }

    /// Puts an action in force.
    pub(super) fn apply(
        &mut self,
        index: usize,
        action: &str,
        target: &'static str,
        mode: Option<Mode>,
        winner: Option<&'static str>,
    ) {
        let resource = &mut self.resources[index];
        resource.state = target;
        if target == "DRAFT" {
            resource.staged = None;
        }
        if action == "PUBLISH_EDITS"
            && let Some(staged) = resource.staged.take()
        {
            resource.live = staged;
        }
        if action == "LAUNCH" {
            resource.mode = mode;
        }
        if winner.is_some() {
            resource.winner = winner;
        }
    }
}

/// The refusals of an action on what waits for a decision (LIF-20, REQ-2).
fn locked(row: Option<Row>, way: Way) -> BTreeSet<ErrorReason> {
    match (row, way) {
        (Some(row), _) if row.label.is_none() => BTreeSet::from([ErrorReason::ResourceLocked]),
        (Some(_), Way::Gated) => BTreeSet::from([ErrorReason::RequestPending]),
        (Some(_), _) => BTreeSet::from([ErrorReason::RequestPending, ErrorReason::ResourceLocked]),
        (None, _) => BTreeSet::from([
            ErrorReason::RequestPending,
            ErrorReason::ResourceLocked,
            ErrorReason::ActionNotAllowed,
        ]),
    }
}

/// A LAUNCH that says nothing is ACTIVE; nothing else has a mode.
fn launch_mode(action: &str, asked: &Asked) -> Option<Mode> {
    (action == "LAUNCH").then(|| asked.mode.unwrap_or(Mode::Active))
}

fn target(from: &'static str, row: Row) -> &'static str {
    match row.target {
        Target::State(to) => to,
        Target::Same => from,
    }
}
