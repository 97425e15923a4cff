//! Temporal's codec server: the Web UI and the `temporal` command send encrypted payloads here and
//! show the answer.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sbh_api::codec::{CodecPayload, CodecPayloads};
use sbh_runtime::codec::{decode_payload, encode_payload};
use subtle::ConstantTimeEq;
use temporalio_common::protos::temporal::api::common::v1::Payload;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::auth::bearer;
use crate::extract::Body;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// How often at most the token's file is read.
const REREAD_AFTER: Duration = Duration::from_secs(1);
/// The shortest token that counts.
const MIN_TOKEN: usize = 16;

/// The token in the address that the Web UI is given: browsers cannot be told to send a header.
pub struct CodecToken {
    path: Option<PathBuf>,
    held: Mutex<Option<(Instant, Vec<u8>)>>,
}

impl CodecToken {
    /// The token in a file; without one the addresses with a token refuse everything.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, held: Mutex::new(None) }
    }

    /// Whether a token is the right one, compared in constant time.
    fn is(&self, token: &str) -> bool {
        let Some(path) = &self.path else { return false };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|(read, _)| read.elapsed() >= REREAD_AFTER) {
            let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
                tracing::error!(path = %path.display(), %error, "auth.codec_token_file cannot be read");
                String::new()
            });
            *held = Some((Instant::now(), text.trim().as_bytes().to_vec()));
        }
        held.as_ref().is_some_and(|(_, right)| {
            right.len() >= MIN_TOKEN && bool::from(right.ct_eq(token.as_bytes()))
        })
    }
}

/// Only pages of the Web UI may read the answers.
pub fn cors(ui_url: &str) -> CorsLayer {
    // An origin has no path.
    let origin = ui_url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let origin = HeaderValue::from_str(&origin).ok();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origin))
        .allow_methods([Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::HeaderName::from_static("x-namespace"),
            header::HeaderName::from_static("caller-type"),
        ])
        .max_age(Duration::from_secs(600))
}

/// Decrypts payloads for the Web UI.
#[utoipa::path(post, path = "/codec/{token}/decode", tag = "codec", security(()),
    params(("token" = String, Path, description = "The token of `auth.codec_token_file`")),
    request_body = CodecPayloads,
    responses((status = 200, body = CodecPayloads), (status = 401, body = sbh_api::Problem)))]
pub async fn decode_for_ui(
    State(state): State<Shared>,
    Path(token): Path<String>,
    Body(payloads): Body<CodecPayloads>,
) -> Result<Json<CodecPayloads>, Failure> {
    check(&state, &token)?;
    decode(&state, payloads)
}

/// Encrypts payloads that somebody enters in the Web UI.
#[utoipa::path(post, path = "/codec/{token}/encode", tag = "codec", security(()),
    params(("token" = String, Path, description = "The token of `auth.codec_token_file`")),
    request_body = CodecPayloads,
    responses((status = 200, body = CodecPayloads), (status = 401, body = sbh_api::Problem)))]
pub async fn encode_for_ui(
    State(state): State<Shared>,
    Path(token): Path<String>,
    Body(payloads): Body<CodecPayloads>,
) -> Result<Json<CodecPayloads>, Failure> {
    check(&state, &token)?;
    map(payloads, |payload| Ok(encode_payload(&state.keyring, payload)))
}

/// Decrypts payloads for the `temporal` command.
///
/// Payloads belong to all tenants, so that no tenant's token will do: the bearer token is the
/// operator's, that of `auth.codec_token_file`.
#[utoipa::path(post, path = "/codec/decode", tag = "codec", security(()),
    params(("Authorization" = String, Header,
            description = "`Bearer` and the token of `auth.codec_token_file`")),
    request_body = CodecPayloads,
    responses((status = 200, body = CodecPayloads), (status = 401, body = sbh_api::Problem)))]
pub async fn decode_for_operator(
    State(state): State<Shared>,
    headers: HeaderMap,
    Body(payloads): Body<CodecPayloads>,
) -> Result<Json<CodecPayloads>, Failure> {
    check(&state, bearer(&headers).unwrap_or_default())?;
    decode(&state, payloads)
}

fn check(state: &Shared, token: &str) -> Result<(), Failure> {
    if state.codec_token.is(token) {
        return Ok(());
    }
    Err(Failure::new(Kind::Unauthorized, "the token is not the codec server's"))
}

fn decode(state: &Shared, payloads: CodecPayloads) -> Result<Json<CodecPayloads>, Failure> {
    map(payloads, |payload| {
        decode_payload(&state.keyring, payload).map_err(|error| {
            Failure::new(Kind::Invalid, format!("a payload cannot be decrypted: {error}"))
        })
    })
}

fn map(
    payloads: CodecPayloads,
    convert: impl Fn(Payload) -> Result<Payload, Failure>,
) -> Result<Json<CodecPayloads>, Failure> {
    let converted = payloads.payloads.into_iter().map(|payload| Ok(show(convert(read(payload)?)?)));
    Ok(Json(CodecPayloads { payloads: converted.collect::<Result<_, Failure>>()? }))
}

fn read(payload: CodecPayload) -> Result<Payload, Failure> {
    let bytes = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| Failure::new(Kind::Invalid, "a payload's bytes are not base64"))
    };
    let metadata = payload.metadata.iter().map(|(name, value)| Ok((name.clone(), bytes(value)?)));
    Ok(Payload {
        metadata: metadata.collect::<Result<_, Failure>>()?,
        data: bytes(&payload.data)?,
        ..Default::default()
    })
}

fn show(payload: Payload) -> CodecPayload {
    let metadata =
        payload.metadata.iter().map(|(name, value)| (name.clone(), STANDARD.encode(value)));
    CodecPayload { metadata: metadata.collect(), data: STANDARD.encode(&payload.data) }
}
