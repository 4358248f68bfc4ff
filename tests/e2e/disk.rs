//! `SQLite` on disks that fail: a file that is deleted, replaced or read-only under the process, and a disk that is full. The faults are
//! real ones: files are moved and their modes changed, and a small file system is filled to its last byte.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use countersign_proto::{approval, inbox};
use countersign_testkit::{Process, SmtpSink, TestBroker, binary, free_port, wait_for};
use tempfile::TempDir;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    client::{Caller, Team},
    system::{PATIENCE, connect, get},
};

/// Runs the program that follows it as who can't write what its mode denies: root otherwise may write anything.
const BOUND_BY_MODES: &str = r#"if [ "$(id -u)" = 0 ]
then exec setpriv --bounding-set -dac_override,-dac_read_search -- "$@"
else exec "$@"
fi"#;

/// Runs the program that follows it with its data folder on a file system of its own, of 8 MiB. It ends with the process.
const ON_A_SMALL_DISK: &str = r#"if [ "$(id -u)" = 0 ]; then apart=--mount; else apart='--map-root-user --mount'; fi
exec unshare $apart sh -c 'mount -t tmpfs -o size=8m none "$COUNTERSIGN_DATA_DIR" && exec "$@"' sh "$@""#;

/// How often the preferences were written.
static WRITES: AtomicUsize = AtomicUsize::new(0);

/// The databases, and how to write to each of them.
const FILES: [(&str, &str); 2] = [("approval.db", "approval database"), ("notifier.db", "notifier_database")];

/// The all-in-one binary in a shell's hands.
struct Handed {
    process: Process,
    channel: Channel,
    admin: u16,
    data: TempDir,
}

impl Handed {
    async fn start(script: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (port, admin, mailbox) = (free_port(), free_port(), free_port());
        let process = Process::start(
            "/bin/sh",
            &["-c", script, "sh", binary("countersign").to_str().unwrap()],
            &[
                ("COUNTERSIGN_DATA_DIR", data.path().to_str().unwrap()),
                ("COUNTERSIGN_GRPC_LISTEN", &format!("127.0.0.1:{port}")),
                ("COUNTERSIGN_MAILBOX_LISTEN", &format!("127.0.0.1:{mailbox}")),
                ("COUNTERSIGN_ADMIN_LISTEN", &format!("127.0.0.1:{admin}")),
            ],
        );
        let handed = Self { process, channel: connect(port).await, admin, data };
        handed.wait_until_ready().await;
        handed
    }

    async fn team(&self) -> Team {
        Team::on(self.channel.clone(), self.channel.clone()).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    async fn wait_until_ready(&self) {
        wait_until_ready(self.admin).await;
    }

    async fn wait_until_red(&self, check: &str, says: &[&str]) {
        wait_until_red(self.admin, check, says).await;
    }
}

async fn wait_until_ready(admin: u16) {
    wait_for("readiness", PATIENCE, async || {
        get(admin, "/readyz").await.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}

/// Waits until a check fails, which names what is wrong with which file.
async fn wait_until_red(admin: u16, check: &str, says: &[&str]) {
    wait_for(&format!("{check} to fail with {says:?}"), PATIENCE, async || {
        let page = get(admin, "/readyz").await;
        let (_, body) = page.split_once("\r\n\r\n")?;
        let report: serde_json::Value = serde_json::from_str(body).ok()?;
        let check = &report["checks"][check];
        let detail = check["detail"].as_str()?;
        (page.starts_with("HTTP/1.1 503")
            && check["ok"] == false
            && says.iter().all(|it| detail.contains(it)))
        .then_some(())
    })
    .await;
}

/// A write to the database of that name.
async fn write(caller: &Caller, file: &str) -> Result<(), Status> {
    if file == "approval.db" {
        return register(caller, "").await.map(|_| ());
    }
    // Another than before, or there would be nothing to write.
    let modes = [inbox::DeliveryMode::Off, inbox::DeliveryMode::Immediate];
    let mode = modes[WRITES.fetch_add(1, Ordering::Relaxed) % 2];
    let preference = inbox::Preference {
        group: inbox::EventGroup::Comments.into(),
        channel: inbox::Channel::Email.into(),
        mode: mode.into(),
    };
    caller.prefer(preference).await.map(|_| ())
}

async fn register(caller: &Caller, text: &str) -> Result<approval::Resource, Status> {
    let content = crate::client::content(&serde_json::json!({ "text": text }));
    let request = approval::RegisterResourceRequest {
        kind: "ab_test".into(),
        external_id: crate::client::new_id(),
        title: "A test".into(),
        content: Some(content),
        variants: vec!["a".into(), "b".into()],
        ..Default::default()
    };
    caller.register(request).await
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let status = answer.expect_err("a write was told as done");
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    assert_eq!((status.code(), reason.as_str()), (Code::Unavailable, "STORAGE_FAULT"), "{status:?}");
    assert!(details.retry_info().is_some(), "{status:?}");
}

/// The log tells of the fault once, with the file's name, however many calls fail of it, and nothing of it is an error of our own.
#[track_caller]
fn assert_told_once(log: &str, says: &[&str]) {
    let told: Vec<_> = log.lines().filter(|line| line.contains("the database can't be written")).collect();
    let of_it: Vec<_> = told.iter().filter(|line| says.iter().all(|it| line.contains(it))).collect();
    assert_eq!(of_it.len(), 1, "{told:#?}");
    for text in ["internal error", "a call was refused", "could not be looked up", "can't be reached"] {
        assert!(!log.contains(text), "`{text}` is in the log");
    }
    // Beside one line for each call that fails, as ever.
    let lines = log.lines().filter(|line| !line.contains("call failed")).count();
    assert!(lines < 100, "a flood: {lines} lines");
}

fn log_of(file: &Path) -> PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Proves SEC-12: no write is answered OK into a file that is deleted or replaced, nor into one whose log is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_takes_no_writes() {
    for (name, check) in FILES {
        let handed = Handed::start(r#"exec "$@""#).await;
        let team = handed.team().await;
        write(&team.creator, name).await.unwrap();
        for file in [handed.file(name), log_of(&handed.file(name))] {
            let away = file.with_extension("away");
            fs::rename(&file, &away).unwrap();
            for _ in 0..50 {
                assert_refused(write(&team.creator, name).await);
            }
            handed.wait_until_red(check, &[file.to_str().unwrap(), "was deleted"]).await;
            assert!(!file.exists(), "another file was made in its place");
            assert_refused(write(&team.creator, name).await);
            fs::rename(&away, &file).unwrap();
            handed.wait_until_ready().await;
            write(&team.creator, name).await.unwrap();
            assert_told_once(&handed.process.log(), &[file.to_str().unwrap(), "was deleted"]);
        }
        let file = handed.file(name);
        let copy = file.with_extension("copy");
        fs::copy(&file, &copy).unwrap();
        fs::rename(&copy, &file).unwrap();
        assert_refused(write(&team.creator, name).await);
        handed.wait_until_red(check, &[file.to_str().unwrap(), "was replaced"]).await;
    }
}

/// The services by themselves, each on a file of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_watches_its_file() {
    let (folder, broker, mail) =
        (tempfile::tempdir().unwrap(), TestBroker::rabbitmq(), SmtpSink::start().await);
    let (exchange, queue) = (broker.name("events"), broker.name("notifier"));
    broker.name("notifier.dead-letter");
    let mut services = vec![];
    for (name, (file, _)) in ["countersign-approval", "countersign-notifier"].into_iter().zip(FILES) {
        let (port, admin) = (free_port(), free_port());
        let url = format!("sqlite://{}?mode=rwc", folder.path().join(file).display());
        let mut settings = vec![
            ("COUNTERSIGN_DATABASE_URL", url),
            ("COUNTERSIGN_AMQP_URL", broker.url().to_owned()),
            ("COUNTERSIGN_EXCHANGE", exchange.clone()),
            ("COUNTERSIGN_QUEUE", queue.clone()),
            ("COUNTERSIGN_GRPC_LISTEN", format!("127.0.0.1:{port}")),
            ("COUNTERSIGN_ADMIN_LISTEN", format!("127.0.0.1:{admin}")),
        ];
        if name == "countersign-notifier" {
            settings.extend([
                ("COUNTERSIGN_SMTP_URL", format!("smtp://127.0.0.1:{}?tls=none", mail.port())),
                ("COUNTERSIGN_MAIL_FROM", "Countersign <countersign@countersign.localhost>".to_owned()),
                ("COUNTERSIGN_REVIEW_URL_TEMPLATE", "http://127.0.0.1/{approval_request_id}".to_owned()),
                ("COUNTERSIGN_INVITATION_URL_TEMPLATE", "http://127.0.0.1/{account_id}#{token}".to_owned()),
            ]);
        }
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let process = Process::start(name, &["serve", "--auto-migrate"], &settings);
        services.push((process, port, admin));
    }
    let (approval, notifier) = (connect(services[0].1).await, connect(services[1].1).await);
    let team = Team::on(approval, notifier).await;
    for ((name, check), (process, _, admin)) in FILES.into_iter().zip(&services) {
        wait_until_ready(*admin).await;
        write(&team.creator, name).await.unwrap();
        let file = folder.path().join(name);
        let away = file.with_extension("away");
        fs::rename(&file, &away).unwrap();
        assert_refused(write(&team.creator, name).await);
        wait_until_red(*admin, check, &[file.to_str().unwrap(), "was deleted"]).await;
        fs::rename(&away, &file).unwrap();
        wait_until_ready(*admin).await;
        write(&team.creator, name).await.unwrap();
        assert_told_once(&process.log(), &[file.to_str().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_read_only_takes_no_writes_until_it_is_not() {
    let handed = Handed::start(BOUND_BY_MODES).await;
    let team = handed.team().await;
    for (name, check) in FILES {
        let file = handed.file(name);
        let mode = fs::metadata(&file).unwrap().permissions();
        let mut read_only = mode.clone();
        read_only.set_readonly(true);
        write(&team.creator, name).await.unwrap();
        fs::set_permissions(&file, read_only).unwrap();
        for _ in 0..20 {
            assert_refused(write(&team.creator, name).await);
        }
        handed.wait_until_red(check, &[file.to_str().unwrap(), "denied"]).await;
        team.creator.try_ribbons("").await.expect("what only reads goes on");
        fs::set_permissions(&file, mode).unwrap();
        handed.wait_until_ready().await;
        write(&team.creator, name).await.unwrap();
        assert_told_once(&handed.process.log(), &[file.to_str().unwrap(), "denied"]);
    }
}

/// Proves SEC-12: a disk that is full while calls write to it. What was answered is there; when there is room again, it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_until_it_has_room() {
    let handed = Handed::start(ON_A_SMALL_DISK).await;
    let team = handed.team().await;
    // The process's own view of it.
    let root = PathBuf::from(format!("/proc/{}/root", handed.process.id()));
    let filler = root.join(handed.data.path().strip_prefix("/").unwrap()).join("filler");
    let mut filling = fs::File::create(&filler).unwrap();
    while filling.write_all(&[0; 4096]).is_ok() {}

    let text = "x".repeat(100_000);
    let mut kept = vec![];
    let mut refused = 0;
    // What the files hold already may take some more.
    for _ in 0..200 {
        match register(&team.creator, &text).await {
            Ok(resource) => kept.push(resource),
            refusal => {
                assert_refused(refusal);
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "only {refused} of 200 large writes were refused");
    let file = handed.file("approval.db");
    handed.wait_until_red("approval database", &[file.to_str().unwrap(), "no room"]).await;
    assert_refused(register(&team.creator, &text).await);

    drop(filling);
    fs::remove_file(&filler).unwrap();
    handed.wait_until_ready().await;
    kept.push(register(&team.creator, &text).await.unwrap());
    for resource in &kept {
        assert_eq!(team.creator.resource(&resource.resource_id).await.unwrap(), *resource);
    }
    assert_told_once(&handed.process.log(), &[file.to_str().unwrap()]);
}
