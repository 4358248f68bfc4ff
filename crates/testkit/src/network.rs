//! Ports and names that nobody else has.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use uuid::Uuid;

/// Ports below the range from which systems take the ports of outgoing connections: no such connection can take one
/// away between here and the server that will listen on it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A loopback port that nobody listens on, handed out once per process.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Several test binaries run at once; each starts elsewhere.
    let start = u32::from(PORTS.end - PORTS.start) / 2 + process::id() * 97;
    for _ in PORTS {
        let step = u32::from(GIVEN.fetch_add(1, Ordering::Relaxed));
        let offset = (start + step) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(offset).expect("less than the length of a range of u16");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {} to {} is free", PORTS.start, PORTS.end);
}

/// A part of a name that no other test, run or machine has; letters and digits only.
#[expect(clippy::disallowed_methods, reason = "a test's own server objects, not an id of the product")]
pub(crate) fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

/// `host:port` of a URL, and where it stands in it.
pub(crate) fn authority(url: &str) -> (std::ops::Range<usize>, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    (start..end, &url[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_never_given_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn the_authority_of_an_url_is_found() {
        for url in ["amqp://g:p@127.0.0.1:5672/%2f", "postgres://127.0.0.1:5672", "127.0.0.1:5672"] {
            assert_eq!(authority(url).1, "127.0.0.1:5672");
        }
    }
}
