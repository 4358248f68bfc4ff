//! Watching what happens to requests, through the death of the replica that it is watched on.

use std::time::Duration;

use crate::{
    client::Team,
    system::{Services, Standalone, connect},
};

const HOUR: Duration = Duration::from_hours(1);

/// Proves REQ-20: the replica that a watcher is connected to is killed, and on the other the stream goes on where it was: each change
/// once and in order. When a replica is stopped instead, its streams end without an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_outlives_its_replica() {
    let mut services = Services::start(2).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    let (creator, approver, watcher) = {
        let other = connect(services.approval_ports[1]).await;
        (team.creator.over(other.clone()), team.approver.over(other), &team.member)
    };
    let mut watching = watcher.watch("").await.unwrap();
    assert_eq!(watching.message().await.unwrap(), Some(None), "a heartbeat first");

    // What the other replica commits, one by one and at random moments of the watcher's.
    let mut expected = vec![];
    let mut submit = async || {
        let campaign = creator.campaign(HOUR, 2 * HOUR).await;
        let request = creator.submit(&campaign.resource_id, "LAUNCH").await;
        expected.push((request.clone(), "SUBMITTED".to_owned(), 2));
        let approval = countersign_proto::approval::ApproveRequest {
            approval_request_id: request.clone(),
            ..Default::default()
        };
        approver.approve(approval).await.unwrap();
        expected.push((request, "APPROVED".to_owned(), 3));
    };
    let mut seen = vec![];
    for _ in 0..3 {
        submit().await;
    }
    for _ in 0..4 {
        seen.push(watching.change().await.unwrap());
    }
    services.approval[0].kill9();
    for _ in 0..3 {
        submit().await;
    }
    // What was on its way comes, and then the connection is gone.
    while let Ok(change) = watching.change().await {
        seen.push(change);
    }
    let watcher = watcher.over(connect(services.approval_ports[1]).await);
    let mut watching = watcher.watch(&watching.cursor).await.unwrap();
    while seen.len() < expected.len() {
        seen.push(watching.change().await.unwrap());
    }
    assert_eq!(seen, expected);

    let status = services.approval[1].terminate().await;
    assert!(status.success(), "{status}");
    while let Some(heartbeat) = watching.message().await.unwrap() {
        assert!(heartbeat.is_none(), "{heartbeat:?}");
    }
}

/// A connection has as many calls in flight as the setting says. One more waits in the client, which knows the limit, until one of them
/// has ended; other connections wait for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_beyond_a_connections_limit_waits_for_another_to_end() {
    let standalone = Standalone::start(&["--grpc-max-streams", "3"]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel.clone()).await;
    let resource = team.creator.ab_test().await.resource_id;
    let mut watching = vec![];
    for _ in 0..3 {
        let mut stream = team.creator.watch("").await.unwrap();
        assert_eq!(stream.message().await.unwrap(), Some(None), "a heartbeat first");
        watching.push(stream);
    }
    let (caller, asked) = (team.creator.over(channel), resource.clone());
    let beyond = tokio::spawn(async move { caller.resource(&asked).await });
    let elsewhere = team.creator.over(connect(standalone.port).await);
    for _ in 0..10 {
        elsewhere.resource(&resource).await.unwrap();
    }
    assert!(!beyond.is_finished(), "more calls than the limit on one connection");
    watching.pop();
    assert_eq!(beyond.await.unwrap().unwrap().resource_id, resource);
    // Those that were there all the time are served all the time.
    team.creator.submit(&resource, "START").await;
    for stream in &mut watching {
        assert_eq!(stream.change().await.unwrap().1, "SUBMITTED");
    }
}
