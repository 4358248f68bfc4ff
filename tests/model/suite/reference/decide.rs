//! Decisions and other ends of requests (REQ-4 to REQ-8, REQ-12 to REQ-17, POL-3, POL-4).

use std::collections::BTreeSet;

use countersign_proto::types::ErrorReason;

use super::edit::VARIANTS;
use super::{Actor, Answer, Done, Reference, Verdict, denied};
use crate::cast::Who;

impl Reference {
    pub fn approve(
        &mut self,
        by: Who,
        number: usize,
        winner: Option<&'static str>,
        right_digest: bool,
    ) -> Answer {
        let Some(mut why) = self.objections_to(by, number, right_digest) else { return denied() };
        let request = &self.requests[number];
        let last = request.decisions.len() + 1 >= request.required;
        if let Some(winner) = winner
            && (request.action != "FINISH" || !last || !VARIANTS.contains(&winner))
        {
            why.insert(ErrorReason::InvalidFields);
        }
        if !why.is_empty() {
            return Answer::Refused(why);
        }
        self.requests[number].decisions.push((by, Verdict::Approved));
        self.requests[number].voided.remove(&by);
        if !last {
            self.record_of(number, "APPROVAL_RECORDED", Some(by), BTreeSet::new());
            return Answer::Done(Done::Decided("PENDING"));
        }
        let request = self.requests[number].clone();
        self.requests[number].winner = winner;
        self.apply(request.resource, request.action, request.target, request.mode, winner);
        if self.resources[request.resource].staged.is_none() {
            self.resources[request.resource].authors.clear();
        }
        self.end(number, "APPROVED", Some(by), self.told_of_decision(number));
        Answer::Done(Done::Decided("APPROVED"))
    }

    pub fn reject(&mut self, by: Who, number: usize, note: bool, right_digest: bool) -> Answer {
        let Some(mut why) = self.objections_to(by, number, right_digest) else { return denied() };
        if !note && self.policy(self.requests[number].resource).note_required {
            why.insert(ErrorReason::InvalidFields);
        }
        if !why.is_empty() {
            return Answer::Refused(why);
        }
        self.requests[number].decisions.push((by, Verdict::Rejected));
        self.requests[number].voided.remove(&by);
        self.discard_submitted_edits(number);
        self.end(number, "REJECTED", Some(by), self.told_of_decision(number));
        Answer::Done(Done::Decided("REJECTED"))
    }

    /// What speaks against a decision by `by`; none: they may not know anything of it.
    fn objections_to(&self, by: Who, number: usize, right_digest: bool) -> Option<BTreeSet<ErrorReason>> {
        let request = &self.requests[number];
        let resource = &self.resources[request.resource];
        if !self.rights_on(by, resource).approve {
            return None;
        }
        let mut why = BTreeSet::new();
        if request.state != "PENDING" {
            why.insert(ErrorReason::RequestDecided);
        }
        if request.submitter == by && !self.policy(request.resource).self_approval {
            why.insert(ErrorReason::SelfApproval);
        }
        if request.authors.contains(&by) && self.policy(request.resource).exclude_authors {
            why.insert(ErrorReason::AuthorApproval);
        }
        if self.is_held(by, request.resource) {
            why.insert(ErrorReason::CoolingOff);
        }
        let assigned = request.chosen.contains(&by) && !request.lost.contains(&by);
        if !request.chosen.is_empty() && !assigned && !self.is_admin(by) {
            why.insert(ErrorReason::NotAssigned);
        }
        if request.decisions.iter().any(|(who, _)| *who == by) {
            why.insert(ErrorReason::AlreadyApproved);
        }
        if !right_digest {
            why.insert(ErrorReason::DigestMismatch);
        }
        Some(why)
    }

    pub fn cancel(&mut self, by: Who, number: usize) -> Answer {
        let request = &self.requests[number];
        let resource = &self.resources[request.resource];
        let rights = self.rights_on(by, resource);
        let assigned = rights.approve && request.chosen.contains(&by) && !request.lost.contains(&by);
        if !self.policy(request.resource).writers_cancel || !(rights.write || assigned) {
            return denied();
        }
        if request.state != "PENDING" {
            return Answer::Refused(BTreeSet::from([ErrorReason::RequestDecided]));
        }
        self.discard_submitted_edits(number);
        self.end(number, "CANCELLED", Some(by), self.told_of_cancellation(number, by));
        Answer::Done(Done::Decided("CANCELLED"))
    }

    /// Its deadline passed.
    pub(super) fn expire(&mut self, number: usize) {
        self.requests[number].expiry_reason = "DEADLINE";
        let told = self.told_of_expiry(number, true);
        self.discard_submitted_edits(number);
        self.end(number, "EXPIRED", None, told);
    }

    /// Edits that were submitted and not approved are gone (LIF-5, LIF-12).
    pub(super) fn discard_submitted_edits(&mut self, number: usize) {
        let request = &self.requests[number];
        if request.action == "PUBLISH_EDITS" {
            self.resources[request.resource].staged = None;
        }
    }

    /// Ends a request in `state`, which is the name of what history says as well.
    pub(super) fn end(
        &mut self,
        number: usize,
        state: &'static str,
        by: Actor,
        told: BTreeSet<super::told::Recipient>,
    ) {
        let ended = Some((by, self.now));
        let request = &mut self.requests[number];
        (request.state, request.ended) = (state, ended);
        let resource = &mut self.resources[request.resource];
        resource.pending = None;
        resource.status = match state {
            "APPROVED" => "APPROVAL_APPROVED",
            "REJECTED" => "APPROVAL_REJECTED",
            "EXPIRED" => "APPROVAL_EXPIRED",
            _ => "APPROVAL_CANCELLED",
        };
        self.record_of(number, state, by, told);
    }
}
