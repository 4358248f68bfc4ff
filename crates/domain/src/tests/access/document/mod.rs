//! An account's members and roles as one document.

mod properties;

use uuid::Uuid;

use super::{super::builders::*, CAMPAIGNS, countries, role, scoped, someone};
use crate::{
    Context, Member, MemberState, Refusal, Rights, Role, RulesChange, RulesWrite, SystemRole, Violation,
    document::{Difference, DifferenceKind, Document, DocumentMember, DocumentRole, export, import},
    limits,
    refusal::Permission,
    roles::Asked,
};

type Imported = Result<(RulesChange, Vec<Difference>), Refusal>;

fn exported(world: &World) -> Document {
    world.act(Who::Admin, |context| export(context, &world.members)).unwrap()
}

fn imported(world: &World, document: &Document) -> Imported {
    let mut made = 0;
    let new_id = || {
        made += 1;
        Uuid::from_u128(70_000 + made)
    };
    world.act(Who::Admin, |context| import(context, &world.members, document, new_id))
}

/// The world with everything written.
fn applied(world: &World, change: &RulesChange) -> World {
    let mut after = world.clone();
    for write in &change.writes {
        match write {
            RulesWrite::InsertMember(member) => {
                assert!(after.members.iter().all(|other| other.id != member.id));
                after.members.push(member.clone());
            }
            RulesWrite::UpdateMember(member) => {
                let before = after.members.iter().find(|other| other.id == member.id).expect("a member");
                assert_eq!(member.version, before.version + 1, "guarded by the version before");
                after = after.with_member(member);
            }
            RulesWrite::InsertRole(role) => {
                assert_eq!(after.roles.get(role.id), None);
                after.roles.insert(role.clone());
            }
            RulesWrite::UpdateRole(role) => {
                assert_eq!(after.roles.get(role.id).map(|before| before.version + 1), Some(role.version));
                after.roles.insert(role.clone());
            }
            RulesWrite::DeleteRole(id) => {
                assert!(after.members.iter().all(|member| !member.roles.contains(id)), "somebody holds it");
                after.roles.remove(*id);
            }
            RulesWrite::WithdrawInvitations(_) => {}
            other => panic!("an import writes no {other:?}"),
        }
    }
    after
}

/// A document that names the builders' members and two roles.
fn world() -> World {
    let (us, plain) = (scoped(role(1, &[(CAMPAIGNS, Rights::FULL)]), &["US"]), role(2, &[]));
    let holder = someone(1, None, &[&plain, &us]);
    World::new()
        .only(&[Who::Admin, Who::EditorWithRight, Who::Revoked])
        .with_roles(&[&us, &plain])
        .with_member(&Member { roles: vec![us.id, plain.id], ..holder })
}

fn member_of(document: &mut Document, who: &str) -> usize {
    document.members.iter().position(|member| member.email.starts_with(who)).expect("a member")
}

fn new_member(email: &str, roles: &[&str]) -> DocumentMember {
    DocumentMember {
        email: email.into(),
        display_name: "Ada".into(),
        locale: "en".into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        approval_right: false,
    }
}

fn new_role(name: &str) -> DocumentRole {
    DocumentRole { name: name.into(), accesses: Vec::new(), scope: None, masks_pii: false }
}

fn fields(result: Imported) -> Vec<String> {
    match result {
        Err(
            Refusal::Invalid(violations)
            | Refusal::UnknownComponent(violations)
            | Refusal::ApproveNotAvailable(violations),
        ) => violations.into_iter().map(|Violation { field, .. }| field).collect(),
        other => panic!("expected violations, got {other:?}"),
    }
}

#[test]
fn a_document_has_the_active_members_and_all_roles_by_name_and_no_ids() {
    let expected = Document {
        roles: vec![
            DocumentRole {
                accesses: vec![Asked { component: CAMPAIGNS.into(), rights: Rights::FULL }],
                scope: Some(countries(&["US"])),
                ..new_role("Role 1")
            },
            new_role("Role 2"),
        ],
        members: vec![
            DocumentMember { display_name: "Admin".into(), ..new_member("admin@example.com", &["ADMIN"]) },
            DocumentMember {
                display_name: "EditorWithRight".into(),
                approval_right: true,
                ..new_member("editorwithright@example.com", &["EDITOR"])
            },
            DocumentMember {
                display_name: "Someone 1".into(),
                ..new_member("someone-1@example.com", &["Role 1", "Role 2"])
            },
        ],
    };
    assert_eq!(exported(&world()), expected);
}

/// Proves ACC-8.
#[test]
fn only_admins_export_and_import() {
    let denied = Some(Refusal::PermissionDenied {
        permission: Permission::ManageMembers,
        component: "account".into(),
    });
    for who in Who::EACH.into_iter().filter(|who| *who != Who::Admin) {
        let world = World::new();
        let (out, back) = world.act(who, |context: &Context<'_>| {
            let back = import(context, &world.members, &Document::default(), Uuid::nil);
            (export(context, &world.members).err(), back.err())
        });
        assert_eq!((out, back), (denied.clone(), denied.clone()), "{who:?}");
    }
}

#[test]
fn every_difference_is_told_line_by_line() {
    let mut document = exported(&world());
    document.roles[0].masks_pii = true;
    document.roles[0].scope = Some(countries(&["US", "CA"]));
    document.roles[0].accesses[0].rights = Rights::APPROVE;
    document.roles.remove(1);
    document.roles.push(DocumentRole {
        accesses: vec![Asked { component: "boards".into(), rights: Rights::READ }],
        ..new_role("Readers")
    });
    let holder = member_of(&mut document, "someone");
    document.members[holder].roles = vec!["CREATOR".into(), "role 1".into()];
    let editor = member_of(&mut document, "editor");
    document.members.remove(editor);
    document.members.push(new_member("ada@example.com", &["readers"]));
    document.members.push(new_member("REVOKED@example.com", &["MEMBER"]));
    let (change, differences) = imported(&world(), &document).unwrap();
    let told: Vec<String> = differences
        .iter()
        .map(|it| format!("{:?} {} {}: {}", it.kind, it.what, it.name, it.lines.join("; ")))
        .collect();
    assert_eq!(
        told,
        [
            "Changed role Role 1: accesses: engagement.campaigns WRITE and APPROVE → engagement.campaigns APPROVE; \
             scope: Country in (US) → Country in (CA, US); masks_pii: false → true",
            "Added role Readers: accesses: boards READ; scope: none; masks_pii: false",
            "Changed member someone-1@example.com: roles: Role 1, Role 2 → CREATOR, Role 1",
            "Added member ada@example.com: state: ACTIVE; display_name: Ada; locale: en; roles: Readers; \
             approval_right: false",
            "Added member REVOKED@example.com: state: REVOKED → ACTIVE; email: revoked@example.com → \
             REVOKED@example.com; display_name: Revoked → Ada; roles: ADMIN → MEMBER",
            "Removed member editorwithright@example.com: ",
            "Removed role Role 2: ",
        ]
    );
    let after = applied(&world(), &change);
    let again = imported(&after, &document).unwrap();
    assert_eq!((again.0.writes.len(), again.1), (0, vec![]), "what was imported is as the document says");
}

/// Who holds a role that changes sees or decides other things, though nothing of their own changes.
///
/// Proves REQ-10.
#[test]
fn holders_of_a_changed_role_are_touched() {
    let mut document = exported(&world());
    document.roles[0].accesses.clear();
    let (change, differences) = imported(&world(), &document).unwrap();
    let touched: Vec<&str> = change.touched.iter().map(|member| member.email.as_str()).collect();
    assert_eq!(touched, ["someone-1@example.com"]);
    assert_eq!((change.writes.len(), differences.len()), (1, 1));
}

/// A role that is only written otherwise is the same role, for its holders too.
#[test]
fn another_case_of_a_role_s_name_changes_the_role_alone() {
    let mut document = exported(&world());
    document.roles[0].name = "ROLE 1".into();
    let (change, differences) = imported(&world(), &document).unwrap();
    let expected = Difference {
        kind: DifferenceKind::Changed,
        what: "role",
        name: "ROLE 1".into(),
        lines: vec!["name: Role 1 → ROLE 1".into()],
    };
    assert_eq!(differences, [expected]);
    assert_eq!(change.writes.len(), 1);
}

/// What reads the same is not always the same: a value with a comma in it is one value.
#[test]
fn values_and_names_with_commas_are_told_apart() {
    let (ab, a, b) = ("a, b", "a", "b");
    let named = |number, name: &str| Role { name: name.into(), ..role(number, &[]) };
    let roles = [named(1, ab), named(2, a), named(3, b), scoped(role(4, &[]), &[ab])];
    let holder = someone(1, None, &[&roles[0]]);
    let world =
        World::new().only(&[Who::Admin]).with_roles(&roles.iter().collect::<Vec<_>>()).with_member(&holder);
    let mut document = exported(&world);
    let holder = member_of(&mut document, "someone");
    document.members[holder].roles = vec![a.into(), b.into()];
    let last = document.roles.len() - 1;
    document.roles[last].scope = Some(countries(&[a, b]));
    let (change, differences) = imported(&world, &document).unwrap();
    let lines: Vec<&str> = differences.iter().flat_map(|it| &it.lines).map(String::as_str).collect();
    assert_eq!(lines, [r#"scope: Country in ("a, b") → Country in (a, b)"#, r#"roles: "a, b" → a, b"#]);
    assert_eq!(exported(&applied(&world, &change)), document);
}

fn refused(change: impl FnOnce(&mut Document)) -> Refusal {
    let mut document = exported(&world());
    change(&mut document);
    imported(&world(), &document).unwrap_err()
}

fn refused_fields(change: impl FnOnce(&mut Document)) -> Vec<String> {
    fields(Err(refused(change)))
}

/// Proves ACC-1, ACC-3, ACC-4, ACC-6.
#[test]
fn what_is_wrong_with_a_role_is_named_with_its_field() {
    let give = |document: &mut Document, component: &str, rights| {
        document.roles[1].accesses.push(Asked { component: component.into(), rights });
    };
    let named = |name: &'static str| refused_fields(move |document| document.roles.push(new_role(name)));
    assert_eq!(named("ROLE 2"), ["document.roles[2].name"]);
    assert_eq!(named("Editor"), ["document.roles[2].name"]);
    let unknown = refused(|document| give(document, "nothing", Rights::READ));
    assert!(matches!(unknown, Refusal::UnknownComponent(_)));
    assert_eq!(fields(Err(unknown)), ["document.roles[1].accesses[0].component"]);
    let approve = refused(|document| give(document, "boards", Rights::APPROVE));
    assert!(matches!(approve, Refusal::ApproveNotAvailable(_)));
    assert_eq!(fields(Err(approve)), ["document.roles[1].accesses[0].approve"]);
    let nothing = refused_fields(|document| give(document, "boards", Rights::NONE));
    assert_eq!(nothing, ["document.roles[1].accesses[0].level"]);
}

/// Proves ACC-2, ACC-10.
#[test]
fn what_is_wrong_with_members_is_named_with_its_field_all_at_once() {
    let with = |roles: &'static [&str]| {
        refused_fields(move |document| document.members.push(new_member("ada@example.com", roles)))
    };
    assert_eq!(with(&["Nothing"]), ["document.members[3].roles[0]"]);
    assert_eq!(with(&["Role 1", "ROLE 1"]), ["document.members[3].roles[1]"]);
    assert_eq!(with(&["ADMIN", "ADMIN"]), ["document.members[3].roles[1]"]);
    assert_eq!(with(&["ADMIN", "Role 1", "EDITOR"]), ["document.members[3].roles[2]"]);
    assert_eq!(with(&["admin"]), ["document.members[3].roles[0]"], "a system role is written as it is");
    assert_eq!(with(&[]), ["document.members[3].roles"]);
    let twice = refused_fields(|document| document.members.push(new_member("ADMIN@example.com", &["ADMIN"])));
    assert_eq!(twice, ["document.members[3].email"]);
    let right = refused_fields(|document| {
        let member = new_member("ada@example.com", &["CREATOR"]);
        document.members.push(DocumentMember { approval_right: true, ..member });
    });
    assert_eq!(right, ["document.members[3].approval_right"]);
    let all = refused_fields(|document| {
        document.members.push(new_member("ada@example.com", &["Nothing", "ADMIN", "CREATOR"]));
        document.members.push(new_member("bob@example.com", &[]));
    });
    let expected =
        ["document.members[3].roles[0]", "document.members[3].roles[2]", "document.members[4].roles"];
    assert_eq!(all, expected);
}

#[test]
fn a_document_is_of_a_size_that_an_account_can_have() {
    let many = |count: usize| (0..count).map(|number| format!("n{number}"));
    let roles = refused_fields(|document| {
        document.roles.extend(many(limits::ROLES).map(|name| new_role(&name)));
    });
    assert_eq!(roles, ["document.roles"]);
    let members = refused_fields(|document| {
        document.members.extend(many(limits::DOCUMENT_MEMBERS).map(|name| new_member(&name, &["MEMBER"])));
    });
    assert_eq!(members, ["document.members"]);
    let of_one = refused_fields(|document| {
        let names: Vec<String> = many(limits::MEMBER_ROLES + 1).collect();
        document.roles.extend(names.iter().map(|name| new_role(name)));
        document.members[0].roles.extend(names);
    });
    assert_eq!(of_one, ["document.members[0].roles"]);
}

/// Proves ACC-12.
#[test]
fn a_document_gives_nobody_two_scopes() {
    let refused = refused(|document| document.roles[1].scope = Some(countries(&["CA"])));
    assert_eq!(refused, Refusal::SecondScopedRole { who: "someone-1@example.com".into() });
}

/// Proves ACC-9.
#[test]
fn a_document_makes_nobody_approver_while_every_workflow_is_off() {
    let mut document = exported(&world());
    document.members[0].roles = vec!["ADMIN".into()];
    document.members.push(new_member("ada@example.com", &["APPROVER"]));
    assert!(imported(&world(), &document).is_ok());
    let mut off = world().with(|policy| policy.enabled = false);
    assert_eq!(imported(&off, &document).err(), Some(Refusal::ApproverRoleUnavailable));
    // Who has it already keeps it; who had it before they were revoked has it no more.
    let approver = Member { email: "ada@example.com".into(), ..someone(2, Some(SystemRole::Approver), &[]) };
    off.members.push(approver.clone());
    assert!(imported(&off, &document).is_ok());
    let off = off.with_member(&Member { state: MemberState::Revoked, ..approver });
    assert_eq!(imported(&off, &document).err(), Some(Refusal::ApproverRoleUnavailable));
}

/// Proves ACC-11.
#[test]
fn an_import_never_leaves_an_account_without_an_admin() {
    let demoted = refused(|document| document.members[0].roles = vec!["EDITOR".into()]);
    assert_eq!(demoted, Refusal::LastAdmin);
    assert_eq!(refused(|document| drop(document.members.remove(0))), Refusal::LastAdmin);
    assert_eq!(refused(|document| *document = Document::default()), Refusal::LastAdmin);
    // One goes and another comes.
    let mut document = exported(&world());
    document.members[0].roles = vec!["EDITOR".into()];
    document.members.push(new_member("ada@example.com", &["ADMIN"]));
    assert!(imported(&world(), &document).is_ok());
}

/// Who is revoked keeps what is left of their roles, and no role that is gone.
///
/// Proves ACC-7.
#[test]
fn a_role_that_goes_is_taken_from_revoked_members_too() {
    let (gone, left) = (role(1, &[]), role(2, &[]));
    let revoked =
        |number, roles: &[&Role]| Member { state: MemberState::Revoked, ..someone(number, None, roles) };
    let world = World::new()
        .only(&[Who::Admin])
        .with_roles(&[&gone, &left])
        .with_member(&revoked(1, &[&gone]))
        .with_member(&revoked(2, &[&gone, &left]))
        .with_member(&revoked(3, &[&left]));
    let mut document = exported(&world);
    document.roles.remove(0);
    let (change, differences) = imported(&world, &document).unwrap();
    assert_eq!(differences.len(), 1);
    let after: Vec<_> =
        change.touched.iter().map(|it| (it.display_name.as_str(), it.system_role, it.roles.len())).collect();
    assert_eq!(after, [("Someone 1", Some(SystemRole::Member), 0), ("Someone 2", None, 1)]);
    applied(&world, &change);
}
