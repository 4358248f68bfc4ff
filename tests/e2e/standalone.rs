//! The all-in-one binary as a newcomer meets it: it starts at once, keeps its data, shows its mail.

use std::time::{Duration, Instant};

use crate::{
    client::Team,
    system::{PATIENCE, Standalone, connect, get},
};
use countersign_proto::approval;
use countersign_testkit::{Process, free_port, wait_for};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_the_data() {
    let mut standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    let test = team.creator.ab_test().await;
    team.creator.submit(&test.resource_id, "START").await;
    let before = team.creator.resource(&test.resource_id).await.unwrap();
    assert!(standalone.process.terminate().await.success(), "a stop that was asked for is no failure");
    let start = Instant::now();
    standalone.process.start_again();
    connect(standalone.port).await;
    println!("served {:?} after the start", start.elapsed());
    assert_eq!(team.creator.resource(&test.resource_id).await.unwrap(), before);
    assert_eq!(team.creator.history(&test.resource_id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mailbox_shows_what_was_sent_and_runs_nothing_of_it() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    let empty = get(standalone.mailbox_port, "/").await;
    assert!(empty.starts_with("HTTP/1.1 200"), "{empty}");
    let campaign = team
        .creator
        .register(approval::RegisterResourceRequest {
            kind: "ab_test".into(),
            external_id: "script".into(),
            title: "<script>alert(1)</script>".into(),
            content: Some(prost_types::Struct::default()),
            variants: vec!["a".into(), "b".into()],
            ..Default::default()
        })
        .await
        .unwrap();
    team.creator.submit(&campaign.resource_id, "START").await;
    let list = wait_for("the mail in the list", PATIENCE, async || {
        let list = get(standalone.mailbox_port, "/").await;
        (list.matches("<li>").count() == 4).then_some(list)
    })
    .await;
    assert!(!list.contains("<script>"), "{list}");
    let mail = list.lines().find(|line| line.contains("alert")).expect("the mail");
    let path = mail.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    for (view, holds) in [
        ("", "iframe sandbox"),
        ("/html", "<html"),
        ("/text", "asks for approval to start"),
        ("/source", "Message-ID:"),
    ] {
        let page = get(standalone.mailbox_port, &format!("{path}{view}")).await;
        assert!(page.starts_with("HTTP/1.1 200"), "{view}: {page}");
        assert!(page.contains(holds), "{view}: {page}");
        if view != "/source" && view != "/text" {
            assert!(
                page.to_lowercase().contains("content-security-policy: default-src 'none'"),
                "{view}: {page}"
            );
            assert!(!page.contains("<script>"), "{view}: {page}");
        }
    }
    for path in ["/mail/..%2Fapproval.db", "/mail/none.eml", "/mail/%2e%2e%2flock.eml"] {
        let page = get(standalone.mailbox_port, path).await;
        assert!(page.starts_with("HTTP/1.1 404"), "{path}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_refuses_to_start() {
    let standalone = Standalone::start(&[]).await;
    let folder = standalone.data.path().to_str().unwrap();
    let mut second = Process::start(
        "countersign",
        &["--data-dir", folder, "--grpc-listen", &format!("127.0.0.1:{}", free_port())],
        &[],
    );
    let status = second.wait(Duration::from_secs(30)).await;
    assert!(!status.success());
    assert!(second.log().contains("another countersign uses the data folder"), "{}", second.log());
}

/// The mode without authentication is for this machine alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_authentication_only_loopback_is_served() {
    let folder = tempfile::tempdir().unwrap();
    for listen in ["0.0.0.0:50051", "[::]:50051", "192.0.2.1:50051"] {
        let args = ["--data-dir", folder.path().to_str().unwrap(), "--grpc-listen", listen];
        let mut process = Process::start("countersign", &args, &[]);
        assert!(!process.wait(Duration::from_secs(30)).await.success());
        assert!(process.log().contains("loopback"), "{}", process.log());
    }
}

/// A client that connects and says nothing must not make a stop that was asked for look like a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_does_not_fail_the_stop() {
    let mut standalone = Standalone::start(&[]).await;
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", standalone.port)).await.unwrap();
    assert!(standalone.process.terminate().await.success());
}

/// Folders that people have: with blanks, accents, and what means something in a URL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_folder_will_do() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("My d%20ta? #ü");
    let port = free_port();
    let listen = ["--grpc-listen", "--mailbox-listen", "--admin-listen"];
    let mut args = vec!["--data-dir".to_owned(), folder.to_str().unwrap().to_owned()];
    for (flag, port) in listen.into_iter().zip([port, free_port(), free_port()]) {
        args.extend([flag.to_owned(), format!("127.0.0.1:{port}")]);
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut process = Process::start("countersign", &args, &[]);
    connect(port).await;
    assert!(process.terminate().await.success());
    let size = std::fs::metadata(folder.join("approval.db")).unwrap().len();
    assert!(size > 50_000, "the database was not written back on a clean stop: {size} bytes");
}

/// The mailbox shows everybody's mail: for this machine alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mailbox_is_served_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--data-dir", folder.path().to_str().unwrap(), "--mailbox-listen", "0.0.0.0:8025"];
    let mut process = Process::start("countersign", &args, &[]);
    assert!(!process.wait(Duration::from_secs(30)).await.success());
    assert!(process.log().contains("loopback"), "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_setting_refuses_to_start() {
    let mut process = Process::start("countersign", &[], &[("COUNTERSIGN_GPRC_LISTEN", "127.0.0.1:1")]);
    assert!(!process.wait(Duration::from_secs(30)).await.success());
    assert!(process.log().contains("COUNTERSIGN_GPRC_LISTEN"), "{}", process.log());
}
