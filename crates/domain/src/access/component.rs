//! The tree of components that access is set on (ACC-6): C's table, with Product Experiences added under Engagement.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::Area;

/// A component of the tree, by its id: its parent's id, a dot, and its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Component(&'static str);

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
    Node { component: Component(id), title, description }
}

/// The whole tree, each component before those below it.
pub const TREE: [Node; 30] = [
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
    pub const CAMPAIGNS: Self = Self("engagement.campaigns");
    /// Engagement › Product Experiences.
    pub const PRODUCT_EXPERIENCES: Self = Self("engagement.product_experiences");

    /// Those that have a workflow: APPROVE can be given on them (ACC-4, D5).
    pub const WITH_WORKFLOW: [Self; 2] = [Self::CAMPAIGNS, Self::PRODUCT_EXPERIENCES];

    /// The component of that id.
    pub fn parse(id: &str) -> Option<Self> {
        TREE.iter().map(|node| node.component).find(|component| component.0 == id)
    }

    /// The id that roles and errors use.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether access to this covers `other`: itself and everything below it (ACC-6).
    pub fn covers(self, other: Self) -> bool {
        other.0.strip_prefix(self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The area whose requests are decided with APPROVE on it.
    pub fn area(self) -> Option<Area> {
        Area::ALL.iter().find(|area| Self::of_area(area) == self).cloned()
    }

    /// The component whose approve right makes an approver of `area` (ACC-10).
    pub fn of_area(area: &Area) -> Self {
        if *area == Area::CAMPAIGNS { Self::CAMPAIGNS } else { Self::PRODUCT_EXPERIENCES }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&id).ok_or_else(|| serde::de::Error::custom("no component has this id"))
    }
}
