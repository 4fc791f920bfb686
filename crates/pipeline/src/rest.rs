//! A small client of lungcad's own REST interface, for the command line.

use domain::FindingsDocument;
use serde_json::Value;
use std::time::Duration;

/// Why the server gave no answer of use.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// Nobody answers.
    #[error("calling {url}: {cause}")]
    Call {
        /// Address.
        url: String,
        /// The library's words.
        cause: String,
    },
    /// A problem document.
    #[error("{url} answered {status}: {detail}")]
    Problem {
        /// Address.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its detail.
        detail: String,
    },
}

/// A server.
#[derive(Debug, Clone)]
pub struct Rest {
    base: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl Rest {
    /// `base` is `http://host:port`.
    #[must_use]
    pub fn new(base: &str, token: Option<String>) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), token, client: reqwest::Client::new() }
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, RestError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.get(&url).timeout(Duration::from_secs(30));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let failed = |e: reqwest::Error| RestError::Call { url: url.clone(), cause: e.to_string() };
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(failed)?.to_vec();
        if status.is_success() {
            return Ok(bytes);
        }
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let detail =
            problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no detail").to_owned();
        Err(RestError::Problem { url, status: status.as_u16(), detail })
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<T, RestError> {
        serde_json::from_slice(bytes)
            .map_err(|e| RestError::Call { url: format!("{}{path}", self.base), cause: e.to_string() })
    }

    /// Findings of a series.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn findings(&self, series: &str) -> Result<FindingsDocument, RestError> {
        let path = format!("/api/v1/series/{series}/findings");
        self.parse(&path, &self.get(&path).await?)
    }

    /// The SEG of a series' current result; `None` when there is none (no findings).
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn segmentation(&self, series: &str) -> Result<Option<Vec<u8>>, RestError> {
        let path = format!("/api/v1/series/{series}/objects");
        let listed: Value = self.parse(&path, &self.get(&path).await?)?;
        let items = listed.as_array().cloned().unwrap_or_default();
        let seg = items.iter().find(|o| o["role"] == "seg").and_then(|o| o["name"].as_str());
        match seg {
            Some(name) => self.get(&format!("{path}/{name}")).await.map(Some),
            None => Ok(None),
        }
    }
}
