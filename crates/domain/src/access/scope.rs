//! Data scopes (ACC-12): a member limited to resources by what those declare about whom they reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

/// Whom a resource reaches, property by property: `Country` → `US`, `CA`. A property that is declared has a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audience(pub BTreeMap<String, BTreeSet<String>>);

/// What a scoped role limits its holders to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataScope {
    /// The audience property.
    pub property: String,
    /// Its values inside the scope.
    pub values: BTreeSet<String>,
}

impl DataScope {
    /// Whether `audience` lies inside: it declares the property, and nothing beyond the scope's values. What declares nothing
    /// reaches everybody, so it is outside (C13).
    pub fn contains(&self, audience: &Audience) -> bool {
        audience.0.get(&self.property).is_some_and(|declared| {
            !declared.is_empty() && declared.iter().all(|value| self.values.contains(value))
        })
    }
}

impl fmt::Display for DataScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        write!(f, "{} in ({})", self.property, values.join(", "))
    }
}
