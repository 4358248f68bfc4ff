//! The first hour with the all-in-one binary: it says what it does and what is wrong, keeps what it makes to its user, and shows
//! what its mails link to.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_proto::approval;
use countersign_testkit::{Process, free_port, wait_for};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    client::Team,
    system::{PATIENCE, Standalone, connect, get},
};

const SOON: Duration = Duration::from_secs(30);

/// Starts it with these settings, waits until it has ended in failure, and answers what it said.
async fn failure(args: &[&str]) -> String {
    let mut process = Process::start("countersign", args, &[]);
    assert!(!process.wait(SOON).await.success());
    process.log()
}

/// One plain line with what is wrong and what to do, whatever the log's format.
fn assert_is_one_plain_line(said: &str, parts: &[&str]) {
    assert!(said.starts_with("error: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_port_is_found_before_anything_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["--grpc-listen", "--admin-listen", "--mailbox-listen"] {
        let mut args = vec!["--data-dir", folder.to_str().unwrap(), "--log-format", "json"];
        let others: Vec<_> = ["--grpc-listen", "--admin-listen", "--mailbox-listen"]
            .into_iter()
            .filter(|other| *other != setting)
            .map(|other| (other, format!("127.0.0.1:{}", free_port())))
            .collect();
        for (other, address) in &others {
            args.extend([*other, address.as_str()]);
        }
        args.extend([setting, address.as_str()]);
        let said = failure(&args).await;
        assert_is_one_plain_line(&said, &[&format!("can't listen on {address}"), setting]);
        assert!(!folder.exists(), "something was made all the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_named_with_a_remedy() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let inside = file.join("data");
    let listen = free_listen();
    let mut args = vec!["--data-dir", inside.to_str().unwrap()];
    args.extend(listen.iter().map(String::as_str));
    assert_is_one_plain_line(&failure(&args).await, &[inside.to_str().unwrap(), "--data-dir"]);

    let folder = parent.path().join("data");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("approval.db"), "this is no database, however long it is ".repeat(200)).unwrap();
    let mut args = vec!["--data-dir", folder.to_str().unwrap()];
    args.extend(listen.iter().map(String::as_str));
    let said = failure(&args).await;
    assert_is_one_plain_line(&said, &[folder.join("approval.db").to_str().unwrap(), "--data-dir"]);
}

fn free_listen() -> Vec<String> {
    ["--grpc-listen", "--admin-listen", "--mailbox-listen"]
        .into_iter()
        .flat_map(|flag| [flag.to_owned(), format!("localhost:{}", free_port())])
        .collect()
}

/// `localhost` is an address; the start and the stop are said; each binary says its own name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_where_it_serves_and_that_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let listen = free_listen();
    let mut args = vec!["--data-dir", folder.path().to_str().unwrap()];
    args.extend(listen.iter().map(String::as_str));
    let mut process = Process::start("countersign", &args, &[]);
    let address = listen[1].replace("localhost", "127.0.0.1");
    process.wait_for_log(&format!("serving on {address}"), PATIENCE).await;
    assert!(process.terminate().await.success());
    assert!(process.log().ends_with("stopping\n"), "{}", process.log());

    for name in ["countersign", "countersign-approval", "countersign-notifier"] {
        let mut version = Process::start(name, &["--version"], &[]);
        assert!(version.wait(SOON).await.success());
        assert_eq!(version.log(), format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

/// Databases and mails hold personal data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_makes_is_its_users_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    // Made by an earlier version, or by hand.
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let listen = free_listen();
    let mut args = vec!["--data-dir", folder.to_str().unwrap(), "--demo"];
    args.extend(listen.iter().map(String::as_str));
    let mut process = Process::start("countersign", &args, &[]);
    process.wait_for_log("serving on", PATIENCE).await;
    wait_for("a mail", PATIENCE, async || {
        fs::read_dir(folder.join("mail")).unwrap().next().is_some().then_some(())
    })
    .await;
    let mut seen = 0;
    let mut open: Vec<PathBuf> = vec![folder];
    while let Some(path) = open.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}: {mode:o}", path.display());
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} files and folders");
}

/// A closed or full output is no reason to end, at the start, at work or at the stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_takes_nothing_ends_nothing() {
    let binary = Path::new(&std::env::var("COUNTERSIGN_BIN_DIR").unwrap()).join("countersign");
    for outputs in [">/dev/full 2>/dev/full", ">&- 2>&-", "> >(true) 2> >(true)"] {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let script = format!(
            "exec {} --demo --log trace --data-dir {} --grpc-listen 127.0.0.1:{port} --admin-listen 127.0.0.1:0 \
             --mailbox-listen 127.0.0.1:0 {outputs}",
            binary.display(),
            folder.path().display()
        );
        let mut process = Process::start("/bin/bash", &["-c", &script], &[]);
        let channel = connect(port).await;
        let team = Team::on(channel.clone(), channel).await;
        let test = team.creator.ab_test().await;
        team.creator.submit(&test.resource_id, "START").await;
        assert!(process.is_running(), "{outputs}");
        assert!(process.terminate().await.success(), "{outputs}");
    }
}

/// A web page that has its own name resolve to this machine reads nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_not_served_under_foreign_names() {
    let standalone = Standalone::start(&[]).await;
    for port in [standalone.mailbox_port, standalone.admin_port] {
        for (host, status) in
            [("rebound.example", 421), ("127.0.0.1.example:80", 421), ("localhost", 0), ("127.0.0.1", 0)]
        {
            let path = if port == standalone.admin_port { "/livez" } else { "/" };
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let expected = if status == 0 { "HTTP/1.1 200" } else { "HTTP/1.1 421" };
            assert!(answer.starts_with(expected), "{host}: {answer}");
        }
    }
}

/// The link of a mail leads to a page that shows the request and how to decide it, and decides nothing (NOT-13).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_leads_to_a_page_that_shows_the_request() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    let test = team.creator.ab_test().await;
    let id = team.creator.submit(&test.resource_id, "START").await;
    let request = team.creator.approval_request(&id).await.unwrap();
    let link = format!(
        "http://127.0.0.1:{}/review/{}/{}",
        standalone.mailbox_port, request.account_id, request.approval_request_id
    );
    let name = wait_for("the mail with the link", PATIENCE, async || {
        let entries = fs::read_dir(standalone.data.path().join("mail")).unwrap();
        let holds = |path: &PathBuf| {
            path.extension().is_some_and(|it| it == "eml")
                && fs::read_to_string(path).unwrap().replace("=\r\n", "").contains(&link)
        };
        entries.map(|entry| entry.unwrap().path()).find(holds)
    })
    .await;
    let name = name.file_name().unwrap().to_str().unwrap();
    let mail = get(standalone.mailbox_port, &format!("/mail/{name}/html")).await;
    assert!(mail.contains("<base target=\"_blank\">") && mail.contains("allow-popups"), "{mail}");

    let path = link.split_once(&standalone.mailbox_port.to_string()).unwrap().1;
    let page = get(standalone.mailbox_port, path).await;
    for part in [
        "HTTP/1.1 200",
        "PENDING",
        &request.digest,
        &format!("countersign-actor: {}", team.approver.id),
        "countersign.approval.v1.ApprovalService/Approve",
        "content-security-policy: default-src 'none'",
    ] {
        assert!(page.contains(part), "`{part}` is not in: {page}");
    }
    assert!(!page.contains(&format!("countersign-actor: {}", team.creator.id)), "the submitter can't decide");
    let after = team.creator.approval_request(&id).await.unwrap();
    assert_eq!(after.etag, request.etag, "a GET has changed something");

    team.approver
        .approve(approval::ApproveRequest { approval_request_id: id.clone(), ..Default::default() })
        .await
        .unwrap();
    let page = get(standalone.mailbox_port, path).await;
    assert!(page.contains("APPROVED") && !page.contains("ApprovalService/Approve"), "{page}");

    let unknown = format!("/review/{}/{}", request.account_id, request.account_id);
    for path in [unknown.as_str(), "/review/none/none"] {
        let page = get(standalone.mailbox_port, path).await;
        assert!(page.starts_with("HTTP/1.1 4"), "{page}");
    }
    for path in [format!("/join/{}", request.account_id), format!("/bypasses/{0}/{0}", request.account_id)] {
        let page = get(standalone.mailbox_port, &path).await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("grpcurl"), "{page}");
    }
}
