//! Who may read history, and who may export it.

use super::{super::builders::*, CAMPAIGNS, EXPERIENCES, for_countries, reaching, role, scoped, someone};
use crate::{
    Audience, Kind, Refusal, Rights, SystemRole,
    history::access::Use,
    refusal::{Missing, Permission},
};

fn missing(refused: Result<(), Refusal>) -> Option<Permission> {
    match refused {
        Ok(()) => None,
        Err(Refusal::PermissionDenied { permission, .. }) => Some(permission),
        Err(refusal) => panic!("{refusal:?}"),
    }
}

/// Proves HIS-4 with ACC-4: READ downloads nothing.
#[test]
fn an_export_needs_more_than_read() {
    let campaign = campaign();
    for (number, rights, read, export) in [
        (1, Rights::NONE, Some(Permission::Read), Some(Permission::Read)),
        (2, Rights::READ, None, Some(Permission::Write)),
        (3, Rights::WRITE, None, None),
        (4, Rights::APPROVE, None, None),
        (5, Rights::FULL, None, None),
    ] {
        let role = role(number, &[(CAMPAIGNS, rights)]);
        let world = World::new().with_roles(&[&role]);
        let member = someone(number, None, &[&role]);
        world.by(&member, |context| {
            let thing = Missing::Resource(campaign.id);
            assert_eq!(missing(Use::Read.check(context, Some(&campaign), thing)), read, "{rights:?}");
            assert_eq!(missing(Use::Export.check(context, Some(&campaign), thing)), export, "{rights:?}");
            assert_eq!(missing(Use::Read.check_any(context)), read, "{rights:?}");
            assert_eq!(missing(Use::Export.check_any(context)), export, "{rights:?}");
        });
    }
    let world = World::new();
    for (role, allowed) in [
        (SystemRole::Admin, true),
        (SystemRole::Creator, true),
        (SystemRole::Approver, true),
        (SystemRole::Editor, true),
        (SystemRole::Member, false),
    ] {
        world.by(&someone(9, Some(role), &[]), |context| {
            assert_eq!(Use::Read.check_any(context), Ok(()), "{role:?}");
            assert_eq!(Use::Export.check_any(context).is_ok(), allowed, "{role:?}");
        });
    }
}

/// Proves HIS-4 with ACC-12: of a whole account's history, what lies outside the scope or the kinds is left out.
#[test]
fn of_an_accounts_history_each_has_their_part() {
    let role = scoped(role(1, &[(CAMPAIGNS, Rights::WRITE), (EXPERIENCES, Rights::READ)]), &["US"]);
    let world = World::new().with_roles(&[&role]);
    let member = someone(1, None, &[&role]);
    let access = world.access(&member);
    let us = reaching("Country", &["US"]);
    for (kind, audience, read, export) in [
        (Kind::CAMPAIGN, us.clone(), true, true),
        (Kind::AB_TEST, us.clone(), true, false),
        (Kind::REMOTE_CONFIG, us.clone(), true, false),
        (Kind::CAMPAIGN, reaching("Country", &["US", "MX"]), false, false),
        (Kind::CAMPAIGN, Audience::default(), false, false),
        (Kind::given("journey"), us, false, false),
    ] {
        assert_eq!(
            Use::Read.includes(&world.lifecycles, &access, &kind, &audience),
            read,
            "{kind} {audience:?}"
        );
        assert_eq!(
            Use::Export.includes(&world.lifecycles, &access, &kind, &audience),
            export,
            "{kind} {audience:?}"
        );
    }
}

/// Proves ACC-16: what is outside is answered as what is not there.
#[test]
fn outside_a_scope_there_is_no_history() {
    let role = scoped(role(1, &[(CAMPAIGNS, Rights::WRITE)]), &["US"]);
    let world = World::new().with_roles(&[&role]);
    let outside = for_countries(campaign(), &["MX"]);
    world.by(&someone(1, None, &[&role]), |context| {
        let thing = Missing::Resource(RESOURCE);
        for wanted in [Use::Read, Use::Export] {
            let refused = wanted.check(context, Some(&outside), thing);
            assert!(refused.is_err());
            assert_eq!(refused, wanted.check(context, None, thing));
        }
    });
}
