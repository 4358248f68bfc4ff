//! Ten thousand timers due at once, on two replicas.

use std::time::{Duration, Instant};

use countersign_proto::approval;
use countersign_testkit::wait_for;
use sea_orm::{ConnectionTrait as _, Database};

use crate::{
    client::Team,
    lost_rights::{multiply, number},
    system::{PATIENCE, Services, connect},
};

const HOUR: Duration = Duration::from_hours(1);

/// Proves LIF-17, REQ-14, NOT-8: each start, expiry and reminder takes effect once, on two replicas of which one is killed in the
/// middle, and decisions of others go on meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_timers_fire_once_each() {
    let mut services = Services::start(2).await;
    let replica = connect(services.approval_ports[1]).await;
    let team = Team::on(replica, connect(services.notifier_port).await).await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
    let request = team.creator.submit(&campaign, "LAUNCH").await;
    let others =
        Team::on(connect(services.approval_ports[1]).await, connect(services.notifier_port).await).await;
    let database = Database::connect(services.database.url()).await.unwrap();
    multiply(&database, &campaign, &request).await;

    // A third expires, a third is reminded of, a third is approved and starts: all due in the same moment. They are made pending
    // with no time at first, so that no timer comes round before all of them are due.
    let due = "
        UPDATE requests SET state = 'APPROVED', ended_at_us = 1, ended_by_name = 'Abel', ended_note = ''
            WHERE get_byte(uuid_send(request_id), 15) % 3 = 0;
        UPDATE resources AS r SET lock_request_id = NULL, lock_label = NULL, lock_action = NULL, state = 'SCHEDULED',
            approval_status = 'APPROVAL_APPROVED', launch_mode = 'ACTIVE', starts_at_us = 1, due_at_us = 1
            FROM requests AS q WHERE q.resource_id = r.resource_id AND q.state = 'APPROVED';
        UPDATE requests SET deadline_at_us = 1
            WHERE state = 'PENDING' AND get_byte(uuid_send(request_id), 15) % 3 = 1;
        UPDATE requests SET deadline_at_us = NULL, remind_at_us = 1
            WHERE state = 'PENDING' AND get_byte(uuid_send(request_id), 15) % 3 = 2";
    database.execute_unprepared(&format!("BEGIN; {due}; COMMIT")).await.unwrap();
    let started = Instant::now();
    let left = "SELECT (SELECT count(*) FROM resources WHERE due_at_us <= 1) + (SELECT count(*) FROM requests \
        WHERE state = 'PENDING' AND (deadline_at_us = 1 OR remind_at_us = 1))";
    let all = number(&database, left).await;
    wait_for("some to fire", PATIENCE, async || (number(&database, left).await < all - 500).then_some(()))
        .await;
    services.approval[0].kill9();
    assert!(number(&database, left).await > 0, "the kill came too late to prove anything");

    // Another account decides meanwhile.
    let mut slowest = Duration::ZERO;
    let mut decided = 0;
    while number(&database, left).await > 0 {
        let campaign = others.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
        let request = others.creator.submit(&campaign, "LAUNCH").await;
        let asked = Instant::now();
        let approve = approval::ApproveRequest { approval_request_id: request, ..Default::default() };
        others.approver.approve(approve).await.unwrap();
        slowest = slowest.max(asked.elapsed());
        decided += 1;
        assert!(started.elapsed() < 3 * PATIENCE, "{} are left", number(&database, left).await);
    }
    println!(
        "10,000 timers in {:.1} s; meanwhile {decided} decisions of others, the slowest {} ms",
        started.elapsed().as_secs_f64(),
        slowest.as_millis()
    );
    assert!(decided > 0);

    let twice = "SELECT count(*) FROM (SELECT resource_id, event FROM history \
        WHERE event IN ('STARTED', 'EXPIRED', 'REMINDED') GROUP BY resource_id, event HAVING count(*) > 1) AS twice";
    assert_eq!(number(&database, twice).await, 0, "something took effect twice");
    let fired = "SELECT count(*) FROM history WHERE event IN ('STARTED', 'EXPIRED', 'REMINDED')";
    assert_eq!(number(&database, fired).await, 10_000);
    // One of the two replicas was killed with claims: they ran out, or were given back.
    wait_for("claims to be gone", PATIENCE, async || {
        (number(&database, "SELECT count(*) FROM timer_claims").await == 0).then_some(())
    })
    .await;
}
