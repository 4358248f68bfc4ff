//! "May member M do X on R?" is answered by the code that every other call uses (ACC-15).

use super::{
    super::builders::*, CAMPAIGNS, EXPERIENCES, component, for_countries, masking, pointers, role, scoped,
    someone,
};
use crate::{
    Action, Actor, Area, Content, Context, Kind, Member, MemberId, Outcome, Refusal, Request, Resource,
    Rights, Role, Schedule, State, SystemRole,
    access::TREE,
    decide::{self, Approve, Cancel, Reject},
    document, edit,
    edit::{Edit, Register},
    invitation::{self, Invite},
    lifecycle::Lifecycle,
    membership::{self, Given, MemberChange, NewMember},
    perform::{self, PerformAction},
    permission::{Target, check, view},
    policy::{self, Cancellation, PolicyChange},
    refusal::{Missing, Permission},
    roles::{self, NewRole, RoleChange, RoleName},
};

const PERMISSIONS: [Permission; 11] = [
    Permission::Read,
    Permission::Write,
    Permission::Approve,
    Permission::Cancel,
    Permission::ReadPii,
    Permission::ManageMembers,
    Permission::Invite,
    Permission::ManageRoles,
    Permission::Operate,
    Permission::AskForOthers,
    Permission::ManagePolicy,
];

fn custom_roles() -> [Role; 6] {
    [
        role(1, &[(CAMPAIGNS, Rights::READ)]),
        role(2, &[("engagement", Rights::WRITE)]),
        role(3, &[(CAMPAIGNS, Rights::APPROVE), (EXPERIENCES, Rights::APPROVE)]),
        scoped(role(4, &[(CAMPAIGNS, Rights::FULL), (EXPERIENCES, Rights::FULL)]), &["US"]),
        masking(role(5, &[(EXPERIENCES, Rights::FULL)])),
        role(6, &[("settings", Rights::WRITE)]),
    ]
}

/// Everybody of the builders, and holders of custom roles.
fn actors(roles: &[Role; 6]) -> Vec<Actor> {
    let [reads, writes, approves, limited, masked, settles] = roles;
    let holders = [
        someone(1, None, &[reads]),
        someone(2, None, &[writes]),
        someone(3, None, &[approves]),
        someone(4, None, &[limited]),
        someone(5, None, &[masked, reads]),
        someone(6, None, &[settles]),
        someone(7, Some(SystemRole::Creator), &[approves]),
        someone(8, Some(SystemRole::Approver), &[limited]),
        someone(9, Some(SystemRole::Admin), &[limited, masked]),
        someone(10, Some(SystemRole::Member), &[masked]),
    ];
    let of = |member: Member| Actor::Member { member, service: None };
    Who::MEMBERS
        .into_iter()
        .map(member)
        .chain(holders)
        .map(of)
        .chain([Actor::Stranger, Actor::Platform, Actor::Countersign])
        .collect()
}

/// Both areas on, one, none; cancelling open to nobody, and everywhere; self-approval.
fn worlds() -> Vec<World> {
    let roles = custom_roles();
    let mut half = World::new();
    half.experiences.enabled = false;
    [
        World::new(),
        half,
        World::off(),
        World::new().with(|policy| policy.cancellation = Cancellation::Nobody),
        World::new().with(|policy| {
            policy.cancellation = Cancellation::Writers;
            policy.allow_self_approval = true;
        }),
    ]
    .into_iter()
    .map(|mut world| {
        world = world.with_roles(&roles.iter().collect::<Vec<_>>());
        for actor in actors(&roles) {
            if let Actor::Member { member, .. } = actor {
                world = world.with_member(&member);
            }
        }
        world
    })
    .collect()
}

fn resources() -> Vec<Resource> {
    let mut all = Vec::new();
    for before in [campaign(), ab_test(State::DRAFT), Resource { kind: Kind::known("journey"), ..campaign() }]
    {
        for values in [&["US"][..], &["US", "CA"], &[]] {
            let pii_fields = pointers(&["/text"]);
            all.push(Resource { pii_fields, ..for_countries(before.clone(), values) });
        }
    }
    all
}

/// The pending and ended requests on `resource`: for everybody and for one, by people of all sorts.
fn requests(resource: &Resource) -> Vec<Pending> {
    let world = &worlds()[4];
    let action = if resource.kind == Kind::CAMPAIGN { Action::LAUNCH } else { Action::START };
    let mut all = Vec::new();
    for (submitter, approvers) in [
        (Who::Creator, vec![]),
        (Who::Creator, vec![Who::Approver.id(), Who::EditorWithRight.id()]),
        (Who::Approver, vec![Who::Approver.id()]),
        (Who::Admin, vec![Who::SecondAdmin.id()]),
    ] {
        let command = PerformAction { approvers, ..doing(action.clone()) };
        if let Ok(outcome) = world.perform(submitter, resource, &command) {
            let pending = Pending::after(outcome);
            all.push(Pending::after(world.reject(Who::SecondAdmin, &pending).unwrap()));
            all.push(pending);
        }
    }
    all
}

/// What the check tells: a lack of rights, and that a request can't be decided any more, or not by this member.
fn is_told(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::PermissionDenied { .. }
            | Refusal::SelfApproval(_)
            | Refusal::NotAssigned(_)
            | Refusal::Decided { .. }
            | Refusal::AlreadyApproved { .. }
    )
}

/// What is refused by the check is refused by the call, with the same words; what is not, the call refuses only for what the check
/// can't know.
fn agree<T: std::fmt::Debug>(answer: &Result<(), Refusal>, call: Result<T, Refusal>, what: &str) {
    match (answer, call) {
        (Err(told), Err(refusal)) => assert_eq!(*told, refusal, "{what}"),
        (Err(told), Ok(done)) => panic!("{what}: the check says {told:?}, the call {done:?}"),
        (Ok(()), Err(refusal)) => assert!(!is_told(&refusal), "{what}: the call says {refusal:?}"),
        (Ok(()), Ok(_)) => {}
    }
}

fn everywhere(test: impl Fn(&World, &Actor, &Context<'_>)) {
    for world in worlds() {
        for actor in actors(&custom_roles()) {
            world.act_as(&actor, |context| test(&world, &actor, context));
        }
    }
}

/// As the services do: whoever may not see it is told nothing else, then the call itself.
fn seen<'r>(context: &Context<'_>, resource: &'r Resource) -> Result<&'r Resource, Refusal> {
    view(context, Some(resource), Missing::Resource(RESOURCE))
}

/// Proves ACC-12, ACC-15, ACC-16.
#[test]
fn reading_and_writing_a_resource_are_answered_as_the_calls_do() {
    let resources = resources();
    everywhere(|_, actor, context| {
        for resource in &resources {
            let what = format!("{actor:?} with {resource:?}");
            let read = check(context, Permission::Read, Target::Resource(resource));
            agree(&read, seen(context, resource), &what);
            let write = check(context, Permission::Write, Target::Resource(resource));
            let edit = Edit { title: Some("Other".into()), ..Edit::default() };
            agree(&write, seen(context, resource).and_then(|it| edit::update(context, it, edit)), &what);
            for action in [Action::LAUNCH, Action::START, Action::ARCHIVE, Action::known("NONE")] {
                let call = seen(context, resource)
                    .and_then(|it| perform::perform(context, it, None, &doing(action.clone())));
                agree(&write, call, &what);
            }
        }
    });
}

/// Proves ACC-15, REQ-6.
#[test]
fn who_approves_a_resource_is_who_can_be_chosen_to() {
    let resources = resources();
    everywhere(|world, actor, context| {
        let Actor::Member { member, .. } = actor else { return };
        for resource in resources.iter().filter(|resource| Lifecycle::built_in(&resource.kind).is_some()) {
            let area = &Lifecycle::built_in(&resource.kind).unwrap().area;
            if !world.policy(area).enabled || member.id == Who::Creator.id() {
                continue;
            }
            let answer = check(context, Permission::Approve, Target::Resource(resource));
            let action = if resource.kind == Kind::CAMPAIGN { Action::LAUNCH } else { Action::START };
            let command = PerformAction { approvers: vec![member.id], ..doing(action) };
            let chosen = world.perform(Who::Creator, resource, &command);
            assert_eq!(answer.is_ok(), chosen.is_ok(), "{member:?} for {resource:?}: {chosen:?}");
        }
    });
}

/// Proves ACC-10, ACC-15, REQ-4, REQ-5, REQ-7, REQ-17.
#[test]
fn deciding_and_cancelling_a_request_are_answered_as_the_calls_do() {
    let requests: Vec<Pending> = resources().iter().flat_map(requests).collect();
    assert_eq!(requests.len(), 6 * 4 * 2);
    everywhere(|_, actor, context| {
        for Pending { resource, request } in &requests {
            let what = format!("{actor:?} with {request:?} of {:?}", resource.audience);
            let target = Target::Request(resource, request);
            let decide = check(context, Permission::Approve, target);
            let call = |decide: &dyn Fn(&Resource, &Request) -> Result<Outcome, Refusal>| {
                seen(context, resource).and_then(|it| decide(it, request))
            };
            let approve = Approve::default();
            agree(&decide, call(&|it, request| decide::approve(context, it, request, &approve)), &what);
            let reject = Reject { note: "no".into(), ..Reject::default() };
            agree(&decide, call(&|it, request| decide::reject(context, it, request, &reject)), &what);
            let cancel = check(context, Permission::Cancel, target);
            let cancelling = Cancel::default();
            agree(&cancel, call(&|it, request| decide::cancel(context, it, request, &cancelling)), &what);
            agree(&check(context, Permission::Read, target), seen(context, resource), &what);
        }
    });
}

/// Proves ACC-15, ACC-16.
#[test]
fn what_may_not_be_seen_is_answered_as_if_it_were_not_there() {
    let requests: Vec<Pending> = resources().iter().flat_map(requests).collect();
    everywhere(|_, actor, context| {
        for Pending { resource, request } in &requests {
            let Err(hidden) = seen(context, resource) else { continue };
            let missing = view(context, None, Missing::Resource(RESOURCE)).cloned();
            assert_eq!(missing, Err(hidden.clone()), "{actor:?}");
            for target in [Target::Resource(resource), Target::Request(resource, request)] {
                for permission in
                    [Permission::Read, Permission::Write, Permission::Approve, Permission::ReadPii]
                {
                    assert_eq!(check(context, permission, target), Err(hidden.clone()), "{permission:?}");
                }
            }
            let cancel = check(context, Permission::Cancel, Target::Request(resource, request));
            assert_eq!(cancel, Err(hidden));
        }
    });
}

/// Proves ACC-13, ACC-15.
#[test]
fn personal_data_is_read_by_who_may_read_and_is_not_masked() {
    let resources = resources();
    everywhere(|_, actor, context| {
        for resource in &resources {
            let answer = check(context, Permission::ReadPii, Target::Resource(resource));
            let masked = context.actors_access().is_some_and(|access| access.is_masked());
            assert_eq!(answer.is_ok(), seen(context, resource).is_ok() && !masked, "{actor:?}");
        }
    });
}

fn register(kind: Kind) -> Register {
    let variants = if kind == Kind::AB_TEST { vec!["A".into(), "B".into()] } else { Vec::new() };
    Register {
        kind,
        content: Content::empty(),
        schedule: Schedule::default(),
        variants,
        audience: super::reaching("Country", &["US"]),
        ..new_campaign()
    }
}

/// Proves ACC-15.
#[test]
fn a_component_is_answered_as_registering_and_listing_do() {
    everywhere(|_, actor, context| {
        for kind in [Kind::CAMPAIGN, Kind::AB_TEST, Kind::REMOTE_CONFIG] {
            let target = Target::Component(&Lifecycle::built_in(&kind).unwrap().component);
            let write = check(context, Permission::Write, target);
            agree(&write, edit::register(context, register(kind.clone())), &format!("{actor:?} {kind}"));
            let read = check(context, Permission::Read, target);
            assert_eq!(read.is_ok(), edit::readable_kinds(context, Some(&kind)).is_ok(), "{actor:?} {kind}");
        }
        for node in &TREE {
            let rights = context.rights(&node.component);
            for (permission, has) in [
                (Permission::Read, rights.read),
                (Permission::Write, rights.write),
                (Permission::Approve, rights.approve),
            ] {
                let answer = check(context, permission, Target::Component(&node.component));
                assert_eq!(answer.is_ok(), has, "{actor:?} {permission:?} {}", node.component);
            }
        }
    });
}

/// Proves ACC-3, ACC-8, ACC-15, POL-1.
#[test]
fn the_account_is_answered_as_the_calls_that_change_it_do() {
    let (subject, gone) = (member(Who::Creator), RoleName::Custom(role(1, &[]).id));
    everywhere(|world, actor, context| {
        let what = format!("{actor:?}");
        let answer = |permission| check(context, permission, Target::Account);
        let members = answer(Permission::ManageMembers);
        agree(&members, membership::update(context, &subject, MemberChange::default()), &what);
        agree(&members, membership::revoke(context, &subject, None), &what);
        agree(&members, roles::assign(context, &subject, gone), &what);
        agree(&members, roles::unassign(context, &subject, gone), &what);
        agree(&members, document::export(context, &world.members), &what);
        let document = document::Document::default();
        agree(&members, document::import(context, &world.members, &document, uuid::Uuid::nil), &what);
        let manage_roles = answer(Permission::ManageRoles);
        let new = NewRole {
            id: super::role_id(7),
            name: "New".into(),
            accesses: Vec::new(),
            scope: None,
            masks_pii: false,
        };
        agree(&manage_roles, roles::create(context, new), &what);
        agree(&manage_roles, roles::update(context, gone, &[], RoleChange::default()), &what);
        agree(&manage_roles, roles::clone_role(context, gone, super::role_id(7), "New".into()), &what);
        agree(&manage_roles, roles::delete(context, gone, &[], None), &what);
        let policy = answer(Permission::ManagePolicy);
        let change = PolicyChange::default();
        agree(&policy, policy::change(context, &Area::CAMPAIGNS, 0, &change), &what);
        let invite = answer(Permission::Invite);
        let given = Given { system_role: Some(SystemRole::Member), ..Given::default() };
        let new = NewMember {
            id: MemberId(uuid::Uuid::nil()),
            email: "new@example.com".into(),
            display_name: "New".into(),
            locale: "en".into(),
            time_zone: None,
            given: given.clone(),
        };
        agree(&invite, membership::create(context, new), &what);
        let command = Invite {
            id: crate::InvitationId(uuid::Uuid::nil()),
            email: "new@example.com".into(),
            locale: "en".into(),
            given,
            token: "secret".into(),
        };
        agree(&invite, invitation::create(context, command, None, None), &what);
        // "Admins and Approvers about everybody", and an Approver acts as CREATOR while every workflow is off (ACC-9).
        let acts_as = context.actors_access().and_then(|access| access.system_role());
        let asks = matches!(acts_as, Some(SystemRole::Admin | SystemRole::Approver));
        assert_eq!(answer(Permission::AskForOthers).is_ok(), asks, "{what}");
    });
}

/// Proves ACC-15.
#[test]
fn a_pair_that_makes_no_sense_is_refused_to_everybody() {
    let resource = for_countries(campaign(), &["US"]);
    let pending = requests(&resource).pop().unwrap();
    let of_thing = [Permission::Read, Permission::Write, Permission::Approve];
    everywhere(|_, actor, context| {
        for permission in PERMISSIONS {
            let is_account = !of_thing.contains(&permission)
                && ![Permission::Cancel, Permission::ReadPii, Permission::Operate].contains(&permission);
            let seen = matches!(permission, Permission::ReadPii);
            for (target, sense) in [
                (Target::Account, is_account),
                (Target::Component(&component("boards")), of_thing.contains(&permission)),
                (Target::Resource(&resource), of_thing.contains(&permission) || seen),
                (
                    Target::Request(&pending.resource, &pending.request),
                    of_thing.contains(&permission) || seen || permission == Permission::Cancel,
                ),
            ] {
                let answer = check(context, permission, target);
                assert!(sense || answer.is_err(), "{actor:?} {permission:?} {target:?}");
            }
        }
    });
}
