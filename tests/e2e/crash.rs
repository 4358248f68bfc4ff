//! Processes killed for real, at the worst moments: nothing is lost, nothing comes twice.

use std::{collections::BTreeMap, time::Duration};

use countersign_proto::{approval, inbox::RibbonKind};
use countersign_testkit::{Fault, Proxy, TestBroker, wait_for};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};

use crate::{
    client::{Team, content, new_id},
    scenarios::wait_for_ribbons,
    system::{PATIENCE, Services, Standalone, connect, get},
};

const HOUR: Duration = Duration::from_hours(1);

/// Proves NOT-11, NOT-12 and that what was committed is published: the approval service is killed between commit and
/// publish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_approval_service_is_killed_between_commit_and_publish() {
    let broker = TestBroker::rabbitmq();
    let proxy = Proxy::in_front_of(broker.url()).await;
    let amqp_url = proxy.url(broker.url());
    let mut services = Services::start_with(1, broker, Some(amqp_url), None).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    services.mail.wait_for_messages(2).await;

    // The broker is away: submissions are answered all the same, their events wait in the outbox.
    proxy.cut().await;
    let mut campaigns = Vec::new();
    for _ in 0..5 {
        let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
        team.creator.submit(&campaign.resource_id, "LAUNCH").await;
        campaigns.push(campaign.resource_id);
    }
    services.approval[0].kill9();
    proxy.restore().await;
    services.approval[0].start_again();
    connect(services.approval_ports[0]).await;

    for campaign in &campaigns {
        wait_for_ribbons(&team.approver, campaign, &[RibbonKind::Decide]).await;
        wait_for_ribbons(&team.member, campaign, &[RibbonKind::Awaiting]).await;
    }
    // Two about the workflows; for each campaign the Admin and the Approver.
    assert_each_mail_once(&services, 2 + 2 * campaigns.len()).await;
}

/// Proves NOT-11: the notifier is killed after it has planned and before the broker has its acknowledgement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_notifier_is_killed_between_plan_and_ack() {
    let broker = TestBroker::rabbitmq();
    let proxy = Proxy::in_front_of(broker.url()).await;
    let amqp_url = proxy.url(broker.url());
    let mut services = Services::start_with(1, broker, None, Some(amqp_url)).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    services.mail.wait_for_messages(2).await;
    let database = Database::connect(services.notifier_database.url()).await.unwrap();
    let planned = async || {
        let sql = "SELECT count(*) FROM events WHERE event_type = 'countersign.request.submitted.v1'";
        let query = Statement::from_string(DbBackend::Postgres, sql.to_owned());
        let count: i64 = database.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        usize::try_from(count).unwrap()
    };

    // Mails are put off for the time being, so that none is on its way when the process dies: each must be sent once.
    services.mail.break_all(Fault::RefuseRecipient(451));
    let mut campaigns = Vec::new();
    for round in 0..4 {
        // The consumer's own handshake must be through.
        wait_for("the consumer", PATIENCE, async || {
            (services.notifier.log().matches("consumer subscribed").count() > round).then_some(())
        })
        .await;
        // From now on the broker hears nothing of the notifier: what it plans stays unacknowledged.
        proxy.hold_client();
        for _ in 0..3 {
            let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
            team.creator.submit(&campaign.resource_id, "LAUNCH").await;
            campaigns.push(campaign.resource_id);
        }
        let expected = 3 * (round + 1);
        wait_for("the plans", PATIENCE, async || (planned().await == expected).then_some(())).await;
        services.notifier.kill9();
        proxy.cut().await;
        proxy.restore().await;
        services.notifier.start_again();
        connect(services.notifier_port).await;
    }
    // Everything came again, and was recognised.
    wait_for("duplicates", PATIENCE, async || {
        let metrics = get(services.notifier_admin_port, "/metrics").await;
        metrics.contains("outcome=\"duplicate\"").then_some(())
    })
    .await;
    services.mail.heal();
    for campaign in &campaigns {
        wait_for_ribbons(&team.approver, campaign, &[RibbonKind::Decide]).await;
        wait_for_ribbons(&team.member, campaign, &[RibbonKind::Awaiting]).await;
    }
    assert_each_mail_once(&services, 2 + 2 * campaigns.len()).await;
}

/// What was answered is on disk: the all-in-one binary is killed right after an answer, and its events and mails still come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_all_in_one_binary_is_killed_and_keeps_everything() {
    let mut standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    let mut campaigns = Vec::new();
    for _ in 0..5 {
        let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
        team.creator.submit(&campaign.resource_id, "LAUNCH").await;
        campaigns.push(campaign.resource_id);
        standalone.process.kill9();
        standalone.process.start_again();
        connect(standalone.port).await;
    }
    for campaign in &campaigns {
        wait_for_ribbons(&team.approver, campaign, &[RibbonKind::Decide]).await;
    }
    let folder = standalone.data.path().join("mail");
    let expected = 2 + 2 * campaigns.len();
    let count = || {
        std::fs::read_dir(&folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|it| it == "eml"))
            .count()
    };
    wait_for("every mail", PATIENCE, async || (count() >= expected).then_some(())).await;
    assert_eq!(count(), expected);
}

/// Proves REQ-18: the same `request_id` answers the same, also after a crash; with other content it is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_call_answers_the_same_after_a_crash_and_on_another_replica() {
    let mut services = Services::start(2).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    let register = approval::RegisterResourceRequest {
        request_id: new_id(),
        kind: "remote_config".into(),
        external_id: "checkout.new_flow".into(),
        title: "New checkout".into(),
        content: Some(content(&serde_json::json!({"value": true}))),
        ..Default::default()
    };
    let first = team.creator.register(register.clone()).await.unwrap();
    let publish = approval::PerformActionRequest {
        request_id: new_id(),
        resource_id: first.resource_id.clone(),
        action: "PUBLISH".into(),
        ..Default::default()
    };
    let submitted = team.creator.perform(publish.clone()).await.unwrap();
    services.approval[0].kill9();
    let creator = team.creator.over(connect(services.approval_ports[1]).await);
    assert_eq!(creator.register(register.clone()).await.unwrap(), first);
    assert_eq!(creator.perform(publish.clone()).await.unwrap(), submitted);
    let changed = approval::PerformActionRequest { note: "another".into(), ..publish };
    let refused = creator.perform(changed).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(refused.message().contains("request_id"), "{refused:?}");
    assert_eq!(creator.history(&first.resource_id).await.len(), 2);
}

async fn assert_each_mail_once(services: &Services, count: usize) {
    let what = format!("{count} mails");
    // A mail that a killed notifier had taken up is free again when its lease ends.
    wait_for(&what, 2 * PATIENCE, async || (accepted(services).len() >= count).then_some(())).await;
    let accepted = accepted(services);
    assert!(accepted.values().all(|times| *times == 1), "mails sent twice: {accepted:?}");
    assert_eq!(accepted.len(), count);
}

/// How often each mail was accepted, by its Message-ID.
fn accepted(services: &Services) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for mail in services.mail.messages() {
        *times.entry(mail.message_id()).or_default() += 1;
    }
    times
}
