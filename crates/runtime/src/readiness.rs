//! What has to work before this process may be sent traffic. Both `/readyz` and the gRPC health service say it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Named checks, each held up to date by whoever knows: a cheap handle, clones share the checks.
///
/// Only what the process can't work without belongs here: a broker that is down is no reason to take no requests
/// while the outbox can hold the events.
#[derive(Clone, Debug)]
pub struct Readiness {
    checks: Arc<watch::Sender<BTreeMap<&'static str, Check>>>,
    stop: CancellationToken,
}

/// The state of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Whether it works.
    pub ok: bool,
    /// Why, or what is in use: for operators, and so without secrets or personal data.
    pub detail: String,
}

/// All checks at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the process may be sent traffic: every check is ok and nobody has asked it to stop.
    pub ready: bool,
    /// Whether the process has been asked to stop.
    pub stopping: bool,
    /// The checks by name.
    pub checks: BTreeMap<&'static str, Check>,
}

impl Readiness {
    /// Checks with these names, none of them ok yet. When `stop` is cancelled, the process is ready no more.
    pub fn new(stop: CancellationToken, names: &[&'static str]) -> Self {
        let starting = |name: &&'static str| (*name, Check { ok: false, detail: "starting".to_owned() });
        Self { checks: Arc::new(watch::Sender::new(names.iter().map(starting).collect())), stop }
    }

    /// Sets a check, adding it if it is new.
    pub fn set(&self, name: &'static str, ok: bool, detail: impl Into<String>) {
        let check = Check { ok, detail: detail.into() };
        self.checks.send_if_modified(|checks| {
            let before = checks.insert(name, check.clone());
            let turned = before.as_ref().is_none_or(|before| before.ok != ok);
            if turned {
                tracing::info!(check = name, ok, detail = check.detail, "readiness changed");
            }
            before.as_ref() != Some(&check)
        });
    }

    /// All checks now.
    pub fn report(&self) -> Report {
        let checks = self.checks.borrow().clone();
        let stopping = self.stop.is_cancelled();
        Report { ready: !stopping && checks.values().all(|check| check.ok), stopping, checks }
    }

    /// Whether the process may be sent traffic.
    pub fn is_ready(&self) -> bool {
        !self.stop.is_cancelled() && self.checks.borrow().values().all(|check| check.ok)
    }

    /// Tells of every change of a check from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<BTreeMap<&'static str, Check>> {
        self.checks.subscribe()
    }

    /// Cancelled when the process is asked to stop.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_check_is_ok_and_nobody_asked_to_stop() {
        let stop = CancellationToken::new();
        let readiness = Readiness::new(stop.clone(), &["database", "schema"]);
        assert!(!readiness.is_ready());
        readiness.set("database", true, "PostgreSQL 15");
        assert!(!readiness.is_ready());
        readiness.set("schema", true, "");
        assert!(readiness.is_ready());
        readiness.clone().set("database", false, "connection refused");
        assert!(!readiness.is_ready());
        readiness.set("database", true, "");
        stop.cancel();
        assert!(!readiness.is_ready());
        let report = readiness.report();
        assert!(!report.ready && report.stopping);
    }

    #[test]
    fn watchers_are_woken_by_changes_only() {
        let readiness = Readiness::new(CancellationToken::new(), &["database"]);
        let mut changes = readiness.changes();
        readiness.set("database", false, "starting");
        assert!(!changes.has_changed().unwrap());
        readiness.set("database", true, "");
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        readiness.set("database", true, "");
        assert!(!changes.has_changed().unwrap());
    }
}
