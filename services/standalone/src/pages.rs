//! The pages that the process serves to browsers on this machine: the caught mail, and what mails link to.

use std::{io, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use countersign_runtime::{host, telemetry};
use minijinja::{Environment, Value};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What browsers may do with a page: show it. No script, and no request anywhere but for the frame that shows a mail.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'none'";

/// Why the pages can't be served.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A page's template is broken; a fault of the build.
    #[error("a page's template is broken")]
    Template(#[from] minijinja::Error),
    /// The listener failed.
    #[error("the pages can't be served")]
    Serve(#[from] io::Error),
}

/// Serves `router` until `stop` is cancelled.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> Result<(), PagesError> {
    let router = host::guarded(router, listener.local_addr()?);
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?)
}

/// The templates of all pages.
#[derive(Clone)]
pub struct Pages(Arc<Environment<'static>>);

impl Pages {
    /// Reads the templates, which are part of the binary.
    pub fn new() -> Result<Self, PagesError> {
        let mut templates = Environment::new();
        templates.add_template("layout.html", include_str!("pages/layout.html"))?;
        templates.add_template("list.html", include_str!("pages/list.html"))?;
        templates.add_template("mail.html", include_str!("pages/mail.html"))?;
        templates.add_template("request.html", include_str!("pages/request.html"))?;
        templates.add_template("bypass.html", include_str!("pages/bypass.html"))?;
        templates.add_template("join.html", include_str!("pages/join.html"))?;
        Ok(Self(Arc::new(templates)))
    }

    /// A page from its template.
    pub fn page(&self, template: &str, values: Value) -> Response {
        match self.0.get_template(template).and_then(|template| template.render(values)) {
            Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
            Err(error) => failed(&error),
        }
    }
}

/// The answer where a page could not be made; the log says why.
pub fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error = %telemetry::chain(error), "a page could not be made");
    (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made; the log says why.\n").into_response()
}
