//! What the system roles have on each component (ACC-1, ACC-8): C's list and D's additions as one table, from which the
//! documentation's table is made too.

use super::{Component, Rights};
use crate::member::SystemRole;

/// Rights by system role, in the order of [`SystemRole::ALL`]: ADMIN, CREATOR, MEMBER, APPROVER, EDITOR. An EDITOR who was given
/// the approval right approves too (ACC-10).
pub type Row = [Rights; 5];

const N: Rights = Rights::NONE;
const R: Rights = Rights::READ;
const W: Rights = Rights::WRITE;
const F: Rights = Rights::FULL;

/// Seen by everybody, changed by Admins.
const SEEN: Row = [W, R, R, R, R];
/// Changed by all who create.
const CREATED: Row = [W, W, R, W, W];
/// As that, and decided by Admins and Approvers.
const DECIDED: Row = [F, W, R, F, W];
/// For Admins alone.
const ADMINS: Row = [W, N, N, N, N];

/// What each system role has on each component, in the order of [`super::TREE`].
pub const SYSTEM_RIGHTS: [(&str, Row); 31] = [
    ("boards", SEEN),
    ("boards.daily", SEEN),
    ("boards.custom", SEEN),
    ("segments", SEEN),
    ("segments.manual", SEEN),
    ("segments.automated", SEEN),
    ("analytics", SEEN),
    ("analytics.core", SEEN),
    ("analytics.advanced", SEEN),
    ("engagement", CREATED),
    ("engagement.campaigns", DECIDED),
    ("engagement.journeys", CREATED),
    ("engagement.recommendation", CREATED),
    ("engagement.catalogs", CREATED),
    ("engagement.product_experiences", DECIDED),
    ("engagement.custom", CREATED),
    ("real_impact", SEEN),
    ("real_impact.control_groups", SEEN),
    ("real_impact.dashboard", SEEN),
    ("settings", ADMINS),
    ("settings.billing", ADMINS),
    ("settings.account", ADMINS),
    // Approvers add members (C8) and revoke nobody, so they see this and don't change it.
    ("settings.users", [W, N, N, R, N]),
    ("settings.properties", ADMINS),
    ("settings.csv_uploads", ADMINS),
    ("settings.profile", [W; 5]),
    ("settings.exports", ADMINS),
    // "Download user profiles" is on the lists of Admin and Approver.
    ("settings.downloads", [W, N, N, W, N]),
    // "Download reports" is on those of Admin, Creator and Approver; Members view them. READ downloads nothing (C10).
    ("settings.email_reports", [W, W, R, W, W]),
    ("settings.campaign_integration", ADMINS),
    ("settings.campaign_settings", ADMINS),
];

impl SystemRole {
    /// What the role gives on `component`, to whoever has it: on that of an area of an account's own as on those that have a
    /// workflow in every account (LIF-24).
    pub fn rights(self, component: &Component) -> Rights {
        let listed = || SYSTEM_RIGHTS.iter().find(|(id, _)| *id == component.as_str()).map(|(_, row)| row);
        let row = if component.is_of_own_area() { Some(&DECIDED) } else { listed() };
        row.map_or(Rights::NONE, |row| match self {
            Self::Admin => row[0],
            Self::Creator => row[1],
            Self::Member => row[2],
            Self::Approver => row[3],
            Self::Editor => row[4],
        })
    }
}

/// Whether `role` comes with the approve right, whoever has it.
pub const fn role_approves(role: SystemRole) -> bool {
    matches!(role, SystemRole::Admin | SystemRole::Approver)
}

/// Whether a holder of `by` may give `role` to a new member (ACC-8). Whoever may give one may give custom roles too.
pub const fn may_assign_to_new(by: SystemRole, role: SystemRole) -> bool {
    match by {
        SystemRole::Admin => true,
        SystemRole::Approver => matches!(role, SystemRole::Creator | SystemRole::Member),
        SystemRole::Creator | SystemRole::Member | SystemRole::Editor => false,
    }
}
