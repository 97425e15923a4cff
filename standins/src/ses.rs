//! Amazon SES, version 2: sending one e-mail
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>). It takes no key
//! against doubles: what is sent twice arrives twice.

use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::service::{Service, lock};

/// The stand-in.
pub struct Ses {
    /// Its server.
    pub service: Service,
    mails: Arc<Mutex<Vec<Mail>>>,
}

/// An e-mail that was taken.
#[derive(Debug, Clone, Serialize)]
pub struct Mail {
    /// When it came.
    pub at: DateTime<Utc>,
    /// The id that it was given.
    pub id: String,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The body as text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
    /// The whole request.
    pub body: Value,
}

impl Ses {
    pub(crate) fn start(runtime: &Handle) -> io::Result<Self> {
        let mails = Arc::new(Mutex::new(Vec::new()));
        let routes = Router::new()
            .route("/v2/email/outbound-emails", post(send))
            .route("/v2/email/account", get(account))
            .with_state(Arc::clone(&mails));
        Ok(Self { service: Service::start(runtime, routes)?, mails })
    }

    /// Every e-mail, in the order of arrival.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.mails).clone()
    }
}

/// An error as the JSON protocols of AWS write it.
fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = Json(json!({ "__type": kind, "message": message }));
    (status, [("x-amzn-errortype", kind.to_owned())], body).into_response()
}

/// Requests are signed; the stand-in has no secret to check the signature with.
fn is_signed(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 "))
}

async fn send(
    State(mails): State<Arc<Mutex<Vec<Mail>>>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if !is_signed(&headers) {
        let message = "Missing Authentication Token";
        return error(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", message);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let simple = &body["Content"]["Simple"];
    let to: Vec<String> = ["ToAddresses", "CcAddresses", "BccAddresses"]
        .iter()
        .flat_map(|field| body["Destination"][field].as_array().into_iter().flatten().map(text))
        .collect();
    let mail = Mail {
        at: Utc::now(),
        id: format!("{}-000000", Uuid::new_v4()),
        from: text(&body["FromEmailAddress"]),
        to,
        subject: text(&simple["Subject"]["Data"]),
        text: text(&simple["Body"]["Text"]["Data"]),
        html: text(&simple["Body"]["Html"]["Data"]),
        body: body.clone(),
    };
    if mail.to.is_empty() || mail.from.is_empty() {
        return error(
            StatusCode::BAD_REQUEST,
            "BadRequestException",
            "1 validation error detected",
        );
    }
    let id = mail.id.clone();
    lock(&mails).push(mail);
    Json(json!({ "MessageId": id })).into_response()
}

async fn account() -> Json<Value> {
    Json(json!({
        "SendingEnabled": true,
        "ProductionAccessEnabled": true,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": { "Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0 },
    }))
}
