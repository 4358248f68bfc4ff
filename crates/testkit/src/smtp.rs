//! A small SMTP server that keeps what it gets, and fails when told to.

mod mail;
mod session;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::network::free_port;
use crate::wait_for;

pub use mail::Mail;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// RCPT is answered with this code: 4xx for later, 5xx for never.
    RefuseRecipient(u16),
    /// The message is answered with this code after it was sent, and is not kept.
    RefuseMessage(u16),
    /// The message is kept, but the connection breaks before the sender is told: it can't know.
    DropAfterData,
    /// RCPT is never answered; the connection stays open.
    Hang,
}

/// An SMTP server on 127.0.0.1. It speaks RFC 5321 with 8BITMIME, SMTPUTF8 and PIPELINING, without TLS.
pub struct SmtpSink {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    attempts: BTreeMap<String, usize>,
    connections: usize,
    by_recipient: BTreeMap<String, Fault>,
    for_all: Option<Fault>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A recipient's own fault goes before the one for all.
    fn fault(&self, recipient: &str) -> Option<Fault> {
        self.by_recipient.get(&recipient.to_lowercase()).copied().or(self.for_all)
    }
}

impl SmtpSink {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let sink = Self { port: free_port(), shared: Arc::default(), server: Mutex::default() };
        sink.accept_again().await;
        sink
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes every mail to this address fail.
    pub fn break_recipient(&self, address: &str, fault: Fault) {
        self.shared.lock().by_recipient.insert(address.to_lowercase(), fault);
    }

    /// Makes every mail fail.
    pub fn break_all(&self, fault: Fault) {
        self.shared.lock().for_all = Some(fault);
    }

    /// Ends every fault. A connection that hangs stays so; [`Self::stop_accepting`] breaks it.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.by_recipient.clear();
        state.for_all = None;
    }

    /// Breaks every connection and refuses new ones.
    pub async fn stop_accepting(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.abort();
            // Its end is that of its listener and connections.
            let _ = server.await;
        }
    }

    /// Accepts connections again, on the same port.
    pub async fn accept_again(&self) {
        self.stop_accepting().await;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.expect("the sink's own port");
        let server = tokio::spawn(serve(listener, Arc::clone(&self.shared)));
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// Everything that was kept, in the order in which it came.
    pub fn messages(&self) -> Vec<Mail> {
        self.shared.lock().mails.clone()
    }

    /// What was kept for one recipient.
    pub fn messages_to(&self, address: &str) -> Vec<Mail> {
        self.messages().into_iter().filter(|mail| mail.is_to(address)).collect()
    }

    /// Forgets what was kept.
    pub fn clear(&self) {
        self.shared.lock().mails.clear();
    }

    /// How often this address was named in RCPT, whatever was answered.
    pub fn attempts(&self, address: &str) -> usize {
        self.shared.lock().attempts.get(&address.to_lowercase()).copied().unwrap_or(0)
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Waits for at least `count` mails and returns all that were kept.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<Mail> {
        wait_for(&format!("{count} mails"), Duration::from_secs(30), async || {
            Some(self.messages()).filter(|mails| mails.len() >= count)
        })
        .await
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.abort();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped, and so aborted, together with this task.
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.lock().connections += 1;
        let shared = Arc::clone(&shared);
        sessions.spawn(async move {
            // A client that goes away in the middle is one of the things that tests do.
            let _ = session::run(stream, &shared).await;
        });
        while sessions.try_join_next().is_some() {}
    }
}
