//! What people and time do.

use serde::{Deserialize, Serialize};

use crate::cast::{Area, Audience, Kind, Mode, RoleName, SystemRole, Who};

/// An account has no more resources than this on which something can still be done: people are to meet on them.
pub const MAX_LIVELY: usize = 4;

/// One step of a story. A resource is meant by a number, as [`crate::story`] counts; a request as the newest one of a resource.
/// Whatever is left out of a story, the rest of it can still be told, so that stories can be made shorter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    Register {
        by: Who,
        kind: Kind,
        schedule: Times,
        audience: Audience,
    },
    Edit {
        by: Who,
        resource: u8,
        edit: Edit,
    },
    Perform {
        by: Who,
        resource: u8,
        action: Pick,
        mode: Option<Mode>,
        approvers: Vec<Who>,
        winner: Option<Winner>,
    },
    Approve {
        by: Who,
        resource: u8,
        winner: Option<Winner>,
        digest: Option<Digest>,
    },
    Reject {
        by: Who,
        resource: u8,
        note: bool,
        digest: Option<Digest>,
    },
    Cancel {
        by: Who,
        resource: u8,
    },
    Comment {
        by: Who,
        resource: u8,
    },
    Reassign {
        by: Who,
        resource: u8,
        approvers: Vec<Who>,
    },
    /// As [`Command::Perform`], in an emergency.
    Bypass {
        by: Who,
        resource: u8,
        action: Pick,
        winner: Option<Winner>,
    },
    /// Closes the newest review on a resource.
    Review {
        by: Who,
        resource: u8,
    },
    Read {
        by: Who,
        resource: u8,
    },
    Policy {
        by: Who,
        area: Area,
        change: PolicyChange,
    },
    Member {
        by: Who,
        of: Who,
        change: MemberChange,
    },
    /// As [`Command::Member`], of one of those who could decide the request, by their number.
    Lose {
        by: Who,
        resource: u8,
        asked: u8,
        change: MemberChange,
    },
    Role {
        by: Who,
        role: RoleName,
        change: RoleChange,
    },
    Wait(Wait),
}

/// A start, in hours from now, and an end, in hours from the start or from now; neither is ever now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    pub start: Option<i8>,
    pub end: Option<i8>,
}

/// What an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    Content,
    Title,
    Schedule(Times),
}

/// Which action: one that the lifecycle has now, by its number, the last ones seldom; else any that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pick {
    Allowed(u8),
    Any(u8),
}

/// A winning variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Winner {
    Declared,
    Unknown,
}

/// The digest that an approver saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Digest {
    Right,
    Wrong,
}

/// One setting of a policy, and its new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyChange {
    Enabled(bool),
    RequiredApprovals(u8),
    SelfApproval(bool),
    ExcludeAuthors(bool),
    NoteRequired(bool),
    WritersCancel(bool),
    /// In hours; zero is never.
    MaxAge(u8),
    /// In hours; zero is never.
    ReminderAfter(u8),
    /// In hours.
    LeadTime(u8),
    /// In hours.
    CoolingOff(u8),
}

/// What changes about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberChange {
    SystemRole(SystemRole),
    ApprovalRight(bool),
    Assign(RoleName),
    Unassign(RoleName),
    Revoke,
}

/// What changes about a custom role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoleChange {
    /// Whether it approves; what else it gives is as it was.
    Approves(bool),
    /// Country = US, or no limit.
    Scoped(bool),
    Delete,
}

/// How time goes on. To a moment that has passed it does not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    Minutes(u16),
    /// Until a moment of a resource or of its newest request, or a microsecond before or after it.
    Until {
        resource: u8,
        moment: Moment,
        offset: i8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    Start,
    End,
    Deadline,
}
