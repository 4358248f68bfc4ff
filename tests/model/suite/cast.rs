//! Who plays: one account's members, its custom roles, its kinds and areas. Named, so that a list of commands reads as a story.

use serde::{Deserialize, Serialize};

/// A member of the account, by the part that they begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Who {
    /// ADMIN: the account's first.
    Ada,
    /// ADMIN.
    Ben,
    /// APPROVER.
    Abe,
    /// APPROVER.
    Ann,
    /// CREATOR.
    Carl,
    /// EDITOR with the approval right.
    Edda,
    /// EDITOR without it.
    Eric,
    /// MEMBER.
    Mia,
    /// The custom role [`RoleName::Campaigns`] alone.
    Cora,
    /// CREATOR, with the custom roles [`RoleName::Experiences`] and [`RoleName::Journeys`].
    Cleo,
    /// The custom role [`RoleName::Us`] alone, which has a data scope.
    Sam,
    /// Of no account.
    Zoe,
}

impl Who {
    /// The members, in the order in which they join.
    pub const MEMBERS: [Self; 11] = [
        Self::Ada,
        Self::Ben,
        Self::Abe,
        Self::Ann,
        Self::Carl,
        Self::Edda,
        Self::Eric,
        Self::Mia,
        Self::Cora,
        Self::Cleo,
        Self::Sam,
    ];
}

/// A system role (ACC-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemRole {
    Admin,
    Approver,
    Creator,
    Editor,
    Member,
}

/// A custom role of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RoleName {
    /// Writes and approves campaigns.
    Campaigns,
    /// Approves product experiences, and so reads them.
    Experiences,
    /// Approves journeys, and so reads them.
    Journeys,
    /// Writes and approves what reaches the US and nobody else, below Engagement.
    Us,
}

impl RoleName {
    pub const ALL: [Self; 4] = [Self::Campaigns, Self::Experiences, Self::Journeys, Self::Us];
}

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    AbTest,
    RemoteConfig,
    Campaign,
    /// A kind of the account's own (LIF-24).
    Journey,
}

impl Kind {
    /// As the contract spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AbTest => "ab_test",
            Self::RemoteConfig => "remote_config",
            Self::Campaign => "campaign",
            Self::Journey => "journey",
        }
    }

    /// Its area.
    pub const fn area(self) -> Area {
        match self {
            Self::AbTest | Self::RemoteConfig => Area::Experiences,
            Self::Campaign => Area::Campaigns,
            Self::Journey => Area::Journeys,
        }
    }
}

/// What one toggle switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Area {
    Campaigns,
    Experiences,
    /// Of the account's own.
    Journeys,
}

impl Area {
    pub const ALL: [Self; 3] = [Self::Campaigns, Self::Experiences, Self::Journeys];

    /// As the contract spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaigns => "CAMPAIGNS",
            Self::Experiences => "PRODUCT_EXPERIENCES",
            Self::Journeys => "JOURNEYS",
        }
    }
}

/// How a campaign is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Active,
    Test,
    Passive,
}

/// Whom a resource says that it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// It declares nothing.
    Nobody,
    /// Country = US.
    Us,
    /// Country = US, CA.
    UsAndCa,
}

impl Audience {
    /// The values that it declares for `Country`.
    pub const fn countries(self) -> &'static [&'static str] {
        match self {
            Self::Nobody => &[],
            Self::Us => &["US"],
            Self::UsAndCa => &["US", "CA"],
        }
    }
}
