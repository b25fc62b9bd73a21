//! Who may ask: `Host` and `Origin` of every request, the token where there is one; headers of every answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use constant_time_eq::constant_time_eq;

use crate::limits::{FORM_BYTES, MAX_UPLOAD_BYTES};
use crate::refusal::Refusal;

/// Who may use the API.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever is on this machine.
    Loopback,
    /// Whoever knows the token.
    Network {
        /// The name or address that the server listens on.
        host: String,
        /// What must stand in `Authorization: Bearer …`.
        token: Token,
    },
}

/// A secret of 128 random bits.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one, as hexadecimal digits.
    ///
    /// # Errors
    /// Where the operating system has no random numbers.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Its digits: to be shown once.
    pub fn digits(&self) -> &str {
        &self.0
    }

    fn is(&self, said: &str) -> bool {
        constant_time_eq(self.0.as_bytes(), said.as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Access {
    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = authority(headers, &header::HOST, "").ok_or_else(wrong_host)?;
        if !self.is_ours(host.host()) {
            return Err(wrong_host());
        }
        if headers.contains_key(header::ORIGIN) {
            let origin = authority(headers, &header::ORIGIN, "http://");
            let origin = origin.or_else(|| authority(headers, &header::ORIGIN, "https://"));
            if origin.is_none_or(|origin| !origin.as_str().eq_ignore_ascii_case(host.as_str())) {
                let message = "other pages may not ask this server; open its own page";
                return Err(Refusal::new(StatusCode::FORBIDDEN, "wrong_origin", message));
            }
        }
        match self {
            Self::Network { token, .. } if path.starts_with("/api/") => check_token(token, headers),
            _ => Ok(()),
        }
    }

    /// Any other name may be a stranger's that was pointed at this address (DNS rebinding).
    fn is_ours(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match self {
            Self::Loopback => {
                host.eq_ignore_ascii_case("localhost") || address.is_some_and(|a| a.is_loopback())
            }
            Self::Network { host: own, .. } => {
                address.is_some() || ["localhost", own].iter().any(|name| host.eq_ignore_ascii_case(name))
            }
        }
    }
}

fn authority(headers: &HeaderMap, name: &HeaderName, scheme: &str) -> Option<Authority> {
    headers.get(name)?.to_str().ok()?.strip_prefix(scheme)?.parse().ok()
}

fn wrong_host() -> Refusal {
    let message = "the request is for another host; use the address that `genrescope serve` printed";
    Refusal::new(StatusCode::FORBIDDEN, "wrong_host", message)
}

fn check_token(token: &Token, headers: &HeaderMap) -> Result<(), Refusal> {
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.strip_prefix("Bearer "));
    if said.is_some_and(|said| token.is(said)) {
        return Ok(());
    }
    let message = "the token is missing or wrong; use the address with it that `genrescope serve` printed";
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "wrong_token", message))
}

/// The page may load what is its own, and play and show what it made itself; nothing may embed it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
     media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
];

/// Stands before every route.
pub(crate) async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut response = match access.check(request.uri().path(), headers).and_then(|()| check_length(headers))
    {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A body that says how large it is need not be read to be refused.
fn check_length(headers: &HeaderMap) -> Result<(), Refusal> {
    let said =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match said {
        Some(bytes) if bytes > (MAX_UPLOAD_BYTES + FORM_BYTES) as u64 => Err(Refusal::too_large()),
        _ => Ok(()),
    }
}
