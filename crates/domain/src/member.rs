//! Members: users inside one account, and the rules for changing them.

use serde::{Deserialize, Serialize};

use crate::{AccountId, MemberId, RoleId, Timestamp};

/// The system roles, the same in every account (ACC-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SystemRole {
    /// Everything, always an approver.
    Admin,
    /// Creates and changes; never approves.
    Creator,
    /// Reads.
    Member,
    /// Creates, changes and approves.
    Approver,
    /// A Creator to whom an Admin may give the approval right.
    Editor,
}

impl SystemRole {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Creator, Self::Member, Self::Approver, Self::Editor];

    /// The name that the database and the documentation use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Creator => "CREATOR",
            Self::Member => "MEMBER",
            Self::Approver => "APPROVER",
            Self::Editor => "EDITOR",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// Whether a member has access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MemberState {
    /// Has access.
    Active,
    /// Has none any more; stays in history.
    Revoked,
}

impl MemberState {
    /// The name that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Revoked => "REVOKED",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Revoked].into_iter().find(|state| state.as_str() == name)
    }
}

/// A user inside one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account_id: AccountId,
    /// The id.
    pub id: MemberId,
    /// Where mail goes; unique in the account, whatever its case.
    pub email: String,
    /// A name for people.
    pub display_name: String,
    /// A BCP 47 language tag.
    pub locale: String,
    /// The time zone of their own, by its name in IANA's database.
    pub time_zone: Option<String>,
    /// The system role, at most one (ACC-2).
    pub system_role: Option<SystemRole>,
    /// The custom roles, by id, each once (ACC-2).
    pub roles: Vec<RoleId>,
    /// The approval right that an Admin gave to an EDITOR (ACC-10). Always false for other roles: theirs comes with the role.
    pub approval_right: bool,
    /// Whether the member has access.
    pub state: MemberState,
    /// Changes with every change.
    pub version: i64,
    /// When the member was added.
    pub created_at: Timestamp,
}

impl Member {
    /// Whether this is an active Admin.
    pub fn is_admin(&self) -> bool {
        self.state == MemberState::Active && self.system_role == Some(SystemRole::Admin)
    }
}
