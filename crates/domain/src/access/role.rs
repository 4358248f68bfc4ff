//! Custom roles (ACC-3).

use std::collections::BTreeMap;

use super::{Component, DataScope, Rights};
use crate::{AccountId, RoleId, Timestamp, text};

/// A custom role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The account.
    pub account_id: AccountId,
    /// The id.
    pub id: RoleId,
    /// A name, unique in the account by [`text::key`].
    pub name: String,
    /// What it gives, component by component; what it does not name it gives nothing on of its own.
    pub accesses: BTreeMap<Component, Rights>,
    /// What it limits its holders to (ACC-12).
    pub scope: Option<DataScope>,
    /// Whether PII is masked for its holders (ACC-13).
    pub masks_pii: bool,
    /// Counts up with every change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Role {
    /// What it gives on `component`: what is set on it and on all above it (ACC-6).
    pub fn rights(&self, component: &Component) -> Rights {
        self.accesses
            .iter()
            .filter(|(set_on, _)| set_on.covers(component))
            .fold(Rights::NONE, |rights, (_, given)| rights.and(*given))
    }

    /// Whether its holders can decide something.
    pub fn approves(&self) -> bool {
        self.accesses.values().any(|rights| rights.approve)
    }
}

/// An account's custom roles, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles(BTreeMap<RoleId, Role>);

impl Roles {
    /// From a list.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Self {
        Self(roles.into_iter().map(|role| (role.id, role)).collect())
    }

    /// The role with this id.
    pub fn get(&self, id: RoleId) -> Option<&Role> {
        self.0.get(&id)
    }

    /// The role with a name that can't be told from this one (ACC-18). Of several, which were stored before that was a rule, the
    /// one that is called exactly so.
    pub fn named(&self, name: &str) -> Option<&Role> {
        let key = text::key(name);
        let same = |role: &&Role| text::key(&role.name) == key;
        self.0.values().filter(same).min_by_key(|role| role.name != name)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.0.values()
    }

    /// With `role` added or changed.
    pub fn insert(&mut self, role: Role) {
        self.0.insert(role.id, role);
    }

    /// Without this one.
    pub fn remove(&mut self, id: RoleId) {
        self.0.remove(&id);
    }
}
