//! Sends what a service sends, and goes on with what was not accepted as that service would.

use std::time::Duration;

use reqwest::Method;
use sbh_standins::{Delivery, Patience};
use serde_json::Value;
use uuid::Uuid;

use super::origin::Origin;
use super::script::Edit;

/// A pause before the second attempt; each further one is twice as long. The services pause for
/// minutes; a run has no time for that.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(4);

/// One request that a service makes.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its address.
    pub url: String,
    /// Headers and body.
    pub delivery: Delivery,
}

/// What became of an edit's delivery.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The edit's number.
    pub edit: usize,
    /// Deliveries that were to be made: the first and its duplicates.
    pub deliveries: usize,
    /// Those that were answered with success.
    pub acknowledged: usize,
    /// Requests that were made for them.
    pub attempts: usize,
    /// The inbox rows that the acknowledgements named.
    pub rows: Vec<Uuid>,
    /// Answers that no attempt can better.
    pub refused: Vec<String>,
}

/// Sends over connections of its own, as many senders.
#[derive(Clone)]
pub struct Sender(reqwest::Client);

impl Sender {
    /// A sender.
    ///
    /// # Errors
    /// When HTTP cannot be set up.
    pub fn new() -> reqwest::Result<Self> {
        Ok(Self(reqwest::Client::builder().no_proxy().build()?))
    }

    /// Makes an edit's deliveries, the duplicates at the same time as the first.
    pub async fn deliver(
        &self,
        origin: &dyn Origin,
        edit: &Edit,
        request: Option<Request>,
    ) -> Outcome {
        let mut outcome = Outcome { edit: edit.number, ..Outcome::default() };
        // Nobody announces this one: it must be found.
        let Some(request) = request else { return outcome };
        outcome.deliveries = 1 + edit.duplicates;
        let patience = origin.patience();
        let all = (0..outcome.deliveries).map(|_| self.insist(&request, patience));
        let tried = futures::future::join_all(all).await;
        origin.heard(&request, tried.first().and_then(|tried| tried.status));
        for tried in tried {
            outcome.attempts += tried.attempts;
            match tried.status {
                Some(200..300) => {
                    outcome.acknowledged += 1;
                    outcome.rows.extend(row(&tried.body));
                }
                Some(status @ (400..408 | 410..429)) => {
                    outcome.refused.push(format!("{status}: {}", tried.body));
                }
                _ => {}
            }
        }
        outcome
    }

    async fn insist(&self, request: &Request, patience: Patience) -> Tried {
        let mut tried = Tried::default();
        let mut pause = PAUSE;
        loop {
            tried.attempts += 1;
            (tried.status, tried.body) = self.once(request, patience.timeout).await;
            let settled = tried.status.is_some_and(|status| status < 300)
                || !patience.tries_again_after(tried.status);
            if settled || tried.attempts >= patience.attempts as usize {
                return tried;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn once(&self, request: &Request, timeout: Duration) -> (Option<u16>, Value) {
        let mut sent = self.0.request(request.method.clone(), &request.url).timeout(timeout);
        for (name, value) in &request.delivery.headers {
            sent = sent.header(name, value);
        }
        match sent.body(request.delivery.body.clone()).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.bytes().await {
                    Ok(body) => (Some(status), serde_json::from_slice(&body).unwrap_or_default()),
                    // The answer was cut: whoever sent it knows nothing.
                    Err(_) => (None, Value::Null),
                }
            }
            Err(_) => (None, Value::Null),
        }
    }
}

#[derive(Default)]
struct Tried {
    attempts: usize,
    status: Option<u16>,
    body: Value,
}

/// The inbox row that an acknowledgement names: `id`, in the answer to an upload `inbox_id`.
fn row(body: &Value) -> Option<Uuid> {
    let field = if body["inbox_id"].is_string() { &body["inbox_id"] } else { &body["id"] };
    field.as_str()?.parse().ok()
}
