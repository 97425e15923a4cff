//! Errors as callers see them: problem documents (RFC 9457), each kind with a stable `type` that
//! leads to a page of this server.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use sbh_api::Problem;
use sbh_store::StoreError;

/// The media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! kinds {
    ($($name:ident $status:literal $slug:literal $title:literal $help:literal)*) => {
        /// A kind of problem. Slugs are frozen: callers compare them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $help] $name,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let status: u16 = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The end of the `type`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The kind in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do about it.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

kinds! {
    Invalid 400 "invalid-request" "The request cannot be read"
        "A parameter, a header or the body is not what the address takes. The detail names it; /docs describes what is taken."
    Malformed 400 "malformed-delivery" "The delivery cannot be read"
        "The signature is right, but the body is not the JSON of a GitHub event (or its form encoding). Look at the delivery in the source's settings."
    Unauthorized 401 "unauthorized" "No valid token"
        "Send `Authorization: Bearer` with a token of this server's issuer and audience that has not expired."
    BadSignature 401 "bad-signature" "The signature is missing or wrong"
        "The source must sign the delivery with one of the connection's live secrets, or with its published key. Enter the secret again, or rotate it."
    Forbidden 403 "forbidden" "Not allowed"
        "The token's role may not do this. Ask the tenant's owner for a stronger role."
    UnknownTenant 403 "unknown-tenant" "No such tenant"
        "The token names a tenant that this server does not have. Ask the operator to make it."
    NotFound 404 "not-found" "Not found"
        "There is nothing at this address, or nothing that belongs to the token's tenant."
    MethodNotAllowed 405 "method-not-allowed" "Method not allowed"
        "The address exists, but does not take this method. See /docs."
    RequestTimeout 408 "request-timeout" "The body did not arrive in time"
        "Send the whole body within the time limit."
    Conflict 409 "conflict" "It contradicts what is there"
        "The detail says what is in the way."
    InProgress 409 "in-progress" "The same request is being answered"
        "A request with this Idempotency-Key is under way. Repeat it in a moment."
    SecretWithheld 409 "secret-withheld" "The secret was shown once"
        "The first request with this Idempotency-Key was answered with a secret, which is not kept. The id names what it made; rotate the secret if it is lost."
    PreconditionFailed 412 "precondition-failed" "It is not what it was"
        "Somebody else changed it. Read it again, and repeat the request with its new entity tag."
    TooLarge 413 "too-large" "The body is too large"
        "Webhooks may have 25 MB, API requests 1 MB."
    AnswerNotKept 410 "answer-not-kept" "The answer was too large to be kept"
        "The request with this Idempotency-Key was done. Look at what it made; to have it done again, use a new key."
    UnsupportedMediaType 415 "unsupported-media-type" "The body has another type"
        "The detail says which type the address takes: application/json, but for the text of a document."
    CredentialHost 422 "credential-host" "The connection's credential is for another host"
        "Use a connection without a credential, or one whose credential is for the host of the repository's address."
    KeyMismatch 422 "idempotency-mismatch" "The Idempotency-Key belongs to another request"
        "Use a new key for a new request, and repeat a request exactly."
    Internal 500 "internal" "Something is broken here"
        "The log has the reason under the request's id."
    Overloaded 503 "overloaded" "Too much to do"
        "More is waiting than the server accepts. Repeat the request after the time in Retry-After."
    Unavailable 503 "unavailable" "A part of the server is away"
        "The database did not answer. Repeat the request after the time in Retry-After."
    Paused 503 "connection-paused" "The connection is paused"
        "Nothing is taken from it until somebody resumes it. Then all that it is for is looked at, so that nothing of the pause is missed."
    Deadline 503 "deadline" "It took too long"
        "The request was given up. Repeating it is safe with the same Idempotency-Key."
}

/// Why a request fails.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: Kind,
    detail: Option<String>,
    retry_after_s: Option<u32>,
    id: Option<String>,
}

impl Failure {
    /// A failure of a kind; `detail` says what happened this time and is shown to the caller.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let retry_after_s = (kind.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { kind, detail: Some(detail.into()), retry_after_s, id: None }
    }

    /// The same, to be repeated after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The same, about the thing with this id.
    #[must_use]
    pub fn about(mut self, id: String) -> Self {
        self.id = Some(id);
        self
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { kind, id } => {
                Self::new(Kind::NotFound, format!("no {kind} {id}"))
            }
            StoreError::Conflict(reason) => Self::new(Kind::Conflict, reason),
            error if error.is_retryable() => {
                tracing::warn!(%error, "the store is away");
                Self::new(Kind::Unavailable, "the database did not answer")
            }
            // The database's words may hold more than the caller should see.
            error => {
                tracing::error!(%error, "the store failed");
                Self::new(Kind::Internal, "the database refused the statement")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail,
            instance: None,
            id: self.id,
        };
        let mut response = render(&problem);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The outermost layer adds the request's id.
        response.extensions_mut().insert(problem);
        response
    }
}

/// A problem as a response.
pub fn render(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
}

/// `GET /problems/{slug}`: what a kind means and what to do.
pub async fn page(Path(slug): Path<String>) -> Response {
    let Some(kind) = Kind::ALL.iter().find(|kind| kind.slug() == slug) else {
        return Failure::new(Kind::NotFound, "no such kind of problem").into_response();
    };
    let help = kind.help().replace('<', "&lt;");
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/docs/viewer.css\"><main><h1>{title}</h1>\
         <p>Status {status}, type <code>/problems/{slug}</code></p><p>{help}</p></main></html>",
        title = kind.title(),
        status = kind.status().as_u16(),
    ))
    .into_response()
}

/// What answers an address that does not exist.
pub async fn no_such_address() -> Failure {
    Failure::new(Kind::NotFound, "there is nothing at this address: see /docs")
}

/// What answers a method that an address does not take.
pub async fn no_such_method() -> Failure {
    Failure::new(Kind::MethodNotAllowed, "this address does not take this method: see /docs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_statuses_are_errors() {
        for (n, kind) in Kind::ALL.iter().enumerate() {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert!(
                Kind::ALL[..n].iter().all(|other| other.slug() != kind.slug()),
                "{}",
                kind.slug()
            );
        }
    }

    #[tokio::test]
    async fn a_failure_is_a_problem_document() {
        let failure = Failure::new(Kind::Overloaded, "7 notices wait").retry_after(5);
        let response = failure.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "5");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "/problems/overloaded",
                "title": "Too much to do",
                "status": 503,
                "detail": "7 notices wait",
            })
        );
    }

    #[test]
    fn the_database_s_words_stay_inside() {
        let error = StoreError::Unreadable("postgres://u:swordfish@h".into());
        let failure = Failure::from(error);
        assert_eq!(failure.kind(), Kind::Internal);
        assert!(!format!("{failure:?}").contains("swordfish"));
    }
}
