//! The services, put together: the approval service, the notifier, and in place of RabbitMQ and a mail server the events in
//! process and a folder.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use clap::CommandFactory as _;
use countersign_approval::{Approval, DATABASE, Parts, SERVICES, pages::page_tokens};
use countersign_broker::in_process;
use countersign_notifier::{
    DEFAULT_REMINDER_DIGEST, Notifier, NotifierConfig,
    delivery::{DeliverySettings, RetryPolicy},
    mail::{Composer, MailSettings},
    migrate,
    outbound::{Folder, Outbound},
    purge::DEFAULT_KEEP,
};
use countersign_proto::{DESCRIPTORS, inbox::inbox_service_server::SERVICE_NAME as INBOX};
use countersign_runtime::{
    BoxError, admin, calls::CallsLayer, clock::Clock, console, door::DoorLayer, grpc,
    identity::Authenticator, listen::bind, readiness::Readiness, settings::check_unknown_env,
    shutdown::Shutdown, telemetry,
};
use countersign_store::{Store, StoreConfig};
use prometheus_client::registry::Registry;
use tonic::transport::Channel;

use crate::{
    data::DataDir,
    demo, mailbox,
    pages::{self, Pages},
    review,
    settings::Settings,
};

/// Mails written to the folder at a time.
const WRITERS: usize = 2;

/// Serves until the process is told to stop.
pub async fn run(settings: Settings) -> Result<(), BoxError> {
    check_unknown_env(&Settings::command())?;
    telemetry::init(&settings.telemetry)?;
    // Before anything is bound: whoever finds the port open may ask for a stop.
    let shutdown = Shutdown::with_signals(settings.shutdown.limit())?;
    let authenticator = Authenticator::new(&settings.auth);
    authenticator.check_listen(&settings.grpc.listen)?;
    if !settings.mailbox_listen.ip().to_canonical().is_loopback() {
        return Err(format!(
            "the mailbox shows every mail to whoever asks, so it is served on loopback addresses only, not on {}: \
             change --mailbox-listen (COUNTERSIGN_MAILBOX_LISTEN)",
            settings.mailbox_listen
        )
        .into());
    }
    // A busy port is found before anything is made.
    let grpc_listener = bind(settings.grpc.listen, "--grpc-listen").await?;
    let admin_listener = bind(settings.admin.listen, "--admin-listen").await?;
    let mailbox_listener = bind(settings.mailbox_listen, "--mailbox-listen").await?;
    let addresses = demo::Addresses {
        grpc: grpc_listener.local_addr()?,
        admin: admin_listener.local_addr()?,
        mailbox: mailbox_listener.local_addr()?,
    };
    let composer = Composer::new(mail_settings(&settings, addresses.mailbox)?)?;
    let sealing_keys = settings.sealing.keys()?;
    let data = DataDir::open(&settings.data_dir)?;

    let approval_url = data.database_url("approval.db");
    let unusable = |source| data.unusable("approval.db", source);
    let store = Store::connect(&StoreConfig::new(&approval_url)).await.map_err(unusable)?;
    store.migrate().await.map_err(unusable)?;
    let clock = Clock::system();
    let pages = page_tokens(&store, sealing_keys.clone(), &clock).await?;
    let closing = store.clone();
    let notifier_url = data.database_url("notifier.db");
    migrate(&notifier_url).await.map_err(|source| data.unusable("notifier.db", source))?;
    let config = NotifierConfig {
        database_url: notifier_url,
        outbound: Outbound::Folder(Folder::new(data.join("mail"))),
        composer,
        delivery: DeliverySettings { connections: WRITERS, retry: RetryPolicy::default() },
        reminder_digest: DEFAULT_REMINDER_DIGEST,
        keep: DEFAULT_KEEP,
        sealing_keys,
    };
    let notifier = Notifier::open(config, Clock::system()).await?;
    let (publisher, consumer) = in_process(data.join("dead-letters"));

    let readiness = Readiness::new(shutdown.token(), &[DATABASE, Notifier::READINESS_CHECK]);
    let mut registry = Registry::default();
    let calls = CallsLayer::new(&mut registry, &[DESCRIPTORS])?;
    let door = DoorLayer::new(authenticator.clone(), &[DESCRIPTORS])?;
    notifier.metrics().register(&mut registry);
    let parts = Parts {
        store,
        publisher,
        event_source: "/countersign/approval".to_owned(),
        clock,
        authenticator: authenticator.clone(),
        pages,
    };
    let approval = Approval::new(parts, &mut registry);
    notifier.start(consumer, &readiness, &shutdown);
    approval.spawn(&readiness, &shutdown);

    let mut names = SERVICES.to_vec();
    names.push(INBOX);
    let (health, mirror) = grpc::health(&readiness, &names);
    shutdown.spawn("health", mirror);
    shutdown.spawn_supporting("admin", admin::serve(admin_listener, readiness, Arc::new(registry)));
    let pages = Pages::new()?;
    let to_itself = Channel::from_shared(format!("http://{}", addresses.grpc))?.connect_lazy();
    let router = mailbox::router(data.join("mail"), pages.clone()).merge(review::router(
        to_itself,
        closing.clone(),
        addresses.grpc,
        pages,
    ));
    shutdown.spawn_supporting("mailbox", pages::serve(mailbox_listener, router, shutdown.token()));
    let router = grpc::server(settings.grpc.max_streams, calls, door)
        .add_routes(approval.routes())
        .add_service(health)
        .add_service(grpc::reflection_v1(&[DESCRIPTORS])?)
        .add_service(grpc::reflection_v1alpha(&[DESCRIPTORS])?)
        .add_service(notifier.inbox_service(authenticator, shutdown.token()));
    shutdown.spawn("grpc", grpc::serve(router, grpc_listener, shutdown.token()));
    let asked_to_stop = shutdown.token();
    if settings.demo {
        tokio::select! {
            made = demo::run(&addresses, &data) => made?,
            () = asked_to_stop.cancelled() => {}
        }
    }
    addresses.print(&data);
    let stopping = shutdown.token();
    shutdown.spawn("last words", async move {
        stopping.cancelled().await;
        console::say("stopping");
        Ok::<_, Infallible>(())
    });
    let stopped = shutdown.wait().await;
    notifier.storage().close().await;
    closing.close().await?;
    Ok(stopped?)
}

/// What mails say of this process. Their links lead to its own pages unless the settings say otherwise.
fn mail_settings(settings: &Settings, pages: SocketAddr) -> Result<MailSettings, BoxError> {
    let link = |given: &Option<String>, path: &str| given.clone().unwrap_or(format!("http://{pages}/{path}"));
    Ok(MailSettings {
        from: "Countersign <countersign@countersign.localhost>".parse()?,
        domain: "countersign.localhost".to_owned(),
        review_url: link(&settings.review_url_template, "review/{account_id}/{approval_request_id}")
            .parse()?,
        invitation_url: link(&settings.invitation_url_template, "join/{account_id}#{token}").parse()?,
        bypass_url: Some(link(&settings.bypass_url_template, "bypasses/{account_id}/{review_id}").parse()?),
        templates_dir: None,
    })
}
