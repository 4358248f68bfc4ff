//! "May M do X on R?" (ACC-15): what is answered is what the call then does.

use std::time::Duration;

use countersign_proto::{
    access::{self, AccessLevel, Permission, PermissionQuestion, permission_question::Target},
    approval,
    types::{Schedule, SystemRole},
};
use tonic::{Code, Status};

use crate::{
    bad_input::reason,
    client::{Caller, Team, content, in_future, new_id},
    lost_rights::launch,
    system::System,
};

const HOUR: Duration = Duration::from_hours(1);

fn about(permission: Permission, target: Option<Target>) -> PermissionQuestion {
    PermissionQuestion { permission: permission.into(), target, ..Default::default() }
}

fn of_resource(permission: Permission, resource: &str) -> PermissionQuestion {
    about(permission, Some(Target::ResourceId(resource.into())))
}

fn of_request(permission: Permission, request: &str) -> PermissionQuestion {
    about(permission, Some(Target::ApprovalRequestId(request.into())))
}

/// A team, a member whose PII is masked, and every answer that was compared with a call.
struct World {
    team: Team,
    masked: Caller,
    /// The reasons that came up, so that a test sees that it has not compared one thing only.
    reasons: Vec<String>,
}

impl World {
    async fn new(system: &System) -> Self {
        let team = Team::new(system).await;
        let role = access::CreateRoleRequest {
            name: "Masked".into(),
            accesses: vec![access::ComponentAccess {
                component: "engagement.campaigns".into(),
                level: AccessLevel::Write.into(),
                approve: false,
            }],
            masks_pii: true,
            ..Default::default()
        };
        let role = team.admin.create_role(role).await.unwrap().role_id;
        let masked = team.admin.other(team.admin.add_with("Mona Masked", vec![role]).await);
        Self { team, masked, reasons: Vec::new() }
    }

    fn everybody(&self) -> [Caller; 6] {
        let Team { admin, approver, creator, editor, member, .. } = &self.team;
        [admin, approver, creator, editor, member, &self.masked].map(Caller::clone)
    }

    /// Asks by oneself, in a batch, with an explanation, and by the Admin; answers what they all say.
    async fn answer(&self, who: &Caller, question: &PermissionQuestion) -> access::PermissionAnswer {
        let answer = who.check(question.clone()).await.unwrap();
        let of_them = PermissionQuestion { member_id: who.id.clone(), ..question.clone() };
        let nothing = about(Permission::Read, Some(Target::Component("settings.billing".into())));
        let batch = who.check_all(vec![nothing.clone(), of_them.clone(), nothing]).await.unwrap();
        assert_eq!((batch.len(), &batch[1]), (3, &answer), "{question:?}");
        let explained = who.explain(question.clone()).await.unwrap();
        assert_eq!(explained.answer.as_ref(), Some(&answer), "{question:?}");
        assert_eq!(self.team.admin.check(of_them.clone()).await.unwrap(), answer, "{question:?}");
        assert_eq!(self.team.approver.check(of_them).await.unwrap(), answer, "{question:?}");
        assert_eq!(answer.allowed, answer.reason.is_empty() && answer.message.is_empty());
        answer
    }

    /// What was answered is what the call did.
    fn agrees<T>(&mut self, what: &str, answer: &access::PermissionAnswer, got: Result<T, Status>) {
        match got {
            Ok(_) => assert!(answer.allowed, "{what}: it went through, and was said not to: {answer:?}"),
            Err(status) => {
                assert_eq!((answer.allowed, &answer.reason), (false, &reason(&status)), "{what}: {status:?}");
                assert_eq!(answer.message, status.message(), "{what}");
            }
        }
        self.reasons.push(answer.reason.clone());
    }

    /// Each reason that came up, once.
    fn reasons(mut self) -> Vec<String> {
        self.reasons.sort();
        self.reasons.dedup();
        self.reasons
    }
}

fn approve(request: &str) -> approval::ApproveRequest {
    approval::ApproveRequest { approval_request_id: request.into(), ..Default::default() }
}

fn cancel(request: &str) -> approval::CancelRequest {
    approval::CancelRequest { approval_request_id: request.into(), ..Default::default() }
}

/// Proves ACC-13, ACC-15: what anybody may see and change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_of_resources_is_what_happens() {
    let system = System::standalone().await;
    let mut world = World::new(&system).await;
    let new = |external_id: &str| approval::RegisterResourceRequest {
        kind: "campaign".into(),
        external_id: external_id.into(),
        title: "Spring sale".into(),
        content: Some(content(&serde_json::json!({"contact": "jo@example.com"}))),
        pii_fields: vec!["/contact".into()],
        schedule: Some(Schedule { start_time: Some(in_future(HOUR)), end_time: Some(in_future(2 * HOUR)) }),
        ..Default::default()
    };
    let campaign = world.team.creator.register(new("one")).await.unwrap().resource_id;
    let test = world.team.creator.ab_test().await.resource_id;
    for who in world.everybody() {
        for thing in [&campaign, &test, &new_id()] {
            let what = format!("{} with {thing}", who.id);
            let read = world.answer(&who, &of_resource(Permission::Read, thing)).await;
            let seen = who.resource(thing).await;
            world.agrees(&what, &read, seen.clone());
            let write = world.answer(&who, &of_resource(Permission::Write, thing)).await;
            let edit = approval::UpdateResourceRequest {
                resource_id: thing.clone(),
                title: Some("Summer sale".into()),
                ..Default::default()
            };
            world.agrees(&what, &write, who.update(edit).await);
            let pii = world.answer(&who, &of_resource(Permission::ReadPii, thing)).await;
            match seen {
                Ok(seen) => assert_eq!(pii.allowed, !seen.masked, "{what}"),
                Err(status) => assert_eq!((pii.allowed, pii.reason), (false, reason(&status)), "{what}"),
            }
        }
        let register = about(Permission::Write, Some(Target::Component("engagement.campaigns".into())));
        let answer = world.answer(&who, &register).await;
        world.agrees("registering", &answer, who.register(new(&new_id())).await);
    }
    assert!(!world.answer(&world.masked, &of_resource(Permission::ReadPii, &campaign)).await.allowed);
    assert_eq!(world.reasons(), ["", "NOT_FOUND", "PERMISSION_DENIED"]);
}

/// Proves ACC-15, REQ-4, REQ-5, REQ-7, REQ-17: who may decide and cancel this request, now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_of_requests_is_what_happens() {
    let system = System::standalone().await;
    let mut world = World::new(&system).await;
    // Only one of two approvals, so that who has given theirs can be asked about.
    let two = approval::UpdatePolicyRequest {
        area: "PRODUCT_EXPERIENCES".into(),
        required_approvals: Some(2),
        ..Default::default()
    };
    world.team.admin.set_policy(two).await.unwrap();
    let right = access::UpdateMemberRequest {
        member_id: world.team.editor.id.clone(),
        approval_right: Some(true),
        ..Default::default()
    };
    world.team.admin.update_member(right).await.unwrap();
    for who in world.everybody() {
        let (admin, approver, creator) =
            (world.team.admin.clone(), world.team.approver.clone(), world.team.creator.clone());
        let (_, open) = launch(&world.team, &[]).await;
        let (_, assigned) = launch(&world.team, &[&approver]).await;
        let (_, decided) = launch(&world.team, &[]).await;
        admin.approve(approve(&decided)).await.unwrap();
        let test = creator.ab_test().await.resource_id;
        let half = creator.submit(&test, "START").await;
        approver.approve(approve(&half)).await.unwrap();
        let (_, cancelled) = launch(&world.team, &[]).await;
        let mut requests = vec![open, assigned, decided, half, new_id()];
        // One of their own, if they can have one.
        let mine = who.ab_test_of_mine().await;
        requests.extend(mine);
        for request in &requests {
            let what = format!("{} approves {request}", who.id);
            let answer = world.answer(&who, &of_request(Permission::Approve, request)).await;
            world.agrees(&what, &answer, who.approve(approve(request)).await);
        }
        for request in requests.iter().chain([&cancelled]) {
            let what = format!("{} cancels {request}", who.id);
            let answer = world.answer(&who, &of_request(Permission::Cancel, request)).await;
            world.agrees(&what, &answer, who.cancel(cancel(request)).await);
            let read = world.answer(&who, &of_request(Permission::Read, request)).await;
            world.agrees(&what, &read, who.approval_request(request).await);
        }
    }
    let expected = [
        "",
        "ALREADY_APPROVED",
        "NOT_ASSIGNED",
        "NOT_FOUND",
        "PERMISSION_DENIED",
        "REQUEST_DECIDED",
        "SELF_APPROVAL",
    ];
    assert_eq!(world.reasons(), expected);
}

impl Caller {
    /// A request that they submitted, if they may.
    async fn ab_test_of_mine(&self) -> Option<String> {
        let new = approval::RegisterResourceRequest {
            kind: "ab_test".into(),
            external_id: new_id(),
            title: "My own".into(),
            content: Some(content(&serde_json::json!({}))),
            variants: vec!["a".into(), "b".into()],
            ..Default::default()
        };
        let test = self.register(new).await.ok()?;
        Some(self.submit(&test.resource_id, "START").await)
    }
}

/// Proves ACC-8, ACC-15: who may run the account; and who may ask about whom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_of_the_account_is_what_happens() {
    let system = System::standalone().await;
    let mut world = World::new(&system).await;
    for who in world.everybody() {
        let rename = access::UpdateMemberRequest {
            member_id: world.team.member.id.clone(),
            display_name: Some("Mia".into()),
            ..Default::default()
        };
        let invite = access::CreateInvitationRequest {
            email: format!("{}@acme.example", new_id()),
            system_role: SystemRole::Member.into(),
            ..Default::default()
        };
        let role = access::CreateRoleRequest { name: new_id(), ..Default::default() };
        let policy = approval::UpdatePolicyRequest { area: "CAMPAIGNS".into(), ..Default::default() };
        let policy = approval::UpdatePolicyRequest { required_approvals: Some(1), ..policy };
        for (permission, got) in [
            (Permission::ManageMembers, who.update_member(rename).await.map(|_| ())),
            (Permission::Invite, who.invite(invite).await.map(|_| ())),
            (Permission::ManageRoles, who.create_role(role).await.map(|_| ())),
            (Permission::ManagePolicy, who.set_policy(policy).await.map(|_| ())),
        ] {
            let answer = world.answer(&who, &about(permission, None)).await;
            world.agrees(&format!("{permission:?}"), &answer, got);
        }
    }
    let Team { admin, creator, .. } = &world.team;
    let of_admin = PermissionQuestion { member_id: admin.id.clone(), ..about(Permission::Invite, None) };
    for refused in [
        creator.check(of_admin.clone()).await.map(|_| ()),
        creator.check_all(vec![about(Permission::Invite, None), of_admin.clone()]).await.map(|_| ()),
        creator.explain(of_admin).await.map(|_| ()),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "PERMISSION_DENIED")
        );
    }
    let nobody = PermissionQuestion { member_id: new_id(), ..about(Permission::Invite, None) };
    assert_eq!(admin.check(nobody).await.unwrap_err().code(), Code::NotFound);
    let too_many = vec![about(Permission::Invite, None); 101];
    assert_eq!(admin.check_all(too_many).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(admin.check_all(vec![about(Permission::Invite, None); 100]).await.unwrap().len(), 100);
    assert_eq!(world.reasons(), ["", "PERMISSION_DENIED"]);
}

/// Proves REQ-5, REQ-6, POL-4: who is offered can be chosen, and the submitter is not offered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_offered_as_approver_can_be_chosen() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let test = team.creator.ab_test().await.resource_id;
    for (who, offered) in [
        (&team.creator, vec!["Abel Approver", "Ada Admin"]),
        (&team.member, vec!["Abel Approver", "Ada Admin"]),
        (&team.approver, vec!["Ada Admin"]),
        (&team.admin, vec!["Abel Approver"]),
    ] {
        assert_eq!(who.approvers(&test).await.unwrap(), offered);
    }
    let choose = async |who: &Caller, approver: &Caller| {
        let test = team.creator.ab_test().await.resource_id;
        who.perform(approval::PerformActionRequest {
            resource_id: test,
            action: "START".into(),
            approver_ids: vec![approver.id.clone()],
            ..Default::default()
        })
        .await
    };
    choose(&team.creator, &team.approver).await.unwrap();
    choose(&team.creator, &team.admin).await.unwrap();
    choose(&team.approver, &team.admin).await.unwrap();
    for (who, approver) in [(&team.approver, &team.approver), (&team.creator, &team.editor)] {
        assert_eq!(choose(who, approver).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let own = approval::UpdatePolicyRequest {
        area: "PRODUCT_EXPERIENCES".into(),
        allow_self_approval: Some(true),
        ..Default::default()
    };
    team.admin.set_policy(own).await.unwrap();
    assert_eq!(team.approver.approvers(&test).await.unwrap(), ["Abel Approver", "Ada Admin"]);
    choose(&team.approver, &team.approver).await.unwrap();
    // Given the right, and without it again.
    let right = |given| access::UpdateMemberRequest {
        member_id: team.editor.id.clone(),
        approval_right: Some(given),
        ..Default::default()
    };
    team.admin.update_member(right(true)).await.unwrap();
    assert_eq!(team.creator.approvers(&test).await.unwrap(), ["Abel Approver", "Ada Admin", "Edda Editor"]);
    choose(&team.creator, &team.editor).await.unwrap();
    team.admin.update_member(right(false)).await.unwrap();
    assert_eq!(team.creator.approvers(&test).await.unwrap(), ["Abel Approver", "Ada Admin"]);
}

/// Proves REQ-6: who is offered comes in pages, by name, each once, also where several have one name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_offered_comes_in_pages() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    for number in 0..4 {
        let namesake = access::CreateMemberRequest {
            email: format!("namesake-{number}@example.com"),
            display_name: "Nora Namesake".into(),
            system_role: SystemRole::Approver.into(),
            ..Default::default()
        };
        team.admin.create_member(namesake).await.unwrap();
    }
    let test = team.creator.ab_test().await.resource_id;
    let (mut seen, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = team.creator.page_of_approvers(&test, 4, &token).await.unwrap();
        sizes.push(page.approvers.len());
        seen.extend(page.approvers);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [4, 2]);
    let names: Vec<&str> = seen.iter().map(|it| it.display_name.as_str()).collect();
    let four = ["Nora Namesake"; 4];
    assert_eq!(names, [["Abel Approver", "Ada Admin"].as_slice(), &four].concat());
    let ids: std::collections::BTreeSet<&str> = seen.iter().map(|it| it.member_id.as_str()).collect();
    assert_eq!(ids.len(), 6);
    // A token is for the list that it came with.
    let other = team.creator.ab_test().await.resource_id;
    let token = team.creator.page_of_approvers(&test, 4, "").await.unwrap().next_page_token;
    let refused = team.creator.page_of_approvers(&other, 4, &token).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = team.creator.page_of_approvers(&test, -1, "").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
