//! Paths and queries, checked: a wrong one is a problem document, not a page of framework text.

use super::ApiError;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use domain::{SeriesInstanceUid, StudyInstanceUid};
use serde::de::DeserializeOwned;

/// Query parameters.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|q| Self(q.0)).map_err(|e| ApiError::BadRequest(format!("query: {}", e.body_text())))
    }
}

/// Parts of the path.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|p| Self(p.0)).map_err(|e| ApiError::BadRequest(format!("path: {}", e.body_text())))
    }
}

/// A series UID of a path.
pub(super) fn series_uid(text: &str) -> Result<SeriesInstanceUid, ApiError> {
    SeriesInstanceUid::new(text).map_err(|e| ApiError::BadRequest(format!("series {text:?}: {e}")))
}

/// A study UID of a path.
pub(super) fn study_uid(text: &str) -> Result<StudyInstanceUid, ApiError> {
    StudyInstanceUid::new(text).map_err(|e| ApiError::BadRequest(format!("study {text:?}: {e}")))
}

/// Rows of one page at most.
const LIMIT_MAX: u32 = 200;

/// Rows before a page at most: what the description calls int32.
const OFFSET_MAX: u32 = 2_147_483_647;

/// Limit of a page between 1 and [`LIMIT_MAX`].
pub(super) fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    match asked.unwrap_or(50) {
        n @ 1..=LIMIT_MAX => Ok(n),
        n => Err(ApiError::BadRequest(format!("query: limit must lie between 1 and {LIMIT_MAX}, found {n}"))),
    }
}

/// `limit` and `offset` as asked.
pub(super) struct PageQuery {
    /// Rows.
    pub(super) limit: Option<u32>,
    /// Rows before.
    pub(super) offset: Option<u32>,
}

/// A page within bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageAsked {
    limit: u32,
    offset: u32,
}

impl PageQuery {
    /// Within bounds, or a problem.
    pub(super) fn checked(&self) -> Result<PageAsked, ApiError> {
        let offset = self.offset.unwrap_or(0);
        if offset > OFFSET_MAX {
            return Err(ApiError::BadRequest(format!(
                "query: offset must be at most {OFFSET_MAX}, found {offset}"
            )));
        }
        Ok(PageAsked { limit: limit(self.limit)?, offset })
    }
}

impl PageAsked {
    /// One row more than asked: it tells whether there is a next page.
    pub(super) fn one_more(self) -> archive::Page {
        archive::Page { limit: i64::from(self.limit) + 1, offset: i64::from(self.offset) }
    }
}

/// The rows of the page, and the offset of the next one if the row too many is there.
pub(super) fn page_of<R, V: From<R>>(rows: Vec<R>, page: PageAsked) -> (Vec<V>, Option<i64>) {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let next = (rows.len() > limit).then(|| i64::from(page.offset) + i64::from(page.limit));
    (rows.into_iter().take(limit).map(V::from).collect(), next)
}

/// A word of a list, or a problem that names the parameter.
pub(super) fn parsed<T>(
    name: &str,
    word: Option<&str>,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    let Some(word) = word else { return Ok(None) };
    parse(word)
        .map(Some)
        .ok_or_else(|| ApiError::BadRequest(format!("query: {word:?} is not a {name}; see /api")))
}
