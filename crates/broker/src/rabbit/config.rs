//! Settings, and the check that they can work at all.

use std::fmt;
use std::time::Duration;

use lapin::types::ShortString;
use lapin::uri::AMQPUri;

/// How to reach RabbitMQ, and what to call things there. Publisher and consumer of one system take the same.
#[derive(Clone)]
pub struct RabbitConfig {
    /// `amqp://` or `amqps://user:password@host:port/vhost`; `?heartbeat=` in seconds is honoured.
    pub url: String,
    /// The topic exchange that events are published to.
    pub exchange: String,
    /// The quorum queue that events wait in. Its dead letters go through an exchange and to a queue that are both
    /// called by this name with `.dead-letter` after it.
    pub queue: String,
    /// What of the exchange goes to the queue (AMQP topic pattern).
    pub binding: String,
    /// How many deliveries without an acknowledgement (a consumer that dies of it) a message survives before the
    /// queue dead-letters it. Of an existing queue it can be changed by deleting that queue only.
    pub delivery_limit: u32,
    /// How many messages a consumer handles at a time.
    pub prefetch: u16,
    /// How long a publish may take, connecting included.
    pub publish_timeout: Duration,
    /// How long a message whose handler says "retry" is tried again by this consumer, with growing pauses, before it
    /// is given back to the queue, which counts as one of `delivery_limit`. So an outage of the handler's database
    /// fills no dead-letter queue until about `delivery_limit` times this long. Must stay below RabbitMQ's
    /// `consumer_timeout` (30 minutes by default).
    pub retry_hold: Duration,
}

impl RabbitConfig {
    /// The defaults, for the RabbitMQ at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            exchange: "countersign.events".to_owned(),
            queue: "countersign.notifier".to_owned(),
            binding: "countersign.#".to_owned(),
            delivery_limit: 20,
            prefetch: 64,
            publish_timeout: Duration::from_secs(10),
            retry_hold: Duration::from_mins(5),
        }
    }
}

/// Without the URL, which holds a password.
impl fmt::Debug for RabbitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitConfig")
            .field("exchange", &self.exchange)
            .field("queue", &self.queue)
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}

/// A setting that can't work. Never quotes the URL, which holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broker setting `{setting}` {problem}")]
pub struct InvalidConfig {
    /// The field of [`RabbitConfig`].
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// The settings in the types that AMQP wants.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) uri: AMQPUri,
    pub(super) exchange: ShortString,
    pub(super) queue: ShortString,
    pub(super) binding: ShortString,
    /// Exchange and queue alike.
    pub(super) dead_letter: ShortString,
    pub(super) delivery_limit: u32,
    pub(super) prefetch: u16,
    pub(super) publish_timeout: Duration,
    pub(super) retry_hold: Duration,
}

impl Settings {
    pub(super) fn check(config: RabbitConfig) -> Result<Self, InvalidConfig> {
        let invalid = |setting, problem: &str| InvalidConfig { setting, problem: problem.to_owned() };
        let mut uri: AMQPUri = config.url.parse().map_err(|problem: String| InvalidConfig {
            setting: "url",
            problem: format!("is not an AMQP URL: {}", problem.replace(&config.url, "…")),
        })?;
        // RabbitMQ proposes 60 s, and a dead peer is noticed after two: too long to sit on approvals.
        uri.query.heartbeat.get_or_insert(10);
        if config.prefetch == 0 {
            return Err(invalid("prefetch", "is 0, which means without limit; at least 1 is needed"));
        }
        if config.publish_timeout.is_zero() {
            return Err(invalid("publish_timeout", "is 0"));
        }
        let dead_letter = name("queue", format!("{}.dead-letter", config.queue))?;
        Ok(Self {
            uri,
            exchange: name("exchange", config.exchange)?,
            queue: name("queue", config.queue)?,
            binding: name("binding", config.binding)?,
            dead_letter,
            delivery_limit: config.delivery_limit,
            prefetch: config.prefetch,
            publish_timeout: config.publish_timeout,
            retry_hold: config.retry_hold,
        })
    }
}

fn name(setting: &'static str, value: String) -> Result<ShortString, InvalidConfig> {
    // An empty name means something else to AMQP: the default exchange, a queue named by the server.
    if value.is_empty() {
        return Err(InvalidConfig { setting, problem: "is empty".to_owned() });
    }
    ShortString::try_new(value)
        .map_err(|_| InvalidConfig { setting, problem: "is too long for AMQP".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut RabbitConfig)) -> String {
        let mut config = RabbitConfig::new("amqp://localhost");
        change(&mut config);
        Settings::check(config).err().unwrap().to_string()
    }

    #[test]
    fn the_defaults_work() {
        let settings = Settings::check(RabbitConfig::new("amqp://localhost")).ok().unwrap();
        assert_eq!(settings.dead_letter.as_str(), "countersign.notifier.dead-letter");
    }

    #[test]
    fn what_cannot_work_is_named() {
        assert!(problem(|c| c.url = "http://localhost".to_owned()).starts_with("broker setting `url`"));
        assert!(problem(|c| c.prefetch = 0).starts_with("broker setting `prefetch`"));
        assert!(
            problem(|c| c.publish_timeout = Duration::ZERO).starts_with("broker setting `publish_timeout`")
        );
        assert_eq!(problem(|c| c.exchange.clear()), "broker setting `exchange` is empty");
        assert_eq!(problem(|c| c.queue = "q".repeat(255)), "broker setting `queue` is too long for AMQP");
    }

    #[test]
    fn the_password_is_never_shown() {
        let config = RabbitConfig::new("amqp://guest:secret@localhost");
        assert!(!format!("{config:?}").contains("secret"));
        for url in ["amqp://guest:secret@local host", "http://guest:secret@localhost", "guest:secret"] {
            assert!(!problem(|c| c.url = url.to_owned()).contains("secret"), "{url}");
        }
    }
}
