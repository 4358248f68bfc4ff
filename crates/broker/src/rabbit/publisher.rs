//! Publishing with confirms.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::RECONNECT;
use super::config::Settings;
use super::link::{self, Link};
use super::message::Message;
use crate::Event;
use crate::publisher::PublishError;

pub(crate) struct RabbitPublisher {
    settings: Settings,
    link: Mutex<Option<Arc<Link>>>,
    /// Held while connecting, so that concurrent callers make one connection between them.
    failures: tokio::sync::Mutex<Failures>,
}

/// Of tries to connect, since the last that succeeded.
#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<(lapin::Error, Instant)>,
}

impl RabbitPublisher {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, link: Mutex::default(), failures: tokio::sync::Mutex::default() }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.live_link().is_some_and(|link| !link.is_blocked())
    }

    pub(crate) async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        let deadline = Instant::now() + self.settings.publish_timeout;
        let mut results: Vec<_> = events.iter().map(|_| Ok(())).collect();
        let mut messages = Vec::with_capacity(events.len());
        for (event, result) in events.iter().zip(&mut results) {
            match Message::of(event) {
                Ok(message) => messages.push((message, result)),
                Err(malformed) => *result = Err(malformed.into()),
            }
        }
        if messages.is_empty() {
            return results;
        }
        match self.channel(deadline).await {
            Ok((link, channel)) => {
                let sent: Vec<&Message> = messages.iter().map(|(message, _)| message).collect();
                let answers = send_all(&channel, &self.settings.exchange, &sent, deadline).await;
                let outcomes = settle(&sent, answers);
                if outcomes.iter().all(Result::is_ok) {
                    link.give_back(channel);
                } else if outcomes.iter().any(|outcome| matches!(outcome, Err(PublishError::TimedOut))) {
                    self.forget(&link);
                } else {
                    // No queue, or no exchange: an operator may have deleted it.
                    let _late = timeout_at(deadline, link.doubt_topology()).await;
                }
                for ((_, result), outcome) in messages.iter_mut().zip(outcomes) {
                    **result = outcome;
                }
            }
            Err(failure) => {
                for (_, result) in &mut messages {
                    **result = Err(failure.to_error());
                }
            }
        }
        results
    }

    /// A channel to publish one batch on, with the connection that keeps it open.
    async fn channel(&self, deadline: Instant) -> Result<(Arc<Link>, Channel), Failure> {
        let link =
            timeout_at(deadline, self.connected_link(deadline)).await.map_err(|_| Failure::TimedOut)??;
        match timeout_at(deadline, link.take_channel(&self.settings)).await {
            Ok(Ok(channel)) => Ok((link, channel)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a channel to the broker could not be prepared");
                Err(Failure::Unreachable(error))
            }
            Err(_) => {
                self.forget(&link);
                Err(Failure::TimedOut)
            }
        }
    }

    async fn connected_link(&self, deadline: Instant) -> Result<Arc<Link>, Failure> {
        if let Some(link) = self.live_link() {
            return Ok(link);
        }
        let mut failures = self.failures.lock().await;
        if let Some(link) = self.live_link() {
            return Ok(link);
        }
        if let Some((error, at)) = &failures.last {
            let next = *at + RECONNECT.pause(failures.count);
            sleep_until(next.min(deadline)).await;
            if next >= deadline {
                return Err(Failure::Unreachable(error.clone()));
            }
        }
        match Link::open(&self.settings, "publisher", deadline).await {
            Ok(link) => {
                let link = Arc::new(link);
                *failures = Failures::default();
                *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&link));
                tracing::info!("publisher connected to the broker");
                Ok(link)
            }
            Err(error) => {
                failures.count = failures.count.saturating_add(1);
                failures.last = Some((error.clone(), Instant::now()));
                tracing::warn!(%error, failures = failures.count, "the broker can't be reached");
                Err(Failure::Unreachable(error))
            }
        }
    }

    fn live_link(&self) -> Option<Arc<Link>> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.as_ref().filter(|link| link.is_up()).map(Arc::clone)
    }

    /// Makes the next caller connect anew: a connection that stopped answering may take many seconds to be noticed
    /// as dead. One that RabbitMQ blocks is not dead, and a new one would be blocked as well.
    fn forget(&self, silent: &Arc<Link>) {
        if silent.is_blocked() {
            return;
        }
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.as_ref().is_some_and(|current| Arc::ptr_eq(current, silent)) {
            *link = None;
        }
    }
}

/// Why nothing of a batch was sent.
enum Failure {
    Unreachable(lapin::Error),
    TimedOut,
}

impl Failure {
    fn to_error(&self) -> PublishError {
        match self {
            Self::Unreachable(error) => PublishError::Unreachable(error.clone()),
            Self::TimedOut => PublishError::TimedOut,
        }
    }
}

/// Sends everything, then awaits the confirms: a round trip and a disk flush per batch rather than per event.
async fn send_all(
    channel: &Channel,
    exchange: &ShortString,
    messages: &[&Message],
    deadline: Instant,
) -> Vec<Result<Confirmation, PublishError>> {
    let mut confirms = Vec::with_capacity(messages.len());
    for message in messages {
        let sending =
            link::send(channel, exchange, &message.routing_key, &message.body, message.properties.clone());
        confirms.push(timeout_at(deadline, sending).await);
    }
    let mut answers = Vec::with_capacity(messages.len());
    for confirm in confirms {
        let answer = match confirm {
            Ok(Ok(confirm)) => timeout_at(deadline, confirm).await,
            Ok(Err(error)) => Ok(Err(error)),
            Err(elapsed) => Err(elapsed),
        };
        answers.push(match answer {
            Ok(Ok(confirmation)) => Ok(confirmation),
            Ok(Err(error)) => Err(PublishError::Interrupted(error)),
            Err(_) => Err(PublishError::TimedOut),
        });
    }
    answers
}

/// Which messages are safe.
///
/// RabbitMQ sends a message that it can't route back before it confirms it, but confirms of other messages may come
/// in between; lapin attaches a returned message to whichever confirm comes next. So the confirm of one message can
/// carry another, and a message is known by its id instead. That is complete only when all confirms have come: when
/// some have not, a message whose confirm carried a stranger may itself have been returned in one of those, and
/// counts as not safe.
fn settle(
    messages: &[&Message],
    answers: Vec<Result<Confirmation, PublishError>>,
) -> Vec<Result<(), PublishError>> {
    let complete = answers.iter().all(Result::is_ok);
    let returned: HashSet<ShortString> = answers.iter().flatten().filter_map(returned_id).collect();
    messages
        .iter()
        .zip(answers)
        .map(|(message, answer)| match answer? {
            Confirmation::Ack(_) if returned.contains(&message.id) => Err(PublishError::Unroutable),
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) if complete => Ok(()),
            Confirmation::Ack(Some(_)) => Err(PublishError::TimedOut),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(PublishError::Refused),
        })
        .collect()
}

fn returned_id(confirmation: &Confirmation) -> Option<ShortString> {
    match confirmation {
        Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
            returned.delivery.properties.message_id().clone()
        }
        Confirmation::Ack(None) | Confirmation::Nack(None) | Confirmation::NotRequested => None,
    }
}
