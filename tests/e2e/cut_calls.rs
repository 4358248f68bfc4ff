//! Calls that end before their answer, by the thousand: what was answered is in the database, once, whatever was cut before,
//! after or beside it.

use std::{
    error::Error,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use countersign_proto::{
    access::CreateMemberRequest,
    approval::{self, ApproveRequest, PerformActionRequest, RegisterResourceRequest},
    inbox::{Channel as By, DeliveryMode, EventGroup, Preference},
    types::{Schedule, SystemRole},
};
use countersign_testkit::wait_for;
use fastrand::Rng;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};
use tokio::{
    task::{JoinSet, LocalSet},
    time::timeout,
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use crate::{
    client::{Caller, Team, content, in_future, new_id},
    fuzz::assert_no_errors,
    system::{PATIENCE, Services, Standalone, connect},
};

/// So many calls are cut on each database.
const CUTS: usize = 5_000;

/// So many callers at once: more than the approval service has connections, so that some are cut while they wait for one.
const CALLERS: usize = 16;

/// So late come the database's answers, where there is a wire to it.
const LATE: Duration = Duration::from_millis(2);

/// Proves SEC-12 on `PostgreSQL`, with deadlines, clients that hang up, and connections that break.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_between_cut_calls_is_kept_on_postgres() {
    let services = Services::start_on_late_databases(LATE).await;
    let approval = connect(services.approval_ports[0]).await;
    let notifier = connect(services.notifier_port).await;
    let ledger = cut_calls(approval, notifier, [services.approval_ports[0], services.notifier_port]).await;
    let approvals = Database::connect(services.database.url()).await.unwrap();
    let notifications = Database::connect(services.notifier_database.url()).await.unwrap();
    ledger.compare(&approvals, &notifications).await;
    for database in [&approvals, &notifications] {
        let open = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        wait_for("every transaction to end", PATIENCE, async || {
            (count(database, open).await == 0).then_some(())
        })
        .await;
    }
    for process in [&services.approval[0], &services.notifier] {
        assert_no_errors(&process.log());
    }
}

/// Proves SEC-12 on `SQLite`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_between_cut_calls_is_kept_on_sqlite() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let ledger = cut_calls(channel.clone(), channel, [standalone.port; 2]).await;
    let [approvals, notifications] = ["approval.db", "notifier.db"]
        .map(|file| format!("sqlite://{}?mode=ro", standalone.data.path().join(file).display()));
    let approvals = Database::connect(approvals).await.unwrap();
    ledger.compare(&approvals, &Database::connect(notifications).await.unwrap()).await;
    assert_no_errors(&standalone.process.log());
}

/// What was answered.
#[derive(Debug, Default)]
struct Ledger {
    cuts: usize,
    /// Their addresses.
    members: Vec<String>,
    /// Ids of approved campaigns.
    approved: Vec<String>,
    /// Each member's last etag.
    preferences: Vec<(String, i64)>,
}

impl Ledger {
    /// Everything that was answered is there, once.
    async fn compare(&self, approvals: &DatabaseConnection, notifications: &DatabaseConnection) {
        assert!(self.cuts >= CUTS, "only {} calls were cut", self.cuts);
        assert!(self.members.len() + self.approved.len() > CALLERS, "hardly a call was answered");
        eprintln!(
            "{} calls cut; answered: {} members, {} approvals",
            self.cuts,
            self.members.len(),
            self.approved.len()
        );
        for email in &self.members {
            let sql = format!("SELECT count(*) FROM members WHERE email = '{email}'");
            assert_eq!(count(approvals, &sql).await, 1, "the creation of {email} was answered");
        }
        for id in &self.approved {
            let id = quoted(approvals, id);
            for event in ["REGISTERED", "SUBMITTED", "APPROVED"] {
                let sql =
                    format!("SELECT count(*) FROM history WHERE resource_id = {id} AND event = '{event}'");
                assert_eq!(count(approvals, &sql).await, 1, "{event} of {id} was answered");
            }
            let sql =
                format!("SELECT count(*) FROM resources WHERE resource_id = {id} AND state = 'SCHEDULED'");
            assert_eq!(count(approvals, &sql).await, 1, "the approval of {id} was answered");
        }
        for (member, version) in &self.preferences {
            let member = quoted(notifications, member);
            let sql = format!("SELECT max(version) FROM preferences WHERE member_id = {member}");
            let kept = count(notifications, &sql).await;
            assert!(kept >= *version, "{member} was answered version {version}, and has {kept}");
        }
    }
}

async fn count(database: &DatabaseConnection, sql: &str) -> i64 {
    let query = Statement::from_string(database.get_database_backend(), sql.to_owned());
    database.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// An id as the database writes it.
fn quoted(database: &DatabaseConnection, id: &str) -> String {
    match database.get_database_backend() {
        sea_orm::DbBackend::Postgres => format!("'{id}'"),
        _ => format!("x'{}'", id.replace('-', "")),
    }
}

/// Makes members, campaigns and preferences until enough calls were cut; what was answered.
async fn cut_calls(approval: Channel, notifier: Channel, ports: [u16; 2]) -> Ledger {
    let team = Arc::new(Team::on(approval, notifier).await);
    let cuts = Arc::new(AtomicUsize::new(0));
    let (here, mut callers) = (LocalSet::new(), JoinSet::new());
    for number in 0..CALLERS {
        let scissors =
            Scissors { cuts: Arc::clone(&cuts), ports, random: Rng::with_seed(number as u64), usual: None };
        let own = team.admin.other(team.admin.add(&format!("Caller {number}"), SystemRole::Member).await);
        // The notifier has heard of the member.
        wait_for("the notifier to know the caller", PATIENCE, async || own.prefer(preference(0)).await.ok())
            .await;
        callers.spawn_local_on(call(Arc::clone(&team), own, number, scissors), &here);
    }
    let mut ledger = Ledger::default();
    while let Some(ended) = here.run_until(callers.join_next()).await {
        let Ledger { members, approved, preferences, .. } = ended.unwrap();
        ledger.members.extend(members);
        ledger.approved.extend(approved);
        ledger.preferences.extend(preferences);
    }
    ledger.cuts = cuts.load(Relaxed);
    ledger
}

async fn call(team: Arc<Team>, own: Caller, number: usize, mut scissors: Scissors) -> Ledger {
    let mut ledger = Ledger::default();
    // The notifier has heard of the member.
    let first =
        wait_for("the notifier to know the caller", PATIENCE, async || own.prefer(preference(0)).await.ok());
    ledger.preferences.push((own.id.clone(), first.await.parse().unwrap()));
    for round in 1.. {
        if scissors.cuts.load(Relaxed) >= CUTS {
            break;
        }
        let email = format!("newcomer.{number}.{round}@acme.example");
        let newcomer = CreateMemberRequest {
            email: email.clone(),
            display_name: "Nina Newcomer".into(),
            system_role: SystemRole::Member.into(),
            request_id: new_id(),
            ..Default::default()
        };
        scissors
            .until_answered(team.admin.clone(), |admin| {
                let newcomer = newcomer.clone();
                async move { admin.create_member(newcomer).await }
            })
            .await;
        ledger.members.push(email);

        ledger.approved.push(approved(&team, &mut scissors).await);

        let changed =
            scissors.until_answered(own.clone(), |own| async move { own.prefer(preference(round)).await });
        ledger.preferences[0].1 = changed.await.parse().unwrap();
    }
    ledger
}

/// A campaign that is registered, submitted and approved; its id.
async fn approved(team: &Team, scissors: &mut Scissors) -> String {
    let registration = RegisterResourceRequest {
        kind: "campaign".into(),
        external_id: new_id(),
        title: "Spring sale".into(),
        content: Some(content(&serde_json::json!({"subject": "Spring is here"}))),
        schedule: Some(Schedule {
            start_time: Some(in_future(Duration::from_hours(1))),
            end_time: Some(in_future(Duration::from_hours(2))),
        }),
        request_id: new_id(),
        ..Default::default()
    };
    let campaign = scissors
        .until_answered(team.creator.clone(), |creator| {
            let registration = registration.clone();
            async move { creator.register(registration).await }
        })
        .await;
    let submission = PerformActionRequest {
        resource_id: campaign.resource_id.clone(),
        action: "LAUNCH".into(),
        request_id: new_id(),
        ..Default::default()
    };
    let submitted = scissors
        .until_answered(team.creator.clone(), |creator| {
            let submission = submission.clone();
            async move { creator.perform(submission).await }
        })
        .await;
    let decision = ApproveRequest {
        approval_request_id: submitted.approval_request.unwrap().approval_request_id,
        request_id: new_id(),
        ..Default::default()
    };
    let request: approval::ApprovalRequest = scissors
        .until_answered(team.approver.clone(), |approver| {
            let decision = decision.clone();
            async move { approver.approve(decision).await }
        })
        .await;
    assert_eq!(request.state(), countersign_proto::types::RequestState::Approved);
    campaign.resource_id
}

/// A connection of its own, that ends with its last call.
fn connection(port: u16) -> Channel {
    Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy()
}

/// Another one each round.
fn preference(round: usize) -> Preference {
    let mode = if round.is_multiple_of(2) { DeliveryMode::Off } else { DeliveryMode::Immediate };
    Preference { group: EventGroup::Results.into(), channel: By::Email.into(), mode: mode.into() }
}

/// Cuts calls, each at another moment of how long it usually takes.
struct Scissors {
    cuts: Arc<AtomicUsize>,
    ports: [u16; 2],
    random: Rng,
    /// How long calls take that are not cut.
    usual: Option<Duration>,
}

impl Scissors {
    /// Calls, with the same key each time, until it is answered.
    async fn until_answered<T, F>(&mut self, caller: Caller, call: impl Fn(Caller) -> F) -> T
    where
        T: Debug,
        F: Future<Output = Result<T, Status>>,
    {
        loop {
            let begun = Instant::now();
            let after = self.usual.map_or(PATIENCE, |usual| usual.mul_f64(1.1 * self.random.f64()));
            let answer = match self.random.u8(..8) {
                // Now and then it is let through, which tells how long that takes.
                0 => Ok(call(caller.clone()).await),
                // A deadline, of which the service is told.
                1..3 => Ok(call(caller.within(after)).await),
                // A connection that breaks.
                3 => {
                    let [approval, notifier] = self.ports.map(connection);
                    let alone = caller.over_both(approval, notifier);
                    timeout(after, call(alone)).await
                }
                // A client that hangs up.
                _ => timeout(after, call(caller.clone())).await,
            };
            match answer {
                Ok(Ok(answer)) => {
                    self.usual = Some(begun.elapsed());
                    return answer;
                }
                Err(_) => _ = self.cuts.fetch_add(1, Relaxed),
                Ok(Err(status)) => match status.code() {
                    Code::Cancelled | Code::DeadlineExceeded => _ = self.cuts.fetch_add(1, Relaxed),
                    // A connection that broke while it was made; what a service says has no source.
                    Code::Unknown if Error::source(&status).is_some() => _ = self.cuts.fetch_add(1, Relaxed),
                    // Too many at once.
                    Code::Aborted | Code::Unavailable | Code::ResourceExhausted => {}
                    code => panic!("{code:?}: {status:?}"),
                },
            }
        }
    }
}
