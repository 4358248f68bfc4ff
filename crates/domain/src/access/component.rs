//! The tree of components that access is set on (ACC-6): C's table, with Product Experiences and the kinds of an account's own added
//! under Engagement.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::policy::Area;

/// A component of the tree, by its id: its parent's id, a dot, and its own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Component(Cow<'static, str>);

/// A row of the tree.
#[derive(Debug)]
pub struct Node {
    /// Its id.
    pub component: Component,
    /// A name for people.
    pub title: &'static str,
    /// What it is about, as C's table says it.
    pub description: &'static str,
}

const fn node(id: &'static str, title: &'static str, description: &'static str) -> Node {
    Node { component: Component(Cow::Borrowed(id)), title, description }
}

/// The tree that every account has, each component before those below it. Below [`Component::CUSTOM`] an account has one more for
/// each area of its own (LIF-24).
pub static TREE: [Node; 31] = [
    node("boards", "Boards", "Dashboards"),
    node("boards.daily", "Daily Boards", "Dashboards of the day"),
    node("boards.custom", "Custom Boards", "Dashboards of one's own"),
    node("segments", "Segments", "Groups of users"),
    node("segments.manual", "Manual segmentation", "Segments, Find People"),
    node("segments.automated", "Automated segmentation", "Goals, IBM, RFM"),
    node("analytics", "Analytics", "What users do"),
    node(
        "analytics.core",
        "Core Analytics",
        "Events, Funnels, Cohorts, Trends, Attribution, Device Crossovers",
    ),
    node("analytics.advanced", "Advanced Analytics", "Pivots, Flows"),
    node("engagement", "Engagement", "What reaches users"),
    node("engagement.campaigns", "Campaigns", "Campaigns, Clever Campaigns"),
    node("engagement.journeys", "Journeys", "Journeys"),
    node("engagement.recommendation", "Recommendation", "Recommendations"),
    node("engagement.catalogs", "Catalogs", "Catalogs"),
    node("engagement.product_experiences", "Product Experiences", "A/B Tests, Remote Config Variables"),
    node("engagement.custom", "Custom kinds", "What the account has registered lifecycles of its own for"),
    node("real_impact", "Real Impact", "What engagement brings"),
    node("real_impact.control_groups", "Control groups", "Custom Control Group, System Control Group"),
    node("real_impact.dashboard", "Real Impact dashboard", "The dashboard"),
    node("settings", "Settings", "The account and its people"),
    node("settings.billing", "Billing", "Billing, app usage, plans, invoices"),
    node(
        "settings.account",
        "Account Settings",
        "Role Based Access Control, add new app, change account, timezone, privacy settings, uninstall",
    ),
    node("settings.users", "User Settings", "Invite user, revoke access, account settings"),
    node("settings.properties", "Event and User Properties", "The schema of events and profiles"),
    node("settings.csv_uploads", "CSV Uploads", "Profile uploads and external user list"),
    node("settings.profile", "My Profile And Password", "One's own"),
    node("settings.exports", "Exports", "Events and profile exports to Amazon S3"),
    node("settings.downloads", "Downloads", "Download profiles"),
    node("settings.email_reports", "Email Reports", "Campaign and Journey reports"),
    node(
        "settings.campaign_integration",
        "Campaign Integration and Settings",
        "Push, Email, SMS, Web Push, FB, Google AdWords",
    ),
    node("settings.campaign_settings", "Campaign Settings", "Campaign limits, Best Time settings"),
];

impl Component {
    /// Engagement › Campaigns.
    pub const CAMPAIGNS: Self = Self(Cow::Borrowed("engagement.campaigns"));
    /// Engagement › Product Experiences.
    pub const PRODUCT_EXPERIENCES: Self = Self(Cow::Borrowed("engagement.product_experiences"));
    /// Engagement › Custom kinds: above the component of each area of an account's own (LIF-24).
    pub const CUSTOM: Self = Self(Cow::Borrowed("engagement.custom"));

    /// The component of that id in the tree that every account has.
    pub fn parse(id: &str) -> Option<Self> {
        TREE.iter().map(|node| &node.component).find(|component| component.0 == id).cloned()
    }

    /// A component read from storage: also one of an area of the account's own.
    pub fn given(id: impl Into<String>) -> Self {
        Self(Cow::Owned(id.into()))
    }

    /// The id that roles and errors use.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether access to this covers `other`: itself and everything below it (ACC-6).
    pub fn covers(&self, other: &Self) -> bool {
        other.0.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether it has a workflow: APPROVE can be given on it (ACC-4, D5).
    pub fn has_workflow(&self) -> bool {
        *self == Self::CAMPAIGNS || *self == Self::PRODUCT_EXPERIENCES || self.is_of_own_area()
    }

    /// Whether it is that of an area of an account's own (LIF-24).
    pub(super) fn is_of_own_area(&self) -> bool {
        *self != Self::CUSTOM && Self::CUSTOM.covers(self)
    }

    /// The component whose approve right makes an approver of `area` (ACC-10).
    pub fn of_area(area: &Area) -> Self {
        if *area == Area::CAMPAIGNS {
            Self::CAMPAIGNS
        } else if *area == Area::PRODUCT_EXPERIENCES {
            Self::PRODUCT_EXPERIENCES
        } else {
            Self::given(format!("{}.{}", Self::CUSTOM, area.as_str().to_lowercase()))
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
