//! Liveness, readiness and metrics over HTTP, for the orchestrator and Prometheus.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::host;
use crate::readiness::Readiness;

/// The media type of the `OpenMetrics` text format that `/metrics` answers in.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the pages show.
#[derive(Clone, Debug)]
struct Pages {
    readiness: Readiness,
    registry: Arc<Registry>,
}

/// Serves until the future is dropped; run it with [`crate::shutdown::Shutdown::spawn_supporting`], so that a process
/// that is draining still answers.
///
/// | page | answers |
/// |---|---|
/// | `/livez` | 200 as long as the process runs; it asks no database and no broker, since a restart would not mend those |
/// | `/readyz` | 200 or 503, with each check as JSON |
/// | `/metrics` | the registry in the `OpenMetrics` text format |
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    registry: Arc<Registry>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    axum::serve(listener, host::guarded(router(readiness, registry), address)).await
}

fn router(readiness: Readiness, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Pages { readiness, registry })
}

async fn livez() -> Response {
    page(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned())
}

async fn readyz(State(pages): State<Pages>) -> Response {
    let report = pages.readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match serde_json::to_string(&report) {
        Ok(body) => page(status, "application/json", body),
        Err(error) => failed(&error),
    }
}

async fn metrics(State(pages): State<Pages>) -> Response {
    let mut body = String::new();
    match encode(&mut body, &pages.registry) {
        Ok(()) => page(StatusCode::OK, OPENMETRICS, body),
        Err(error) => failed(&error),
    }
}

fn page(status: StatusCode, media_type: &'static str, body: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error = crate::telemetry::chain(error), "an admin page could not be written");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use prometheus_client::metrics::counter::Counter;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt as _;

    use super::*;

    async fn fetch(readiness: &Readiness, registry: Registry, path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone(), Arc::new(registry)).oneshot(request).await.unwrap();
        let status = response.status();
        let media_type =
            response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, media_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn alive_whatever_the_checks_say() {
        let readiness = Readiness::new(CancellationToken::new(), &["database"]);
        assert_eq!(fetch(&readiness, Registry::default(), "/livez").await.0, StatusCode::OK);
        readiness.stop().cancel();
        assert_eq!(fetch(&readiness, Registry::default(), "/livez").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn readiness_lists_every_check() {
        let readiness = Readiness::new(CancellationToken::new(), &["database", "schema"]);
        readiness.set("database", true, "SQLite");
        let (status, media_type, body) = fetch(&readiness, Registry::default(), "/readyz").await;
        assert_eq!((status, media_type.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "application/json"));
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let expected = serde_json::json!({
            "ready": false,
            "stopping": false,
            "checks": {
                "database": { "ok": true, "detail": "SQLite" },
                "schema": { "ok": false, "detail": "starting" },
            },
        });
        assert_eq!(body, expected);
        readiness.set("schema", true, "");
        assert_eq!(fetch(&readiness, Registry::default(), "/readyz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics_text() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("countersign_mails_sent", "Mails sent", counter.clone());
        counter.inc_by(3);
        let readiness = Readiness::new(CancellationToken::new(), &[]);
        let (status, media_type, body) = fetch(&readiness, registry, "/metrics").await;
        assert_eq!((status, media_type.as_str()), (StatusCode::OK, OPENMETRICS));
        assert!(body.contains("countersign_mails_sent_total 3\n") && body.ends_with("# EOF\n"), "{body}");
    }

    #[tokio::test]
    async fn nothing_else_is_served() {
        let readiness = Readiness::new(CancellationToken::new(), &[]);
        assert_eq!(fetch(&readiness, Registry::default(), "/").await.0, StatusCode::NOT_FOUND);
    }
}
