//! Data scopes (ACC-12): a member limited to resources by what those declare about whom they reach.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::text;

/// Whom a resource reaches, property by property: `Country` → `US`, `CA`. A property that is declared has a value. Both are
/// compared as text in its one form (ACC-18), also what was stored in another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, BTreeSet<String>>")]
pub struct Audience(pub BTreeMap<String, BTreeSet<String>>);

impl From<BTreeMap<String, BTreeSet<String>>> for Audience {
    fn from(stored: BTreeMap<String, BTreeSet<String>>) -> Self {
        let mut audience: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (property, values) in stored {
            audience.entry(text::into_composed(property)).or_default().extend(composed(values));
        }
        Self(audience)
    }
}

/// What a scoped role limits its holders to; in the same form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredScope")]
pub struct DataScope {
    /// The audience property.
    pub property: String,
    /// Its values inside the scope.
    pub values: BTreeSet<String>,
}

/// A scope as it was stored, in whatever form.
#[derive(Deserialize)]
struct StoredScope {
    property: String,
    values: BTreeSet<String>,
}

impl From<StoredScope> for DataScope {
    fn from(stored: StoredScope) -> Self {
        let StoredScope { property, values } = stored;
        Self { property: text::into_composed(property), values: composed(values).collect() }
    }
}

fn composed(values: BTreeSet<String>) -> impl Iterator<Item = String> {
    values.into_iter().map(text::into_composed)
}

impl DataScope {
    /// The scope as a set: `Country ∈ {US, CA}`.
    pub fn as_set(&self) -> String {
        format!("{} ∈ {{{}}}", quoted(&self.property), listed(&self.values))
    }

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
