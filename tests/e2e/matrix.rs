//! Who may call what: every method of the contract by every sort of caller, against the table in `matrix.txt`.

mod messages;

use std::{collections::BTreeMap, sync::Arc};

use countersign_proto::{access, types::SystemRole};
use countersign_testkit::wait_for;
use tokio::task::JoinSet;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    client::{Team, new_id, request},
    lifecycles::journeys,
    raw::{Method, call, every_method},
    system::{PATIENCE, System},
};

const TABLE: &str = include_str!("matrix.txt");

/// A row of the table.
struct Row {
    /// As in the descriptor set.
    method: Method,
    /// What the call is about; empty where that does not matter.
    about: String,
    /// What is expected, by caller.
    expected: Vec<(String, String)>,
}

fn table() -> Vec<Row> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let columns: Vec<&str> = lines.next().unwrap().split_whitespace().skip(1).collect();
    let methods: BTreeMap<String, Method> =
        every_method().into_iter().map(|method| (method.name.clone(), method)).collect();
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (name, about) = words.next().unwrap().split_once('[').map_or_else(
                || (line.split_whitespace().next().unwrap(), ""),
                |(name, about)| (name, about.trim_end_matches(']')),
            );
            let name = format!("countersign.{name}");
            let method = methods.get(&name).unwrap_or_else(|| panic!("{name} is no method of the contract"));
            let cells: Vec<&str> = words.collect();
            assert_eq!(cells.len(), columns.len(), "{line}");
            let expected = columns.iter().map(ToString::to_string).zip(cells.iter().map(ToString::to_string));
            Row { method: method.clone(), about: about.to_owned(), expected: expected.collect() }
        })
        .collect()
}

#[test]
fn every_method_has_a_row() {
    let rows = table();
    let missing: Vec<String> = every_method()
        .into_iter()
        .map(|method| method.name)
        .filter(|name| !rows.iter().any(|row| row.method.name == *name))
        .collect();
    assert!(missing.is_empty(), "tests/e2e/matrix.txt has no row for {missing:?}");
}

/// Proves ACC-1, ACC-3, ACC-4, ACC-8, ACC-10, ACC-12, ACC-16: on the services.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_call_what_on_the_services() {
    check_every_cell(&System::services().await).await;
}

/// The same on the all-in-one binary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_call_what_on_standalone() {
    check_every_cell(&System::standalone().await).await;
}

async fn check_every_cell(system: &System) {
    let world = Arc::new(World::new(system).await);
    let mut wrong = Vec::new();
    for row in table() {
        let mut cells = JoinSet::new();
        for (who, expected) in row.expected {
            let (world, method, about) = (Arc::clone(&world), row.method.clone(), row.about.clone());
            cells.spawn(async move {
                let message = world.message(&method.name, &about, &who).await;
                let (account, actor) = world.identity(&who);
                let channel = world.channel(&method.name);
                let got = match call(channel, &method, request(&account, &actor, message)).await {
                    Ok(()) => "ok".to_owned(),
                    Err(status) => word(&status),
                };
                (got != expected).then(|| format!("{}[{about}] {who}: {got}, not {expected}", method.name))
            });
        }
        while let Some(cell) = cells.join_next().await {
            wrong.extend(cell.unwrap());
        }
    }
    assert!(wrong.is_empty(), "{} cells differ from the table:\n{}", wrong.len(), wrong.join("\n"));
}

/// How the table writes a refusal.
fn word(status: &Status) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    match (status.code(), reason.as_str()) {
        (Code::PermissionDenied, "PERMISSION_DENIED") => "no".to_owned(),
        (_, "") => format!("{status:?}"),
        (_, reason) => reason.to_owned(),
    }
}

/// An account with every sort of member, and another one.
pub struct World {
    pub team: Team,
    approval: Channel,
    notifier: Channel,
    writer: String,
    decider: String,
    us: String,
    stranger: String,
    other: String,
    revoked: String,
    /// A custom role that a member can be given.
    spare_role: String,
}

impl World {
    pub async fn new(system: &System) -> Self {
        let (approval, notifier) = (system.approval().await, system.notifier().await);
        let team = Team::new(system).await;
        let admin = &team.admin;
        let role = async |name: &str, component: &str, write: bool, approve: bool, scope: Option<&str>| {
            let level = if write { access::AccessLevel::Write } else { access::AccessLevel::Unspecified };
            admin
                .create_role(access::CreateRoleRequest {
                    name: name.into(),
                    accesses: vec![access::ComponentAccess {
                        component: component.into(),
                        level: level.into(),
                        approve,
                    }],
                    scope: scope.map(|value| access::DataScope {
                        property: "Country".into(),
                        values: vec![value.into()],
                    }),
                    ..Default::default()
                })
                .await
                .unwrap()
                .role_id
        };
        let writer = role("Writer", "engagement.campaigns", true, false, None).await;
        let decider = role("Decider", "engagement.product_experiences", false, true, None).await;
        let us = role("US", "engagement.campaigns", true, true, Some("US")).await;
        let spare_role = role("Spare", "boards", true, false, None).await;
        let with_role = async |name: &str, role: String| admin.add_with(name, vec![role]).await;
        let revoked = admin.add("Rita Revoked", SystemRole::Admin).await;
        let world = Self {
            writer: with_role("Wanda Writer", writer).await,
            decider: with_role("Dora Decider", decider).await,
            us: with_role("Uma US", us).await,
            stranger: new_id(),
            other: Team::new(system).await.admin.id,
            revoked: revoked.clone(),
            spare_role,
            approval,
            notifier,
            team,
        };
        world.team.admin.register_lifecycle(journeys("journey")).await.unwrap();
        // The notifier knows who may see what once the events have reached it, the revocation last.
        world.team.admin.wait_until_known(&[&world.writer, &world.decider, &world.us, &revoked]).await;
        world.team.admin.revoke(&revoked).await.unwrap();
        let gone = world.team.admin.other(revoked);
        wait_for("the revocation to reach the notifier", PATIENCE, async || {
            gone.try_ribbons("").await.is_err().then_some(())
        })
        .await;
        world
    }

    pub fn identity(&self, who: &str) -> (String, String) {
        let team = &self.team;
        let actor = match who {
            "admin" => &team.admin.id,
            "approver" => &team.approver.id,
            "creator" => &team.creator.id,
            "editor" => &team.editor.id,
            "member" => &team.member.id,
            "writer" => &self.writer,
            "decider" => &self.decider,
            "us" => &self.us,
            "stranger" => &self.stranger,
            "other" => &self.other,
            "revoked" => &self.revoked,
            "platform" => "platform",
            _ => panic!("no such caller: {who}"),
        };
        (team.account.clone(), actor.to_owned())
    }

    pub fn channel(&self, method: &str) -> Channel {
        if method.contains(".inbox.") { self.notifier.clone() } else { self.approval.clone() }
    }
}
