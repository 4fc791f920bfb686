//! Pages in the binary: the status page and the page for the OpenAPI document. They work without any
//! other host, and hold no patient data themselves.

use crate::api::ApiError;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web"]
struct Pages;

/// `/`, `/api` and the files that they load.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { page("index.html", &headers) }))
        .route("/api", get(|headers: HeaderMap| async move { page("api.html", &headers) }))
        .route("/favicon.ico", get(|headers: HeaderMap| async move { page("favicon.svg", &headers) }))
        .route(
            "/web/{file}",
            get(|Path(file): Path<String>, headers: HeaderMap| async move { page(&file, &headers) }),
        )
}

fn page(name: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let file = Pages::get(name)
        .ok_or_else(|| ApiError::NotFound(format!("no page {name:?}; the pages are / and /api")))?;
    let tag = entity_tag(&file);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = file.data.into_owned().into_response();
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, value);
    }
    Ok(response)
}

fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_load_nothing_from_elsewhere_and_run_no_inline_code() {
        for name in Pages::iter() {
            let file = Pages::get(&name).unwrap();
            let text = String::from_utf8(file.data.into_owned()).unwrap();
            for other in [
                "http://",
                "https://",
                "src=\"//",
                "@import",
                "style=\"",
                "onclick=",
                "innerHTML",
                "<script>",
            ] {
                let found = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!found.contains(other), "{name} holds {other}");
            }
        }
    }
}
