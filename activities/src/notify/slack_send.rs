//! Sending to Slack: by an incoming webhook, or by `chat.postMessage`.

use std::time::{Duration, SystemTime};

use sbh_outbound::{Answer, Outbound, OutboundError};
use sbh_store::effect::Outcome;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Ending;

/// An answer is a word or a small object.
const ANSWER: usize = 64 * 1024;

/// How Slack is reached.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// An incoming webhook: its address is the secret.
    Webhook {
        /// The address.
        address: String,
    },
    /// `chat.postMessage` with a bot's token.
    Bot {
        /// The base of Slack's Web API.
        api: String,
        /// The token.
        token: String,
        /// The channel's id.
        channel: String,
    },
}

/// Sends a message, once: nothing here tries again. `reference` names it in the message's metadata.
pub(super) async fn send(
    outbound: &Outbound,
    way: &Way,
    message: Value,
    reference: &str,
) -> Ending {
    let mut message = message;
    let (address, token) = match way {
        Way::Webhook { address } => (address.clone(), None),
        Way::Bot { api, token, channel } => {
            message["channel"] = json!(channel);
            message["unfurl_links"] = json!(false);
            message["unfurl_media"] = json!(false);
            message["metadata"] =
                json!({ "event_type": "sbh_alert", "event_payload": { "message": reference } });
            (format!("{}/chat.postMessage", api.trim_end_matches('/')), Some(token))
        }
    };
    let Ok(url) = address.parse() else {
        // The address is a secret, so it is not repeated.
        return Ending::failed(
            "the address of the Slack webhook cannot be read: give the channel another",
        );
    };
    let mut request = outbound.request(http::Method::POST, url).json(&message);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    match outbound.send(request, ANSWER).await {
        Ok(answer) if token.is_some() => of_method(&answer),
        Ok(answer) => of_webhook(&answer),
        Err(OutboundError::Refused(why)) => Ending::failed(why),
        Err(OutboundError::NotSent(why)) => Ending::later(why, None),
        Err(OutboundError::Unclear(why) | OutboundError::TooLarge(why)) => Ending::unknown(why),
    }
}

/// What is common to both: limits and faults of Slack itself.
fn of_status(answer: &Answer) -> Option<Ending> {
    let status = answer.status;
    if let Some(pause) = answer.retry_after(SystemTime::now()) {
        return Some(Ending::later(format!("Slack asks for a pause ({status})"), Some(pause)));
    }
    if status.is_server_error() {
        return Some(Ending::unknown(format!("Slack answered {status}")));
    }
    None
}

/// `ok`, or a status with a word such as `channel_not_found`
/// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>).
fn of_webhook(answer: &Answer) -> Ending {
    if let Some(ending) = of_status(answer) {
        return ending;
    }
    if answer.status.is_success() {
        return Ending::sent(None);
    }
    Ending::failed(format!("Slack refused the message: {} {}", answer.status, word(&answer.body)))
}

/// The answer of a method of the Web API.
#[derive(Deserialize)]
struct Method {
    ok: bool,
    error: Option<String>,
    ts: Option<String>,
    channel: Option<String>,
}

/// `ok: false` comes with status 200 (<https://docs.slack.dev/reference/methods/chat.postMessage>).
fn of_method(answer: &Answer) -> Ending {
    if let Some(ending) = of_status(answer) {
        return ending;
    }
    if !answer.status.is_success() {
        return Ending::failed(format!("Slack refused the message: {}", answer.status));
    }
    let Ok(said) = answer.json::<Method>() else {
        return Ending::unknown("Slack's answer cannot be read");
    };
    if said.ok {
        let place = said.channel.zip(said.ts).map(|(channel, ts)| format!("{channel}/{ts}"));
        return Ending::sent(place);
    }
    let error = word(said.error.unwrap_or_default().as_bytes());
    match error.as_str() {
        "ratelimited" | "rate_limited" => {
            Ending::later("Slack asks for a pause", Some(Duration::from_secs(30)))
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            Ending::unknown(format!("Slack answered {error}"))
        }
        _ => Ending::failed(format!(
            "Slack refused the message: {error}; see docs/OPERATIONS.md for what that means"
        )),
    }
}

/// A word that Slack answered, without anything else.
fn word(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().take(60).filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ')).collect()
}

impl Ending {
    pub(super) fn sent(external_ref: Option<String>) -> Self {
        Self { outcome: Outcome::Sent { external_ref }, pause: None }
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unknown { why: why.into() }, pause: None }
    }

    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed { why: why.into() }, pause: None }
    }

    pub(super) fn later(why: impl Into<String>, pause: Option<Duration>) -> Self {
        Self { outcome: Outcome::NotSent { why: why.into() }, pause }
    }
}
