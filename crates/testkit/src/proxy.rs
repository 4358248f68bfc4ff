//! A wire that can be cut.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::network::{authority, free_port};
use crate::wait_for;

const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP proxy between a client and a server, to break their connection in tests.
pub struct Proxy {
    port: u16,
    target: String,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Whole,
    ClientHeld,
    Paused,
    Cut,
}

struct Shared {
    wire: watch::Sender<Wire>,
    /// Microseconds.
    late: AtomicU64,
    connections: AtomicUsize,
    listening: watch::Sender<bool>,
}

impl Proxy {
    /// Stands in front of the server of a URL (or of `host:port`).
    pub async fn in_front_of(url: &str) -> Self {
        let target = authority(url).1.to_owned();
        let port = free_port();
        let shared = Arc::new(Shared {
            wire: watch::Sender::new(Wire::Whole),
            late: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            listening: watch::Sender::new(false),
        });
        let task = tokio::spawn(listen(port, target.clone(), Arc::clone(&shared))).abort_handle();
        let proxy = Self { port, target, shared, task };
        proxy.wait_until_listening(true).await;
        proxy
    }

    /// The port on 127.0.0.1 to connect to instead of the server's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same URL, leading through the proxy.
    pub fn url(&self, url: &str) -> String {
        let (place, found) = authority(url);
        assert_eq!(found, self.target, "the proxy stands in front of another server");
        format!("{}127.0.0.1:{}{}", &url[..place.start], self.port, &url[place.end..])
    }

    /// How many connections go through it now.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Closes every connection and refuses new ones. Returns when that is done.
    pub async fn cut(&self) {
        self.shared.wire.send_replace(Wire::Cut);
        self.wait_until_listening(false).await;
        wait_for("the proxy's connections to close", PATIENCE, async || {
            (self.connections() == 0).then_some(())
        })
        .await;
    }

    /// Lets nothing through from now on, in either direction, and closes nothing: like a partition, or a server that
    /// hangs. New connections are accepted.
    pub fn pause(&self) {
        self.shared.wire.send_replace(Wire::Paused);
    }

    /// Holds back what clients send from now on, and lets through what the server sends: a client's acknowledgements don't
    /// arrive.
    pub fn hold_client(&self) {
        self.shared.wire.send_replace(Wire::ClientHeld);
    }

    /// From now on, delivers this late what the server says: a client waits that much longer for each answer.
    pub fn answer_late(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).expect("a delay that a test can wait for");
        self.shared.late.store(micros, Ordering::SeqCst);
    }

    /// Makes it whole again. What was held back by a pause is let through; cut connections stay cut.
    pub async fn restore(&self) {
        self.shared.wire.send_replace(Wire::Whole);
        self.wait_until_listening(true).await;
    }

    async fn wait_until_listening(&self, expected: bool) {
        let mut listening = self.shared.listening.subscribe();
        let changed = tokio::time::timeout(PATIENCE, listening.wait_for(|now| *now == expected)).await;
        assert!(changed.is_ok(), "the proxy could not listen on port {}", self.port);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(port: u16, target: String, shared: Arc<Shared>) {
    let mut wire = shared.wire.subscribe();
    // Dropped, and so aborted, together with this task.
    let mut connections = JoinSet::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the proxy's own port");
        shared.listening.send_replace(true);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (client, _) = accepted.expect("a connection to the proxy");
                    connections.spawn(forward(client, target.clone(), Arc::clone(&shared)));
                }
                _ = wire.wait_for(|wire| *wire == Wire::Cut) => break,
            }
        }
        drop(listener);
        shared.listening.send_replace(false);
        if wire.wait_for(|wire| *wire != Wire::Cut).await.is_err() {
            return;
        }
    }
}

/// Counts a connection as long as it lives, however it ends.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn forward(client: TcpStream, target: String, shared: Arc<Shared>) {
    let counted = Counted::new(shared);
    let mut wire = counted.0.wire.subscribe();
    let Ok(server) = TcpStream::connect(&target).await else {
        return;
    };
    // Held-back small packets would change the timing of what is tested.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let at_once = AtomicU64::new(0);
    let up = pump(from_client, to_server, wire.clone(), &[Wire::Whole], &at_once);
    let late = &counted.0.late;
    let down = pump(from_server, to_client, wire.clone(), &[Wire::Whole, Wire::ClientHeld], late);
    tokio::select! {
        _ = async { tokio::join!(up, down) } => {}
        _ = wire.wait_for(|wire| *wire == Wire::Cut) => {}
    }
}

/// Carries bytes one way, `late` by so many microseconds and while the wire is `open` in that way, until the sender has no more,
/// and passes that end on.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
    open: &[Wire],
    late: &AtomicU64,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let by = late.load(Ordering::SeqCst);
        if by > 0 {
            tokio::time::sleep(Duration::from_micros(by)).await;
        }
        let whole = wire.wait_for(|wire| open.contains(wire)).await.is_ok();
        if !whole || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
