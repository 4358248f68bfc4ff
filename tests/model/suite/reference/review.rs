//! Emergency bypasses and their reviews (POL-8, NOT-9).

use std::collections::BTreeSet;

use countersign_proto::event::{RecipientReason, RecipientRibbon};
use countersign_proto::types::ErrorReason;

use super::told::Recipient;
use super::{Answer, Done, Reference, denied};
use crate::cast::Who;

#[derive(Clone, Debug)]
pub struct Review {
    pub resource: usize,
    pub action: &'static str,
    pub by: Who,
    pub open: bool,
    /// Who was told, and sees it while it is open.
    pub told: BTreeSet<Who>,
}

impl Reference {
    /// Whether a bypass of theirs has still to be reviewed.
    pub(super) fn has_review_open(&self, by: Who) -> bool {
        self.reviews.iter().any(|review| review.open && review.by == by)
    }

    /// A bypass took effect; the resource is as it is after it.
    pub(super) fn bypassed(&mut self, by: Who, resource: usize, action: &'static str, from: &str) {
        let mut told = self.approvers(&self.resources[resource]);
        told.remove(&by);
        let recipients = told
            .iter()
            .map(|who| Recipient {
                who: *who,
                reason: RecipientReason::AreaApprover,
                ribbon: RecipientRibbon::Review,
                mail: true,
            })
            .collect();
        self.reviews.push(Review { resource, action, by, open: true, told });
        self.resources[resource].review = Some(self.reviews.len() - 1);
        self.write_down(resource, "EMERGENCY_BYPASSED", Some(by), action, from, None, recipients);
    }

    pub fn close_review(&mut self, by: Who, number: usize) -> Answer {
        let review = self.reviews[number].clone();
        let rights = self.rights_on(by, &self.resources[review.resource]);
        if !rights.approve {
            return denied();
        }
        let mut why = BTreeSet::new();
        if review.by == by {
            why.insert(ErrorReason::SelfReview);
        }
        if !review.open {
            why.insert(ErrorReason::ReviewClosed);
        }
        if !why.is_empty() {
            return Answer::Refused(why);
        }
        self.reviews[number].open = false;
        let bypasser = Recipient {
            who: review.by,
            reason: RecipientReason::Admin,
            ribbon: RecipientRibbon::Unspecified,
            mail: true,
        };
        let told = self.first_of([bypasser]);
        let from = self.resources[review.resource].state;
        self.write_down(review.resource, "REVIEWED", Some(by), review.action, from, None, told);
        Answer::Done(Done::Changed)
    }
}
