//! A way to RabbitMQ that a test can break.

use std::sync::{Arc, Mutex};

use lapin::uri::AMQPUri;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::scene::amqp_url;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forward,
    /// Closes every connection at once.
    Refuse,
    /// Keeps connections open and moves nothing, as a network partition does.
    Stall,
}

struct State {
    mode: Mode,
    /// Ends what goes on in this mode.
    over: CancellationToken,
}

pub struct Proxy {
    /// RabbitMQ, through this proxy.
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut uri: AMQPUri = amqp_url().parse().unwrap();
        let target = (uri.authority.host.clone(), uri.authority.port);
        "127.0.0.1".clone_into(&mut uri.authority.host);
        uri.authority.port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { mode: Mode::Forward, over: CancellationToken::new() }));
        tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(serve(client, target.clone(), Arc::clone(&state)));
                }
            }
        });
        Self { url: uri.to_string(), state }
    }

    /// Closes every connection and every one that comes, until [`Proxy::heal`].
    pub fn cut(&self) {
        self.enter(Mode::Refuse);
    }

    /// Falls silent, until [`Proxy::heal`].
    pub fn stall(&self) {
        self.enter(Mode::Stall);
    }

    pub fn heal(&self) {
        self.enter(Mode::Forward);
    }

    fn enter(&self, mode: Mode) {
        let mut state = self.state.lock().unwrap();
        state.mode = mode;
        std::mem::take(&mut state.over).cancel();
    }
}

async fn serve(mut client: TcpStream, target: (String, u16), state: Arc<Mutex<State>>) {
    let now = || {
        let state = state.lock().unwrap();
        (state.mode, state.over.clone())
    };
    let (mode, over) = now();
    if mode == Mode::Forward {
        let Ok(mut server) = TcpStream::connect(target).await else {
            return;
        };
        over.run_until_cancelled(copy_bidirectional(&mut client, &mut server)).await;
        // Stalled connections stay, but RabbitMQ's side must not: it would deliver nothing elsewhere meanwhile.
    }
    let (mode, over) = now();
    if mode == Mode::Stall {
        over.cancelled().await;
    }
}
