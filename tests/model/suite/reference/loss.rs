//! What a change of the rules leaves to be settled (REQ-10, POL-2).

use std::collections::BTreeSet;

use super::Reference;
use crate::cast::Who;

impl Reference {
    /// Settles every pending request after a change of the rules. Countersign does it, whoever made the change.
    pub(super) fn settle(&mut self) {
        for number in 0..self.requests.len() {
            if self.requests[number].state == "PENDING" {
                self.settle_one(number);
            }
        }
    }

    /// Who is chosen and has not lost that, or where nobody was chosen whoever may approve.
    pub fn able(&self, number: usize) -> BTreeSet<Who> {
        let request = &self.requests[number];
        if request.chosen.is_empty() {
            self.approvers(&self.resources[request.resource])
        } else {
            request.chosen.difference(&request.lost).copied().collect()
        }
    }

    fn settle_one(&mut self, number: usize) {
        let request = &self.requests[number];
        let policy = self.policy(request.resource);
        if !policy.enabled {
            self.end(number, "REVERTED", None, BTreeSet::new());
            return;
        }
        let resource = &self.resources[request.resource];
        let mut able = self.approvers(resource);
        let excluded = self.excluded(request.resource, request.submitter, &request.authors);
        able.retain(|who| !excluded.contains(who));
        let assigned: BTreeSet<Who> = request.chosen.difference(&request.lost).copied().collect();
        let lost: BTreeSet<Who> = assigned.difference(&able).copied().collect();
        let none_is_left = !request.chosen.is_empty() && lost.len() == assigned.len();
        if !request.chosen.is_empty() {
            able.retain(|who| assigned.contains(who) || self.is_admin(*who));
        }
        // What somebody approved who may not decide any more does not count (REQ-22).
        let voided: BTreeSet<Who> =
            request.decisions.iter().map(|(by, _)| *by).filter(|by| !able.contains(by)).collect();
        let approved = request.decisions.len() - voided.len();
        let left = able.iter().filter(|who| request.decisions.iter().all(|(by, _)| by != *who)).count();
        let too_few = approved + left < request.required;
        let unchanged = lost.is_empty() && voided.is_empty();
        self.void(number, &voided);
        if none_is_left || too_few {
            self.requests[number].lost.extend(lost);
            self.requests[number].expiry_reason = "NO_ELIGIBLE_APPROVERS";
            let told = self.told_of_expiry(number, false);
            self.discard_submitted_edits(number);
            self.end(number, "EXPIRED", None, told);
        } else if !unchanged {
            self.requests[number].lost.extend(lost);
            let told = self.told_of_loss(number);
            let event = if voided.is_empty() { "ASSIGNMENT_EXPIRED" } else { "VOTE_VOIDED" };
            self.record_of(number, event, None, told);
        }
    }

    /// What these approved does not count any more.
    pub(super) fn void(&mut self, number: usize, voided: &BTreeSet<Who>) {
        let request = &mut self.requests[number];
        request.decisions.retain(|(by, _)| !voided.contains(by));
        request.voided.extend(voided);
    }
}
