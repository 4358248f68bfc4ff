//! Guard against DNS rebinding: a web page that has its own name resolve to this machine would be served as if it were one
//! of this process's pages, and could read them.
//!
//! Such a page can only be asked for by a name. Pages on a loopback address are therefore served under `localhost` and
//! addresses alone. On other addresses orchestrators and collectors may use whatever name the network gives.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header, uri::Authority};

/// `router`, served on `address`, which refuses foreign names if that is a loopback address.
pub fn guarded(router: Router, address: SocketAddr) -> Router {
    if address.ip().to_canonical().is_loopback() { router.layer(from_fn(refuse_foreign)) } else { router }
}

async fn refuse_foreign(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    // Without the header it is no browser that asks.
    if host.is_none_or(is_local) {
        return next.run(request).await;
    }
    let refusal =
        "This is served under localhost and addresses of this machine only, not under other names.\n";
    (StatusCode::MISDIRECTED_REQUEST, refusal).into_response()
}

/// Whether a `Host` header names this machine by `localhost` or by an address.
fn is_local(host: &str) -> bool {
    // An IPv6 address without brackets and port, as some write it, is no authority.
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    host.parse::<Authority>().is_ok_and(|authority| {
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(address: &str, host: Option<&str>) -> StatusCode {
        let router = Router::new().route("/", get(async || "page"));
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        if let Some(host) = host {
            request.headers_mut().insert(header::HOST, host.parse().unwrap());
        }
        guarded(router, address.parse().unwrap()).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_foreign_name_is_refused_on_loopback() {
        for host in ["rebound.example", "rebound.example:8025", "localhost.example", "127.0.0.1.example", ""]
        {
            let answer = asked("127.0.0.1:8025", Some(host)).await;
            assert_eq!(answer, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
        for host in
            ["localhost", "LOCALHOST:8025", "127.0.0.1:8025", "127.0.0.1", "[::1]:8025", "[::1]", "::1"]
        {
            assert_eq!(asked("[::1]:8025", Some(host)).await, StatusCode::OK, "{host}");
        }
        assert_eq!(asked("127.0.0.1:8025", None).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn other_addresses_are_asked_by_whatever_name_the_network_gives() {
        assert_eq!(asked("0.0.0.0:9090", Some("approval.countersign.svc:9090")).await, StatusCode::OK);
    }
}
