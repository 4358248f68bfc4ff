//! What an access event says: who may see and decide what, from its sequence on.

use std::collections::{BTreeMap, BTreeSet};

use countersign_proto::event::event::Payload;
use countersign_proto::event::{self, MemberAccess, ResourceSnapshot};
use uuid::Uuid;

use super::{Unusable, id};

/// The type of the events that say who may see and decide what. Nobody is told of them.
pub(super) const ACCESS_CHANGED: &str = "countersign.access.changed.v1";

/// The type of the events that say whether an account is read only. Nobody is told of them.
pub(super) const ACCOUNT_STATE_CHANGED: &str = "countersign.account.state_changed.v1";

/// Whether an account is read only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStateChange {
    /// The account's rules version: of two events the one with the higher holds.
    pub version: i64,
    /// ACTIVE, SUSPENDED or DELETED.
    pub state: String,
}

/// What some members of an account may see and decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessChange {
    /// The account's rules version: of two events about a member the one with the higher holds.
    pub sequence: i64,
    /// Each member once, by id: two events that write the same rows in the same order can't deadlock.
    pub members: Vec<MemberChange>,
}

/// What one member may see and decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The member.
    pub member_id: Uuid,
    /// Whether they have access to the account at all.
    pub active: bool,
    /// What they may see and decide, if they have.
    pub access: Access,
}

/// What a member with access to the account may see and decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The kinds of resources that they may see.
    pub readable_kinds: BTreeSet<String>,
    /// The kinds of resources whose requests they may decide.
    pub approvable_kinds: BTreeSet<String>,
    /// What limits them to some resources of these kinds.
    pub scope: Option<Scope>,
}

/// A data scope: only resources whose audience lies inside (ACC-12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The audience property.
    pub property: String,
    /// Its values inside the scope.
    pub values: BTreeSet<String>,
}

/// Whom a resource reaches: property by property, the values.
pub type Audience = BTreeMap<String, Vec<String>>;

impl Access {
    /// Whether a resource of `kind` can be seen, as far as its kind goes.
    pub fn reads(&self, kind: &str) -> bool {
        self.readable_kinds.contains(kind)
    }

    /// Whether requests on resources of `kind` can be decided, as far as the kind goes.
    pub fn approves(&self, kind: &str) -> bool {
        self.approvable_kinds.contains(kind)
    }

    /// Whether a resource that reaches `audience` lies inside the scope. One that declares nothing for the scope's property
    /// reaches all users, and so is outside (ACC-12).
    pub fn covers(&self, audience: &Audience) -> bool {
        let Some(scope) = &self.scope else { return true };
        let declared = audience.get(&scope.property);
        declared.is_some_and(|declared| {
            !declared.is_empty() && declared.iter().all(|value| scope.values.contains(value))
        })
    }
}

/// The audience that the snapshot declares.
pub(super) fn audience(resource: &ResourceSnapshot) -> Audience {
    resource
        .audience
        .iter()
        .map(|(property, values)| {
            let mut values = values.values.clone();
            // Sorted, so that the same audience is the same text wherever it is stored.
            values.sort_unstable();
            values.dedup();
            (property.clone(), values)
        })
        .collect()
}

pub(super) fn account_state_change(
    data: &event::Event,
    version: i64,
) -> Result<AccountStateChange, Unusable> {
    let Some(Payload::Account(account)) = &data.payload else { return Err(Unusable::Payload("account")) };
    let state = match account.state.as_str() {
        "" => return Err(Unusable::Payload("account.state")),
        known @ ("ACTIVE" | "SUSPENDED" | "DELETED") => known,
        // Of a later version: it is not active, and that is all that matters here.
        _ => "SUSPENDED",
    };
    Ok(AccountStateChange { version, state: state.to_owned() })
}

pub(super) fn access_change(data: &event::Event, sequence: i64) -> Result<AccessChange, Unusable> {
    let Some(Payload::Access(access)) = &data.payload else { return Err(Unusable::Payload("access")) };
    let members = access.members.iter().map(|member| {
        let member_id = id("access.members.memberId", &member.member_id)?;
        Ok((member_id, MemberChange { member_id, active: member.active, access: read(member)? }))
    });
    let members: BTreeMap<Uuid, MemberChange> = members.collect::<Result<_, Unusable>>()?;
    Ok(AccessChange { sequence, members: members.into_values().collect() })
}

fn read(member: &MemberAccess) -> Result<Access, Unusable> {
    // Who has no access has no kinds either, whatever the event lists.
    if !member.active {
        return Ok(Access::default());
    }
    let set = |values: &[String]| values.iter().cloned().collect::<BTreeSet<String>>();
    let scope = match (member.scope_property.as_str(), member.scope_values.as_slice()) {
        ("", []) => None,
        // Without its property a limit can't be obeyed, and must not be read as none.
        ("", _) => return Err(Unusable::Payload("access.members.scopeProperty")),
        (property, values) => Some(Scope { property: property.to_owned(), values: set(values) }),
    };
    Ok(Access {
        readable_kinds: set(&member.readable_kinds),
        approvable_kinds: set(&member.approvable_kinds),
        scope,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scoped(values: &[&str]) -> Access {
        let values = values.iter().map(ToString::to_string).collect();
        Access { scope: Some(Scope { property: "Country".to_owned(), values }), ..Access::default() }
    }

    fn reaches(values: &[&str]) -> Audience {
        Audience::from([("Country".to_owned(), values.iter().map(ToString::to_string).collect())])
    }

    /// Proves ACC-12.
    #[test]
    fn only_an_audience_that_lies_inside_is_covered() {
        let us_and_ca = scoped(&["US", "CA"]);
        assert!(us_and_ca.covers(&reaches(&["US"])) && us_and_ca.covers(&reaches(&["CA", "US"])));
        assert!(!us_and_ca.covers(&reaches(&["US", "MX"])), "part of it is outside");
        assert!(!us_and_ca.covers(&reaches(&[])), "nothing declared is all users");
        assert!(!us_and_ca.covers(&Audience::new()), "nothing declared is all users");
        let other = Audience::from([("Language".to_owned(), vec!["US".to_owned()])]);
        assert!(!us_and_ca.covers(&other), "another property says nothing");
        assert!(!scoped(&[]).covers(&reaches(&["US"])), "an empty scope holds nothing");
        assert!(Access::default().covers(&Audience::new()), "no scope limits nothing");
    }

    #[test]
    fn a_limit_without_its_property_is_not_read_as_none() {
        let member = MemberAccess {
            member_id: Uuid::from_u128(1).to_string(),
            active: true,
            scope_values: vec!["US".to_owned()],
            ..Default::default()
        };
        assert!(matches!(read(&member), Err(Unusable::Payload("access.members.scopeProperty"))));
        assert_eq!(read(&MemberAccess { active: false, ..member }).unwrap(), Access::default());
    }

    #[test]
    fn each_member_is_named_once() {
        let member = |number, active| MemberAccess {
            member_id: Uuid::from_u128(number).to_string(),
            active,
            ..Default::default()
        };
        let data = event::Event {
            payload: Some(Payload::Access(event::AccessEvent {
                members: vec![member(2, true), member(1, true), member(2, false)],
            })),
            ..Default::default()
        };
        let change = access_change(&data, 4).unwrap();
        let named: Vec<_> =
            change.members.iter().map(|member| (member.member_id.as_u128(), member.active)).collect();
        assert_eq!((change.sequence, named), (4, vec![(1, true), (2, false)]));
        let none = event::Event::default();
        assert!(matches!(access_change(&none, 4), Err(Unusable::Payload("access"))));
    }
}
