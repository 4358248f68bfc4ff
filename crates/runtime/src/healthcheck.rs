//! The `healthcheck` subcommand's probe, for images that hold no shell and no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long the whole probe may take.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// More of an answer than this is not read.
const ANSWER_MAX: u64 = 16 * 1024;

/// Why a process is not found ready.
#[derive(Debug, thiserror::Error)]
pub enum HealthcheckError {
    /// Nobody listens, or the connection broke.
    #[error("{address} cannot be asked for /readyz")]
    Unreachable {
        /// The address asked.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No answer within [`TIMEOUT`].
    #[error("{address} gave no answer to /readyz within {} s", TIMEOUT.as_secs())]
    TimedOut {
        /// The address asked.
        address: SocketAddr,
    },
    /// An answer other than 200.
    #[error("{address} is not ready: {answer}")]
    NotReady {
        /// The address asked.
        address: SocketAddr,
        /// The status line and the body, which names the checks that fail.
        answer: String,
    },
}

/// Asks the process whose admin server listens on `listen` whether it is ready. `listen` may be the address as
/// configured: an unspecified one (`0.0.0.0`, `::`) is asked on loopback.
pub async fn healthcheck(listen: SocketAddr) -> Result<(), HealthcheckError> {
    let address = reachable(listen);
    let answer = tokio::time::timeout(TIMEOUT, ask(address))
        .await
        .map_err(|_| HealthcheckError::TimedOut { address })?
        .map_err(|source| HealthcheckError::Unreachable { address, source })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status_line = head.lines().next().unwrap_or_default();
    if status_line.split(' ').nth(1) == Some("200") {
        Ok(())
    } else {
        Err(HealthcheckError::NotReady { address, answer: format!("{status_line} {body}") })
    }
}

/// HTTP/1.0, so that the answer is neither chunked nor kept open.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::readiness::Readiness;

    #[tokio::test]
    async fn follows_readiness() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Readiness::new(CancellationToken::new(), &["database"]);
        tokio::spawn(crate::admin::serve(listener, readiness.clone(), Arc::new(Registry::default())));

        let error = healthcheck(address).await.unwrap_err();
        assert!(matches!(error, HealthcheckError::NotReady { .. }), "{error}");
        assert!(error.to_string().contains("503") && error.to_string().contains("\"database\""), "{error}");
        readiness.set("database", true, "");
        healthcheck(address).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(matches!(healthcheck(address).await, Err(HealthcheckError::Unreachable { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_process_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(matches!(healthcheck(address).await, Err(HealthcheckError::TimedOut { .. })));
    }

    #[test]
    fn unspecified_addresses_are_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:9090".parse().unwrap()), "127.0.0.1:9090".parse().unwrap());
        assert_eq!(reachable("[::]:9090".parse().unwrap()), "[::1]:9090".parse().unwrap());
        assert_eq!(reachable("10.0.0.1:9090".parse().unwrap()), "10.0.0.1:9090".parse().unwrap());
    }
}
