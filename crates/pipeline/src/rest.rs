//! A small client of lungcad's own REST interface, for the command line.

use crate::clinical_table::Subject;
use domain::FindingsDocument;
use serde_json::Value;
use std::time::Duration;

/// Path of what waits for studies to come.
const AWAITED: &str = "/api/v1/clinical/awaited";

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

/// `url` with these parameters.
fn with_query(url: &str, parameters: &[(&str, &str)]) -> Result<reqwest::Url, RestError> {
    reqwest::Url::parse_with_params(url, parameters)
        .map_err(|e| RestError::Call { url: url.to_owned(), cause: format!("not an address: {e}") })
}

/// The subject as a parameter.
fn named(subject: &Subject) -> (&'static str, &str) {
    match subject {
        Subject::PatientId(id) => ("patient_id", id),
        Subject::AccessionNumber(number) => ("accession_number", number),
    }
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
        let request = self.client.get(&url);
        self.answer(url, request).await
    }

    async fn answer(&self, url: String, request: reqwest::RequestBuilder) -> Result<Vec<u8>, RestError> {
        let mut request = request.timeout(Duration::from_secs(30));
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

    /// UIDs of the studies of a patient, or of those with an accession number.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn studies_of(&self, subject: &Subject) -> Result<Vec<String>, RestError> {
        let (key, value) = named(subject);
        let (mut uids, mut offset) = (Vec::new(), 0);
        loop {
            let path = "/api/v1/studies";
            let url = format!("{}{path}", self.base);
            let query = [(key, value), ("limit", "200"), ("offset", &offset.to_string())];
            let request = self.client.get(with_query(&url, &query)?);
            let page: Value = self.parse(path, &self.answer(url, request).await?)?;
            let items = page["items"].as_array().into_iter().flatten();
            uids.extend(items.filter_map(|s| s["study_instance_uid"].as_str()).map(str::to_owned));
            match page["next_offset"].as_i64() {
                Some(next) => offset = next,
                None => return Ok(uids),
            }
        }
    }

    /// Clinical data of a study in use: version and values.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn clinical(&self, study: &str) -> Result<(i64, Value), RestError> {
        let path = format!("/api/v1/studies/{study}/clinical");
        let view: Value = self.parse(&path, &self.get(&path).await?)?;
        Ok((view["version"].as_i64().unwrap_or(0), view["data"].clone()))
    }

    /// Changes the clinical data of a study; version and values after it. `origin` is the name of the table.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn change_clinical(
        &self,
        study: &str,
        patch: &Value,
        origin: &str,
    ) -> Result<(i64, Value), RestError> {
        let path = format!("/api/v1/studies/{study}/clinical");
        let url = format!("{}{path}", self.base);
        let request = self.client.put(with_query(&url, &[("origin", origin)])?).json(patch);
        let view: Value = self.parse(&path, &self.answer(url, request).await?)?;
        Ok((view["version"].as_i64().unwrap_or(0), view["data"].clone()))
    }

    /// What waits for studies of a subject that have not come: its values, empty where there are none.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn awaited(&self, subject: &Subject) -> Result<Value, RestError> {
        let url = format!("{}{AWAITED}", self.base);
        let request = self.client.get(with_query(&url, &[named(subject)])?);
        let page: Value = self.parse(AWAITED, &self.answer(url, request).await?)?;
        Ok(page["items"][0]["data"].as_object().cloned().unwrap_or_default().into())
    }

    /// Changes what waits for studies of a subject; its values after it. `origin` is the name of the table.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn change_awaited(
        &self,
        subject: &Subject,
        patch: &Value,
        origin: &str,
    ) -> Result<Value, RestError> {
        let url = format!("{}{AWAITED}", self.base);
        let request = self.client.put(with_query(&url, &[named(subject), ("origin", origin)])?).json(patch);
        let view: Value = self.parse(AWAITED, &self.answer(url, request).await?)?;
        Ok(view["data"].clone())
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
