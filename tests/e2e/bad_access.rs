//! Bad input about members, roles and invitations: each has the reason that the contract documents for it, and changes nothing.

use std::fmt::Debug;

use countersign_proto::{
    access::{self, AccessLevel, ComponentAccess, DataScope},
    approval,
    types::SystemRole,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    bad_input::{fields, metadata, reason},
    client::{Caller, Team, new_id},
    system::{Standalone, connect},
};

/// An account, and the promise that nothing changes in it.
struct World {
    _process: Standalone,
    team: Team,
    before: (access::ExportAccessResponse, String),
}

impl World {
    async fn new() -> Self {
        let process = Standalone::start(&[]).await;
        let channel = connect(process.port).await;
        let team = Team::on(channel.clone(), channel).await;
        let before = Self::state(&team.admin).await;
        Self { _process: process, team, before }
    }

    async fn state(admin: &Caller) -> (access::ExportAccessResponse, String) {
        (admin.export().await.unwrap(), admin.get_account().await.unwrap().etag)
    }

    /// From here on.
    async fn settle(&mut self) {
        self.before = Self::state(&self.team.admin).await;
    }

    /// The call was refused with this reason, and nothing has changed.
    async fn refused<T: Debug>(&self, what: &str, got: Result<T, Status>, code: Code, with: &str) -> Status {
        let refused = got.expect_err(what);
        assert_eq!((refused.code(), reason(&refused).as_str()), (code, with), "{what}: {refused:?}");
        assert_eq!(refused.get_error_details().error_info().unwrap().domain, "countersign");
        assert_eq!(Self::state(&self.team.admin).await, self.before, "{what} has changed something");
        refused
    }

    async fn role(&self, new: access::CreateRoleRequest) -> String {
        self.team.admin.create_role(new).await.unwrap().role_id
    }
}

fn scope(country: &str) -> DataScope {
    DataScope { property: "Country".into(), values: vec![country.into()] }
}

fn named(name: &str) -> access::CreateRoleRequest {
    access::CreateRoleRequest { name: name.into(), ..Default::default() }
}

fn giving(name: &str, component: &str, approve: bool) -> access::CreateRoleRequest {
    let access = ComponentAccess { component: component.into(), level: AccessLevel::Read.into(), approve };
    access::CreateRoleRequest { accesses: vec![access], ..named(name) }
}

fn new_member(role: SystemRole) -> access::CreateMemberRequest {
    access::CreateMemberRequest {
        email: "new@acme.example".into(),
        display_name: "Nora New".into(),
        system_role: role.into(),
        ..Default::default()
    }
}

fn new_invitation(role: SystemRole) -> access::CreateInvitationRequest {
    access::CreateInvitationRequest {
        email: "new@acme.example".into(),
        system_role: role.into(),
        ..Default::default()
    }
}

fn change(member: &Caller) -> access::UpdateMemberRequest {
    access::UpdateMemberRequest { member_id: member.id.clone(), ..Default::default() }
}

/// The fields that a refusal names, whatever its reason.
fn violated(status: &Status) -> Vec<String> {
    let violations = status.get_error_details().bad_request().unwrap().field_violations.clone();
    violations.into_iter().map(|violation| violation.field).collect()
}

/// Proves ACC-2, ACC-9, ACC-10, ACC-11: what a member can't be, and who must stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_stay_what_they_may_be() {
    let world = World::new().await;
    let Team { admin, creator, editor, .. } = &world.team;
    let precondition = Code::FailedPrecondition;

    for role in ["EDITOR", "MEMBER", "ADMIN"] {
        let got = admin.assign_role(&creator.id, role).await;
        let refused = world.refused(role, got, precondition, "SECOND_SYSTEM_ROLE").await;
        assert_eq!(metadata(&refused)["role"], "CREATOR");
    }

    let right = "APPROVAL_RIGHT_NOT_ALLOWED";
    let got =
        admin.update_member(access::UpdateMemberRequest { approval_right: Some(true), ..change(creator) });
    let refused = world.refused("a right for a CREATOR", got.await, precondition, right).await;
    assert_eq!(metadata(&refused)["role"], "CREATOR");
    let got =
        admin.update_member(access::UpdateMemberRequest { approval_right: Some(false), ..change(admin) });
    world.refused("an Admin's right taken", got.await, precondition, right).await;
    let demoted = access::UpdateMemberRequest {
        approval_right: Some(true),
        system_role: SystemRole::Creator.into(),
        ..change(editor)
    };
    world.refused("a CREATOR to be", admin.update_member(demoted).await, precondition, right).await;
    let new = access::CreateMemberRequest { approval_right: true, ..new_member(SystemRole::Member) };
    world.refused("a new MEMBER", admin.create_member(new).await, precondition, right).await;
    let new = access::CreateInvitationRequest { approval_right: true, ..new_invitation(SystemRole::Creator) };
    world.refused("an invited CREATOR", admin.invite(new).await, precondition, right).await;

    let demoted = access::UpdateMemberRequest { system_role: SystemRole::Editor.into(), ..change(admin) };
    world.refused("demoted", admin.update_member(demoted).await, precondition, "LAST_ADMIN").await;
    let cleared = access::UpdateMemberRequest { clear_system_role: true, ..change(admin) };
    world.refused("cleared", admin.update_member(cleared).await, precondition, "LAST_ADMIN").await;
    world.refused("revoked", admin.revoke(&admin.id).await, precondition, "LAST_ADMIN").await;
    let unassigned = admin.unassign_role(&admin.id, "ADMIN").await;
    world.refused("unassigned", unassigned, precondition, "LAST_ADMIN").await;

    let bare = access::UpdateMemberRequest { clear_system_role: true, ..change(creator) };
    world.refused("no role is left", admin.update_member(bare).await, precondition, "ROLE_REQUIRED").await;
    for got in [
        admin.create_member(new_member(SystemRole::Unspecified)).await.map(|_| ()),
        admin.invite(new_invitation(SystemRole::Unspecified)).await.map(|_| ()),
    ] {
        let refused = world.refused("no role", got, Code::InvalidArgument, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["system_role"]);
    }
    let taken = access::UpdateMemberRequest { email: Some("ADA@acme.example".into()), ..change(creator) };
    let got = admin.update_member(taken).await;
    world.refused("an address that is taken", got, Code::AlreadyExists, "ALREADY_EXISTS").await;
    let invited = access::CreateInvitationRequest {
        email: "Carl.Creator@acme.example".into(),
        ..new_invitation(SystemRole::Member)
    };
    let got = admin.invite(invited).await;
    world.refused("an active member", got, Code::AlreadyExists, "ALREADY_EXISTS").await;
    let stale = access::UpdateMemberRequest {
        etag: "7".into(),
        display_name: Some("Other".into()),
        ..change(creator)
    };
    world.refused("stale", admin.update_member(stale).await, Code::Aborted, "ETAG_MISMATCH").await;
    let both = access::UpdateMemberRequest {
        clear_system_role: true,
        system_role: SystemRole::Editor.into(),
        role_ids: vec![new_id()],
        ..change(creator)
    };
    let got = admin.update_member(both).await;
    let refused = world.refused("contradictions", got, Code::InvalidArgument, "INVALID_FIELDS").await;
    assert_eq!(fields(&refused), ["clear_system_role", "role_ids"]);
}

/// Proves ACC-9: APPROVER can't be given while no workflow is on, in no way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_becomes_approver_while_every_workflow_is_off() {
    let mut world = World::new().await;
    for area in ["CAMPAIGNS", "PRODUCT_EXPERIENCES"] {
        let off =
            approval::UpdatePolicyRequest { area: area.into(), enabled: Some(false), ..Default::default() };
        world.team.admin.set_policy(off).await.unwrap();
    }
    let keepers = world.role(named("Keepers")).await;
    let keeper = world.team.admin.add_with("Kim Keeper", vec![keepers]).await;
    world.settle().await;
    let (admin, approver) = (&world.team.admin, SystemRole::Approver);
    for (what, got) in [
        ("created", admin.create_member(new_member(approver)).await.map(|_| ())),
        ("invited", admin.invite(new_invitation(approver)).await.map(|_| ())),
        (
            "changed",
            admin
                .update_member(access::UpdateMemberRequest {
                    system_role: approver.into(),
                    ..change(&world.team.member)
                })
                .await
                .map(|_| ()),
        ),
        ("assigned", admin.assign_role(&keeper, "APPROVER").await.map(|_| ())),
    ] {
        world.refused(what, got, Code::FailedPrecondition, "APPROVER_ROLE_UNAVAILABLE").await;
    }
    // Who has it stays it, and acts as CREATOR.
    let rename =
        access::UpdateMemberRequest { display_name: Some("Abel".into()), ..change(&world.team.approver) };
    assert_eq!(admin.update_member(rename).await.unwrap().system_role(), approver);
    let got = world.team.approver.create_member(new_member(SystemRole::Member)).await;
    assert_eq!(got.unwrap_err().code(), Code::PermissionDenied);
}

/// Proves ACC-1, ACC-3, ACC-4: what a custom role can't be, and that system roles are fixed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_refused_with_their_reasons() {
    let mut world = World::new().await;
    let managers = world.role(named("Managers")).await;
    let others = world.role(named("Others")).await;
    world.settle().await;
    let admin = &world.team.admin;
    let (invalid, precondition) = (Code::InvalidArgument, Code::FailedPrecondition);
    let update =
        |change: access::UpdateRoleRequest| access::UpdateRoleRequest { role_id: managers.clone(), ..change };

    let unknown = giving("New", "boards.secret", false).accesses;
    let no_workflow = giving("New", "boards", true).accesses;
    for (accesses, with, field) in [
        (unknown, "UNKNOWN_COMPONENT", "accesses[0].component"),
        (no_workflow, "APPROVE_NOT_AVAILABLE", "accesses[0].approve"),
        // APPROVE stands on the component that has the workflow, not above it.
        (giving("New", "engagement", true).accesses, "APPROVE_NOT_AVAILABLE", "accesses[0].approve"),
    ] {
        let new = access::CreateRoleRequest { accesses: accesses.clone(), ..named("New") };
        let refused = world.refused("created", admin.create_role(new).await, invalid, with).await;
        assert_eq!(violated(&refused), [field]);
        let change =
            update(access::UpdateRoleRequest { accesses, replace_accesses: true, ..Default::default() });
        let refused = world.refused("updated", admin.update_role(change).await, invalid, with).await;
        assert_eq!(violated(&refused), [field]);
    }

    let fixed = "SYSTEM_ROLE_FIXED";
    for role in ["ADMIN", "CREATOR", "MEMBER", "APPROVER", "EDITOR"] {
        let cloned = admin.clone_role(role, "Copies").await;
        let refused = world.refused(role, cloned, precondition, fixed).await;
        assert_eq!(metadata(&refused)["role"], role);
        let change =
            access::UpdateRoleRequest { role_id: role.into(), masks_pii: Some(true), ..Default::default() };
        world.refused(role, admin.update_role(change).await, precondition, fixed).await;
        world.refused(role, admin.delete_role(role).await, precondition, fixed).await;
    }

    for name in ["MANAGERS", "managers", "Approver", "eDITOR"] {
        let taken = "ROLE_NAME_TAKEN";
        let got = admin.create_role(named(name)).await;
        let refused = world.refused(name, got, Code::AlreadyExists, taken).await;
        assert_eq!(metadata(&refused)["name"], name);
        let got = admin.clone_role(&managers, name).await;
        world.refused(name, got, Code::AlreadyExists, taken).await;
        let rename = access::UpdateRoleRequest {
            role_id: others.clone(),
            name: Some(name.into()),
            ..Default::default()
        };
        world.refused(name, admin.update_role(rename).await, Code::AlreadyExists, taken).await;
    }
    // Its name would be free.
    let again = access::CreateRoleRequest { request_id: new_id(), ..named("Once") };
    let once = admin.create_role(again.clone()).await.unwrap();
    admin.delete_role(&once.role_id).await.unwrap();
    world.settle().await;
    let admin = &world.team.admin;
    assert_eq!(admin.create_role(again.clone()).await.unwrap(), once, "answered again, and not made again");
    let other = access::CreateRoleRequest { masks_pii: true, ..again };
    world.refused("reused", admin.create_role(other).await, invalid, "REQUEST_ID_REUSED").await;

    let stale =
        update(access::UpdateRoleRequest { etag: "7".into(), masks_pii: Some(true), ..Default::default() });
    world.refused("stale", admin.update_role(stale).await, Code::Aborted, "ETAG_MISMATCH").await;
    // Its own name in another case is nobody else's.
    let rename = update(access::UpdateRoleRequest { name: Some("MANAGERS".into()), ..Default::default() });
    assert_eq!(admin.update_role(rename).await.unwrap().name, "MANAGERS");
}

/// Proves ACC-12: a second scope is refused in each way to get one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_a_second_scope() {
    let mut world = World::new().await;
    let us = world.role(access::CreateRoleRequest { scope: Some(scope("US")), ..named("US") }).await;
    let ca = world.role(access::CreateRoleRequest { scope: Some(scope("CA")), ..named("CA") }).await;
    let open = world.role(named("Open")).await;
    let both = world.team.admin.add_with("Uma US", vec![us.clone(), open.clone()]).await;
    world.settle().await;
    let admin = &world.team.admin;
    let (precondition, second) = (Code::FailedPrecondition, "SECOND_SCOPED_ROLE");

    let refused = world.refused("assigned", admin.assign_role(&both, &ca).await, precondition, second).await;
    assert_eq!(metadata(&refused)["email"], "uma.us@acme.example");
    let limit = access::UpdateRoleRequest { role_id: open, scope: Some(scope("CA")), ..Default::default() };
    let refused =
        world.refused("a role of theirs", admin.update_role(limit).await, precondition, second).await;
    assert_eq!(metadata(&refused)["email"], "uma.us@acme.example");
    let role_ids = vec![us, ca];
    let new =
        access::CreateMemberRequest { role_ids: role_ids.clone(), ..new_member(SystemRole::Unspecified) };
    world.refused("created", admin.create_member(new).await, precondition, second).await;
    let new = access::CreateInvitationRequest {
        role_ids: role_ids.clone(),
        ..new_invitation(SystemRole::Unspecified)
    };
    world.refused("invited", admin.invite(new).await, precondition, second).await;
    let replaced =
        access::UpdateMemberRequest { role_ids, replace_role_ids: true, ..change(&world.team.creator) };
    world.refused("changed", admin.update_member(replaced).await, precondition, second).await;
    assert_eq!(admin.invitations().await.unwrap(), [], "refused, and yet invited");
}

/// Proves ACC-16: who may see such things is told that one is missing; an id that is none is a field that is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let Team { admin, creator, .. } = &world.team;
    let missing = new_id();
    let other = access::UpdateMemberRequest {
        member_id: missing.clone(),
        display_name: Some("Other".into()),
        ..Default::default()
    };
    let masked =
        access::UpdateRoleRequest { role_id: missing.clone(), masks_pii: Some(true), ..Default::default() };
    for (kind, got) in [
        ("member", admin.get_member(&missing).await.map(|_| ())),
        ("member", admin.update_member(other).await.map(|_| ())),
        ("member", admin.revoke(&missing).await.map(|_| ())),
        ("member", admin.assign_role(&missing, "EDITOR").await.map(|_| ())),
        ("member", admin.unassign_role(&missing, "EDITOR").await.map(|_| ())),
        ("role", admin.update_role(masked).await.map(|_| ())),
        ("role", admin.clone_role(&missing, "Copies").await.map(|_| ())),
        ("role", admin.delete_role(&missing).await.map(|_| ())),
        ("role", admin.assign_role(&creator.id, &missing).await.map(|_| ())),
        ("invitation", admin.resend(&missing).await.map(|_| ())),
        ("invitation", admin.withdraw(&missing).await.map(|_| ())),
    ] {
        let refused = world.refused(kind, got, Code::NotFound, "NOT_FOUND").await;
        assert_eq!((metadata(&refused)["type"].as_str(), &metadata(&refused)["id"]), (kind, &missing));
    }
    // Where they are one of several fields, they are violations.
    let role_ids = vec![missing.clone()];
    let given = access::CreateMemberRequest { role_ids, ..new_member(SystemRole::Member) };
    let got = admin.create_member(given).await;
    let refused = world.refused("given", got, Code::InvalidArgument, "INVALID_FIELDS").await;
    assert_eq!(fields(&refused), ["role_ids[0]"]);
    let got = admin.unassign_role(&creator.id, &missing).await;
    let refused = world.refused("not theirs", got, Code::InvalidArgument, "INVALID_FIELDS").await;
    assert_eq!(fields(&refused), ["role_id"]);
    for got in [
        admin.get_member("nobody").await.map(|_| ()),
        admin.delete_role("SUPERVISOR").await.map(|_| ()),
        admin.withdraw("none").await.map(|_| ()),
    ] {
        world.refused("no id", got, Code::InvalidArgument, "INVALID_FIELDS").await;
    }
}

/// Every violation in one answer, and the limits of the contract, each at its edge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_and_limits_are_checked_at_once() {
    let mut world = World::new().await;
    let invalid = Code::InvalidArgument;
    let values = |count: usize| (0..count).map(|number| format!("Country {number}")).collect();
    let countries = |count| Some(DataScope { property: "Country".into(), values: values(count) });
    {
        let admin = &world.team.admin;
        let bad = access::CreateRoleRequest {
            request_id: "not a uuid".into(),
            name: format!(" {}\n", "ä".repeat(100)),
            accesses: vec![ComponentAccess { component: "boards".into(), level: 7, approve: false }],
            scope: Some(DataScope { property: String::new(), values: vec!["x".repeat(65), String::new()] }),
            ..Default::default()
        };
        let got = admin.create_role(bad).await;
        let refused = world.refused("a role", got, invalid, "INVALID_FIELDS").await;
        let mut found = fields(&refused);
        found.dedup();
        let expected = [
            "accesses[0].level",
            "name",
            "request_id",
            "scope.property",
            "scope.values[0]",
            "scope.values[1]",
        ];
        assert_eq!(found, expected);
        let accesses = ["boards", "segments", "boards"].map(|it| giving("", it, false).accesses.remove(0));
        let mut accesses = accesses.to_vec();
        accesses[1].level = AccessLevel::Unspecified.into();
        let got = admin.create_role(access::CreateRoleRequest { accesses, ..named("New") }).await;
        let refused = world.refused("accesses", got, invalid, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["accesses[1].level", "accesses[2].component"]);
        let bad = access::CreateInvitationRequest {
            email: "nobody".into(),
            locale: "!".into(),
            role_ids: vec!["none".into()],
            ..Default::default()
        };
        let refused = world.refused("invited", admin.invite(bad).await, invalid, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["email", "locale", "role_ids[0]"]);

        let got =
            admin.create_role(access::CreateRoleRequest { scope: countries(101), ..named("New") }).await;
        let refused = world.refused("101 values", got, invalid, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["scope.values"]);
        let got = admin.create_role(named(&"ä".repeat(101))).await;
        let refused = world.refused("a name of 101", got, invalid, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["name"]);
    }
    // What is just allowed.
    let largest = access::CreateRoleRequest { scope: countries(100), ..named(&"ä".repeat(100)) };
    world.role(largest).await;
    let mut roles = Vec::new();
    for number in 1..200 {
        roles.push(world.role(named(&format!("Role {number}"))).await);
    }
    let many = world.team.admin.add_with("Mona Many", roles[..20].to_vec()).await;
    world.settle().await;

    let admin = &world.team.admin;
    for (what, got) in [
        ("created", admin.create_role(named("One more")).await),
        ("cloned", admin.clone_role(&roles[0], "One more").await),
    ] {
        let refused = world.refused(what, got, invalid, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["name"]);
        assert!(refused.message().contains("200"), "{refused:?}");
    }
    let role_ids = roles[..21].to_vec();
    let given =
        access::CreateMemberRequest { role_ids: role_ids.clone(), ..new_member(SystemRole::Unspecified) };
    let invited = access::CreateInvitationRequest {
        role_ids: role_ids.clone(),
        ..new_invitation(SystemRole::Unspecified)
    };
    let replaced = access::UpdateMemberRequest { role_ids, replace_role_ids: true, ..change(admin) };
    for (what, got) in [
        ("created", admin.create_member(given).await.map(|_| ())),
        ("invited", admin.invite(invited).await.map(|_| ())),
        ("changed", admin.update_member(replaced).await.map(|_| ())),
        ("assigned", admin.assign_role(&many, &roles[20]).await.map(|_| ())),
    ] {
        let refused = world.refused(what, got, invalid, "INVALID_FIELDS").await;
        assert_eq!(fields(&refused), ["role_ids"], "{what}");
    }
}
