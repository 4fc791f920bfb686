//! `[http]`: REST and pages. Without a token nothing but loopback is served.

use super::{ConfigError, Secret, first_line, seconds};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// Shorter tokens are guessable; 16 characters of hex are 64 bits.
const TOKEN_LENGTH_ADVISED: usize = 16;

/// `[http]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    listen: String,
    token: String,
    token_file: String,
    request_timeout_s: i64,
}

/// Where REST is served and who may ask.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    /// Where to listen; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Bearer token; `None` only on loopback.
    pub(crate) token: Option<Secret>,
    /// Longest request.
    pub(crate) request_timeout: Duration,
}

/// `host:port` with a numeric host, or `localhost`.
pub(super) fn address(key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    let numeric = match text.trim().strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.trim().to_owned(),
    };
    numeric.parse().map_err(|_| {
        let cause =
            format!("{text:?} is not an address; write it as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080");
        ConfigError::invalid(key, cause)
    })
}

impl HttpSettings {
    pub(super) fn from_raw(raw: &Raw, warnings: &mut Vec<String>) -> Result<Self, ConfigError> {
        let listen = address("http.listen", &raw.listen)?;
        let token = match (raw.token.trim(), raw.token_file.as_str()) {
            ("", "") => None,
            ("", path) => Some(first_line("http.token_file", path)?),
            (text, "") => Some(text.to_owned()),
            _ => {
                return Err(ConfigError::invalid(
                    "http.token_file",
                    "set http.token or http.token_file, not both",
                ));
            }
        };
        if token.as_ref().is_some_and(|t| t.bytes().any(|b| !(0x21..0x7f).contains(&b))) {
            let cause = "the token may hold only printable ASCII without blanks, it travels in a header";
            return Err(ConfigError::invalid("http.token", cause));
        }
        if token.as_ref().is_some_and(|t| t.len() < TOKEN_LENGTH_ADVISED) {
            warnings.push(format!(
                "http.token is shorter than {TOKEN_LENGTH_ADVISED} characters and can be guessed; use `openssl rand -hex 16`"
            ));
        }
        if token.is_none() && !listen.ip().is_loopback() {
            let cause = format!(
                "{listen} is reachable from outside and no token is set; set http.token or http.token_file, \
                 or listen on 127.0.0.1:{}",
                listen.port()
            );
            return Err(ConfigError::invalid("http.listen", cause));
        }
        let timeout = u32::try_from(raw.request_timeout_s).unwrap_or(0);
        Ok(Self {
            listen,
            token: token.map(Secret::new),
            request_timeout: seconds("http.request_timeout_s", f64::from(timeout), 1.0, 3_600.0)?,
        })
    }
}
