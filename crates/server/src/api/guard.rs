//! What stands before every handler: request id, limits, host and origin rules, bearer token, security
//! headers, metrics.

use super::AppState;
use super::error::{ApiError, REQUEST_ID};
use crate::telemetry::{Metric, count, observe};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// Requests are answered from the path and the query; nothing takes a body of note.
const BODY_SIZE_MAX: u64 = 64 * 1024;

/// Header that carries the request id both ways.
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Ids that a proxy gives are kept when they are short and plain; they go into the log.
fn id_of(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID_HEADER).and_then(|v| v.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given.filter(plain).map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

/// Outermost layer: id, time limit, log line, metrics, headers of the answer.
pub(crate) async fn around(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let id = id_of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let work = async {
        match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError::Unavailable("this took longer than http.request_timeout_s".to_owned())
                .into_response(),
        }
    };
    let mut response = REQUEST_ID.scope(id.clone(), work).await;
    let (status, took) = (response.status(), started.elapsed());
    tracing::debug!(request_id = id, %method, route, status = status.as_u16(), ms = took.as_millis(), "http");
    // Labels must be few: an invented method must not make a new time series.
    let known = matches!(method, Method::GET | Method::POST | Method::PUT | Method::HEAD);
    let verb = if known { method.as_str() } else { "other" };
    let labels =
        [("route", route.clone()), ("method", verb.to_owned()), ("status", status.as_str().to_owned())];
    count(Metric::HttpRequests, &labels, 1);
    observe(Metric::HttpSeconds, &[("route", route)], took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    secure(response.headers_mut());
    response
}

/// Pages may load only what this server sends; nobody may frame them; nothing is cached on the way
/// unless a handler says so (answers are patient data).
fn secure(headers: &mut HeaderMap) {
    let csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
               base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, csp),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Turns a request away before its handler sees it, by size, host or origin.
pub(crate) async fn admit(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if length.is_some_and(|n| n > BODY_SIZE_MAX) {
        return Err(ApiError::TooLarge);
    }
    if state.token.is_none() {
        check_host(headers)?;
    }
    if matches!(*request.method(), Method::POST | Method::PUT) {
        check_origin(headers)?;
    }
    Ok(next.run(request).await)
}

/// Without a token the loopback address is the only protection, and a web page can point a name of its own
/// at it (DNS rebinding). So the host must be a loopback name.
fn check_host(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(host) = headers.get(header::HOST).and_then(|v| v.to_str().ok()) else { return Ok(()) };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
    if loopback {
        return Ok(());
    }
    let text = "without http.token only requests to localhost are answered; set a token to serve other names";
    Err(ApiError::Misdirected(text.to_owned()))
}

/// A page of another site must not change anything through a reader's browser.
fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let site_is_ours = text("sec-fetch-site").is_none_or(|s| matches!(s, "same-origin" | "none"));
    let host = text("host").unwrap_or_default();
    let origin_is_ours = text("origin").is_none_or(|o| o.split_once("://").is_some_and(|(_, h)| h == host));
    if site_is_ours && origin_is_ours {
        return Ok(());
    }
    Err(ApiError::Forbidden("the request comes from a page of another site".to_owned()))
}

/// Asks for the bearer token where one is configured; compared in constant time.
pub(crate) async fn authorize(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Some(token) = &state.token {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let given =
            given.and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let given = given.map_or("", |(_, text)| text.trim());
        if !bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())) {
            return Err(ApiError::Unauthorized);
        }
    }
    Ok(next.run(request).await)
}
