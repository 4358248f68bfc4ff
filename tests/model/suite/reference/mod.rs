//! The reference: what the rules (docs/rules.md) and the contract say an account is and does, written a second time, as plainly as
//! it can be. It keeps everything in memory, does one thing at a time, and knows the whole of its past.
//!
//! Each command has one method, which either changes the reference or says which refusals the rules give a reason for. Where
//! several hold at once the rules don't say which one is told, so any of them will do; a missing permission comes before all others
//! (ACC-16). After each command time does what is due.

mod access;
mod decide;
mod edit;
mod lifecycle;
mod loss;
mod people;
mod perform;
mod review;
mod talk;
mod told;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use countersign_proto::types::ErrorReason;

use self::access::{Member, Role};
use crate::cast::{Area, Audience, Kind, Mode, RoleName, SystemRole, Who};

pub use self::access::Rights;
pub use self::edit::{Edit, Schedule, VARIANTS};
pub use self::lifecycle::{ACTIONS, rows};
pub use self::perform::Asked;
pub use self::told::{Entry, Recipient, Told};
pub use self::view::{RequestView, ResourceView, RibbonView};

pub const MINUTE: i64 = 60_000_000;
pub const HOUR: i64 = 60 * MINUTE;

/// How a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done(Done),
    /// For any of these reasons.
    Refused(BTreeSet<ErrorReason>),
}

/// What the answer of a call that succeeded says became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Written,
    Staged,
    Voided,
    Applied,
    AppliedByApprover,
    Bypassed,
    Submitted,
    /// The state of the request after it.
    Decided(&'static str),
    Changed,
    Seen,
}

fn refused(reason: ErrorReason) -> Answer {
    Answer::Refused(BTreeSet::from([reason]))
}

fn denied() -> Answer {
    refused(ErrorReason::PermissionDenied)
}

/// Who did something: a member, or Countersign itself.
pub type Actor = Option<Who>;

/// A policy, with the defaults of its area.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting that is on or off")]
pub struct Policy {
    pub enabled: bool,
    pub required: usize,
    pub self_approval: bool,
    pub exclude_authors: bool,
    pub note_required: bool,
    pub writers_cancel: bool,
    /// In microseconds; none: never.
    pub max_age: Option<i64>,
    /// In microseconds; none: never.
    pub reminder_after: Option<i64>,
    /// In microseconds.
    pub lead_time: i64,
    /// In microseconds.
    pub cooling_off: i64,
    /// Who can't use what they made weaker, and until when (POL-9).
    pub held: BTreeMap<Who, i64>,
}

#[derive(Clone, Debug)]
pub struct Resource {
    pub kind: Kind,
    pub owner: Who,
    pub audience: Audience,
    pub state: &'static str,
    pub status: &'static str,
    /// The number of the pending request.
    pub pending: Option<usize>,
    pub title: String,
    pub live: String,
    pub staged: Option<String>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub winner: Option<&'static str>,
    pub mode: Option<Mode>,
    /// How many entries its history has, which is its version.
    pub version: i64,
    /// Who edited content or schedule since the last approval, in that order (REQ-23).
    pub authors: Vec<Who>,
    pub ribbon: Option<told::Ribbon>,
    /// The newest review of a bypass of it.
    pub review: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub resource: usize,
    pub action: &'static str,
    pub from: &'static str,
    pub label: &'static str,
    pub target: &'static str,
    pub submitter: Who,
    pub authors: Vec<Who>,
    pub mode: Option<Mode>,
    /// What goes live, or is live: the content that the digest is of.
    pub content: String,
    pub chosen: BTreeSet<Who>,
    pub lost: BTreeSet<Who>,
    pub required: usize,
    /// Those that count.
    pub decisions: Vec<(Who, Verdict)>,
    /// Who gave an approval that does not count any more, and not another since (REQ-22).
    pub voided: BTreeSet<Who>,
    pub deadline: Option<i64>,
    pub remind: Option<i64>,
    pub state: &'static str,
    pub expiry_reason: &'static str,
    pub ended: Option<(Actor, i64)>,
    pub winner: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    Rejected,
}

/// The account.
#[derive(Clone, Debug)]
pub struct Reference {
    pub now: i64,
    pub members: BTreeMap<Who, Member>,
    pub roles: BTreeMap<RoleName, Role>,
    pub policies: BTreeMap<Area, Policy>,
    pub resources: Vec<Resource>,
    pub requests: Vec<Request>,
    pub reviews: Vec<review::Review>,
    /// What happened since somebody last took it.
    pub told: Vec<told::Told>,
    /// Makes each content a new one.
    contents: usize,
}

impl Reference {
    /// A new account with the whole cast and every workflow on.
    pub fn new(now: i64) -> Self {
        let member = |system_role, right, roles: &[RoleName]| Member {
            system_role,
            right,
            roles: roles.iter().copied().collect(),
            active: true,
        };
        let members = BTreeMap::from([
            (Who::Ada, member(Some(SystemRole::Admin), false, &[])),
            (Who::Ben, member(Some(SystemRole::Admin), false, &[])),
            (Who::Abe, member(Some(SystemRole::Approver), false, &[])),
            (Who::Ann, member(Some(SystemRole::Approver), false, &[])),
            (Who::Carl, member(Some(SystemRole::Creator), false, &[])),
            (Who::Edda, member(Some(SystemRole::Editor), true, &[])),
            (Who::Eric, member(Some(SystemRole::Editor), false, &[])),
            (Who::Mia, member(Some(SystemRole::Member), false, &[])),
            (Who::Cora, member(None, false, &[RoleName::Campaigns])),
            (
                Who::Cleo,
                member(Some(SystemRole::Creator), false, &[RoleName::Experiences, RoleName::Journeys]),
            ),
            (Who::Sam, member(None, false, &[RoleName::Us])),
        ]);
        let roles = RoleName::ALL.map(|name| (name, Role { approves: true, scoped: name == RoleName::Us }));
        let policies = Area::ALL.map(|area| {
            let policy = Policy {
                enabled: true,
                required: 1,
                self_approval: false,
                exclude_authors: false,
                note_required: area == Area::Campaigns,
                writers_cancel: area == Area::Campaigns,
                max_age: None,
                reminder_after: None,
                lead_time: 0,
                cooling_off: 0,
                held: BTreeMap::new(),
            };
            (area, policy)
        });
        Self {
            now,
            members,
            roles: roles.into(),
            policies: policies.into(),
            resources: Vec::new(),
            requests: Vec::new(),
            reviews: Vec::new(),
            told: Vec::new(),
            contents: 0,
        }
    }

    pub fn read(&self, by: Who, resource: usize) -> Answer {
        if self.rights_on(by, &self.resources[resource]).read { Answer::Done(Done::Seen) } else { denied() }
    }

    /// The policy that a resource is under.
    fn policy(&self, resource: usize) -> &Policy {
        &self.policies[&self.resources[resource].kind.area()]
    }

    /// Whether `by` made the policy that a resource is under weaker, and can't use that yet (POL-9).
    fn is_held(&self, by: Who, resource: usize) -> bool {
        self.policy(resource).held.get(&by).is_some_and(|until| *until > self.now)
    }

    /// Who may not decide what somebody submits and somebody wrote (REQ-5, REQ-23).
    fn excluded(&self, resource: usize, submitter: Who, authors: &[Who]) -> BTreeSet<Who> {
        let policy = self.policy(resource);
        let submitters = [submitter].into_iter().filter(|_| !policy.self_approval);
        submitters.chain(authors.iter().copied().filter(|_| policy.exclude_authors)).collect()
    }

    /// The newest request on a resource.
    pub fn newest_request(&self, resource: usize) -> Option<usize> {
        self.requests.iter().rposition(|request| request.resource == resource)
    }

    /// The content that was made last.
    pub fn newest_content(&self) -> String {
        format!("content {}", self.contents)
    }

    fn new_content(&mut self) -> String {
        self.contents += 1;
        format!("content {}", self.contents)
    }

    /// Lets time take effect: deadlines, reminders, starts and ends (LIF-17, REQ-14, REQ-15).
    pub fn tick(&mut self) {
        for resource in 0..self.resources.len() {
            while self.tick_one(resource) {}
        }
    }

    fn tick_one(&mut self, index: usize) -> bool {
        let now = self.now;
        let passed = |time: Option<i64>| time.is_some_and(|time| time <= now);
        let resource = &self.resources[index];
        if let Some(request) = resource.pending {
            if passed(self.requests[request].deadline) {
                self.expire(request);
                return true;
            }
            let due = passed(self.requests[request].remind);
            if due {
                self.remind(request);
            }
            return due;
        }
        let (campaign, from) = (resource.kind == Kind::Campaign, resource.state);
        let starts = resource.start.is_none() || passed(resource.start);
        let (event, to) = match from {
            "SCHEDULED" | "RUNNING" if campaign && passed(resource.end) => ("COMPLETED", "COMPLETED"),
            "SCHEDULED" if starts => ("STARTED", "RUNNING"),
            "PLANNED" | "UNDER_WAY" if passed(resource.end) => ("COMPLETED", "OVER"),
            "PLANNED" if starts => ("STARTED", "UNDER_WAY"),
            _ => return false,
        };
        self.resources[index].state = to;
        self.record(index, event, None, "", from);
        true
    }
}
