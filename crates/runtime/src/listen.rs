//! Binding of listeners, with an error that names what can't be had.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address} ({setting})")]
pub struct ListenerError {
    address: SocketAddr,
    setting: &'static str,
    source: io::Error,
}

/// Listens on `address`, which `setting` (a flag such as `--grpc-listen`) asks for.
pub async fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ListenerError> {
    TcpListener::bind(address).await.map_err(|source| ListenerError { address, setting, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::chain;

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_setting() {
        let first = bind("127.0.0.1:0".parse().unwrap(), "--grpc-listen").await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "--grpc-listen").await.unwrap_err();
        assert!(
            chain(&error).starts_with(&format!("can't listen on {address} (--grpc-listen): ")),
            "{}",
            chain(&error)
        );
    }
}
