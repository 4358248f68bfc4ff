//! Many deciders on one request: one wins, and the others are told who (REQ-4).

use std::{collections::BTreeSet, time::Duration};

use countersign_proto::{approval, types::RequestState};
use countersign_testkit::wait_for;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    client::{Caller, Team},
    system::{PATIENCE, Services, Standalone, connect},
};

const DECIDERS: usize = 32;
const ROUNDS: usize = 200;

/// What one decider got.
struct Attempt {
    member: String,
    wanted: RequestState,
    got: Result<approval::ApprovalRequest, Status>,
}

/// Proves REQ-4, REQ-2: 32 deciders, approve, reject and cancel mixed, on two replicas.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_decider_wins_on_two_replicas() {
    let services = Services::start(2).await;
    let replicas = [connect(services.approval_ports[0]).await, connect(services.approval_ports[1]).await];
    let team = Team::on(replicas[0].clone(), connect(services.notifier_port).await).await;
    // The exchange is there once the first events went through it.
    services.mail.wait_for_messages(2).await;
    let tap = services.broker.tap(&services.exchange(), "countersign.request.#").await;
    let deciders = deciders(&team).await;
    let deciders: Vec<_> = deciders
        .iter()
        .enumerate()
        .map(|(index, decider)| decider.over(replicas[index % 2].clone()))
        .collect();
    for round in 0..ROUNDS {
        one_round(&team, &deciders, round).await;
    }
    assert_nothing_is_left(services.database.url(), DbBackend::Postgres).await;
    // Everything is published now: one event for each submission and one for each decision, and not one more. A relay may
    // publish one twice, with the same id.
    tap.wait_for_messages(2 * ROUNDS).await;
    let events: BTreeSet<_> = tap.messages().into_iter().map(|event| event.message_id).collect();
    assert_eq!(events.len(), 2 * ROUNDS);
}

/// Proves REQ-4 on `SQLite`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_decider_wins_on_sqlite() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    let deciders = deciders(&team).await;
    for round in 0..ROUNDS {
        one_round(&team, &deciders, round).await;
    }
    let url = format!("sqlite://{}?mode=ro", standalone.data.path().join("approval.db").display());
    assert_nothing_is_left(&url, DbBackend::Sqlite).await;
    let url = format!("sqlite://{}?mode=ro", standalone.data.path().join("notifier.db").display());
    let database = Database::connect(url).await.unwrap();
    let sql = "SELECT count(*) FROM events WHERE event_type LIKE 'countersign.request.%'";
    assert_eq!(count(&database, DbBackend::Sqlite, sql).await, i64::try_from(2 * ROUNDS).unwrap());
}

async fn count(database: &DatabaseConnection, backend: DbBackend, sql: &str) -> i64 {
    let row = database.query_one_raw(Statement::from_string(backend, sql.to_owned())).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn deciders(team: &Team) -> Vec<Caller> {
    let mut deciders = vec![team.approver.clone(), team.admin.clone()];
    for number in deciders.len()..DECIDERS {
        let role = countersign_proto::types::SystemRole::Approver;
        deciders.push(team.admin.other(team.admin.add(&format!("Decider {number}"), role).await));
    }
    deciders
}

async fn one_round(team: &Team, deciders: &[Caller], round: usize) {
    let hour = Duration::from_hours(1);
    let campaign = team.creator.campaign(hour, 2 * hour).await;
    let request = team.creator.submit(&campaign.resource_id, "LAUNCH").await;
    let attempts: Vec<_> = deciders
        .iter()
        .enumerate()
        .map(|(index, decider)| {
            let wanted = match (index + round) % 3 {
                0 => RequestState::Approved,
                1 => RequestState::Rejected,
                _ => RequestState::Cancelled,
            };
            tokio::spawn(attempt(decider.clone(), request.clone(), wanted))
        })
        .collect();
    let mut winners = Vec::new();
    let mut losers = Vec::new();
    for attempt in attempts {
        let attempt = attempt.await.unwrap();
        match &attempt.got {
            Ok(_) => winners.push(attempt),
            Err(_) => losers.push(attempt),
        }
    }
    assert_eq!(winners.len(), 1, "round {round}: {} won", winners.len());
    let winner = &winners[0];
    let decided = team.creator.approval_request(&request).await.unwrap();
    assert_eq!(decided.state(), winner.wanted);
    assert_eq!(decided.ended_by.as_ref().unwrap().member_id, winner.member);
    let state = winner.wanted.as_str_name().trim_start_matches("REQUEST_STATE_");
    for loser in losers {
        let status = loser.got.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "REQUEST_DECIDED");
        assert_eq!(info.metadata["state"], state);
        assert_eq!(info.metadata["decided_by"], winner.member);
        assert!(!info.metadata["decided_at"].is_empty());
    }
    let history = team.creator.history(&campaign.resource_id).await;
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["REGISTERED", "SUBMITTED", state], "round {round}");
}

async fn attempt(decider: Caller, request: String, wanted: RequestState) -> Attempt {
    let note = "decided in a hurry".to_owned();
    let got = match wanted {
        RequestState::Approved => {
            decider
                .approve(approval::ApproveRequest {
                    approval_request_id: request,
                    note,
                    ..Default::default()
                })
                .await
        }
        RequestState::Rejected => {
            decider
                .reject(approval::RejectRequest { approval_request_id: request, note, ..Default::default() })
                .await
        }
        _ => {
            decider
                .cancel(approval::CancelRequest { approval_request_id: request, note, ..Default::default() })
                .await
        }
    };
    Attempt { member: decider.id, wanted, got }
}

/// One decision at the most per request, no request pending, no event unpublished.
async fn assert_nothing_is_left(url: &str, backend: DbBackend) {
    let database = Database::connect(url).await.unwrap();
    let count = async |sql: &str| count(&database, backend, sql).await;
    assert_eq!(count("SELECT count(*) FROM requests WHERE state = 'PENDING'").await, 0);
    assert_eq!(
        count("SELECT count(*) FROM (SELECT 1 FROM decisions GROUP BY account_id, request_id HAVING count(*) > 1) AS many").await,
        0
    );
    wait_for("an empty outbox", PATIENCE, async || {
        (count("SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
}
