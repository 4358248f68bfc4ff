//! The notifier put together, for its own binary and for the one that holds everything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use countersign_broker::Consumer;
use countersign_proto::inbox::inbox_service_server::InboxServiceServer;
use countersign_runtime::clock::Clock;
use countersign_runtime::identity::Authenticator;
use countersign_runtime::page_token::PageTokens;
use countersign_runtime::readiness::Readiness;
use countersign_runtime::sealing::{SealingKeyError, SealingKeys, random_secret};
use countersign_runtime::shutdown::Shutdown;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::consume::EventHandler;
use crate::delivery::{Deliveries, DeliverySettings};
use crate::grpc::Inbox;
use crate::mail::Composer;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::purge;
use crate::storage::{Postage, Storage, StorageError};

/// How often the database is looked at, for readiness and metrics.
const LOOK: Duration = Duration::from_secs(2);

/// How long reminders to one member are gathered where nothing else is said.
pub const DEFAULT_REMINDER_DIGEST: Duration = Duration::from_mins(15);

/// What a notifier is made from.
#[derive(Debug)]
pub struct NotifierConfig {
    /// Its own database: `postgres://…` or `sqlite://…`.
    pub database_url: String,
    /// Where mail goes.
    pub outbound: Outbound,
    /// What makes mails.
    pub composer: Composer,
    /// How mail is delivered.
    pub delivery: DeliverySettings,
    /// How long reminders to one member are gathered into one mail; zero sends each at once.
    /// [`DEFAULT_REMINDER_DIGEST`] fits most.
    pub reminder_digest: Duration,
    /// How long sent mails and taken events are kept, at least; [`DEFAULT_KEEP`](crate::purge::DEFAULT_KEEP) fits most.
    pub keep: Duration,
    /// The keys of page tokens; none: one that was made at random once and is kept in the database.
    pub sealing_keys: Option<SealingKeys>,
}

/// Why a notifier can't start.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// The database can't be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The keys of page tokens can't be had.
    #[error(transparent)]
    SealingKeys(#[from] SealingKeyError),
}

/// An open notifier.
pub struct Notifier {
    storage: Storage,
    tokens: PageTokens,
    composer: Arc<Composer>,
    outbound: Outbound,
    delivery: DeliverySettings,
    reminder_digest: Duration,
    keep: Duration,
    clock: Clock,
    metrics: Metrics,
    wake: Arc<Notify>,
    erase: Arc<Notify>,
    changes: Changes,
}

/// The keys that are given, beside which the kept one still opens what was sealed before; or the kept one, made now if there is none.
async fn sealing_keys(
    storage: &Storage,
    given: Option<SealingKeys>,
    clock: &Clock,
) -> Result<SealingKeys, NotifierError> {
    Ok(match given {
        Some(given) => given.and_kept(storage.kept_secret().await?.as_deref())?,
        None => SealingKeys::kept(&storage.secret_or_keep(&random_secret()?, clock.now_us()).await?)?,
    })
}

impl Notifier {
    /// The readiness check that [`Notifier::start`] keeps: its own database. Neither the broker nor the mail server is a
    /// reason to serve no ribbons.
    pub const READINESS_CHECK: &str = "notifier_database";

    /// Opens the database, which must be at this version's schema (see [`migrate`](crate::migrate)).
    pub async fn open(config: NotifierConfig, clock: Clock) -> Result<Self, NotifierError> {
        let storage = Storage::connect(&config.database_url).await?;
        storage.check_schema().await?;
        Ok(Self {
            tokens: PageTokens::new(sealing_keys(&storage, config.sealing_keys, &clock).await?),
            storage,
            composer: Arc::new(config.composer),
            outbound: config.outbound,
            delivery: config.delivery,
            reminder_digest: config.reminder_digest,
            keep: config.keep,
            clock,
            metrics: Metrics::default(),
            wake: Arc::default(),
            erase: Arc::default(),
            changes: Changes::default(),
        })
    }

    /// Consumes, delivers, removes what is old, and keeps [`Notifier::READINESS_CHECK`] until `shutdown`.
    pub fn start(&self, consumer: Consumer, readiness: &Readiness, shutdown: &Shutdown) {
        let (handler, stop) = (self.handler(), shutdown.token());
        shutdown.spawn("consume events", async move {
            consumer.run(handler, stop).await;
            Ok::<(), Infallible>(())
        });
        let delivering = self.deliver(shutdown.token());
        shutdown.spawn("deliver mail", async move {
            delivering.await;
            Ok::<(), Infallible>(())
        });
        let purging = self.purge(shutdown.token());
        shutdown.spawn("remove what is old", async move {
            purging.await;
            Ok::<(), Infallible>(())
        });
        let looking = self.look(readiness.clone(), shutdown.token());
        shutdown.spawn("look at the database", async move {
            looking.await;
            Ok::<(), Infallible>(())
        });
    }

    /// What [`Notifier::start`] gives events to.
    pub fn handler(&self) -> Arc<EventHandler> {
        Arc::new(EventHandler {
            storage: self.storage.clone(),
            postage: Postage {
                domain: self.composer.settings().domain.clone(),
                gather: self.reminder_digest,
            },
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            wake: Arc::clone(&self.wake),
            erase: Arc::clone(&self.erase),
            changes: self.changes.clone(),
        })
    }

    /// The delivery loop, until `stop`.
    pub fn deliver(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let deliveries = Deliveries {
            storage: self.storage.clone(),
            composer: Arc::clone(&self.composer),
            outbound: self.outbound.clone(),
            settings: self.delivery.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            wake: Arc::clone(&self.wake),
        };
        deliveries.run(stop)
    }

    /// The removal of what is older than the configuration keeps, and of all that is kept of erased accounts, until `stop`.
    pub fn purge(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        purge::run(self.storage.clone(), self.clock.clone(), self.keep, Arc::clone(&self.erase), stop)
    }

    /// Ribbons over gRPC. Streams end when `stop` is cancelled.
    pub fn inbox_service(
        &self,
        authenticator: Authenticator,
        stop: CancellationToken,
    ) -> InboxServiceServer<Inbox> {
        Inbox::service(
            self.storage.clone(),
            authenticator,
            self.clock.clone(),
            Arc::clone(&self.composer),
            self.tokens.clone(),
            self.changes.clone(),
            stop,
        )
    }

    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Its database.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    fn look(&self, readiness: Readiness, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let (storage, metrics, clock) = (self.storage.clone(), self.metrics.clone(), self.clock.clone());
        async move {
            let mut ticks = interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                let looked = async { storage.ping().await.and(storage.backlog().await) };
                match looked.await {
                    Ok(backlog) => {
                        metrics.backlog(&backlog, clock.now_us());
                        readiness.set(Self::READINESS_CHECK, true, "");
                    }
                    Err(error) => {
                        readiness.set(Self::READINESS_CHECK, false, countersign_database::told(&error));
                    }
                }
            }
        }
    }
}
