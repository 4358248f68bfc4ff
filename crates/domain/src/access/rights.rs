//! What can be had on a component.

use serde::{Deserialize, Serialize};

/// Rights on one component. WRITE and APPROVE give READ (ACC-4); each constructor keeps it so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// To see and decide.
    pub const APPROVE: Self = Self { read: true, write: false, approve: true };
    /// Everything.
    pub const FULL: Self = Self { read: true, write: true, approve: true };

    /// Both together: the highest access wins (ACC-5).
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            write: self.write || other.write,
            approve: self.approve || other.approve,
        }
    }

    /// Without the right to decide.
    #[must_use]
    pub const fn without_approve(self) -> Self {
        Self { approve: false, ..self }
    }

    /// Those that `other` lacks.
    #[must_use]
    pub const fn beyond(self, other: Self) -> Self {
        Self {
            read: self.read && !other.read,
            write: self.write && !other.write,
            approve: self.approve && !other.approve,
        }
    }

    /// Whether everything in `other` is in this too.
    pub const fn includes(self, other: Self) -> bool {
        (self.read || !other.read) && (self.write || !other.write) && (self.approve || !other.approve)
    }

    /// Whether there is nothing in it.
    pub const fn is_none(self) -> bool {
        !self.read && !self.write && !self.approve
    }
}
