//! How people join (ACC-14): by a link that is mailed, works once and in time, and is kept nowhere.

use countersign_proto::{
    access::{self, InvitationState, Permission, permission_question::Target},
    approval,
    types::SystemRole,
};
use countersign_testkit::wait_for;
use sea_orm::{Database, DatabaseConnection};
use tonic::Code;

use crate::{
    bad_input::{metadata, reason},
    client::{Caller, Team, new_id},
    lost_rights::{number, some},
    snapshots::decoded,
    system::{PATIENCE, Services, System, connect},
};

const ROUNDS: usize = 50;

/// An invitation of a CREATOR.
fn creator(email: &str) -> access::CreateInvitationRequest {
    access::CreateInvitationRequest {
        email: email.into(),
        system_role: SystemRole::Creator.into(),
        ..Default::default()
    }
}

/// The token in the link of the mail.
fn token_in(mail: &str, account: &str) -> String {
    let mail = decoded(mail);
    let link = mail.split_once(&format!("/join/{account}#")).expect("a link with a token").1;
    link.chars().take_while(char::is_ascii_hexdigit).collect()
}

/// The tokens mailed to this address, once there are so many.
async fn tokens_of(system: &System, account: &str, address: &str, count: usize) -> Vec<String> {
    let to = format!("<{address}>");
    let mails = wait_for(&format!("{count} mails to {address}"), PATIENCE, async || {
        let mails: Vec<_> = system
            .mails()
            .into_iter()
            .filter(|mail| mail.lines().any(|line| line.starts_with("To: ") && line.contains(&to)))
            .collect();
        (mails.len() >= count).then_some(mails)
    })
    .await;
    mails.iter().map(|mail| token_in(mail, account)).collect()
}

/// The one that is not `old`.
async fn new_token(system: &System, account: &str, address: &str, old: &str) -> String {
    let mut tokens = tokens_of(system, account, address, 2).await;
    tokens.retain(|token| token != old);
    assert_eq!(tokens.len(), 1, "a token that was used before");
    tokens.remove(0)
}

/// Invited, accepted, sent again, withdrawn; who may invite whom. Answers the mails.
pub async fn people_join_by_invitation(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    system.wait_for_mails(2).await;
    let account = team.account.as_str();
    let boards = access::ComponentAccess {
        component: "boards".into(),
        level: access::AccessLevel::Write.into(),
        ..Default::default()
    };
    let role = access::CreateRoleRequest {
        name: "Board keepers".into(),
        accesses: vec![boards],
        ..Default::default()
    };
    let role = team.admin.create_role(role).await.unwrap();

    let invite = access::CreateInvitationRequest {
        request_id: new_id(),
        email: "ines@acme.example".into(),
        system_role: SystemRole::Editor.into(),
        role_ids: vec![role.role_id.clone()],
        approval_right: true,
        ..Default::default()
    };
    let invitation = team.admin.invite(invite.clone()).await.unwrap();
    assert_eq!(invitation.state(), InvitationState::Pending);
    assert_eq!(team.admin.invite(invite.clone()).await.unwrap(), invitation, "asked again, no second one");
    let another = access::CreateInvitationRequest { request_id: new_id(), ..invite };
    let refused = team.admin.invite(another).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    let token = tokens_of(system, account, "ines@acme.example", 1).await.remove(0);

    let accepted = team.admin.accept(&token).await.unwrap();
    let ines = team.admin.other(accepted.member_id);
    let known = ines.get_member(&ines.id).await.unwrap();
    assert_eq!((known.email.as_str(), known.display_name.as_str()), ("ines@acme.example", "Ines Invited"));
    assert_eq!((known.system_role(), known.approval_right), (SystemRole::Editor, true));
    assert_eq!(known.role_ids, [role.role_id]);
    let may = async |permission: Permission, component: &str| {
        let question = access::PermissionQuestion {
            permission: permission.into(),
            target: Some(Target::Component(component.into())),
            ..Default::default()
        };
        ines.check(question).await.unwrap().allowed
    };
    assert!(may(Permission::Write, "boards.daily").await, "by the custom role");
    assert!(may(Permission::Approve, "engagement.campaigns").await, "by the approval right");
    team.admin.wait_until_known(&[&ines.id]).await;
    let used = team.admin.accept(&token).await.unwrap_err();
    assert_eq!((used.code(), reason(&used).as_str()), (Code::FailedPrecondition, "INVITATION_USED"));
    assert_eq!(metadata(&used)["state"], "ACCEPTED");

    // An Approver invites, but no Admin.
    let sent = team.approver.invite(creator("otto@acme.example")).await.unwrap();
    let old = tokens_of(system, account, "otto@acme.example", 1).await.remove(0);
    let again = team.approver.resend(&sent.invitation_id).await.unwrap();
    assert_eq!(again.invitation_id, sent.invitation_id);
    let new = new_token(system, account, "otto@acme.example", &old).await;
    for token in [old.as_str(), "made up"] {
        let unknown = team.admin.accept(token).await.unwrap_err();
        assert_eq!(unknown.code(), Code::PermissionDenied);
        assert_eq!(reason(&unknown), "INVITATION_TOKEN_UNKNOWN");
    }
    let accepted = team.admin.accept(&new).await.unwrap();
    assert_eq!(accepted.invitation.unwrap().state(), InvitationState::Accepted);
    let mut admin = creator("max@acme.example");
    admin.system_role = SystemRole::Admin.into();
    assert_eq!(reason(&team.approver.invite(admin).await.unwrap_err()), "PERMISSION_DENIED");

    let withdrawn = team.admin.invite(creator("wanda@acme.example")).await.unwrap().invitation_id;
    let token = tokens_of(system, account, "wanda@acme.example", 1).await.remove(0);
    team.admin.withdraw(&withdrawn).await.unwrap();
    for used in [team.admin.accept(&token).await.map(|_| ()), team.admin.resend(&withdrawn).await.map(|_| ())]
    {
        let used = used.unwrap_err();
        assert_eq!(reason(&used), "INVITATION_USED");
        assert_eq!(metadata(&used)["state"], "WITHDRAWN");
    }
    let listed = team.approver.invitations().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|it| (it.email.as_str(), it.state())).collect();
    assert_eq!(
        listed,
        [
            ("wanda@acme.example", InvitationState::Withdrawn),
            ("otto@acme.example", InvitationState::Accepted),
            ("ines@acme.example", InvitationState::Accepted),
        ]
    );
    system.wait_for_mails(2 + 4).await
}

/// Proves ACC-14, REQ-4: on two replicas a token makes one member, however many follow its link at once; and it stands in no
/// table and no log once its mail is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_accepted_once_and_kept_nowhere() {
    let services = Services::start(2).await;
    let replicas = [connect(services.approval_ports[0]).await, connect(services.approval_ports[1]).await];
    let team = Team::on(replicas[0].clone(), connect(services.notifier_port).await).await;
    services.mail.wait_for_messages(2).await;
    for round in 0..ROUNDS {
        team.admin.invite(creator(&format!("joins-{round}@acme.example"))).await.unwrap();
    }
    services.mail.wait_for_messages(2 + ROUNDS).await;
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let mails = services.mail.messages_to(&format!("joins-{round}@acme.example"));
        assert_eq!(mails.len(), 1);
        let token = token_in(&mails[0].text(), &team.account);
        one_race(&team, &replicas, &token, round).await;
        tokens.push(token);
    }
    let database = Database::connect(services.database.url()).await.unwrap();
    assert_eq!(number(&database, "SELECT count(*) FROM members WHERE email LIKE 'joins-%'").await, 50);

    wait_for("an empty outbox", PATIENCE, async || {
        (number(&database, "SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    let mailed = Database::connect(services.notifier_database.url()).await.unwrap();
    // A mail has reached the server before the notifier has written that it did.
    wait_for("every mail to be settled", PATIENCE, async || {
        let open = "SELECT count(*) FROM deliveries WHERE state <> 'SENT'";
        (number(&mailed, open).await == 0).then_some(())
    })
    .await;
    for database in [&database, &mailed] {
        // What is looked for would be found: addresses are there.
        assert!(!holding(database, "joins-7@acme.example").await.is_empty());
    }
    let logs: Vec<String> =
        services.approval.iter().chain([&services.notifier]).map(countersign_testkit::Process::log).collect();
    assert!(logs.iter().all(|log| !log.is_empty()));
    for token in &tokens {
        for database in [&database, &mailed] {
            assert_eq!(holding(database, token).await, [""; 0]);
        }
        assert!(logs.iter().all(|log| !log.contains(token)), "a token is logged");
    }
}

/// Two follow the link at once.
async fn one_race(team: &Team, replicas: &[tonic::transport::Channel; 2], token: &str, round: usize) {
    let accepting = replicas.each_ref().map(|replica| {
        let (platform, token): (Caller, _) = (team.admin.over(replica.clone()), token.to_owned());
        tokio::spawn(async move { platform.accept(&token).await })
    });
    let [one, other] = accepting;
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let (accepted, refused) = match (one, other) {
        (Ok(accepted), Err(refused)) | (Err(refused), Ok(accepted)) => (accepted, refused),
        both => panic!("round {round}: {both:?}"),
    };
    assert_eq!(reason(&refused), "INVITATION_USED", "round {round}: {refused:?}");
    let member = team.admin.get_member(&accepted.member_id).await.unwrap();
    assert_eq!(member.email, format!("joins-{round}@acme.example"));
}

/// The tables that hold this text in a row, as it is or as bytes.
pub async fn holding(database: &DatabaseConnection, text: &str) -> Vec<String> {
    let tables = some(
        database,
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .await;
    assert!(tables.len() > 3, "{tables:?}");
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            format!(
                "SELECT '{table}'::text FROM {table} AS t WHERE strpos(t::text, '{text}') > 0 \
                 OR strpos(t::text, encode('{text}', 'hex')) > 0"
            )
        })
        .collect();
    some(database, &parts.join(" UNION ")).await
}

/// Proves ACC-14: what expired can be sent again, and nothing else can be done with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_invitation_is_sent_again() {
    let system = System::services().await;
    let System::Services(services) = &system else { panic!("the services were started") };
    let team = Team::new(&system).await;
    let invitation = team.admin.invite(creator("late@acme.example")).await.unwrap();
    let old = tokens_of(&system, &team.account, "late@acme.example", 1).await.remove(0);
    let database = Database::connect(services.database.url()).await.unwrap();
    // Nobody waits a week here: its time is over in the database.
    let sql = "UPDATE invitations SET expires_at_us = 1000000 RETURNING email";
    assert_eq!(some(&database, sql).await, ["late@acme.example"]);

    let expired = team.admin.accept(&old).await.unwrap_err();
    assert_eq!((expired.code(), reason(&expired).as_str()), (Code::FailedPrecondition, "INVITATION_EXPIRED"));
    assert_eq!(metadata(&expired)["expire_time"], "1970-01-01T00:00:01Z");
    assert_eq!(team.admin.invitations().await.unwrap()[0].state(), InvitationState::Expired);
    let again = team.admin.resend(&invitation.invitation_id).await.unwrap();
    assert_eq!(again.state(), InvitationState::Pending);
    assert!(again.expire_time.unwrap().seconds > invitation.create_time.unwrap().seconds);
    let new = new_token(&system, &team.account, "late@acme.example", &old).await;
    assert_eq!(reason(&team.admin.accept(&old).await.unwrap_err()), "INVITATION_TOKEN_UNKNOWN");
    team.admin.accept(&new).await.unwrap();
}

/// Proves ACC-7, ACC-9, ACC-14, REQ-18: what was promised is given as far as it can be had when the invitation is accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_since_the_invitation_counts() {
    let system = System::standalone().await;
    let Team { admin, .. } = Team::new(&system).await;
    let account = admin.account.as_str();
    let role = access::CreateRoleRequest { name: "Keepers".into(), ..Default::default() };
    let role = admin.create_role(role).await.unwrap().role_id;
    let keeper = access::CreateInvitationRequest {
        system_role: SystemRole::Unspecified.into(),
        role_ids: vec![role.clone()],
        ..creator("kim@acme.example")
    };
    admin.invite(keeper).await.unwrap();
    let token = tokens_of(&system, account, "kim@acme.example", 1).await.remove(0);
    admin.delete_role(&role).await.unwrap();
    let request_id = new_id();
    let accepted = admin.accept_once(&request_id, &token).await.unwrap();
    let kim = admin.get_member(&accepted.member_id).await.unwrap();
    assert_eq!((kim.system_role(), kim.role_ids.len()), (SystemRole::Member, 0), "as those who held it");
    assert_eq!(admin.accept_once(&request_id, &token).await.unwrap(), accepted, "the answer was lost");

    // Who was revoked comes back as who they were.
    admin.revoke(&kim.member_id).await.unwrap();
    admin.invite(creator("KIM@acme.example")).await.unwrap();
    let token = tokens_of(&system, account, "KIM@acme.example", 1).await.remove(0);
    assert_eq!(admin.accept(&token).await.unwrap().member_id, kim.member_id);
    let back = admin.other(kim.member_id.clone()).get_member(&kim.member_id).await.unwrap();
    assert_eq!(back.system_role(), SystemRole::Creator);

    // Added by hand meanwhile: then the invitation is withdrawn.
    admin.invite(creator("carl.second@acme.example")).await.unwrap();
    let token = tokens_of(&system, account, "carl.second@acme.example", 1).await.remove(0);
    admin.add("Carl Second", SystemRole::Member).await;
    assert_eq!(reason(&admin.accept(&token).await.unwrap_err()), "INVITATION_USED");

    // Who invited may not any more.
    let second = admin.other(admin.add("Otto Other", SystemRole::Admin).await);
    second.invite(creator("olga@acme.example")).await.unwrap();
    let token = tokens_of(&system, account, "olga@acme.example", 1).await.remove(0);
    admin.revoke(&second.id).await.unwrap();
    assert_eq!(reason(&admin.accept(&token).await.unwrap_err()), "INVITATION_USED");

    let switch = async |enabled| {
        for area in ["CAMPAIGNS", "PRODUCT_EXPERIENCES"] {
            let policy = approval::UpdatePolicyRequest {
                area: area.into(),
                enabled: Some(enabled),
                ..Default::default()
            };
            admin.set_policy(policy).await.unwrap();
        }
    };
    let mut approver = creator("anna@acme.example");
    approver.system_role = SystemRole::Approver.into();
    admin.invite(approver).await.unwrap();
    let token = tokens_of(&system, account, "anna@acme.example", 1).await.remove(0);
    switch(false).await;
    assert_eq!(reason(&admin.accept(&token).await.unwrap_err()), "APPROVER_ROLE_UNAVAILABLE");
    switch(true).await;
    admin.accept(&token).await.unwrap();
}

/// A stranger's mailbox is nobody's to fill, and sending again disturbs no decision.
///
/// Proves ACC-14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_mailed_few_invitations() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let invited = team.admin.invite(creator("stranger@example.com")).await.unwrap();
    let before = team.admin.get_account().await.unwrap().etag;
    let mut sent = 1;
    let refused = loop {
        match team.admin.resend(&invited.invitation_id).await {
            Ok(_) => sent += 1,
            Err(refused) => break refused,
        }
    };
    // Twice as many where the clock's hour ended meanwhile.
    assert!((5..=10).contains(&sent), "{sent}");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "INVITATION_LIMIT"));
    assert_eq!((&*metadata(&refused)["per"], &*metadata(&refused)["limit"]), ("address", "5"));
    assert_eq!(team.admin.get_account().await.unwrap().etag, before, "sending again changed the rules");
    // Nor by withdrawing it and inviting anew, whoever does.
    team.admin.withdraw(&invited.invitation_id).await.unwrap();
    let anew = team.approver.invite(creator("Stranger@example.com")).await.unwrap_err();
    assert_eq!(reason(&anew), "INVITATION_LIMIT");
    team.approver.invite(creator("another@example.com")).await.unwrap();
    assert_eq!(tokens_of(&system, &team.account, "stranger@example.com", sent).await.len(), sent);
}
