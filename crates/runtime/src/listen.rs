//! Listeners: reading their addresses, binding them, and errors that name what can't be had.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
};

use tokio::net::TcpListener;

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address} (choose another with {setting})")]
pub struct ListenerError {
    address: SocketAddr,
    setting: &'static str,
    source: io::Error,
}

/// The address that a setting gives as `ADDRESS:PORT`: one of this machine, or a name such as `localhost` that stands for one.
/// Of several addresses of a name the first of IPv4 is taken, or else the first.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found: Vec<SocketAddr> = text.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first
        .copied()
        .ok_or_else(|| "must be ADDRESS:PORT, for example 127.0.0.1:50051 or localhost:50051".to_owned())
}

/// Listens on `address`, which `setting` (a flag such as `--grpc-listen`) asks for.
pub async fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ListenerError> {
    TcpListener::bind(address).await.map_err(|source| ListenerError { address, setting, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::chain;

    #[test]
    fn a_name_of_this_machine_is_an_address() {
        assert_eq!(address("localhost:50051"), Ok("127.0.0.1:50051".parse().unwrap()));
        assert_eq!(address("[::1]:1"), Ok("[::1]:1".parse().unwrap()));
        for bad in ["here", "localhost", "50051", "", "127.0.0.1:99999"] {
            assert!(address(bad).unwrap_err().contains("localhost:50051"), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_setting() {
        let first = bind("127.0.0.1:0".parse().unwrap(), "--grpc-listen").await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "--grpc-listen").await.unwrap_err();
        assert!(
            chain(&error)
                .starts_with(&format!("can't listen on {address} (choose another with --grpc-listen): ")),
            "{}",
            chain(&error)
        );
    }
}
