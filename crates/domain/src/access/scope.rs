//! Data scopes (ACC-12): a member limited to resources by what those declare about whom they reach.

use std::{
    borrow::Cow,
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
    /// Whether what lies inside `other` lies inside this too.
    pub fn includes(&self, other: &Self) -> bool {
        self.property == other.property && other.values.is_subset(&self.values)
    }

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
        write!(f, "{} in ({})", quoted(&self.property), listed(&self.values))
    }
}

/// `names` in one line that reads the same for no other list.
pub(crate) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| quoted(name.as_ref()).into_owned()).collect();
    names.join(", ")
}

/// `name`, in quotes where it could be taken for something else in a list.
fn quoted(name: &str) -> Cow<'_, str> {
    let odd = |c: char| matches!(c, ',' | '"' | '\\' | '(' | ')') || c.is_control();
    if name.is_empty() || name.trim() != name || name.contains(odd) {
        Cow::Owned(format!("{name:?}"))
    } else {
        Cow::Borrowed(name)
    }
}
