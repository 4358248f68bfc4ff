//! What the system roles may do (ACC-1, ACC-4, ACC-8, ACC-10).

use crate::{
    lifecycle::Component,
    member::{Member, SystemRole},
};

/// Rights on one component. WRITE and APPROVE give READ (ACC-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// To see.
    pub read: bool,
    /// To change.
    pub write: bool,
    /// To decide requests of the component's area.
    pub approve: bool,
}

impl Rights {
    /// None at all.
    pub const NONE: Self = Self { read: false, write: false, approve: false };
    /// To see.
    pub const READ: Self = Self { read: true, write: false, approve: false };
    /// To see and change.
    pub const WRITE: Self = Self { read: true, write: true, approve: false };
    /// Everything.
    pub const FULL: Self = Self { read: true, write: true, approve: true };
}

/// The rights of an active `member` on `component`. Every component that a lifecycle uses is alike for the system roles:
/// C lists campaigns, D adds product experiences with the same roles.
pub fn rights(member: &Member, _component: Component) -> Rights {
    match member.system_role {
        Some(SystemRole::Admin | SystemRole::Approver) => Rights::FULL,
        Some(SystemRole::Editor) if member.approval_right => Rights::FULL,
        Some(SystemRole::Creator | SystemRole::Editor) => Rights::WRITE,
        Some(SystemRole::Member) => Rights::READ,
        None => Rights::NONE,
    }
}

/// Whether `role` comes with the approve right, whoever has it.
pub const fn role_approves(role: SystemRole) -> bool {
    matches!(role, SystemRole::Admin | SystemRole::Approver)
}

/// Whether a holder of `by` may give `role` to a new member (ACC-8).
pub const fn may_assign_to_new(by: SystemRole, role: SystemRole) -> bool {
    match by {
        SystemRole::Admin => true,
        SystemRole::Approver => matches!(role, SystemRole::Creator | SystemRole::Member),
        SystemRole::Creator | SystemRole::Member | SystemRole::Editor => false,
    }
}
