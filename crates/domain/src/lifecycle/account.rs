//! The lifecycles that an account has: the built-in ones, and its own in all their versions (LIF-24).

use std::{collections::BTreeMap, sync::Arc};

use super::{Kind, Lifecycle};
use crate::{ActorRef, Area, Resource, Timestamp, Violation};

/// One version of a lifecycle of an account's own. What was registered never changes, but for its being retired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The lifecycle.
    pub lifecycle: Lifecycle,
    /// Who registered it.
    pub by: ActorRef,
    /// When.
    pub at: Timestamp,
    /// Who retired it and when; only the newest version can be.
    pub retired: Option<(ActorRef, Timestamp)>,
}

impl Registered {
    /// What its etag stands for: another after a new version, and after it was retired.
    pub fn etag(&self) -> i64 {
        self.lifecycle.version * 2 + i64::from(self.retired.is_some())
    }
}

/// The lifecycles of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycles {
    /// The versions of each kind, oldest first; never empty.
    own: BTreeMap<Kind, Vec<Arc<Registered>>>,
}

impl Lifecycles {
    /// With these of the account's own.
    pub fn new(own: impl IntoIterator<Item = Registered>) -> Self {
        let mut lifecycles = Self::default();
        for registered in own {
            lifecycles.insert(registered);
        }
        lifecycles
    }

    /// With a further version, or in the place of what was there of the same version.
    pub fn insert(&mut self, registered: Registered) {
        let versions = self.own.entry(registered.lifecycle.kind.clone()).or_default();
        let version = registered.lifecycle.version;
        match versions.binary_search_by_key(&version, |other| other.lifecycle.version) {
            Ok(index) => versions[index] = Arc::new(registered),
            Err(index) => versions.insert(index, Arc::new(registered)),
        }
    }

    /// The lifecycle of `resource`: of the version that it began with.
    pub fn of(&self, resource: &Resource) -> Option<&Lifecycle> {
        self.version(&resource.kind, resource.lifecycle_version)
    }

    /// The lifecycle of `kind` in that version.
    pub fn version(&self, kind: &Kind, version: i64) -> Option<&Lifecycle> {
        if version == 0 {
            return Lifecycle::built_in(kind);
        }
        self.registered(kind, version).map(|registered| &registered.lifecycle)
    }

    /// That version of a kind of the account's own.
    pub fn registered(&self, kind: &Kind, version: i64) -> Option<&Registered> {
        let versions = self.own.get(kind)?.iter();
        versions.map(Arc::as_ref).find(|registered| registered.lifecycle.version == version)
    }

    /// The newest lifecycle of `kind`.
    pub fn newest(&self, kind: &Kind) -> Option<&Lifecycle> {
        Lifecycle::built_in(kind).or_else(|| self.newest_registered(kind).map(|newest| &newest.lifecycle))
    }

    /// The newest version of a kind of the account's own.
    pub fn newest_registered(&self, kind: &Kind) -> Option<&Registered> {
        self.own.get(kind)?.last().map(Arc::as_ref)
    }

    /// The newest lifecycle of every kind: the built-in ones first.
    pub fn all(&self) -> impl Iterator<Item = &Lifecycle> {
        let own = self.own.values().filter_map(|versions| versions.last());
        Lifecycle::all_built_in().iter().chain(own.map(|registered| &registered.lifecycle))
    }

    /// Every version of every kind of the account's own.
    pub fn own(&self) -> impl Iterator<Item = &Registered> {
        self.own.values().flatten().map(Arc::as_ref)
    }

    /// How many kinds are the account's own.
    pub fn own_kinds(&self) -> usize {
        self.own.len()
    }

    /// The areas of the account's own.
    pub fn own_areas(&self) -> impl Iterator<Item = &Area> {
        self.own.values().filter_map(|versions| Some(&versions.last()?.lifecycle.area))
    }
}

/// The violation of a kind that has no lifecycle.
pub fn unknown_kind(lifecycles: &Lifecycles) -> Violation {
    let kinds: Vec<&str> = lifecycles.all().map(|lifecycle| lifecycle.kind.as_str()).collect();
    Violation::new("kind", format!("must be one of {}", kinds.join(", ")))
}
