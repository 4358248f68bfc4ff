//! Why a command is refused. Every refusal leaves everything as it was.

use crate::{
    AccountId, ActorRef, Area, DataScope, Digest, InvitationId, MemberId, Pointer, RequestId, ResourceId,
    ReviewId, RoleId, Timestamp,
    account::{AccountState, Feature},
    lifecycle::{Action, Kind, State},
    limits,
    member::SystemRole,
    time,
};

/// One field that is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as the API names it, for example `approver_ids[1]`.
    pub field: String,
    /// What it must be, with the limit in words.
    pub description: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// A permission that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To see.
    Read,
    /// To change.
    Write,
    /// To decide requests.
    Approve,
    /// To cancel a request (REQ-17).
    Cancel,
    /// To choose other approvers for a request.
    Reassign,
    /// To apply what needs approval at once, in an emergency (POL-8).
    Bypass,
    /// To see what is masked (ACC-13).
    ReadPii,
    /// To assign this role, or change who has access.
    ManageMembers,
    /// To add or invite members (ACC-8).
    Invite,
    /// To change custom roles (ACC-3).
    ManageRoles,
    /// To run accounts, which only the platform's operator may.
    Operate,
    /// To ask what others may do.
    AskForOthers,
    /// To change policy.
    ManagePolicy,
}

impl Permission {
    /// The name that errors use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Approve => "approve",
            Self::Cancel => "cancel",
            Self::Reassign => "reassign",
            Self::Bypass => "bypass",
            Self::ReadPii => "read_pii",
            Self::ManageMembers => "manage_members",
            Self::Invite => "invite",
            Self::ManageRoles => "manage_roles",
            Self::Operate => "operate",
            Self::AskForOthers => "ask_for_others",
            Self::ManagePolicy => "manage_policy",
        }
    }
}

/// A thing that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// An account: told only to the platform's operator.
    Account(AccountId),
    /// A resource.
    Resource(ResourceId),
    /// A request.
    Request(RequestId),
    /// A member.
    Member(MemberId),
    /// A custom role.
    Role(RoleId),
    /// An invitation.
    Invitation(InvitationId),
    /// The review of a bypass.
    Review(ReviewId),
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The actor may not (ACC-16: told before anything about the thing itself).
    #[error("this member may not {} in {component}", permission.as_str())]
    PermissionDenied {
        /// What is missing.
        permission: Permission,
        /// Where: a component, or `account`.
        component: String,
    },
    /// There is no such thing, told only to who may see such things.
    #[error("there is no such thing in this account")]
    NotFound(Missing),
    /// Fields are not acceptable.
    #[error("{} field(s) not acceptable", .0.len())]
    Invalid(Vec<Violation>),
    /// The lifecycle has no such action in this state (LIF-19).
    #[error("this {kind} is {state} and can't {action}")]
    ActionNotAllowed {
        /// The kind.
        kind: Kind,
        /// The current state.
        state: State,
        /// The action tried.
        action: Action,
        /// The actions that the state allows.
        allowed: Vec<Action>,
    },
    /// The resource waits for a decision and is locked (LIF-20).
    #[error("the resource waits for a decision on {action} and is locked until then")]
    Locked {
        /// The pending request.
        request: RequestId,
        /// Its action.
        action: Action,
    },
    /// A second submission while a request is pending (REQ-2).
    #[error("the resource has a pending request already, for {action}")]
    RequestPending {
        /// The pending request.
        request: RequestId,
        /// Its action.
        action: Action,
    },
    /// The state refuses edits.
    #[error("this {kind} is {state} and can't be edited")]
    EditNotAllowed {
        /// The kind.
        kind: Kind,
        /// The state.
        state: State,
    },
    /// The account has registered a lifecycle for this kind already (LIF-24).
    #[error("the kind {0} has a lifecycle already: a change of it is a further version")]
    LifecycleExists(Kind),
    /// The kind was retired: no new resource of it can be registered (LIF-24).
    #[error("the kind {0} was retired")]
    LifecycleRetired(Kind),
    /// The request has ended: somebody else was first (REQ-4).
    #[error("the request was {} by {}", state.to_lowercase(), by.name)]
    Decided {
        /// The request.
        request: RequestId,
        /// How it ended.
        state: &'static str,
        /// By whom.
        by: ActorRef,
        /// When.
        at: Timestamp,
    },
    /// A submitter can't decide their own request (REQ-5).
    #[error("you submitted this request; somebody else must decide it")]
    SelfApproval(RequestId),
    /// Who wrote what a request is about can't decide it, where the policy says so (REQ-23).
    #[error("you wrote what this request is about; somebody else must decide it")]
    AuthorApproval(RequestId),
    /// Who made the policy weaker can't use that yet (POL-9).
    #[error(
        "you made the policy of {area} weaker; until its time of cooling off has passed, somebody else must decide"
    )]
    CoolingOff {
        /// The area.
        area: Area,
        /// From when on they may.
        until: Timestamp,
    },
    /// The last emergency bypass of this Admin is not reviewed yet (POL-8).
    #[error("your last emergency bypass has still to be reviewed by another approver")]
    ReviewOpen(ReviewId),
    /// Who bypassed can't review it (POL-8).
    #[error("you made this bypass; another approver must review it")]
    SelfReview(ReviewId),
    /// The review is closed (POL-8).
    #[error("the review was closed by {}", by.name)]
    ReviewClosed {
        /// The review.
        review: ReviewId,
        /// By whom.
        by: ActorRef,
        /// When.
        at: Timestamp,
    },
    /// A request has so many comments at the most (REQ-21).
    #[error("the request has {} comments, which is as many as it can have", limits::COMMENTS)]
    TooManyComments(RequestId),
    /// Others were chosen (REQ-7).
    #[error("this request was assigned to others")]
    NotAssigned(RequestId),
    /// Nobody but the submitter could decide, or fewer than the approvals that are needed (REQ-11, POL-3).
    #[error("too few members besides you could approve a request in {0}")]
    NoEligibleApprovers(Area),
    /// The same person counts once (POL-3).
    #[error("you have approved this request already")]
    AlreadyApproved {
        /// Approvals so far.
        approvals: usize,
        /// Approvals needed.
        required: u8,
    },
    /// What was submitted is not what the approver saw (REQ-16).
    #[error("the request's digest is {0}, not the one given")]
    DigestMismatch(Digest),
    /// Read again and retry (AIP-154).
    #[error("the etag is stale: it is {current} now")]
    EtagMismatch {
        /// The current version.
        current: i64,
    },
    /// The schedule does not allow the action now (POL-6).
    #[error("{problem}")]
    Schedule {
        /// What is wrong, in words.
        problem: String,
        /// The start time, if there is one.
        start: Option<Timestamp>,
        /// The earliest acceptable start, if that is the problem.
        earliest: Option<time::Timestamp>,
    },
    /// `PUBLISH_EDITS` without staged content.
    #[error("there are no staged edits to publish")]
    NothingStaged,
    /// The account lacks the feature that the workflow needs (POL-1).
    #[error("the workflow of {area} needs a feature that this account does not have")]
    FeatureMissing {
        /// The area.
        area: Area,
        /// The feature.
        feature: Feature,
    },
    /// The workflow can't be switched on again while requests that it had are still being reverted (POL-2).
    #[error("{pending} requests of {area} are still being reverted")]
    RequestsPending {
        /// The area.
        area: Area,
        /// How many.
        pending: u64,
    },
    /// An Admin's right to approve can't be taken; CREATOR, MEMBER and who has no system role can't be given it (ACC-10).
    #[error("the approval right can't be changed for this role")]
    ApprovalRightNotAllowed(Option<SystemRole>),
    /// The last Admin can be neither revoked nor demoted (ACC-11).
    #[error("this is the account's last Admin")]
    LastAdmin,
    /// At most one system role (ACC-2).
    #[error("this member is {} already and can't be {} too", has.as_str(), given.as_str())]
    SecondSystemRole {
        /// What the member is.
        has: SystemRole,
        /// What they would be as well.
        given: SystemRole,
    },
    /// At most one role with a data scope (ACC-12).
    #[error("a member can have one role with a data scope: {who} would have more")]
    SecondScopedRole {
        /// The member's address.
        who: String,
    },
    /// System roles are the same in every account (ACC-1).
    #[error("{} is a system role and can't be changed, cloned or deleted", .0.as_str())]
    SystemRoleFixed(SystemRole),
    /// There are no such components (ACC-6).
    #[error("{} component(s) are unknown", .0.len())]
    UnknownComponent(Vec<Violation>),
    /// APPROVE where there is no workflow (ACC-4).
    #[error("APPROVE can't be given on {} component(s)", .0.len())]
    ApproveNotAvailable(Vec<Violation>),
    /// Another role has this name, whatever its case (ACC-3).
    #[error("the role name {0} is taken")]
    RoleNameTaken(String),
    /// APPROVER only while some workflow is on (ACC-9).
    #[error("APPROVER can be assigned only while the workflow of some area is on")]
    ApproverRoleUnavailable,
    /// A member keeps a role: to end access is another call.
    #[error("a member needs a role: revoke access instead")]
    RoleRequired,
    /// An active member has this address.
    #[error("{0} is the address of a member")]
    EmailTaken(String),
    /// An invitation for this address is pending.
    #[error("{0} is invited already: send that invitation again, or withdraw it")]
    InvitationPending(String),
    /// The invitation was not accepted in time (ACC-14).
    #[error("the invitation has expired")]
    InvitationExpired {
        /// When.
        at: Timestamp,
    },
    /// The invitation was accepted or withdrawn (ACC-14).
    #[error("the invitation was {} already", .0.to_lowercase())]
    InvitationUsed(&'static str),
    /// No invitation has this token.
    #[error("no invitation has this token")]
    InvitationTokenUnknown,
    /// The account is read only.
    #[error("the account is {}: nothing in it can be changed", .0.as_str().to_lowercase())]
    AccountSuspended(AccountState),
    /// Only a deletion whose time of grace lasts can be taken back, and only what is active can be suspended.
    #[error("the account is {}", .0.as_str().to_lowercase())]
    AccountState(AccountState),
    /// What is written must stay inside the actor's data scope (ACC-12).
    #[error("the audience must lie inside your data scope: {0}")]
    OutOfScope(DataScope),
    /// The feature can't be taken while its workflow is on.
    #[error("{} can't be taken: the workflow of {area} is on", feature.as_str())]
    FeatureInUse {
        /// The area.
        area: Area,
        /// The feature.
        feature: Feature,
    },
    /// Who is limited can only make members who are limited as much (ACC-12, ACC-13).
    #[error("you are limited by a data scope or a PII mask: give a role that limits the new member as much")]
    LimitNotGiven,
    /// Who can't see PII can't unmark it (ACC-13).
    #[error("PII is masked for you, so you can't unmark {0}")]
    PiiMasked(Pointer),
}
