//! Who is told what (NOT-1 … NOT-10).
//!
//! Recipients are settled with the decision and travel in its event. Only active members are told, each once.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    Context, Lifecycle, Member, MemberId, Request, Resource, Review,
    access::{Access, Component},
    member::{MemberState, SystemRole},
    policy::Area,
    request::ExpiryReason,
};

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Was chosen as an approver of this request.
    AssignedApprover,
    /// Is an approver of the area.
    AreaApprover,
    /// Submitted the request.
    Submitter,
    /// Owns the resource.
    Owner,
    /// Is an Admin.
    Admin,
    /// Is invited to join the account.
    Invited,
}

/// The ribbon that a recipient gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RibbonKind {
    /// One with the actions to decide.
    Decide,
    /// One that tells how the request ended.
    Result,
    /// One that tells of an emergency bypass and asks for its review.
    Review,
}

/// One person who is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The member.
    pub member_id: MemberId,
    /// Where the mail goes.
    pub email: String,
    /// The name for the greeting.
    pub display_name: String,
    /// The language of the mail.
    pub locale: String,
    /// The time zone of their own; else it is the account's.
    pub time_zone: Option<String>,
    /// Why; the first that applies.
    pub reason: Reason,
    /// Whether to send mail.
    pub mail: bool,
    /// Which ribbon to show.
    pub ribbon: Option<RibbonKind>,
}

/// Collects recipients: the first reason for a member wins, inactive members are passed over.
#[derive(Default)]
struct Collector {
    told: HashSet<MemberId>,
    recipients: Vec<Recipient>,
}

impl Collector {
    fn add(&mut self, member: Option<&Member>, reason: Reason, mail: bool, ribbon: Option<RibbonKind>) {
        let Some(member) = member.filter(|member| member.state == MemberState::Active) else {
            return;
        };
        if self.told.insert(member.id) {
            self.recipients.push(Recipient {
                member_id: member.id,
                email: member.email.clone(),
                display_name: member.display_name.clone(),
                locale: member.locale.clone(),
                time_zone: member.time_zone.clone(),
                reason,
                mail,
                ribbon,
            });
        }
    }
}

/// Those who are asked to decide: the chosen approvers, or every approver of the area; the submitter only where the policy
/// allows self-approval, and no author where it excludes them (REQ-23). Of a product experience all other approvers are
/// told as well (NOT-1, NOT-2, D8).
pub fn of_submission(context: &Context<'_>, request: &Request, resource: &Resource) -> Vec<Recipient> {
    let mut to = Collector::default();
    for (member, reason) in asked(context, request, resource) {
        to.add(Some(member), reason, true, Some(RibbonKind::Decide));
    }
    // NOT-2 names all Admins and approvers, whoever was chosen to decide.
    if request.area != Area::CAMPAIGNS {
        for member in approvers(context, request, resource) {
            if !request.submitted_by(member.id) {
                to.add(Some(member), Reason::AreaApprover, true, None);
            }
        }
    }
    to.recipients
}

/// NOT-3 (campaigns: the submitter) and NOT-4 (product experiences: the submitter and all Admins).
pub fn of_decision(context: &Context<'_>, request: &Request) -> Vec<Recipient> {
    let mut to = Collector::default();
    add_submitter(&mut to, context, request);
    if request.area != Area::CAMPAIGNS {
        for admin in context.directory.admins() {
            to.add(Some(admin), Reason::Admin, true, None);
        }
    }
    to.recipients
}

/// NOT-5: submitter, owner and assigned approvers; not the one who cancelled.
pub fn of_cancellation(context: &Context<'_>, request: &Request, owner: MemberId) -> Vec<Recipient> {
    let mut to = Collector::default();
    if let Some(actor) = context.actor.active_member() {
        to.told.insert(actor.id);
    }
    add_submitter(&mut to, context, request);
    to.add(context.directory.get(owner), Reason::Owner, true, Some(RibbonKind::Result));
    for id in request.assigned() {
        to.add(context.directory.get(id), Reason::AssignedApprover, true, None);
    }
    to.recipients
}

/// NOT-6: the submitter; at a deadline the asked approvers too.
pub fn of_expiry(
    context: &Context<'_>,
    request: &Request,
    resource: &Resource,
    reason: ExpiryReason,
) -> Vec<Recipient> {
    let mut to = Collector::default();
    add_submitter(&mut to, context, request);
    if reason == ExpiryReason::Deadline {
        for (member, reason) in asked(context, request, resource) {
            to.add(Some(member), reason, true, None);
        }
    }
    to.recipients
}

/// NOT-6: the submitter, when an assignee or an approval was lost and the request goes on.
pub fn of_lost_approvers(context: &Context<'_>, request: &Request) -> Vec<Recipient> {
    let mut to = Collector::default();
    let submitter = request.submitter.member_id.and_then(|id| context.directory.get(id));
    to.add(submitter, Reason::Submitter, true, None);
    to.recipients
}

/// NOT-8: the other side. A comment of the submitter goes to those who are asked, a comment of one of them to the submitter, and
/// one of anybody else to both.
pub fn of_comment(context: &Context<'_>, request: &Request, resource: &Resource) -> Vec<Recipient> {
    let mut to = Collector::default();
    let actor = context.actor.active_member().map(|member| member.id);
    to.told.extend(actor);
    let is_asked = asked(context, request, resource).any(|(member, _)| Some(member.id) == actor);
    if actor.is_none_or(|actor| !request.submitted_by(actor)) {
        let submitter = request.submitter.member_id.and_then(|id| context.directory.get(id));
        to.add(submitter, Reason::Submitter, true, None);
    }
    if !is_asked {
        for (member, reason) in asked(context, request, resource) {
            to.add(Some(member), reason, true, None);
        }
    }
    to.recipients
}

/// NOT-8: those whose decision is still awaited.
pub fn of_reminder(context: &Context<'_>, request: &Request, resource: &Resource) -> Vec<Recipient> {
    let mut to = Collector::default();
    for (member, reason) in awaited(context, request, resource) {
        to.add(Some(member), reason, true, None);
    }
    to.recipients
}

/// Whoever is asked now has a ribbon, and mail where they were not asked `before`: what NOT-1 is to a submission.
pub fn of_reassignment(
    context: &Context<'_>,
    before: &Request,
    request: &Request,
    resource: &Resource,
) -> Vec<Recipient> {
    let mut to = Collector::default();
    let known: HashSet<MemberId> = asked(context, before, resource).map(|(member, _)| member.id).collect();
    for (member, reason) in awaited(context, request, resource) {
        to.add(Some(member), reason, !known.contains(&member.id), Some(RibbonKind::Decide));
    }
    to.recipients
}

/// NOT-9: every approver of what was bypassed, but for who did it.
pub fn of_bypass(context: &Context<'_>, lifecycle: &Lifecycle, resource: &Resource) -> Vec<Recipient> {
    let mut to = Collector::default();
    to.told.extend(context.actor.active_member().map(|member| member.id));
    for member in context.approvers_of(&lifecycle.component, Some(&resource.audience)) {
        to.add(Some(member), Reason::AreaApprover, true, Some(RibbonKind::Review));
    }
    to.recipients
}

/// Whoever bypassed is told that it was reviewed.
pub fn of_review(context: &Context<'_>, review: &Review) -> Vec<Recipient> {
    let mut to = Collector::default();
    let bypasser = review.bypassed_by.member_id.and_then(|id| context.directory.get(id));
    to.add(bypasser, Reason::Admin, true, None);
    to.recipients
}

/// NOT-7, POL-9: all Admins and approvers of the area, also those whose role is only worth something while a workflow is on.
pub fn of_workflow_switch(context: &Context<'_>, area: &Area) -> Vec<Recipient> {
    let mut to = Collector::default();
    let component = Component::of_area(area);
    let approves = |member: &&Member| Access::of(member, context.roles, true).rights(&component).approve;
    for member in context.directory.candidates().iter().filter(approves) {
        let reason =
            if member.system_role == Some(SystemRole::Admin) { Reason::Admin } else { Reason::AreaApprover };
        to.add(Some(member), reason, true, None);
    }
    to.recipients
}

/// The active members who are asked to decide `request`, with the reason.
fn asked<'a>(
    context: &Context<'a>,
    request: &'a Request,
    resource: &'a Resource,
) -> Box<dyn Iterator<Item = (&'a Member, Reason)> + 'a> {
    let policy = context.policies.of(&request.area);
    let may_be_asked =
        move |member: &&Member| !policy.excludes(member.id, request.submitter.member_id, &request.authors);
    let directory = context.directory;
    if request.has_chosen_approvers() {
        Box::new(
            request
                .assigned()
                .filter_map(|id| directory.active(id))
                .filter(may_be_asked)
                .map(|member| (member, Reason::AssignedApprover)),
        )
    } else {
        Box::new(
            approvers(context, request, resource)
                .filter(may_be_asked)
                .map(|member| (member, Reason::AreaApprover)),
        )
    }
}

/// Of those who are asked, the ones who have not decided.
fn awaited<'a>(
    context: &Context<'a>,
    request: &'a Request,
    resource: &'a Resource,
) -> impl Iterator<Item = (&'a Member, Reason)> {
    asked(context, request, resource).filter(|(member, _)| !request.decided_by(member.id))
}

/// Who may decide requests on `resource` in the request's area.
fn approvers<'a>(
    context: &Context<'a>,
    request: &Request,
    resource: &'a Resource,
) -> impl Iterator<Item = &'a Member> + use<'a> {
    context.approvers_of(&Component::of_area(&request.area), Some(&resource.audience))
}

fn add_submitter(to: &mut Collector, context: &Context<'_>, request: &Request) {
    let submitter = request.submitter.member_id.and_then(|id| context.directory.get(id));
    to.add(submitter, Reason::Submitter, true, Some(RibbonKind::Result));
}
