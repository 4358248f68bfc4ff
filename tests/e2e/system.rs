//! A running Countersign: the services with their servers, or the all-in-one binary.

use std::{fs, path::PathBuf, time::Duration};

use countersign_testkit::{Process, Proxy, Roles, SmtpSink, TestBroker, TestDatabase, free_port, wait_for};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::raw::{answer, post};

/// How long anything may take on a busy machine before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_mins(1);

const REVIEW_URL: &str = "http://127.0.0.1:8080/review/{approval_request_id}";
const INVITATION_URL: &str = "http://127.0.0.1:8080/join/{account_id}#{token}";
const MAIL_FROM: &str = "Countersign <countersign@countersign.localhost>";

/// A running Countersign.
pub enum System {
    /// The services, with `PostgreSQL`, `RabbitMQ` and an SMTP server.
    Services(Box<Services>),
    /// Everything in one process on `SQLite`.
    Standalone(Box<Standalone>),
}

/// The services.
pub struct Services {
    /// The replicas of the approval service.
    pub approval: Vec<Process>,
    /// Their gRPC ports.
    pub approval_ports: Vec<u16>,
    /// The notifier.
    pub notifier: Process,
    /// Its gRPC port.
    pub notifier_port: u16,
    /// The port of its health and metrics.
    pub notifier_admin_port: u16,
    /// The mail server.
    pub mail: SmtpSink,
    /// The broker.
    pub broker: TestBroker,
    /// The approval service's database.
    pub database: TestDatabase,
    /// Who owns it, and who serves.
    pub roles: Roles,
    /// The notifier's.
    pub notifier_database: TestDatabase,
    _proxies: Vec<Proxy>,
}

/// A database, and how it is reached. As in earnest, one role owns the tables and migrates, and another serves (HIS-5).
struct Reached {
    database: TestDatabase,
    roles: Roles,
    owner_url: String,
    service_url: String,
    proxy: Option<Proxy>,
}

impl Reached {
    async fn directly() -> Self {
        let (database, roles) = TestDatabase::postgres().await.with_roles().await;
        let (owner_url, service_url) = (roles.owner_url(), roles.service_url());
        Self { database, roles, owner_url, service_url, proxy: None }
    }

    async fn late(late: Duration) -> Self {
        let direct = Self::directly().await;
        let proxy = Proxy::in_front_of(direct.database.url()).await;
        proxy.answer_late(late);
        Self { service_url: proxy.url(&direct.service_url), proxy: Some(proxy), ..direct }
    }
}

/// Everything in one process.
pub struct Standalone {
    /// The process.
    pub process: Process,
    /// Its gRPC port.
    pub port: u16,
    /// Its mailbox's port.
    pub mailbox_port: u16,
    /// The port of its health and metrics.
    pub admin_port: u16,
    /// Its data folder.
    pub data: TempDir,
}

impl Services {
    /// Starts them with so many replicas of the approval service.
    pub async fn start(replicas: usize) -> Self {
        Self::start_with(replicas, TestBroker::rabbitmq(), None, None).await
    }

    /// As [`start`](Self::start), with one of the services reaching the broker another way.
    pub async fn start_with(
        replicas: usize,
        broker: TestBroker,
        approval_amqp_url: Option<String>,
        notifier_amqp_url: Option<String>,
    ) -> Self {
        let databases = [Reached::directly().await, Reached::directly().await];
        Self::start_on(replicas, broker, [approval_amqp_url, notifier_amqp_url], databases).await
    }

    /// As [`start`](Self::start), with databases that answer late.
    pub async fn start_on_late_databases(late: Duration) -> Self {
        let databases = [Reached::late(late).await, Reached::late(late).await];
        Self::start_on(1, TestBroker::rabbitmq(), [None, None], databases).await
    }

    async fn start_on(
        replicas: usize,
        broker: TestBroker,
        [approval_amqp_url, notifier_amqp_url]: [Option<String>; 2],
        [approvals, notifications]: [Reached; 2],
    ) -> Self {
        let mail = SmtpSink::start().await;
        let (exchange, queue) = (broker.name("events"), broker.name("notifier"));
        // Named so that they are deleted at the end.
        broker.name("notifier.dead-letter");
        let amqp_url = approval_amqp_url.unwrap_or_else(|| broker.url().to_owned());
        let notifier_amqp_url = notifier_amqp_url.unwrap_or_else(|| broker.url().to_owned());

        for (program, reached) in
            [("countersign-approval", &approvals), ("countersign-notifier", &notifications)]
        {
            let settings = [
                ("COUNTERSIGN_DATABASE_URL", reached.owner_url.as_str()),
                ("COUNTERSIGN_SERVICE_ROLE", reached.roles.service.as_str()),
            ];
            let migrated = Process::start(program, &["migrate"], &settings).wait(PATIENCE).await;
            assert!(migrated.success(), "the migration of {program} failed");
        }
        let mut approval = Vec::new();
        let mut approval_ports = Vec::new();
        for _ in 0..replicas {
            let (port, admin) = (free_port(), free_port());
            approval.push(Process::start(
                "countersign-approval",
                &["serve"],
                &[
                    ("COUNTERSIGN_DATABASE_URL", &approvals.service_url),
                    ("COUNTERSIGN_AMQP_URL", &amqp_url),
                    ("COUNTERSIGN_EXCHANGE", &exchange),
                    ("COUNTERSIGN_QUEUE", &queue),
                    ("COUNTERSIGN_GRPC_LISTEN", &format!("127.0.0.1:{port}")),
                    ("COUNTERSIGN_ADMIN_LISTEN", &format!("127.0.0.1:{admin}")),
                ],
            ));
            approval_ports.push(port);
        }
        let (notifier_port, notifier_admin_port) = (free_port(), free_port());
        let notifier = Process::start(
            "countersign-notifier",
            &["serve"],
            &[
                ("COUNTERSIGN_DATABASE_URL", &notifications.service_url),
                ("COUNTERSIGN_AMQP_URL", &notifier_amqp_url),
                ("COUNTERSIGN_EXCHANGE", &exchange),
                ("COUNTERSIGN_QUEUE", &queue),
                ("COUNTERSIGN_SMTP_URL", &format!("smtp://127.0.0.1:{}?tls=none", mail.port())),
                ("COUNTERSIGN_MAIL_FROM", MAIL_FROM),
                ("COUNTERSIGN_MAIL_RETRY_SECONDS", "1"),
                // Also how soon the mails of a killed notifier are taken up by another.
                ("COUNTERSIGN_SMTP_TIMEOUT_SECONDS", "2"),
                ("COUNTERSIGN_REVIEW_URL_TEMPLATE", REVIEW_URL),
                ("COUNTERSIGN_INVITATION_URL_TEMPLATE", INVITATION_URL),
                ("COUNTERSIGN_GRPC_LISTEN", &format!("127.0.0.1:{notifier_port}")),
                ("COUNTERSIGN_ADMIN_LISTEN", &format!("127.0.0.1:{notifier_admin_port}")),
            ],
        );
        let services = Self {
            approval,
            approval_ports,
            notifier,
            notifier_port,
            notifier_admin_port,
            mail,
            broker,
            database: approvals.database,
            roles: approvals.roles,
            notifier_database: notifications.database,
            _proxies: approvals.proxy.into_iter().chain(notifications.proxy).collect(),
        };
        for port in services.approval_ports.iter().chain([&services.notifier_port]) {
            connect(*port).await;
        }
        services
    }

    /// The exchange that events go to.
    pub fn exchange(&self) -> String {
        self.broker.name("events")
    }

    /// The queue of dead letters.
    pub fn dead_letters(&self) -> String {
        self.broker.name("notifier.dead-letter")
    }
}

impl Standalone {
    /// Starts it on an empty folder.
    pub async fn start(args: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (port, mailbox_port, admin_port) = (free_port(), free_port(), free_port());
        let process = Process::start(
            "countersign",
            args,
            &[
                ("COUNTERSIGN_DATA_DIR", data.path().to_str().unwrap()),
                ("COUNTERSIGN_GRPC_LISTEN", &format!("127.0.0.1:{port}")),
                ("COUNTERSIGN_MAILBOX_LISTEN", &format!("127.0.0.1:{mailbox_port}")),
                ("COUNTERSIGN_ADMIN_LISTEN", &format!("127.0.0.1:{admin_port}")),
            ],
        );
        connect(port).await;
        Self { process, port, mailbox_port, admin_port, data }
    }

    fn mails(&self) -> Vec<String> {
        let folder: PathBuf = self.data.path().join("mail");
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "eml"))
            .collect();
        names.sort();
        names.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

impl System {
    /// The services, one replica.
    pub async fn services() -> Self {
        Self::Services(Box::new(Services::start(1).await))
    }

    /// The all-in-one binary.
    pub async fn standalone() -> Self {
        Self::Standalone(Box::new(Standalone::start(&[]).await))
    }

    /// A connection to the approval service.
    pub async fn approval(&self) -> Channel {
        match self {
            Self::Services(services) => connect(services.approval_ports[0]).await,
            Self::Standalone(standalone) => connect(standalone.port).await,
        }
    }

    /// A connection to the notifier.
    pub async fn notifier(&self) -> Channel {
        match self {
            Self::Services(services) => connect(services.notifier_port).await,
            Self::Standalone(standalone) => connect(standalone.port).await,
        }
    }

    /// Every mail so far, as received, in no order.
    pub fn mails(&self) -> Vec<String> {
        match self {
            Self::Services(services) => {
                services.mail.messages().iter().map(countersign_testkit::Mail::text).collect()
            }
            Self::Standalone(standalone) => standalone.mails(),
        }
    }

    /// Waits until there are so many mails, and answers them.
    pub async fn wait_for_mails(&self, count: usize) -> Vec<String> {
        let what = format!("{count} mails");
        let mails =
            wait_for(&what, PATIENCE, async || Some(self.mails()).filter(|mails| mails.len() >= count)).await;
        assert_eq!(mails.len(), count, "more mails than there should be");
        mails
    }
}

/// Connects to a service on this machine, once it serves: its port is bound before it does, and answers nothing until then.
pub async fn connect(port: u16) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    wait_for(&format!("gRPC on port {port}"), PATIENCE, async || {
        let channel = endpoint.connect().await.ok()?;
        let asked = post("grpc.health.v1.Health/Check", "", "", vec![0; 5]);
        (answer(channel.clone(), asked).await.code() == Code::Ok).then_some(channel)
    })
    .await
}

/// A GET over plain HTTP: status line, headers and body.
pub async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
