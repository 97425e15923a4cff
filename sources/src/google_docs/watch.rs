//! A round of upkeep: the channel that tells of changes is renewed before it ends. The new one is open
//! before the old one is stopped, so that no change falls between them; both tell of some twice.
//! <https://developers.google.com/workspace/drive/api/reference/rest/v3/changes/watch>

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Api, reason};
use super::{changes, channel};
use crate::fetch::FetchError;
use crate::upkeep::{Problem, Upkeep};

/// How long a channel is asked for: the longest that Drive gives for changes.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long before its end a channel is renewed, or a third of its life, where that is shorter.
const MARGIN: Duration = Duration::from_secs(24 * 3_600);
/// How long two channels are open together.
const OVERLAP: Duration = Duration::from_secs(60);
/// When a renewal that failed is tried again.
const AGAIN: Duration = Duration::from_secs(10 * 60);
/// Channels that are remembered at most.
const MOST: usize = 20;

/// What is remembered between rounds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Newest first. All but the first are to be stopped.
    #[serde(default)]
    channels: Vec<Channel>,
}

/// A channel. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Channel {
    id: String,
    /// What Drive calls the thing that it watches.
    resource: String,
    opened: u64,
    ends: u64,
    /// Which secret its token was made from, and what it was opened for.
    mark: String,
    /// When another took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced: Option<u64>,
}

#[derive(Deserialize)]
struct Opened {
    #[serde(rename = "resourceId")]
    resource: String,
    /// Milliseconds since 1970, as text.
    #[serde(default)]
    expiration: Option<String>,
}

impl Channel {
    /// From when on it is renewed.
    fn renewed_from(&self) -> u64 {
        let life = self.ends.saturating_sub(self.opened);
        self.ends.saturating_sub(MARGIN.as_secs().min(life / 3))
    }
}

/// One round. `wanted`: whether there is anything to be told of.
pub(super) async fn round(api: &Api<'_>, wanted: bool, state: Value) -> Result<Upkeep, FetchError> {
    // A state that cannot be read is one of a newer program: channels that it names end by themselves.
    let mut state: State = serde_json::from_value(state).unwrap_or_default();
    let wanted = wanted && api.settings.notices;
    let now = seconds(api.session.now);
    let mark = mark(api);
    let mut problems = Vec::new();
    let mut done = Vec::new();
    let mut again = None;

    state.channels.retain(|channel| channel.ends > now);
    let good = state
        .channels
        .first()
        .is_some_and(|newest| newest.mark == mark && newest.renewed_from() > now);
    if wanted && !good {
        match open(api, &mark).await {
            Ok(opened) => {
                done.push(format!("opened a channel until {}", told(opened.ends)));
                state.channels.insert(0, opened);
            }
            Err(FetchError::RateLimited { after }) => again = Some(after),
            Err(error) => {
                let left = state.channels.first().filter(|newest| newest.mark == mark);
                let left = left.map_or("there is none".to_owned(), |newest| {
                    format!("the present one ends {}", told(newest.ends))
                });
                problems.push(Problem::Renewal(format!(
                    "Drive's channel for changes cannot be opened ({left}): {error}"
                )));
                again = Some(AGAIN);
            }
        }
    }
    let first_stays = usize::from(wanted && !state.channels.is_empty());
    for channel in state.channels.iter_mut().skip(first_stays) {
        channel.replaced.get_or_insert(now);
    }
    let mut kept = Vec::new();
    for (index, channel) in std::mem::take(&mut state.channels).into_iter().enumerate() {
        // Where none is wanted there is nothing to overlap with.
        let overlap = if wanted { OVERLAP.as_secs() } else { 0 };
        let due = channel.replaced.is_some_and(|since| now >= since + overlap);
        if index >= first_stays && due && stop(api, &channel).await? {
            done.push("stopped one that was replaced".to_owned());
        } else {
            kept.push(channel);
        }
    }
    kept.truncate(MOST);
    let overlapping = kept.iter().any(|channel| channel.replaced.is_some());
    let renewal = kept.first().filter(|_| wanted && again.is_none());
    let renewal = renewal.map(|newest| {
        Duration::from_secs(newest.renewed_from().saturating_sub(now).max(OVERLAP.as_secs()))
    });
    let again_in = [again, renewal, overlapping.then_some(OVERLAP)].into_iter().flatten().min();
    if done.is_empty() {
        done.push(format!("{} open channels", kept.len()));
    }
    Ok(Upkeep {
        state: json!(State { channels: kept }),
        credential: None,
        again_in,
        replayed: Vec::new(),
        problems,
        summary: done.join(", "),
    })
}

async fn open(api: &Api<'_>, mark: &str) -> Result<Channel, FetchError> {
    let session = api.session;
    let place = changes::start(api).await?;
    let ends = session.now + LIFE;
    let id = channel::new_id(session.connection, ends);
    let body = json!({
        "id": id,
        "type": "web_hook",
        "address": session.webhook_url,
        "token": channel::token(session.secret, &id),
        "expiration": (seconds(ends) * 1_000).to_string(),
    });
    let mut query = vec![
        ("pageToken", place.as_str()),
        ("includeRemoved", "true"),
        ("supportsAllDrives", "true"),
        ("includeItemsFromAllDrives", "true"),
    ];
    query.extend(api.settings.drive_id.as_deref().map(|drive| ("driveId", drive)));
    let answer = api.post("/changes/watch", &query, &body).await?;
    if answer.status.is_client_error()
        && api
            .refusal(&answer, "")
            .is_some_and(|error| !matches!(error, FetchError::RateLimited { .. }))
    {
        return Err(FetchError::Unexpected(format!(
            "Drive answered {} ({}); it delivers only to https addresses with a valid certificate",
            answer.status.as_u16(),
            reason(&answer)
        )));
    }
    let opened: Opened = api.read(&answer, "the channel")?;
    let told = opened.expiration.and_then(|text| text.parse::<u64>().ok()).map(|ms| ms / 1_000);
    Ok(Channel {
        id,
        resource: opened.resource,
        opened: seconds(session.now),
        // Drive may give less than what was asked for.
        ends: told.unwrap_or(seconds(ends)).min(seconds(ends)),
        mark: mark.to_owned(),
        replaced: None,
    })
}

/// Whether a channel is stopped now. One that cannot be stopped ends by itself.
async fn stop(api: &Api<'_>, channel: &Channel) -> Result<bool, FetchError> {
    let body = json!({ "id": channel.id, "resourceId": channel.resource });
    match api.post("/channels/stop", &[], &body).await {
        Ok(answer) => {
            Ok(answer.status.is_success() || answer.status == http::StatusCode::NOT_FOUND)
        }
        Err(error @ FetchError::Credential(_)) => Err(error),
        Err(_) => Ok(false),
    }
}

/// What a channel was opened with; with anything else another is needed.
fn mark(api: &Api<'_>) -> String {
    let session = api.session;
    let drive = api.settings.drive_id.as_deref().unwrap_or_default();
    let place = sbh_domain::Digest::of_fields([session.webhook_url.as_bytes(), drive.as_bytes()]);
    let place: String = place.to_string().chars().take(8).collect();
    format!("{}-{place}", channel::mark(session.secret))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn told(seconds: u64) -> String {
    channel::told(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
