//! What happens to a pending request besides its end: comments (REQ-21), other approvers (REQ-6), a reminder (NOT-8).

use std::collections::BTreeSet;

use countersign_proto::event::RecipientRibbon;
use countersign_proto::types::ErrorReason;

use super::told::Recipient;
use super::{Answer, Done, Reference, denied};
use crate::cast::Who;

impl Reference {
    pub fn comment(&mut self, by: Who, number: usize) -> Answer {
        let request = &self.requests[number];
        if !self.rights_on(by, &self.resources[request.resource]).read {
            return denied();
        }
        if request.state != "PENDING" {
            return Answer::Refused(BTreeSet::from([ErrorReason::RequestDecided]));
        }
        self.record_of(number, "COMMENTED", Some(by), self.told_of_comment(number, by));
        Answer::Done(Done::Changed)
    }

    /// README: its submitter, an assigned approver, and Admins.
    pub fn may_reassign(&self, by: Who, number: usize) -> bool {
        let request = &self.requests[number];
        let rights = self.rights_on(by, &self.resources[request.resource]);
        let assigned = request.chosen.contains(&by) && !request.lost.contains(&by);
        rights.read
            && (rights.write && request.submitter == by || rights.approve && assigned || self.is_admin(by))
    }

    pub fn reassign(&mut self, by: Who, number: usize, approvers: &[Who]) -> Answer {
        if !self.may_reassign(by, number) {
            return denied();
        }
        let request = &self.requests[number];
        let mut why = BTreeSet::new();
        if request.state != "PENDING" {
            why.insert(ErrorReason::RequestDecided);
        }
        let chosen: BTreeSet<Who> = approvers.iter().copied().collect();
        let assigned: BTreeSet<Who> = request.chosen.difference(&request.lost).copied().collect();
        let mut able = self.approvers(&self.resources[request.resource]);
        let excluded = self.excluded(request.resource, request.submitter, &request.authors);
        able.retain(|who| !excluded.contains(who));
        let decided: BTreeSet<Who> = request.decisions.iter().map(|decision| decision.0).collect();
        let hands_on = !self.is_admin(by) && request.submitter != by;
        let drops_others = assigned.iter().any(|who| *who != by && !chosen.contains(who));
        if chosen.len() != approvers.len()
            || !chosen.is_subset(&able)
            || chosen == assigned
            || (hands_on && drops_others)
        {
            why.insert(ErrorReason::InvalidFields);
        }
        if !chosen.is_empty() {
            able.retain(|who| chosen.contains(who) || self.is_admin(*who));
        }
        // What somebody approved who may not decide any more does not count (REQ-7, REQ-22).
        let voided: BTreeSet<Who> = decided.difference(&able).copied().collect();
        if able.len() < request.required {
            why.insert(ErrorReason::NoEligibleApprovers);
        }
        if !why.is_empty() {
            return Answer::Refused(why);
        }
        let before: BTreeSet<Who> = self.asked_now(number).into_iter().map(|it| it.who).collect();
        (self.requests[number].chosen, self.requests[number].lost) = (chosen, BTreeSet::new());
        self.void(number, &voided);
        let told = self.awaited(number).into_iter().map(|it| Recipient {
            ribbon: RecipientRibbon::Decide,
            mail: !before.contains(&it.who),
            ..it
        });
        let told = told.collect();
        self.record_of(number, "REASSIGNED", Some(by), told);
        Answer::Done(Done::Changed)
    }

    /// Its time has come (NOT-8): once.
    pub(super) fn remind(&mut self, number: usize) {
        self.requests[number].remind = None;
        let told = self.awaited(number);
        self.record_of(number, "REMINDED", None, told);
    }

    /// Of those who are asked, the ones who have not decided.
    fn awaited(&self, number: usize) -> BTreeSet<Recipient> {
        let decided = |who: Who| self.requests[number].decisions.iter().any(|(by, _)| *by == who);
        self.asked_now(number).into_iter().filter(|it| !decided(it.who)).collect()
    }
}
