//! An account's members and roles as one document: out, in again, and into another account.

use countersign_proto::{
    access::{self, AccessDocument, AccessDocumentMember, AccessDocumentRole, DifferenceKind},
    approval,
    types::{RequestState, SystemRole},
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    bad_input::{metadata, reason},
    client::{Caller, Team},
    lost_rights::launch,
    system::System,
};

/// An account with roles of each sort, and with who holds them.
async fn team_with_roles(system: &System) -> Team {
    let team = Team::new(system).await;
    let mut ids = Vec::new();
    for new in [role("Board keepers", "boards"), scoped("US managers", "US")] {
        let AccessDocumentRole { name, accesses, scope, masks_pii } = new;
        let new = access::CreateRoleRequest { name, accesses, scope, masks_pii, ..Default::default() };
        ids.push(team.admin.create_role(new).await.unwrap().role_id);
    }
    team.admin.add_with("Uma US", ids.clone()).await;
    let right = access::UpdateMemberRequest {
        member_id: team.editor.id.clone(),
        approval_right: Some(true),
        locale: Some("de-AT".into()),
        ..Default::default()
    };
    team.admin.update_member(right).await.unwrap();
    team.admin.assign_role(&team.creator.id, &ids[0]).await.unwrap();
    team
}

fn role(name: &str, component: &str) -> AccessDocumentRole {
    let level = access::AccessLevel::Write.into();
    let accesses = vec![access::ComponentAccess { component: component.into(), level, approve: false }];
    AccessDocumentRole { name: name.into(), accesses, ..Default::default() }
}

fn scoped(name: &str, country: &str) -> AccessDocumentRole {
    let scope = access::DataScope { property: "Country".into(), values: vec![country.into()] };
    AccessDocumentRole { scope: Some(scope), masks_pii: true, ..role(name, "engagement.campaigns") }
}

fn member(email: &str, roles: &[&str]) -> AccessDocumentMember {
    AccessDocumentMember {
        email: email.into(),
        display_name: "Somebody".into(),
        roles: roles.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

/// The document and the account's etag.
async fn state(admin: &Caller) -> (AccessDocument, String) {
    let answer = admin.export().await.unwrap();
    (answer.document.unwrap(), answer.etag)
}

fn named<'d>(document: &'d mut AccessDocument, email: &str) -> &'d mut AccessDocumentMember {
    document.members.iter_mut().find(|member| member.email == email).unwrap()
}

/// Proves ACC-3, ACC-12, ACC-13: what was exported holds everything, and imported again it changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_is_imported_changes_nothing() {
    let system = System::standalone().await;
    let team = team_with_roles(&system).await;
    let (document, etag) = state(&team.admin).await;
    let roles: Vec<_> = document.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ["Board keepers", "US managers"]);
    assert_eq!(document.roles[1], scoped("US managers", "US"));
    let members: Vec<_> = document.members.iter().map(|member| member.email.as_str()).collect();
    assert_eq!(
        members,
        [
            "abel.approver@acme.example",
            "ada@acme.example",
            "carl.creator@acme.example",
            "edda.editor@acme.example",
            "mia.member@acme.example",
            "uma.us@acme.example"
        ]
    );
    assert_eq!(document.members[2].roles, ["CREATOR", "Board keepers"]);
    assert_eq!((document.members[3].approval_right, document.members[3].locale.as_str()), (true, "de-AT"));
    assert_eq!(document.members[5].roles, ["Board keepers", "US managers"]);

    let dry = team.admin.import(Some(document.clone()), &etag, true).await.unwrap();
    assert_eq!((dry.differences, dry.etag.as_str()), (Vec::new(), etag.as_str()));
    let real = team.admin.import(Some(document.clone()), &etag, false).await.unwrap();
    // Nothing is written: the account's etag is the one from before.
    assert_eq!((real.differences, real.etag.as_str()), (Vec::new(), etag.as_str()));
    let known = team.admin.get_member(&team.creator.id).await.unwrap();
    assert_eq!(known.etag, "2", "added and given a role, and not written again");
    assert_eq!(state(&team.admin).await, (document, etag));
}

/// Proves ACC-7: a dry run says what the import then does, as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_the_import_does() {
    let system = System::standalone().await;
    let team = team_with_roles(&system).await;
    let before = state(&team.admin).await;
    let mut wanted = before.0.clone();
    wanted.roles[1].scope.as_mut().unwrap().values.push("CA".into());
    wanted.roles.remove(0);
    wanted.roles.push(role("Segmenters", "segments"));
    named(&mut wanted, "carl.creator@acme.example").roles = vec!["EDITOR".into(), "segmenters".into()];
    named(&mut wanted, "uma.us@acme.example").roles = vec!["US managers".into()];
    wanted.members.retain(|member| member.email != "mia.member@acme.example");
    wanted.members.push(member("nora@acme.example", &["APPROVER"]));

    let dry = team.admin.import(Some(wanted.clone()), "", true).await.unwrap();
    assert_eq!(dry.etag, before.1);
    assert_eq!(state(&team.admin).await, before, "a dry run changes nothing");
    let real = team.admin.import(Some(wanted.clone()), &before.1, false).await.unwrap();
    assert_eq!(real.differences, dry.differences);
    let told: Vec<String> = real
        .differences
        .iter()
        .map(|it| {
            let kind = it.kind().as_str_name().trim_start_matches("DIFFERENCE_KIND_");
            format!("{kind} {} {}: {}", it.r#type, it.name, it.lines.join("; "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "CHANGED role US managers: scope: Country in (US) → Country in (CA, US)",
            "ADDED role Segmenters: accesses: segments WRITE; scope: none; masks_pii: false",
            "CHANGED member carl.creator@acme.example: roles: CREATOR, Board keepers → EDITOR, Segmenters",
            "CHANGED member uma.us@acme.example: roles: Board keepers, US managers → US managers",
            "ADDED member nora@acme.example: state: ACTIVE; display_name: Somebody; locale: en; roles: APPROVER; approval_right: false",
            "REMOVED member mia.member@acme.example: ",
            "REMOVED role Board keepers: ",
        ]
    );

    let after = state(&team.admin).await;
    assert_eq!(after.1, real.etag);
    let names: Vec<_> = after.0.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["Segmenters", "US managers"]);
    let mut after = after.0;
    assert_eq!(named(&mut after, "carl.creator@acme.example").roles, ["EDITOR", "Segmenters"]);
    // Who was taken out is revoked, at once, and keeps an id to come back with.
    assert_eq!(team.member.get_account().await.unwrap_err().code(), Code::PermissionDenied);
    wanted.members.push(member("MIA.member@acme.example", &["MEMBER"]));
    let back = team.admin.import(Some(wanted), "", false).await.unwrap();
    assert_eq!(back.differences.len(), 1);
    assert_eq!(back.differences[0].kind(), DifferenceKind::Added);
    team.member.get_account().await.unwrap();
}

/// What is wrong with the document, and the reason and the field with which that is refused.
type Bad = (&'static str, fn(&mut AccessDocument), &'static str, &'static str);

const BAD: [Bad; 15] = [
    (
        "an unknown component",
        |it| it.roles[0].accesses[0].component = "boards.secret".into(),
        "UNKNOWN_COMPONENT",
        "document.roles[0].accesses[0].component",
    ),
    (
        "APPROVE where nothing is decided",
        |it| it.roles[0].accesses[0].approve = true,
        "APPROVE_NOT_AVAILABLE",
        "document.roles[0].accesses[0].approve",
    ),
    (
        "a component twice",
        |it| {
            let access = it.roles[0].accesses[0].clone();
            it.roles[0].accesses.push(access);
        },
        "INVALID_FIELDS",
        "document.roles[0].accesses[1].component",
    ),
    (
        "a role's name twice",
        |it| it.roles.push(role("us MANAGERS", "boards")),
        "INVALID_FIELDS",
        "document.roles[2].name",
    ),
    (
        "a system role's name",
        |it| it.roles.push(role("Approver", "boards")),
        "INVALID_FIELDS",
        "document.roles[2].name",
    ),
    (
        "a scope without values",
        |it| it.roles[1].scope.as_mut().unwrap().values.clear(),
        "INVALID_FIELDS",
        "document.roles[1].scope.values",
    ),
    (
        "a second system role",
        |it| it.members[2].roles.insert(1, "EDITOR".into()),
        "INVALID_FIELDS",
        "document.members[2].roles[1]",
    ),
    (
        "an unknown role",
        |it| it.members[2].roles[1] = "Nobody's".into(),
        "INVALID_FIELDS",
        "document.members[2].roles[1]",
    ),
    ("no role", |it| it.members[2].roles.clear(), "INVALID_FIELDS", "document.members[2].roles"),
    (
        "an approval right for a CREATOR",
        |it| it.members[2].approval_right = true,
        "INVALID_FIELDS",
        "document.members[2].approval_right",
    ),
    (
        "an address twice",
        |it| it.members.push(member("ADA@acme.example", &["MEMBER"])),
        "INVALID_FIELDS",
        "document.members[6].email",
    ),
    (
        "no address",
        |it| it.members.push(member("nobody", &["MEMBER"])),
        "INVALID_FIELDS",
        "document.members[6].email",
    ),
    (
        "two roles with a scope",
        |it| {
            it.roles.push(scoped("CA managers", "CA"));
            it.members[5].roles.push("CA managers".into());
        },
        "SECOND_SCOPED_ROLE",
        "",
    ),
    ("no Admin", |it| it.members[1].roles = vec!["EDITOR".into()], "LAST_ADMIN", ""),
    ("nobody", |it| it.members.clear(), "LAST_ADMIN", ""),
];

fn violated(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    details.bad_request().map_or_else(Vec::new, |bad| {
        bad.field_violations.iter().map(|violation| violation.field.clone()).collect()
    })
}

/// Proves ACC-2, ACC-3, ACC-4, ACC-10, ACC-11, ACC-12: one bad entry among good ones refuses them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_entry_refuses_all_of_it() {
    let system = System::standalone().await;
    let team = team_with_roles(&system).await;
    let before = state(&team.admin).await;
    for (what, spoil, expected, field) in BAD {
        let mut document = before.0.clone();
        // Changes that would go through by themselves.
        document.roles[0].masks_pii = true;
        document.members[0].display_name = "Other".into();
        spoil(&mut document);
        for dry_run in [true, false] {
            let refused = team.admin.import(Some(document.clone()), "", dry_run).await.unwrap_err();
            assert_eq!(reason(&refused), expected, "{what}: {refused:?}");
            let fields: Vec<&str> = Some(field).filter(|it| !it.is_empty()).into_iter().collect();
            assert_eq!(violated(&refused), fields, "{what}");
            assert_eq!(state(&team.admin).await, before, "{what} has left something");
        }
    }
    // All that is wrong with the members at once.
    let mut document = before.0.clone();
    document.members[2].approval_right = true;
    document.members[4].roles.push("ADMIN".into());
    let refused = team.admin.import(Some(document), "", false).await.unwrap_err();
    assert_eq!(violated(&refused), ["document.members[2].approval_right", "document.members[4].roles[1]"]);
    let refused = team.admin.import(None, "", false).await.unwrap_err();
    assert_eq!(violated(&refused), ["document"]);

    // From an older state.
    let mut document = before.0.clone();
    document.roles[0].masks_pii = true;
    let new = team.admin.import(Some(document.clone()), &before.1, false).await.unwrap().etag;
    let before = state(&team.admin).await;
    document.roles[0].masks_pii = false;
    for dry_run in [true, false] {
        let refused = team.admin.import(Some(document.clone()), "1", dry_run).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
        assert_eq!(metadata(&refused)["etag"], new);
    }
    assert_eq!(state(&team.admin).await, before);
}

/// Proves ACC-9, REQ-18: applied to another account the document gives the same there, and the same import again does nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_goes_into_another_account() {
    let system = System::standalone().await;
    let team = team_with_roles(&system).await;
    let (document, _) = state(&team.admin).await;
    let (approval, notifier) = (system.approval().await, system.notifier().await);
    let other = Caller::with_new_account(approval, notifier).await;
    // There is an APPROVER in it, and no workflow is on there yet.
    let before = state(&other).await;
    let refused = other.import(Some(document.clone()), "", false).await.unwrap_err();
    assert_eq!(reason(&refused), "APPROVER_ROLE_UNAVAILABLE");
    assert_eq!(state(&other).await, before);
    let on =
        approval::UpdatePolicyRequest { area: "CAMPAIGNS".into(), enabled: Some(true), ..Default::default() };
    other.set_policy(on).await.unwrap();
    let imported = other.import(Some(document.clone()), "", false).await.unwrap();
    assert_eq!(imported.differences.len(), 2 + 5);
    assert!(imported.differences.iter().all(|it| it.kind() == DifferenceKind::Added));
    assert_eq!(state(&other).await, (document.clone(), imported.etag));
    // And nothing of it has reached the first one.
    assert_eq!(state(&team.admin).await.0, document);
}

/// Proves REQ-10: an import takes rights as every other call does, with what was pending on them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_settles_what_waited_for_the_lost() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let deciders = access::CreateRoleRequest {
        name: "Deciders".into(),
        accesses: vec![access::ComponentAccess {
            component: "engagement.campaigns".into(),
            approve: true,
            ..Default::default()
        }],
        ..Default::default()
    };
    let deciders = team.admin.create_role(deciders).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Dora Decider", vec![deciders]).await);
    let (campaign, revoked) = launch(&team, &[&team.approver]).await;
    let (_, edited) = launch(&team, &[&holder]).await;
    let (_, both) = launch(&team, &[&team.approver, &team.admin]).await;

    let (mut document, etag) = state(&team.admin).await;
    document.members.retain(|member| member.email != "abel.approver@acme.example");
    document.roles[0].accesses = role("", "engagement.campaigns").accesses;
    team.admin.import(Some(document), &etag, false).await.unwrap();
    for request in [&revoked, &edited] {
        let ended = team.creator.approval_request(request).await.unwrap();
        assert_eq!(ended.state(), RequestState::Expired);
        assert_eq!(ended.expiry_reason, "NO_ELIGIBLE_APPROVERS");
    }
    assert_eq!(team.creator.resource(&campaign).await.unwrap().pending_approval_request_id, "");
    let pending = team.creator.approval_request(&both).await.unwrap();
    assert_eq!(pending.state(), RequestState::Pending);
    assert_eq!(pending.expired_approver_ids, [team.approver.id.as_str()]);
    let approve = approval::ApproveRequest { approval_request_id: both, ..Default::default() };
    assert_eq!(team.approver.approve(approve).await.unwrap_err().code(), Code::PermissionDenied);
}

/// As many roles and members as the contract allows.
fn largest() -> AccessDocument {
    let mut members: Vec<_> = (1..2_000)
        .map(|number| member(&format!("m{number:04}@acme.example"), &[&format!("Role {:03}", number % 200)]))
        .collect();
    members.insert(0, member("ada@acme.example", &["ADMIN"]));
    for member in &mut members {
        member.locale = "en".into();
    }
    let roles = (0..200).map(|number| role(&format!("Role {number:03}"), "boards")).collect();
    AccessDocument { roles, members }
}

async fn a_large_document(system: System) {
    let admin = Caller::with_new_account(system.approval().await, system.notifier().await).await;
    let document = largest();
    let imported = admin.import(Some(document.clone()), "", false).await.unwrap();
    assert_eq!(imported.differences.len(), 200 + 2_000, "all but the Admin, who changes name");
    let before = state(&admin).await;
    assert_eq!(before, (document.clone(), imported.etag));
    assert_eq!(admin.import(Some(document.clone()), "", true).await.unwrap().differences, []);

    let mut more = document.clone();
    more.roles.push(role("One more", "boards"));
    more.members.push(member("one.more@acme.example", &["MEMBER"]));
    let refused = admin.import(Some(more), "", false).await.unwrap_err();
    assert_eq!(violated(&refused), ["document.roles", "document.members"]);
    assert_eq!(state(&admin).await, before);

    // And back to one person, in one go.
    let alone = AccessDocument { roles: Vec::new(), members: vec![member("ada@acme.example", &["ADMIN"])] };
    let emptied = admin.import(Some(alone), "", false).await.unwrap();
    assert_eq!(emptied.differences.len(), 200 + 1_999);
    assert_eq!(admin.get_member(&admin.id).await.unwrap().system_role(), SystemRole::Admin);
    assert_eq!(state(&admin).await.0.members.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_document_goes_in_on_the_services() {
    a_large_document(System::services().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_document_goes_in_on_standalone() {
    a_large_document(System::standalone().await).await;
}
