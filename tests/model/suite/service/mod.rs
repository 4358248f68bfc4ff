//! The real service in this process, served on loopback: the approval service on its database and the notifier on another, with
//! the events in between handed over in process. Only what loops is not started: after each command the timers look once and the
//! relay publishes once, as those of a replica that has just begun would. So there is nothing to wait for: when the relay's batch
//! is done, the notifier has taken each of its events.

mod account;
mod answer;
mod calls;
mod heard;
mod journeys;
mod people;
mod tap;
mod view;

use std::{sync::Arc, time::Duration};

use countersign_approval::{
    Approval, Parts, metrics::Metrics, relay::Relay, road::Road, timers, watch::Watches,
};
use countersign_broker::{Event, Publisher, in_process};
use countersign_notifier::{
    Notifier, NotifierConfig,
    delivery::{DeliverySettings, RetryPolicy},
    mail::{Composer, MailSettings},
    outbound::{Folder, Outbound},
    purge::DEFAULT_KEEP,
};
use countersign_proto::{DESCRIPTORS, types::ErrorReason};
use countersign_runtime::{
    BoxError,
    calls::CallsLayer,
    clock::{Clock, ManualClock},
    door::DoorLayer,
    grpc,
    identity::Authenticator,
    listen::bind,
    page_token::PageTokens,
    sealing::SealingKeys,
};
use countersign_store::{Store, StoreConfig};
use countersign_testkit::TestDatabase;
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::reference::Done;

pub use self::account::Account;
use self::tap::Tap;
pub use self::view::digest;

/// 1 May 2026, 10:00 UTC.
const START: i64 = 1_777_629_600_000_000;

/// The name under which events come.
const SOURCE: &str = "/countersign/approval";

/// What the service answered: what became of the call, or why it was refused.
pub type Answered = Result<Done, ErrorReason>;

/// A running service.
pub struct Service {
    pub clock: ManualClock,
    channel: Channel,
    road: Road,
    publisher: Publisher,
    tap: Arc<Tap>,
    stop: CancellationToken,
    /// Dead letters and, were there any, mails.
    _folder: TempDir,
}

impl Service {
    /// Starts on these two empty databases.
    pub async fn start(approval: &TestDatabase, inbox: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START);
        let store = Store::connect(&StoreConfig::new(approval.url())).await.unwrap();
        store.migrate().await.unwrap();
        countersign_notifier::migrate(inbox.url()).await.unwrap();
        let mail = MailSettings {
            from: "Countersign <countersign@countersign.localhost>".parse().unwrap(),
            domain: "countersign.localhost".to_owned(),
            review_url: "http://localhost/review/{approval_request_id}".parse().unwrap(),
            invitation_url: "http://localhost/join#{token}".parse().unwrap(),
            bypass_url: None,
            templates_dir: None,
        };
        let config = NotifierConfig {
            sealing_keys: None,
            database_url: inbox.url().to_owned(),
            outbound: Outbound::Folder(Folder::new(folder.path().join("mail"))),
            composer: Composer::new(mail).unwrap(),
            reminder_digest: Duration::ZERO,
            delivery: DeliverySettings { connections: 1, retry: RetryPolicy::default() },
            keep: DEFAULT_KEEP,
        };
        let notifier = Notifier::open(config, clock.clock()).await.unwrap();
        let (publisher, consumer) = in_process(folder.path().join("dead-letters"));
        let stop = CancellationToken::new();
        let tap = Arc::new(Tap::new(notifier.handler()));
        tokio::spawn(consumer.run(Arc::clone(&tap), stop.clone()));

        let listener = bind("127.0.0.1:0".parse().unwrap(), "--grpc-listen").await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = Parts {
            store: store.clone(),
            publisher: publisher.clone(),
            event_source: SOURCE.to_owned(),
            clock: clock.clock(),
            authenticator: Authenticator::None,
            pages: PageTokens::new(SealingKeys::kept(&[7; 32]).unwrap()),
        };
        let approval = Approval::new(parts, &mut Registry::default());
        let calls = CallsLayer::new(&mut Registry::default(), &[DESCRIPTORS]).unwrap();
        let door = DoorLayer::new(Authenticator::None, &[DESCRIPTORS]).unwrap();
        let router = grpc::server(grpc::MAX_STREAMS, calls, door)
            .add_routes(approval.routes())
            .add_service(notifier.inbox_service(Authenticator::None, stop.clone()));
        tokio::spawn(grpc::serve(router, listener, stop.clone()));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let road = Road {
            store: store.clone(),
            clock: clock.clock(),
            committed: Arc::new(Notify::new()),
            unsettled: Arc::new(Notify::new()),
            metrics: Arc::new(Metrics::default()),
            watches: Watches::new(store, stop.clone()),
        };
        Self { clock, channel, road, publisher, tap, stop, _folder: folder }
    }

    /// Lets time take effect, and everybody hear of what happened; what happened, in any order.
    pub async fn settle(&self) -> Vec<Event> {
        while timers::round(&self.road, &self.stop).await.unwrap() > 0 {}
        if self.road.store.outbox_depth(self.road.now()).await.unwrap().count > 0 {
            let relay = Relay {
                store: self.road.store.clone(),
                publisher: self.publisher.clone(),
                source: SOURCE.to_owned(),
                committed: Arc::clone(&self.road.committed),
                metrics: Arc::clone(&self.road.metrics),
            };
            once(|stop| relay.run(stop)).await;
        }
        self.tap.take()
    }

    /// Stops it. What it leaves in its databases goes with them.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

/// Runs one round of what loops until it is stopped: it is told to stop while it is busy with the first.
async fn once<Running>(run: impl FnOnce(CancellationToken) -> Running)
where
    Running: Future<Output = Result<(), BoxError>>,
{
    let stop = CancellationToken::new();
    let (done, ()) = tokio::join!(biased; run(stop.clone()), async { stop.cancel() });
    done.unwrap();
}
