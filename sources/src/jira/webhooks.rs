//! The dynamic webhook of an OAuth app: registered, renewed before its 30 days end, replaced when the
//! tracked projects change; and deliveries that Jira gave up.
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/>

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::Api;
use crate::delivery::Space;
use crate::fetch::FetchError;
use crate::upkeep::{Problem, Replayed, Upkeep};

/// How long before its end a webhook is renewed.
const EARLY: Duration = Duration::from_secs(10 * 24 * 3_600);
const EVENTS: [&str; 3] = ["jira:issue_created", "jira:issue_deleted", "jira:issue_updated"];

/// What the last round left.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The webhook's number.
    id: Option<i64>,
    /// When the last delivery was given up that was replayed, in milliseconds since 1970.
    failed: i64,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    values: Vec<Webhook>,
}

#[derive(Deserialize)]
struct Webhook {
    id: i64,
    #[serde(default)]
    url: Option<String>,
    #[serde(rename = "jqlFilter", default)]
    jql: String,
    #[serde(default)]
    events: Vec<String>,
    #[serde(rename = "expirationDate", default)]
    expires: Value,
}

#[derive(Deserialize)]
struct Registered {
    #[serde(rename = "webhookRegistrationResult", default)]
    results: Vec<Registration>,
}

#[derive(Deserialize)]
struct Registration {
    #[serde(rename = "createdWebhookId")]
    id: Option<i64>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct Failures {
    #[serde(default)]
    values: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    url: String,
    #[serde(rename = "failureTime", default)]
    at: i64,
}

/// One round. What cannot be renewed is a problem and not an error, so that the rest is done.
pub(super) async fn round(api: &Api<'_>, spaces: &[Space], state: Value, upkeep: &mut Upkeep) {
    let mut state: State = serde_json::from_value(state).unwrap_or_default();
    match keep(api, spaces, &mut state).await {
        Ok((summary, again_in)) => {
            upkeep.summary = summary;
            upkeep.again_in = [upkeep.again_in, again_in].into_iter().flatten().min();
        }
        // Days are left: it is tried again when Jira says.
        Err(FetchError::RateLimited { after }) => {
            upkeep.again_in = upkeep.again_in.into_iter().chain([after]).min();
        }
        Err(error) => upkeep.problems.push(Problem::Renewal(error.to_string())),
    }
    match failures(api, &mut state).await {
        Ok(replayed) => upkeep.replayed = replayed,
        // Only the look at what was missed: the next round looks again.
        Err(error) => tracing::warn!(%error, "Jira's failed deliveries cannot be listed"),
    }
    upkeep.state = json!(state);
}

async fn keep(
    api: &Api<'_>,
    spaces: &[Space],
    state: &mut State,
) -> Result<(String, Option<Duration>), FetchError> {
    let now: DateTime<Utc> = api.session.now.into();
    let mut projects: Vec<&str> = spaces.iter().map(|space| space.space.as_str()).collect();
    projects.sort_unstable();
    projects.dedup();
    let jql = format!("project in ({})", projects.join(", "));
    let listed: Listed =
        api.get("webhook", &[("startAt", "0"), ("maxResults", "100")], "the webhooks").await?;
    let ours = |webhook: &Webhook| match &webhook.url {
        Some(url) => url == api.session.webhook_url,
        None => state.id == Some(webhook.id),
    };
    let (fit, others): (Vec<Webhook>, Vec<Webhook>) =
        listed.values.into_iter().filter(ours).partition(|webhook| {
            let mut events = webhook.events.clone();
            events.sort_unstable();
            webhook.jql == jql && events == EVENTS
        });
    let mut done = "the webhook is registered".to_owned();
    let mut again_in = None;
    if projects.is_empty() {
        state.id = None;
        done = "no project is tracked".to_owned();
    } else if let Some(webhook) = fit.first() {
        state.id = Some(webhook.id);
        let mut expires = time(&webhook.expires);
        let left = |at: Option<DateTime<Utc>>| at.and_then(|at| (at - now).to_std().ok());
        if left(expires).is_none_or(|left| left <= EARLY) {
            let body = json!({ "webhookIds": [webhook.id] });
            let answer = api.send(Method::PUT, "webhook/refresh", &body, "the webhook").await?;
            let refreshed: Value = answer.json().map_err(FetchError::Unexpected)?;
            expires = time(&refreshed["expirationDate"]);
            done = "the webhook was renewed".to_owned();
        }
        again_in = left(expires).map(|left| left.saturating_sub(EARLY));
    } else {
        state.id = Some(register(api, &jql).await?);
        done = "a webhook was registered".to_owned();
    }
    // Those before it go last, so that nothing is missed in between.
    let old: Vec<i64> = others.iter().chain(fit.iter().skip(1)).map(|webhook| webhook.id).collect();
    if !old.is_empty() {
        let body = json!({ "webhookIds": old });
        api.send(Method::DELETE, "webhook", &body, "webhooks that were replaced").await?;
    }
    Ok((done, again_in))
}

async fn register(api: &Api<'_>, jql: &str) -> Result<i64, FetchError> {
    let body = json!({
        "url": api.session.webhook_url,
        "webhooks": [{ "jqlFilter": jql, "events": EVENTS }],
    });
    let answer = api.send(Method::POST, "webhook", &body, "a new webhook").await?;
    let registered: Registered = answer.json().map_err(FetchError::Unexpected)?;
    // Jira answers 200 for what it did not register, too.
    let first = registered.results.into_iter().next();
    match first {
        Some(Registration { id: Some(id), .. }) => Ok(id),
        Some(Registration { errors, .. }) => {
            let why: String = errors.join("; ").chars().take(300).collect();
            Err(FetchError::Unexpected(format!("Jira did not register the webhook: {why}")))
        }
        None => Err(FetchError::Unexpected("Jira did not register the webhook".to_owned())),
    }
}

/// Deliveries that Jira gave up after its retries; it keeps them for three days.
async fn failures(api: &Api<'_>, state: &mut State) -> Result<Vec<Replayed>, FetchError> {
    let after = state.failed.to_string();
    let query = [("maxResults", "100"), ("after", after.as_str())];
    let failures: Failures = api.get("webhook/failed", &query, "failed deliveries").await?;
    let mut replayed = Vec::new();
    for failure in failures.values {
        if failure.at <= state.failed && state.failed > 0 && failure.at != 0 {
            continue;
        }
        state.failed = state.failed.max(failure.at);
        if failure.url == api.session.webhook_url
            && let Some(body) = failure.body
        {
            replayed.push(Replayed { headers: HeaderMap::new(), body: Bytes::from(body) });
        }
    }
    Ok(replayed)
}

/// A time as Jira writes it: in milliseconds since 1970, or as text.
fn time(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::Number(number) => DateTime::from_timestamp_millis(number.as_i64()?),
        Value::String(text) => DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")
            .or_else(|_| DateTime::parse_from_rfc3339(text))
            .ok()
            .map(Into::into),
        _ => None,
    }
}
