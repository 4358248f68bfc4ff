//! Pages of members that are in memory, by name.

use std::{fmt, str::FromStr};

use countersign_domain::{Member, MemberId};
use countersign_store::Page;

/// A member's place in a list by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByName {
    name: String,
    id: MemberId,
}

impl ByName {
    fn of(member: &Member) -> Self {
        Self { name: member.display_name.to_lowercase(), id: member.id }
    }
}

impl fmt::Display for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.name)
    }
}

impl FromStr for ByName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, name) = text.split_once('/').ok_or(())?;
        Ok(Self { name: name.to_owned(), id: id.parse().map_err(|_| ())? })
    }
}

/// The first `size` by name after `after`. All are looked at, which are in memory, and only a page of them is sorted.
pub(super) fn page_by_name<'m>(
    members: impl Iterator<Item = &'m Member>,
    after: Option<&ByName>,
    size: u32,
) -> Page<(ByName, &'m Member)> {
    let mut found: Vec<(ByName, &Member)> = members
        .map(|member| (ByName::of(member), member))
        .filter(|(place, _)| after.is_none_or(|after| place > after))
        .collect();
    let enough = size as usize + 1;
    if found.len() > enough {
        found.select_nth_unstable_by(enough, |(one, _), (other, _)| one.cmp(other));
        found.truncate(enough);
    }
    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Page::of(found, size)
}
