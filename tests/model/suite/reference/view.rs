//! What the reference shows: the same as what the service is asked for, so that the two can be compared.

use std::collections::BTreeSet;

use super::lifecycle::rows;
use super::{Actor, Reference};
use crate::cast::{Area, Mode, Who};

/// A resource as its readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceView {
    pub kind: &'static str,
    pub owner: Option<Who>,
    pub title: String,
    pub state: String,
    pub approval_status: String,
    pub pending_label: String,
    pub pending_request: Option<usize>,
    pub live: String,
    pub staged: Option<String>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub winner: String,
    pub mode: Option<Mode>,
    pub allowed_actions: BTreeSet<String>,
    pub version: i64,
}

/// A request as its readers see it. Of contents the digests are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    pub resource: Option<usize>,
    pub area: &'static str,
    pub action: String,
    pub from: String,
    pub label: String,
    pub target: String,
    pub submitter: Actor,
    pub authors: Vec<Who>,
    pub mode: Option<Mode>,
    pub digest: String,
    pub chosen: BTreeSet<Who>,
    pub lost: BTreeSet<Who>,
    pub required: usize,
    pub decisions: Vec<(Actor, String)>,
    pub voided: BTreeSet<Who>,
    pub deadline: Option<i64>,
    pub remind: Option<i64>,
    pub state: String,
    pub expiry_reason: String,
    pub ended: Option<(Actor, i64)>,
    pub winner: String,
}

/// A ribbon as its viewer sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RibbonView {
    pub resource: Option<usize>,
    pub request: Option<usize>,
    pub review: Option<usize>,
    pub kind: &'static str,
    pub state: String,
}

impl Reference {
    pub fn resource_view(&self, index: usize) -> ResourceView {
        let it = &self.resources[index];
        let actions = rows(it.kind, it.state).filter(|_| it.pending.is_none());
        ResourceView {
            kind: it.kind.name(),
            owner: Some(it.owner),
            title: it.title.clone(),
            state: it.state.to_owned(),
            approval_status: it.status.to_owned(),
            pending_label: it.pending.map_or("", |request| self.requests[request].label).to_owned(),
            pending_request: it.pending,
            live: it.live.clone(),
            staged: it.staged.clone(),
            start: it.start,
            end: it.end,
            winner: it.winner.unwrap_or_default().to_owned(),
            mode: it.mode,
            allowed_actions: actions.map(|row| row.action.to_owned()).collect(),
            version: it.version,
        }
    }

    pub fn request_view(&self, number: usize, digest: impl Fn(&str) -> String) -> RequestView {
        let it = &self.requests[number];
        RequestView {
            resource: Some(it.resource),
            area: self.resources[it.resource].kind.area().name(),
            action: it.action.to_owned(),
            from: it.from.to_owned(),
            label: it.label.to_owned(),
            target: it.target.to_owned(),
            submitter: Some(it.submitter),
            authors: it.authors.clone(),
            mode: it.mode,
            digest: digest(&it.content),
            chosen: it.chosen.clone(),
            lost: it.lost.clone(),
            required: it.required,
            decisions: it
                .decisions
                .iter()
                .map(|(who, verdict)| (Some(*who), format!("{verdict:?}").to_uppercase()))
                .collect(),
            voided: it.voided.clone(),
            deadline: it.deadline,
            remind: it.remind.filter(|_| it.state == "PENDING"),
            state: it.state.to_owned(),
            expiry_reason: it.expiry_reason.to_owned(),
            ended: it.ended,
            winner: it.winner.unwrap_or_default().to_owned(),
        }
    }

    /// The requests that a member finds listed, newest first; none: they may see no kind of resource (ACC-16).
    pub fn listed(&self, who: Who, waiting: bool) -> Option<Vec<usize>> {
        if Area::ALL.iter().all(|area| !self.rights(who, *area).read) {
            return None;
        }
        let is_listed = |number: &usize| {
            let resource = &self.resources[self.requests[*number].resource];
            self.rights_on(who, resource).read && (!waiting || self.waits_for(who, *number))
        };
        Some((0..self.requests.len()).rev().filter(is_listed).collect())
    }

    /// Whether a request waits for a member's decision (REQ-19): they were chosen, or nobody was and they may decide it.
    fn waits_for(&self, who: Who, number: usize) -> bool {
        let request = &self.requests[number];
        let approves = self.rights_on(who, &self.resources[request.resource]).approve;
        let is_asked = if request.chosen.is_empty() {
            !self.excluded(request.resource, request.submitter, &request.authors).contains(&who)
        } else {
            request.chosen.contains(&who) && !request.lost.contains(&who)
        };
        let has_decided = request.decisions.iter().any(|(by, _)| *by == who);
        request.state == "PENDING" && approves && is_asked && !has_decided
    }

    /// The ribbons of a member; none where they are refused (ACC-9).
    pub fn ribbon_views(&self, who: Who) -> Option<BTreeSet<RibbonView>> {
        self.member(who)?;
        let seen = self.resources.iter().enumerate().filter_map(|(index, resource)| {
            let ribbon = resource.ribbon.as_ref()?;
            let rights = self.rights_on(who, resource);
            let state = self.requests[ribbon.request].state;
            let own = ribbon.own.contains(&who);
            let kind = match state {
                _ if !rights.read => return None,
                "PENDING" if own && rights.approve => "DECIDE",
                "PENDING" => "AWAITING",
                _ if own => "RESULT",
                _ => return None,
            };
            Some(RibbonView {
                resource: Some(index),
                request: Some(ribbon.request),
                review: None,
                kind,
                state: state.to_owned(),
            })
        });
        let reviews = self.reviews.iter().enumerate().filter_map(|(number, review)| {
            let rights = self.rights_on(who, &self.resources[review.resource]);
            let asked = review.open && review.told.contains(&who) && rights.read && rights.approve;
            asked.then(|| RibbonView {
                resource: Some(review.resource),
                request: None,
                review: Some(number),
                kind: "REVIEW",
                state: String::new(),
            })
        });
        Some(seen.chain(reviews).collect())
    }
}
