//! The five requests of a gateway.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path as UrlPath, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mimamori_report::api::BATCH_CONTENT_TYPE;
use mimamori_report::{
    Batch, EnrolAnswer, EnrolRequest, Heartbeat, HeartbeatAnswer, List, Pem, Refusal, RefusalCode,
    RenewAnswer, RenewRequest, ReportsAnswer, Text,
};
use serde::de::DeserializeOwned;

use crate::backend::{Backend, BackendError, Item};
use crate::ca::CaError;
use crate::map;
use crate::peer::{KnownGateway, Peer};
use crate::server::Shared;
use crate::unpack::{MAX_COMPRESSED_BYTES, unpack};

const MAX_JSON_BYTES: usize = 256 << 10;
const BUSY_RETRY: Duration = Duration::from_secs(2);

pub(crate) fn router<B: Backend>(shared: Arc<Shared<B>>) -> Router {
    Router::new()
        .route("/v1/enrol", post(enrol::<B>).layer(DefaultBodyLimit::max(32 << 10)))
        .route("/v1/renew", post(renew::<B>).layer(DefaultBodyLimit::max(32 << 10)))
        .route("/v1/reports", post(reports::<B>).layer(DefaultBodyLimit::max(MAX_COMPRESSED_BYTES)))
        .route("/v1/heartbeat", post(heartbeat::<B>).layer(DefaultBodyLimit::max(MAX_JSON_BYTES)))
        .route("/v1/definitions/{sha256}/{from}", get(definitions::<B>))
        .with_state(shared)
}

/// Why a request is turned away.
#[derive(Debug)]
struct No {
    status: StatusCode,
    code: RefusalCode,
    message: String,
    retry_after: Option<Duration>,
}

impl No {
    fn new(status: StatusCode, code: RefusalCode, message: impl Into<String>) -> Self {
        No { status, code, message: message.into(), retry_after: None }
    }

    fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RefusalCode::Malformed, message)
    }

    fn busy(status: StatusCode, retry_after: Duration) -> Self {
        No { retry_after: Some(retry_after), ..Self::new(status, RefusalCode::Busy, "try again later") }
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let refusal = Refusal { code: self.code, message: Text::new(&self.message) };
        let mut response = (self.status, Json(refusal)).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().max(1);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl<B> Shared<B> {
    fn turned_away(&self, error: BackendError) -> No {
        match error {
            BackendError::Refused => No::new(
                StatusCode::FORBIDDEN,
                RefusalCode::CertificateUnknown,
                "this gateway is not in service",
            ),
            BackendError::Unavailable(reason) => {
                tracing::error!(%reason, "reports cannot be stored; gateways keep them");
                No::busy(StatusCode::SERVICE_UNAVAILABLE, self.outage_retry)
            }
        }
    }

    fn no_certificate(&self, error: CaError) -> No {
        match error {
            CaError::Request(e) => No::malformed(format!("certificate request: {e}")),
            other => {
                tracing::error!(error = %other, "no certificate could be issued");
                No::busy(StatusCode::SERVICE_UNAVAILABLE, self.outage_retry)
            }
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, No> {
    serde_json::from_slice(body).map_err(|e| No::malformed(e.to_string()))
}

fn pem(text: String) -> Result<Pem, No> {
    Pem::parse(text)
        .map_err(|e| No::new(StatusCode::INTERNAL_SERVER_ERROR, RefusalCode::Other, e.to_string()))
}

async fn enrol<B: Backend>(
    State(shared): State<Arc<Shared<B>>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<EnrolAnswer>, No> {
    let now = shared.clock.now();
    shared.enrol_limit.take(&peer.ip, now).map_err(|wait| No::busy(StatusCode::TOO_MANY_REQUESTS, wait))?;
    let ask: EnrolRequest = parse(&body)?;
    let request = shared.ca.check_request(ask.csr_pem.as_str()).map_err(|e| shared.no_certificate(e))?;
    let enrolled =
        shared.backend.enrol(ask.serial.as_str(), ask.secret.as_str(), request.fingerprint()).await;
    let gateway = enrolled.map_err(|e| match e {
        BackendError::Refused => {
            tracing::warn!(serial = %ask.serial, ip = %peer.ip, "enrolment refused");
            No::new(
                StatusCode::FORBIDDEN,
                RefusalCode::EnrolmentRefused,
                "serial number or secret not accepted",
            )
        }
        other => shared.turned_away(other),
    })?;
    let issued = shared.ca.issue(&request, gateway, now).map_err(|e| shared.no_certificate(e))?;
    tracing::info!(%gateway, serial = %ask.serial, "gateway enrolled");
    Ok(Json(EnrolAnswer {
        gateway: Text::new(&gateway.to_string()),
        certificate_pem: pem(issued.pem)?,
        renew_after: issued.renew_after,
        time: now,
    }))
}

/// Who sent it, if it may report.
async fn admit<B: Backend>(shared: &Shared<B>, peer: &Peer) -> Result<KnownGateway, No> {
    let stranger = || {
        No::new(StatusCode::UNAUTHORIZED, RefusalCode::CertificateUnknown, "a gateway certificate is needed")
    };
    let gateway = peer.gateway.clone().ok_or_else(stranger)?;
    shared
        .gateway_limit
        .take(&gateway.id, shared.clock.now())
        .map_err(|wait| No::busy(StatusCode::TOO_MANY_REQUESTS, wait))?;
    let may = shared.backend.may_report(gateway.id, &gateway.fingerprint).await;
    if !may.map_err(|e| shared.turned_away(e))? {
        return Err(shared.turned_away(BackendError::Refused));
    }
    Ok(gateway)
}

async fn renew<B: Backend>(
    State(shared): State<Arc<Shared<B>>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<RenewAnswer>, No> {
    let gateway = admit(&shared, &peer).await?;
    let ask: RenewRequest = parse(&body)?;
    let request = shared.ca.check_request(ask.csr_pem.as_str()).map_err(|e| shared.no_certificate(e))?;
    if request.fingerprint() != gateway.fingerprint {
        return Err(No::malformed("a renewal keeps the key"));
    }
    let issued =
        shared.ca.issue(&request, gateway.id, shared.clock.now()).map_err(|e| shared.no_certificate(e))?;
    Ok(Json(RenewAnswer { certificate_pem: pem(issued.pem)?, renew_after: issued.renew_after }))
}

async fn reports<B: Backend>(
    State(shared): State<Arc<Shared<B>>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ReportsAnswer>, No> {
    let gateway = admit(&shared, &peer).await?;
    if headers.get(CONTENT_TYPE).is_none_or(|t| t.as_bytes() != BATCH_CONTENT_TYPE.as_bytes()) {
        return Err(No::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, RefusalCode::Malformed, BATCH_CONTENT_TYPE));
    }
    let Ok(_permit) = shared.commits.try_acquire() else {
        return Err(No::busy(StatusCode::SERVICE_UNAVAILABLE, BUSY_RETRY));
    };
    let too_large = |e: String| No::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalCode::TooLarge, e);
    let plain = unpack(&body).map_err(|e| too_large(e.to_string()))?;
    let batch = Batch::decode(&plain).map_err(|e| No::malformed(e.to_string()))?;
    let (now, rng) = (shared.clock.now(), shared.rng.as_ref());
    let epoch = batch.epoch;
    let items: Vec<(u64, Item)> = batch.lines.into_iter().map(|l| map::item(l, now, rng)).collect();
    let bad = items.iter().filter(|(_, i)| matches!(i, Item::Undecodable { .. })).count();
    let committed =
        shared.backend.commit(gateway.id, epoch, items).await.map_err(|e| shared.turned_away(e))?;
    Ok(Json(ReportsAnswer { committed, quarantined: u32::try_from(bad).unwrap_or(u32::MAX) }))
}

async fn heartbeat<B: Backend>(
    State(shared): State<Arc<Shared<B>>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<HeartbeatAnswer>, No> {
    let gateway = admit(&shared, &peer).await?;
    let beat: Heartbeat = parse(&body)?;
    let commands = shared
        .backend
        .heartbeat(gateway.id, map::heartbeat(&beat))
        .await
        .map_err(|e| shared.turned_away(e))?;
    let exceptions = shared.backend.exceptions(gateway.id).await.map_err(|e| shared.turned_away(e))?;
    Ok(Json(HeartbeatAnswer {
        time: shared.clock.now(),
        commands: List::new(commands),
        exceptions: exceptions.map(List::new),
        definitions: shared.offers.current().await,
    }))
}

/// A piece of a definition set, from a byte on.
async fn definitions<B: Backend>(
    State(shared): State<Arc<Shared<B>>>,
    Extension(peer): Extension<Peer>,
    UrlPath((sha256, from)): UrlPath<(String, u64)>,
) -> Result<Response, No> {
    admit(&shared, &peer).await?;
    let sha256 = sha256.parse().map_err(|_| No::malformed("not a SHA-256"))?;
    let piece = shared.offers.piece(sha256, from).await;
    let gone = || No::new(StatusCode::NOT_FOUND, RefusalCode::Other, "this set is not offered here");
    let piece = piece.ok_or_else(gone)?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], piece).into_response())
}
