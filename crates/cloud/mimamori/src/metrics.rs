//! Figures for Prometheus, as its text format.

use std::fmt::Write;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mimamori_service::Service;

/// `/metrics` and `/healthz`; for the operator's network only.
pub fn router(service: Service) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(service)
}

async fn healthz(State(service): State<Service>) -> Response {
    match service.ping().await {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "database does not answer\n").into_response(),
    }
}

async fn metrics(State(service): State<Service>) -> Response {
    let mut out = String::new();
    let up = service.ping().await.is_ok();
    gauge(&mut out, "mimamori_database_up", "1 when the database answers", u64::from(up));
    match service.stats().await {
        Ok(stats) => {
            gauge(&mut out, "mimamori_detections", "Detections kept", stats.detections);
            gauge(&mut out, "mimamori_alerts", "Alerts kept", stats.alerts);
            gauge(&mut out, "mimamori_notices_waiting", "Notices not yet in a mail", stats.notices_waiting);
            gauge(&mut out, "mimamori_mails_queued", "Mails on their way", stats.deliveries_queued);
            gauge(
                &mut out,
                "mimamori_mails_dead",
                "Mails that could not be delivered",
                stats.deliveries_dead,
            );
            gauge(&mut out, "mimamori_reports_quarantined", "Reports put aside unread", stats.quarantined);
        }
        Err(error) => tracing::warn!(%error, "no figures for the metrics"),
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    // Writing to a String does not fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}
