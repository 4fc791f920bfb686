//! Errors as problem documents (RFC 9457). A client never sees the inside of a 5xx; the log does, under
//! the same request id.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

tokio::task_local! {
    /// Id of the request that this task answers.
    pub(crate) static REQUEST_ID: String;
}

/// Id of the request in hand; empty outside one.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// A problem document.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// Kind of problem, stable: `urn:lungcad:problem:not-found` and so on.
    #[serde(rename = "type")]
    #[schema(format = "uri")]
    pub(crate) kind: String,
    /// The same for people.
    pub(crate) title: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    /// What was wrong and what to do.
    pub(crate) detail: String,
    /// Id of the request; the log names the cause under it.
    pub(crate) request_id: String,
}

/// What a handler fails with.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request cannot be understood.
    BadRequest(String),
    /// No or wrong token.
    Unauthorized,
    /// The request comes from a page of another site.
    Forbidden(String),
    /// Nothing of that name.
    NotFound(String),
    /// The method does not exist here.
    MethodNotAllowed,
    /// It is not in a state that allows this.
    Conflict(String),
    /// More bytes than any request needs.
    TooLarge,
    /// Addressed to another host.
    Misdirected(String),
    /// A peer that was asked on the client's behalf did not answer well.
    Peer(String),
    /// Our own failure; the text goes to the log only.
    Internal(String),
    /// A part of us is not ready, or time ran out.
    Unavailable(String),
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, "bad-request", text),
            Self::Unauthorized => {
                let text = "send \"Authorization: Bearer <token>\" with the token of http.token";
                (StatusCode::UNAUTHORIZED, "unauthorized", text)
            }
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, "forbidden", text),
            Self::NotFound(text) => (StatusCode::NOT_FOUND, "not-found", text),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "see /api for what can be asked here")
            }
            Self::Conflict(text) => (StatusCode::CONFLICT, "conflict", text),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "requests carry no body of this size here")
            }
            Self::Misdirected(text) => (StatusCode::MISDIRECTED_REQUEST, "misdirected", text),
            Self::Peer(text) => (StatusCode::BAD_GATEWAY, "peer-failed", text),
            Self::Internal(_) => {
                let text = "something went wrong here; the server's log names the cause under the request id";
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
            }
            Self::Unavailable(text) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", text),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = request_id();
        if let Self::Internal(cause) = &self {
            tracing::error!(request_id, cause, "request failed");
        }
        let (status, word, detail) = self.parts();
        let problem = Problem {
            kind: format!("urn:lungcad:problem:{word}"),
            title: status.canonical_reason().unwrap_or("error").to_owned(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            request_id,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Unauthorized => {
                headers
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lungcad\""));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

impl From<archive::Error> for ApiError {
    fn from(error: archive::Error) -> Self {
        match error {
            archive::Error::NotFound { what } => Self::NotFound(format!("{what} is not in the archive")),
            archive::Error::Conflict(text) => Self::Conflict(text),
            archive::Error::Stopped => Self::Unavailable("lungcad is shutting down".to_owned()),
            other => Self::Internal(other.to_string()),
        }
    }
}
