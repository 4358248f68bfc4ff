//! What is written down and who is told (HIS, NOT).

use std::collections::BTreeSet;

use countersign_proto::event::{RecipientReason, RecipientRibbon};

use super::{Actor, Reference};
use crate::cast::{Area, Who};

/// Somebody who is told of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    pub who: Who,
    pub reason: RecipientReason,
    pub ribbon: RecipientRibbon,
    pub mail: bool,
}

/// Something that happened: an entry of history, and the event that tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    OfResource(Entry),
    /// The settings that are weaker, each with what it was and what it is (POL-9).
    WeakerPolicy {
        area: Area,
        weakened: BTreeSet<(String, String, String)>,
        held_until: Option<i64>,
        recipients: BTreeSet<Recipient>,
    },
    OfWorkflow {
        area: Area,
        enabled: bool,
        recipients: BTreeSet<Recipient>,
    },
}

/// An entry of a resource's history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub resource: usize,
    pub sequence: i64,
    pub event: String,
    pub action: String,
    pub actor: Actor,
    pub time: i64,
    pub from: String,
    pub to: String,
    pub request: Option<usize>,
    pub recipients: BTreeSet<Recipient>,
}

/// What a resource's ribbons tell of.
#[derive(Clone, Debug)]
pub struct Ribbon {
    pub request: usize,
    /// Who has one of their own: while it waits those who are asked to decide, later those who are told how it ended.
    pub own: BTreeSet<Who>,
}

impl Reference {
    /// Writes down something about a resource that is no request's.
    pub(super) fn record(&mut self, resource: usize, event: &str, actor: Actor, action: &str, from: &str) {
        self.write_down(resource, event, actor, action, from, None, BTreeSet::new());
    }

    /// Writes down something about a request, whose resource is as it is after it.
    pub(super) fn record_of(
        &mut self,
        request: usize,
        event: &str,
        actor: Actor,
        recipients: BTreeSet<Recipient>,
    ) {
        let (resource, action, from) = {
            let request = &self.requests[request];
            (request.resource, request.action, request.from)
        };
        let own = |ribbon| recipients.iter().filter(|it| it.ribbon == ribbon).map(|it| it.who).collect();
        match event {
            "COMMENTED" | "REMINDED" => {}
            "SUBMITTED" | "REASSIGNED" => {
                self.resources[resource].ribbon = Some(Ribbon { request, own: own(RecipientRibbon::Decide) });
            }
            "APPROVAL_RECORDED" | "ASSIGNMENT_EXPIRED" | "VOTE_VOIDED" => {
                let gone: BTreeSet<Who> = {
                    let request = &self.requests[request];
                    let decided = request.decisions.iter().map(|decision| decision.0);
                    decided.chain(request.lost.clone()).chain(request.voided.clone()).collect()
                };
                if let Some(ribbon) = &mut self.resources[resource].ribbon {
                    ribbon.own.retain(|who| !gone.contains(who));
                }
            }
            _ => {
                self.resources[resource].ribbon = Some(Ribbon { request, own: own(RecipientRibbon::Result) });
            }
        }
        self.write_down(resource, event, actor, action, from, Some(request), recipients);
    }

    #[expect(clippy::too_many_arguments, reason = "an entry has that many fields")]
    pub(super) fn write_down(
        &mut self,
        resource: usize,
        event: &str,
        actor: Actor,
        action: &str,
        from: &str,
        request: Option<usize>,
        recipients: BTreeSet<Recipient>,
    ) {
        let time = self.now;
        let it = &mut self.resources[resource];
        it.version += 1;
        let entry = Entry {
            resource,
            sequence: it.version,
            event: event.to_owned(),
            action: action.to_owned(),
            actor,
            time,
            from: from.to_owned(),
            to: it.state.to_owned(),
            request,
            recipients,
        };
        self.told.push(Told::OfResource(entry));
    }

    /// The first reason of each that there is, of those who are active.
    pub(super) fn first_of(&self, several: impl IntoIterator<Item = Recipient>) -> BTreeSet<Recipient> {
        let mut told = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for recipient in several {
            if self.member(recipient.who).is_some() && seen.insert(recipient.who) {
                told.insert(recipient);
            }
        }
        told
    }

    /// NOT-1, NOT-2.
    pub(super) fn told_of_submission(&self, request: usize) -> BTreeSet<Recipient> {
        let request = &self.requests[request];
        let resource = &self.resources[request.resource];
        let excluded = self.excluded(request.resource, request.submitter, &request.authors);
        let area = self.approvers(resource);
        let deciding: BTreeSet<Who> = area.difference(&excluded).copied().collect();
        let asked =
            |who: &Who, reason| Recipient { who: *who, reason, ribbon: RecipientRibbon::Decide, mail: true };
        let first: Vec<Recipient> = if request.chosen.is_empty() {
            deciding.iter().map(|who| asked(who, RecipientReason::AreaApprover)).collect()
        } else {
            request.chosen.iter().map(|who| asked(who, RecipientReason::AssignedApprover)).collect()
        };
        // README: of a product experience the submitter is not told of what others are to decide.
        let others = area.iter().filter(|who| **who != request.submitter).map(|who| Recipient {
            ribbon: RecipientRibbon::Unspecified,
            ..asked(who, RecipientReason::AreaApprover)
        });
        let of_experience = resource.kind.area() != Area::Campaigns;
        self.first_of(first.into_iter().chain(others.filter(|_| of_experience)))
    }

    /// NOT-3, NOT-4.
    pub(super) fn told_of_decision(&self, request: usize) -> BTreeSet<Recipient> {
        let request = &self.requests[request];
        let of_experience = self.resources[request.resource].kind.area() != Area::Campaigns;
        let admins = self.admins();
        let admins = admins.iter().filter(|_| of_experience).map(|who| Recipient {
            who: *who,
            reason: RecipientReason::Admin,
            ribbon: RecipientRibbon::Unspecified,
            mail: true,
        });
        self.first_of([submitter(request.submitter)].into_iter().chain(admins))
    }

    /// NOT-5.
    pub(super) fn told_of_cancellation(&self, request: usize, by: Who) -> BTreeSet<Recipient> {
        let request = &self.requests[request];
        let owner = Recipient {
            who: self.resources[request.resource].owner,
            reason: RecipientReason::Owner,
            ribbon: RecipientRibbon::Result,
            mail: true,
        };
        let assigned = request.chosen.difference(&request.lost).map(|who| Recipient {
            who: *who,
            reason: RecipientReason::AssignedApprover,
            ribbon: RecipientRibbon::Unspecified,
            mail: true,
        });
        let all = [submitter(request.submitter), owner].into_iter().chain(assigned);
        self.first_of(all.filter(|recipient| recipient.who != by))
    }

    /// NOT-6: at a deadline those who were asked are told too.
    pub(super) fn told_of_expiry(&self, request: usize, at_deadline: bool) -> BTreeSet<Recipient> {
        let asked = if at_deadline { self.asked_now(request) } else { BTreeSet::new() };
        self.first_of([submitter(self.requests[request].submitter)].into_iter().chain(asked))
    }

    /// Those whose decision a request still waits for.
    pub(super) fn asked_now(&self, request: usize) -> BTreeSet<Recipient> {
        self.told_of_submission(request)
            .into_iter()
            .filter(|it| {
                it.ribbon == RecipientRibbon::Decide && !self.requests[request].lost.contains(&it.who)
            })
            .map(|it| Recipient { ribbon: RecipientRibbon::Unspecified, ..it })
            .collect()
    }

    /// NOT-8: the other side, or both sides of what somebody else says.
    pub(super) fn told_of_comment(&self, request: usize, by: Who) -> BTreeSet<Recipient> {
        let asked = self.asked_now(request);
        let is_asked = asked.iter().any(|it| it.who == by);
        let author = submitter(self.requests[request].submitter);
        let author = Recipient { ribbon: RecipientRibbon::Unspecified, ..author };
        let all = [author].into_iter().chain(asked.into_iter().filter(|_| !is_asked));
        self.first_of(all.filter(|it| it.who != by))
    }

    /// NOT-6: somebody's assignment was lost.
    pub(super) fn told_of_loss(&self, request: usize) -> BTreeSet<Recipient> {
        let told = submitter(self.requests[request].submitter);
        self.first_of([Recipient { ribbon: RecipientRibbon::Unspecified, ..told }])
    }

    /// NOT-7.
    pub(super) fn told_of_switch(&self, area: Area) -> BTreeSet<Recipient> {
        let told =
            |who: Who, reason| Recipient { who, reason, ribbon: RecipientRibbon::Unspecified, mail: true };
        let admins = self.admins().into_iter().map(|who| told(who, RecipientReason::Admin));
        let approvers = Who::MEMBERS.into_iter().filter(|who| self.rights(*who, area).approve);
        self.first_of(admins.chain(approvers.map(|who| told(who, RecipientReason::AreaApprover))))
    }
}

fn submitter(who: Who) -> Recipient {
    Recipient { who, reason: RecipientReason::Submitter, ribbon: RecipientRibbon::Result, mail: true }
}
