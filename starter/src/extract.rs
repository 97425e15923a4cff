//! Parameters and bodies, with problem documents for what cannot be read.

use std::str::FromStr;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Failure, Kind};

/// Bytes of an API request at most.
pub const MAX_BODY: usize = 1 << 20;

/// The one parameter of an address, read by its own rules.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: FromStr + Send,
    T::Err: std::fmt::Display,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state)
                .await
                .map_err(|error| Failure::new(Kind::Invalid, error.body_text()))?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| Failure::new(Kind::Invalid, error.to_string()))
    }
}

/// The query parameters.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| Failure::new(Kind::Invalid, error.body_text()))
    }
}

/// A JSON body. Where the type has a default, no body (or `null`) means that.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

/// A JSON body that may be absent.
#[derive(Debug, Clone)]
pub struct OptionalBody<T>(pub T);

async fn bytes<S: Send + Sync>(request: Request, _: &S) -> Result<Option<Vec<u8>>, Failure> {
    let json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let media = value.split(';').next().unwrap_or_default().trim();
            media.eq_ignore_ascii_case("application/json")
        });
    let bytes = to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| {
        Failure::new(Kind::TooLarge, format!("a request may have {MAX_BODY} bytes"))
    })?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !json {
        return Err(Failure::new(Kind::UnsupportedMediaType, "send the body as application/json"));
    }
    Ok(Some(bytes.to_vec()))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // serde's words name fields and types; they quote no more than a value of the wrong type.
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::new(Kind::Invalid, format!("the body is not what this address takes: {error}"))
    })
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = bytes(request, state).await?;
        let bytes = bytes.ok_or_else(|| Failure::new(Kind::Invalid, "the request has no body"))?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match bytes(request, state).await? {
            None => Ok(Self(T::default())),
            Some(bytes) => Ok(Self(parse::<Option<T>>(&bytes)?.unwrap_or_default())),
        }
    }
}
