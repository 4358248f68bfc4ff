//! Custom roles, who holds them, and invitations: what is stored is what is read, and a change is written as a whole or not at
//! all.

use countersign_domain::{
    Account, AccountState, Invitation, Member, MemberId, MemberState, Rights, Role, RoleId, RulesWrite,
    SystemRole,
    access::Component,
    invitation::{InvitationState, TokenHash},
    membership::Given,
};
use countersign_store::{About, Committed, Duplicate, RulesCommit, StoreError};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::ConnectionTrait as _;

use crate::support::*;

both_databases! {
    roles_come_back,
    members_come_back_with_their_roles,
    holders_of_an_approving_role_are_candidates,
    a_role_that_is_held_can_not_vanish,
    a_role_name_is_unique_whatever_its_case,
    a_role_name_is_unique_by_what_is_seen,
    roles_from_before_there_were_keys_stay,
    audiences_and_scopes_from_before_are_compared_in_one_form,
    stale_roles_and_invitations_are_refused,
    invitations_come_back,
    an_address_is_invited_once_whatever_its_case,
    an_account_changes_its_state,
    members_are_written_in_batches,
    one_stale_member_of_many_leaves_nothing,
    a_member_twice_in_a_row_is_written_twice,
    parts_of_another_account_are_refused,
}

/// Every optional part there and not there.
fn roles(account: &Account) -> Vec<Role> {
    vec![
        role(account, "Ünited \"States\" \\ \u{1F600}"),
        Role { scope: None, masks_pii: false, ..role(account, "Plain") },
        Role { accesses: [].into(), ..role(account, "Nothing") },
        Role {
            accesses: countersign_domain::access::TREE
                .iter()
                .zip([Rights::READ, Rights::WRITE].into_iter().cycle())
                .map(|(node, rights)| (node.component.clone(), rights))
                .collect(),
            ..role(account, "Everything but APPROVE")
        },
    ]
}

/// Proves ACC-3 as far as the store goes.
async fn roles_come_back(db: TestDatabase) {
    let mut world = World::new(db).await;
    let mut expected = roles(&world.account);
    world.changed(expected.iter().cloned().map(RulesWrite::InsertRole).collect()).await;
    let account = world.account.id;
    let listed = async |world: &World| {
        let (mut seen, mut after) = (vec![], None);
        loop {
            let page = world.store.list_roles(account, after, 2).await.unwrap();
            after = page.items.last().map(|role| role.id);
            seen.extend(page.items);
            if !page.more {
                return seen;
            }
        }
    };
    assert_eq!(listed(&world).await, expected);
    let snapshot = world.snapshot(&About::Nothing).await;
    assert_eq!(snapshot.roles.iter().cloned().collect::<Vec<_>>(), expected);

    for role in &mut expected {
        role.version = 2;
        role.scope = if role.scope.is_some() { None } else { crate::support::role(&world.account, "").scope };
        role.masks_pii = !role.masks_pii;
        role.name = format!("{} changed", role.name);
        role.accesses.insert(Component::CAMPAIGNS, Rights::FULL);
        role.updated_at = after(9);
    }
    let deleted = expected.pop().unwrap();
    let mut writes: Vec<RulesWrite> = expected.iter().cloned().map(RulesWrite::UpdateRole).collect();
    writes.push(RulesWrite::DeleteRole(deleted.id));
    world.changed(writes).await;
    assert_eq!(listed(&world).await, expected);
    let snapshot = world.snapshot(&About::Nothing).await;
    assert_eq!(snapshot.roles.iter().cloned().collect::<Vec<_>>(), expected);
}

/// Proves ACC-2 as far as the store goes: with the snapshot, in lists and by themselves.
async fn members_come_back_with_their_roles(db: TestDatabase) {
    let mut world = World::new(db).await;
    let roles: Vec<Role> = (0..3).map(|number| role(&world.account, &format!("{number}"))).collect();
    let ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
    let [first, second, third] = ids[..] else { unreachable!("three") };
    let mut holder = Member {
        system_role: None,
        roles: vec![third, first],
        email: "Ünder@Example.com".into(),
        ..member(&world.account, SystemRole::Member)
    };
    let mut writes: Vec<RulesWrite> = roles.into_iter().map(RulesWrite::InsertRole).collect();
    writes.push(RulesWrite::InsertMember(holder.clone()));
    world.changed(writes).await;

    for given in [vec![first, third], vec![first, second, third], vec![second], vec![], vec![third]] {
        holder.version += 1;
        holder.roles = given;
        world.changed(vec![RulesWrite::UpdateMember(holder.clone())]).await;
        let (store, account) = (&world.store, world.account.id);
        let everybody = [world.admin.clone(), holder.clone()];
        assert_eq!(store.list_members(account, None, 10).await.unwrap().items, everybody);
        assert_eq!(store.all_members(account).await.unwrap(), everybody);
        let found = store.member_by_email(account, "üNDER@example.COM").await.unwrap();
        assert_eq!(found.as_ref(), Some(&holder));
        let snapshot =
            store.snapshot(account, Some(holder.id), &About::Nothing, &[holder.id], None).await.unwrap();
        assert_eq!(snapshot.unwrap().actor.as_ref(), Some(&holder));
        for role in &ids {
            let holders = store.holders(account, *role).await.unwrap();
            assert_eq!(holders.contains(&holder), holder.roles.contains(role));
        }
    }
    holder.version += 1;
    holder.state = MemberState::Revoked;
    world.changed(vec![RulesWrite::UpdateMember(holder.clone())]).await;
    assert_eq!(world.store.holders(world.account.id, third).await.unwrap(), [holder], "revoked included");
    assert_eq!(world.store.member_by_email(world.account.id, "nobody@example.com").await.unwrap(), None);
    assert_eq!(world.store.member_by_email(account().id, &world.admin.email).await.unwrap(), None);
}

/// Proves ACC-10 as far as the store goes.
async fn holders_of_an_approving_role_are_candidates(db: TestDatabase) {
    let mut world = World::new(db).await;
    let approving = role(&world.account, "Approves");
    let reading =
        Role { accesses: [(Component::CAMPAIGNS, Rights::READ)].into(), ..role(&world.account, "Reads") };
    let with = |role: &Role, state| Member {
        system_role: None,
        roles: vec![role.id],
        state,
        ..member(&world.account, SystemRole::Member)
    };
    let candidate = with(&approving, MemberState::Active);
    let others = [with(&approving, MemberState::Revoked), with(&reading, MemberState::Active)];
    let mut writes = vec![RulesWrite::InsertRole(approving.clone()), RulesWrite::InsertRole(reading)];
    writes.push(RulesWrite::InsertMember(candidate.clone()));
    writes.extend(others.map(RulesWrite::InsertMember));
    world.changed(writes).await;
    let candidates = world.snapshot(&About::Nothing).await.directory.candidates().to_vec();
    assert_eq!(candidates, [world.admin.clone(), candidate]);

    let weaker = Role { version: 2, accesses: [].into(), ..approving };
    world.changed(vec![RulesWrite::UpdateRole(weaker)]).await;
    let candidates = world.snapshot(&About::Nothing).await.directory.candidates().to_vec();
    assert_eq!(candidates, [world.admin.clone()]);
}

async fn a_role_that_is_held_can_not_vanish(db: TestDatabase) {
    let mut world = World::new(db).await;
    let held = role(&world.account, "Held");
    let holder = Member { roles: vec![held.id], ..member(&world.account, SystemRole::Member) };
    world.changed(vec![RulesWrite::InsertRole(held.clone()), RulesWrite::InsertMember(holder.clone())]).await;
    let vanish = world.change(vec![RulesWrite::DeleteRole(held.id)]);
    let error = world.store.commit_rules(vanish).await.unwrap_err();
    assert!(matches!(error, StoreError::Query { .. }), "{error:?}");
    let without = Member { roles: vec![], version: 2, ..holder };
    world.changed(vec![RulesWrite::UpdateMember(without), RulesWrite::DeleteRole(held.id)]).await;
    assert_eq!(world.count("roles").await, 0);
    let again = world.change(vec![RulesWrite::DeleteRole(held.id)]);
    assert_eq!(world.try_change(again).await, Committed::Conflict);
}

/// Proves ACC-3.
async fn a_role_name_is_unique_whatever_its_case(db: TestDatabase) {
    let mut world = World::new(db).await;
    let (first, other) = (role(&world.account, "Über"), role(&world.account, "Other"));
    world.changed(vec![RulesWrite::InsertRole(first.clone()), RulesWrite::InsertRole(other.clone())]).await;
    let same_name = role(&world.account, "üBER");
    let same_id = Role { id: first.id, ..role(&world.account, "New") };
    let renamed = Role { name: "ÜBER".into(), version: 2, ..other };
    for (write, which) in [
        (RulesWrite::InsertRole(same_name), Duplicate::RoleName),
        (RulesWrite::InsertRole(same_id), Duplicate::RoleId),
        (RulesWrite::UpdateRole(renamed), Duplicate::RoleName),
    ] {
        let commit = world.change(vec![write]);
        assert_eq!(world.try_change(commit).await, Committed::Duplicate(which));
    }
    // Its own name in another case, and the same name elsewhere.
    world.changed(vec![RulesWrite::UpdateRole(Role { name: "ÜBER".into(), version: 2, ..first })]).await;
    assert_eq!(world.count("roles").await, 2);
}

async fn stale_roles_and_invitations_are_refused(db: TestDatabase) {
    let mut world = World::new(db).await;
    let role = role(&world.account, "Role");
    let invited = invitation(&world.account, &world.admin, "new@example.com");
    world
        .changed(vec![RulesWrite::InsertRole(role.clone()), RulesWrite::InsertInvitation(invited.clone())])
        .await;
    for (version, expected) in [(1, Committed::Conflict), (3, Committed::Conflict), (2, Committed::Done)] {
        for write in [
            RulesWrite::UpdateRole(Role { version, ..role.clone() }),
            RulesWrite::UpdateInvitation(Invitation { version, ..invited.clone() }),
        ] {
            // What comes before it in the same change is not written either.
            let commit =
                world.change(vec![RulesWrite::InsertRole(crate::support::role(&world.account, "x")), write]);
            let commit = if expected == Committed::Done {
                RulesCommit { writes: commit.writes.into_iter().skip(1).collect(), ..commit }
            } else {
                commit
            };
            assert_eq!(world.try_change(commit).await, expected);
            assert_eq!(world.count("roles").await, 1);
        }
    }
}

/// Proves ACC-14 as far as the store goes.
async fn invitations_come_back(db: TestDatabase) {
    let mut world = World::new(db).await;
    let plain = |email: &str| invitation(&world.account, &world.admin, email);
    let given = Given { system_role: None, roles: vec![RoleId(id()), RoleId(id())], approval_right: false };
    let by = countersign_domain::ActorRef { member_id: None, name: "platform".into(), service: None };
    let mut expected = vec![
        plain("One@example.com"),
        Invitation { given, invited_by: by, ..plain("two@example.com") },
        Invitation { state: InvitationState::Withdrawn, ..plain("ONE@example.com") },
        Invitation { state: InvitationState::Accepted(MemberId(id())), ..plain("one@example.com") },
    ];
    world.changed(expected.iter().cloned().map(RulesWrite::InsertInvitation).collect()).await;
    let account = world.account.id;
    assert_eq!(
        world.store.pending_invitation(account, "oNE@example.com").await.unwrap(),
        Some(expected[0].clone())
    );
    for invitation in &mut expected {
        let before = invitation.token.clone();
        let store = &world.store;
        assert_eq!(store.invitation(account, invitation.id).await.unwrap().as_ref(), Some(&*invitation));
        assert_eq!(store.invitation_by_token(account, &before).await.unwrap().as_ref(), Some(&*invitation));
        invitation.version = 2;
        invitation.token = TokenHash::of("another");
        invitation.state = InvitationState::Withdrawn;
        invitation.expires_at = after(99);
        let write = RulesWrite::UpdateInvitation(invitation.clone());
        world.changed(vec![write]).await;
        assert_eq!(world.store.invitation_by_token(account, &before).await.unwrap(), None);
        let by_token = world.store.invitation_by_token(account, &invitation.token).await.unwrap();
        assert_eq!(by_token.as_ref(), Some(&*invitation));
        // Room for the next one's.
        invitation.version = 3;
        invitation.token = before;
        world.changed(vec![RulesWrite::UpdateInvitation(invitation.clone())]).await;
    }
    assert_eq!(world.store.pending_invitation(account, "one@example.com").await.unwrap(), None);
    assert_eq!(world.store.invitation(crate::support::account().id, expected[0].id).await.unwrap(), None);
    expected.reverse();
    let first = world.store.list_invitations(account, None, 3).await.unwrap();
    assert_eq!((first.items.as_slice(), first.more), (&expected[..3], true));
    let rest = world.store.list_invitations(account, Some(expected[2].id), 3).await.unwrap();
    assert_eq!((rest.items.as_slice(), rest.more), (&expected[3..], false));
}

async fn an_address_is_invited_once_whatever_its_case(db: TestDatabase) {
    let mut world = World::new(db).await;
    let invite = |world: &World, email: &str| invitation(&world.account, &world.admin, email);
    let first = invite(&world, "Ü@example.com");
    world.changed(vec![RulesWrite::InsertInvitation(first.clone())]).await;
    let second = invite(&world, "ü@EXAMPLE.com");
    let commit = world.change(vec![RulesWrite::InsertInvitation(second.clone())]);
    assert_eq!(world.try_change(commit).await, Committed::Duplicate(Duplicate::InvitationEmail));
    let same_id = Invitation { id: first.id, ..invite(&world, "other@example.com") };
    let commit = world.change(vec![RulesWrite::InsertInvitation(same_id)]);
    assert_eq!(world.try_change(commit).await, Committed::Duplicate(Duplicate::InvitationId));
    // One that takes the place of another.
    let withdrawn = Invitation { state: InvitationState::Withdrawn, version: 2, ..first };
    world
        .changed(vec![RulesWrite::UpdateInvitation(withdrawn), RulesWrite::InsertInvitation(second.clone())])
        .await;
    let pending = world.store.pending_invitation(world.account.id, "Ü@example.com").await.unwrap();
    assert_eq!(pending, Some(second));
}

async fn an_account_changes_its_state(db: TestDatabase) {
    let mut world = World::new(db).await;
    for state in [AccountState::Suspended, AccountState::Deleted { erase_at: after(5) }, AccountState::Active]
    {
        let account = Account {
            name: format!("as {}", state.as_str()),
            time_zone: Some(state)
                .filter(|state| *state != AccountState::Active)
                .map(|_| "Asia/Tokyo".into()),
            features: [].into(),
            state,
            rules_version: world.account.rules_version + 1,
            ..world.account.clone()
        };
        world.changed(vec![RulesWrite::Account(account.clone())]).await;
        assert_eq!(world.snapshot(&About::Nothing).await.account, account);
    }
}

/// More than a statement takes, updates and insertions in any order.
async fn members_are_written_in_batches(db: TestDatabase) {
    let mut world = World::new(db).await;
    let (first, second) = (role(&world.account, "First"), role(&world.account, "Second"));
    let mut members: Vec<Member> = (0..2_500)
        .map(|number| Member {
            system_role: None,
            roles: if number % 2 == 0 { vec![first.id] } else { vec![first.id, second.id] },
            ..member(&world.account, SystemRole::Member)
        })
        .collect();
    let mut writes = vec![RulesWrite::InsertRole(first.clone()), RulesWrite::InsertRole(second.clone())];
    writes.extend(members.iter().cloned().map(RulesWrite::InsertMember));
    world.changed(writes).await;
    assert_eq!(world.store.holders(world.account.id, first.id).await.unwrap(), members);

    // The first role is deleted, and some join meanwhile.
    let mut writes = vec![];
    let mut joining = vec![];
    for (number, member) in members.iter_mut().enumerate() {
        member.version += 1;
        member.roles.retain(|role| *role == second.id);
        member.system_role = member.roles.is_empty().then_some(SystemRole::Member);
        writes.push(RulesWrite::UpdateMember(member.clone()));
        if number % 500 == 0 {
            let new = crate::support::member(&world.account, SystemRole::Creator);
            writes.push(RulesWrite::InsertMember(new.clone()));
            joining.push(new);
        }
    }
    writes.push(RulesWrite::DeleteRole(first.id));
    world.changed(writes).await;
    let mut expected = [vec![world.admin.clone()], members, joining].concat();
    expected.sort_by_key(|member| member.id);
    assert_eq!(world.store.all_members(world.account.id).await.unwrap(), expected);
    assert_eq!(world.count("member_roles").await, 1_250);
}

async fn one_stale_member_of_many_leaves_nothing(db: TestDatabase) {
    let mut world = World::new(db).await;
    let role = role(&world.account, "Role");
    let members: Vec<Member> = (0..20).map(|_| member(&world.account, SystemRole::Creator)).collect();
    let mut writes = vec![RulesWrite::InsertRole(role.clone())];
    writes.extend(members.iter().cloned().map(RulesWrite::InsertMember));
    world.changed(writes).await;
    let writes = members.iter().enumerate().map(|(number, member)| {
        let version = if number == 19 { 3 } else { 2 };
        RulesWrite::UpdateMember(Member { version, roles: vec![role.id], ..member.clone() })
    });
    let commit = world.change(writes.collect());
    assert_eq!(world.try_change(commit).await, Committed::Conflict);
    assert_eq!(world.count("member_roles").await, 0);
    assert_eq!(world.store.all_members(world.account.id).await.unwrap()[1..], members);
    assert_eq!(
        world.snapshot(&About::Nothing).await.account.rules_version,
        world.account.rules_version,
        "nothing was counted"
    );
    // Nor an address that is taken, in the middle of a batch.
    let writes = members.iter().enumerate().map(|(number, member)| {
        let email = if number == 10 { members[3].email.to_uppercase() } else { member.email.clone() };
        RulesWrite::UpdateMember(Member { version: 2, email, ..member.clone() })
    });
    let commit = world.change(writes.collect());
    assert_eq!(world.try_change(commit).await, Committed::Duplicate(Duplicate::Email));
    assert_eq!(world.store.all_members(world.account.id).await.unwrap()[1..], members);
}

async fn a_member_twice_in_a_row_is_written_twice(db: TestDatabase) {
    let mut world = World::new(db).await;
    let new = member(&world.account, SystemRole::Creator);
    let last = Member { version: 3, locale: "de".into(), ..new.clone() };
    world
        .changed(vec![
            RulesWrite::InsertMember(new.clone()),
            RulesWrite::UpdateMember(Member { version: 2, ..new }),
            RulesWrite::UpdateMember(last.clone()),
        ])
        .await;
    assert_eq!(world.store.all_members(world.account.id).await.unwrap()[1..], [last]);
}

async fn parts_of_another_account_are_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let other = account();
    for write in [
        RulesWrite::Account(other.clone()),
        RulesWrite::InsertMember(member(&other, SystemRole::Admin)),
        RulesWrite::UpdateMember(member(&other, SystemRole::Admin)),
        RulesWrite::InsertRole(role(&other, "r")),
        RulesWrite::UpdateRole(role(&other, "r")),
        RulesWrite::InsertInvitation(invitation(&other, &world.admin, "e")),
        RulesWrite::UpdateInvitation(invitation(&other, &world.admin, "e")),
    ] {
        let error = world.store.commit_rules(world.change(vec![write])).await.unwrap_err();
        assert!(matches!(error, StoreError::Unstorable { .. }), "{error:?}");
    }
    assert_eq!(world.snapshot(&About::Nothing).await.account, world.account);
}

/// The name whose `É` is one character, two, and one before something that can't be seen.
const CAFES: [&str; 3] = ["Café", "Cafe\u{301}", "Café\u{200B}"];

/// Proves ACC-18 as far as the store goes.
async fn a_role_name_is_unique_by_what_is_seen(db: TestDatabase) {
    let mut world = World::new(db).await;
    world.changed(vec![RulesWrite::InsertRole(role(&world.account, CAFES[0]))]).await;
    for name in [CAFES[1], CAFES[2], "CAFÉ", "\u{FF23}af\u{E9}"] {
        let same = RulesWrite::InsertRole(role(&world.account, name));
        let commit = world.change(vec![same]);
        assert_eq!(world.try_change(commit).await, Committed::Duplicate(Duplicate::RoleName), "{name:?}");
    }
    world.changed(vec![RulesWrite::InsertRole(role(&world.account, "Cafe"))]).await;
}

/// Proves ACC-18: what was stored before stays readable and can be changed, and no third one joins it.
async fn roles_from_before_there_were_keys_stay(db: TestDatabase) {
    let mut world = World::new(db).await;
    let others = ["Straße", "Plain  one", "Plain"];
    let mut all: Vec<Role> = CAFES.iter().chain(&others).map(|name| role(&world.account, name)).collect();
    // As the version before wrote them: in lower case alone.
    let raw = world.raw().await;
    for (index, role) in all.iter_mut().enumerate() {
        let kept = role.name.clone();
        role.name = format!("{index}");
        world.changed(vec![RulesWrite::InsertRole(role.clone())]).await;
        role.name = kept;
        let folded = role.name.to_lowercase();
        let update = format!(
            "UPDATE roles SET name = '{}', name_folded = '{folded}' WHERE name = '{index}'",
            role.name
        );
        raw.execute_unprepared(&update).await.unwrap();
    }
    raw.execute_unprepared("DELETE FROM seaql_migrations WHERE version = 'm0011_name_keys'").await.unwrap();
    world.store.migrate().await.unwrap();

    let listed = world.store.list_roles(world.account.id, None, 10).await.unwrap().items;
    assert_eq!(listed, all, "all of them are there as they were");
    let keys = "SELECT count(*) FROM roles WHERE name_folded IN ('café', 'strasse', 'plain one', 'plain')";
    assert_eq!(number(&raw, keys).await, 4, "one of each");

    // The second of the three keeps its name, and what else it has can be changed.
    let changed = Role { masks_pii: !all[1].masks_pii, version: all[1].version + 1, ..all[1].clone() };
    world.changed(vec![RulesWrite::UpdateRole(changed.clone())]).await;
    let third = RulesWrite::InsertRole(role(&world.account, "CAFÉ"));
    let commit = world.change(vec![third]);
    assert_eq!(world.try_change(commit).await, Committed::Duplicate(Duplicate::RoleName));
    // Under a name of its own it has a key of its own.
    let renamed = Role { name: "Tea".into(), version: changed.version + 1, ..changed };
    world.changed(vec![RulesWrite::UpdateRole(renamed)]).await;
    assert_eq!(number(&raw, "SELECT count(*) FROM roles WHERE name_folded = 'tea'").await, 1);
}

/// Proves ACC-18: what was stored before is compared in the one form.
async fn audiences_and_scopes_from_before_are_compared_in_one_form(db: TestDatabase) {
    let mut world = World::new(db).await;
    let (resource, _) = world.submitted().await;
    let scoped = role(&world.account, "Scoped");
    world.changed(vec![RulesWrite::InsertRole(scoped)]).await;
    let raw = world.raw().await;
    for update in [
        "UPDATE resources SET audience = '{\"Re\u{301}gion\":[\"Que\u{301}bec\"]}'".to_owned(),
        "UPDATE roles SET scope = '{\"property\":\"R\u{E9}gion\",\"values\":[\"Qu\u{E9}bec\"]}'".to_owned(),
    ] {
        raw.execute_unprepared(&update).await.unwrap();
    }
    let snapshot = world.snapshot(&About::Resource(resource.id)).await;
    let scope = snapshot.roles.iter().find_map(|role| role.scope.clone()).unwrap();
    assert!(scope.contains(&snapshot.resource.unwrap().audience));
}
