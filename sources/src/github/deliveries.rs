//! Deliveries that GitHub made in vain: it never makes one again by itself, and keeps them for three
//! days.
//! <https://docs.github.com/en/rest/apps/webhooks>,
//! <https://docs.github.com/en/rest/repos/webhooks>

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{Api, DELIVERY, Who};
use super::settings::Settings;
use crate::fetch::FetchError;
use crate::upkeep::{Problem, Replayed, Upkeep};

/// How far back deliveries are looked for: so long GitHub keeps them.
const WINDOW: TimeDelta = TimeDelta::days(3);
/// Pages of a round, of 100 deliveries each.
const PAGES: usize = 40;
/// Deliveries that one round replays.
const REPLAYED: usize = 200;
/// Bytes that one round replays: all of them are held at once.
const BYTES: usize = 64 << 20;
/// Between two rounds.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// A delivery as young as this may still be under way.
const UNDER_WAY: TimeDelta = TimeDelta::seconds(30);

/// What the next round needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The newest delivery that no later round needs to look at.
    seen: u64,
}

/// A delivery as the list has it.
#[derive(Debug, Clone, Deserialize)]
struct Listed {
    id: u64,
    /// The same for all attempts to deliver one event.
    guid: String,
    delivered_at: DateTime<Utc>,
    #[serde(default)]
    status_code: i64,
    event: String,
}

/// A delivery whole.
#[derive(Deserialize)]
struct Whole {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    /// The event, as an object: its bytes are not kept.
    payload: Value,
}

/// Events that are of use.
const EVENTS: [&str; 4] = ["push", "pull_request", "check_run", "check_suite"];

/// Which webhook's deliveries are looked through, and who may.
fn hook(settings: &Settings) -> Option<(Who, Vec<String>)> {
    let path = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
    if let (Some(owner), Some(hook)) = (&settings.owner, settings.hook_id) {
        let hook = hook.to_string();
        let parts: Vec<&str> = match owner.split_once('/') {
            Some((owner, name)) => vec!["repos", owner, name, "hooks", &hook, "deliveries"],
            None => vec!["orgs", owner, "hooks", &hook, "deliveries"],
        };
        return Some((Who::Installation, path(&parts)));
    }
    settings.app_id?;
    Some((Who::App, path(&["app", "hook", "deliveries"])))
}

/// Looks through the deliveries since the last round and fetches those that came through in no attempt.
pub(super) async fn round(
    api: &Api<'_>,
    state: Value,
    now: DateTime<Utc>,
) -> Result<Upkeep, FetchError> {
    let Some((who, path)) = hook(api.settings()) else { return Ok(Upkeep::nothing()) };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let before: State = serde_json::from_value(state).unwrap_or_default();
    let (listed, whole) = list(api, who, &path, before.seen, now).await?;
    let plan = plan(&listed, before.seen, now);

    let (mut replayed, mut bytes, mut problems) = (Vec::new(), 0, Vec::new());
    let mut left = None;
    for delivery in &plan.missed {
        if replayed.len() >= REPLAYED || bytes >= BYTES {
            // The next round begins with this one.
            left = Some(delivery.id);
            break;
        }
        match fetch(api, who, &path, delivery).await {
            Ok(one) => {
                bytes += one.body.len();
                replayed.push(one);
            }
            // Gone meanwhile, or not to be read: no reason to lose the others.
            Err(FetchError::NotFound(why) | FetchError::Unexpected(why)) => {
                problems.push(Problem::Failing(format!("a missed delivery is lost: {why}")));
            }
            Err(error) if replayed.is_empty() => return Err(error),
            Err(_) => {
                left = Some(delivery.id);
                break;
            }
        }
    }
    if !whole {
        let why = "more deliveries were made since the last look than are looked through";
        problems.push(Problem::Failing(why.to_owned()));
    }
    let seen = left.map_or(plan.seen, |id| id.saturating_sub(1)).max(before.seen);
    let summary = format!(
        "{} deliveries looked at, {} missed, {} replayed",
        listed.len(),
        plan.missed.len(),
        replayed.len()
    );
    let again_in = Some(if left.is_some() { Duration::from_secs(60) } else { AGAIN });
    let state = serde_json::to_value(State { seen }).unwrap_or_default();
    Ok(Upkeep { state, again_in, credential: None, replayed, problems, summary })
}

/// The deliveries with a higher id than `seen` within the window, newest first, and whether these are
/// all.
async fn list(
    api: &Api<'_>,
    who: Who,
    path: &[&str],
    seen: u64,
    now: DateTime<Utc>,
) -> Result<(Vec<Listed>, bool), FetchError> {
    let mut listed: Vec<Listed> = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let mut query = vec![("per_page", "100")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = api.get_small(who, path, &query, "the webhook's deliveries").await?;
        let page: Vec<Listed> = answer.json().map_err(FetchError::Unexpected)?;
        let old = |one: &Listed| one.id <= seen || now - one.delivered_at > WINDOW;
        let reached = page.iter().any(old);
        listed.extend(page.into_iter().filter(|one| !old(one)));
        cursor = next_cursor(&answer.headers);
        if reached || cursor.is_none() {
            return Ok((listed, true));
        }
    }
    Ok((listed, false))
}

/// The cursor of the next page: `Link: <https://…?cursor=X>; rel="next"`.
fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let link = headers.get("link")?.to_str().ok()?;
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let url = next.split_once('<')?.1.split_once('>')?.0;
    let url = reqwest::Url::parse(url).ok()?;
    url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned())
}

/// What a list asks for.
#[derive(Debug)]
struct Plan<'a> {
    /// Deliveries to be fetched, oldest first: one of each event that came through in no attempt.
    missed: Vec<&'a Listed>,
    /// The newest delivery that no later round needs to look at.
    seen: u64,
}

fn plan(listed: &[Listed], seen: u64, now: DateTime<Utc>) -> Plan<'_> {
    let arrived: HashSet<&str> = listed
        .iter()
        .filter(|one| (200..300).contains(&one.status_code))
        .map(|one| one.guid.as_str())
        .collect();
    // One that is young may still arrive: it and all that came after it are left to the next round.
    let young = listed.iter().filter(|one| now - one.delivered_at < UNDER_WAY).map(|one| one.id);
    let horizon = young.min().map_or(u64::MAX, |id| id.saturating_sub(1));
    let mut taken = HashSet::new();
    let mut missed: Vec<&Listed> = listed
        .iter()
        .filter(|one| one.id <= horizon && EVENTS.contains(&one.event.as_str()))
        .filter(|one| !arrived.contains(one.guid.as_str()) && taken.insert(one.guid.as_str()))
        .collect();
    missed.sort_by_key(|one| one.id);
    let newest = listed.iter().map(|one| one.id).filter(|id| *id <= horizon).max();
    Plan { missed, seen: newest.unwrap_or(seen) }
}

async fn fetch(
    api: &Api<'_>,
    who: Who,
    path: &[&str],
    delivery: &Listed,
) -> Result<Replayed, FetchError> {
    let id = delivery.id.to_string();
    let path: Vec<&str> = path.iter().copied().chain([id.as_str()]).collect();
    let answer = api.get(who, &path, &[], DELIVERY, "a missed delivery").await?;
    let whole: Whole = answer.json().map_err(FetchError::Unexpected)?;
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let text = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| FetchError::Unexpected("a delivery has an unreadable name".to_owned()))
    };
    headers.insert(HeaderName::from_static("x-github-event"), text(&delivery.event)?);
    headers.insert(HeaderName::from_static("x-github-delivery"), text(&delivery.guid)?);
    Ok(Replayed { headers, body: Bytes::from(whole.request.payload.to_string()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: u64, guid: &str, status_code: i64, age_s: i64) -> Listed {
        Listed {
            id,
            guid: guid.into(),
            delivered_at: at() - TimeDelta::seconds(age_s),
            status_code,
            event: "push".into(),
        }
    }

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn planned(listed: &[Listed]) -> (Vec<u64>, u64) {
        let plan = plan(listed, 7, at());
        (plan.missed.iter().map(|one| one.id).collect(), plan.seen)
    }

    #[test]
    fn an_event_is_missed_when_no_attempt_came_through() {
        let failed = [one(14, "d", 0, 100), one(13, "c", 202, 200), one(12, "b", 503, 300)];
        assert_eq!(planned(&failed), (vec![12, 14], 14));
        // Redelivered by a person, with success; or twice in vain.
        let again = [one(14, "b", 200, 100), one(13, "c", 500, 150), one(12, "b", 503, 300)];
        assert_eq!(planned(&again), (vec![13], 14));
        let twice = [one(14, "b", 502, 100), one(12, "b", 503, 300)];
        assert_eq!(planned(&twice), (vec![14], 14));
    }

    #[test]
    fn what_may_be_under_way_is_left_to_the_next_round() {
        let young = [one(15, "e", 0, 100), one(14, "d", 0, 5), one(12, "b", 503, 300)];
        assert_eq!(planned(&young), (vec![12], 12));
        assert_eq!(planned(&[one(14, "d", 0, 5)]), (vec![], 7));
        assert_eq!(planned(&[]), (vec![], 7));
    }

    #[test]
    fn events_of_no_use_are_not_fetched() {
        let star = Listed { event: "star".into(), ..one(9, "s", 500, 100) };
        assert_eq!(planned(&[star]), (vec![], 9));
    }

    #[test]
    fn the_next_page_is_named_by_a_link() {
        let link =
            |text| HeaderMap::from_iter([(http::header::LINK, HeaderValue::from_static(text))]);
        let next = r#"<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_a%3Db>; rel="next""#;
        assert_eq!(next_cursor(&link(next)).as_deref(), Some("v1_a=b"));
        assert_eq!(next_cursor(&link("<https://x/?cursor=1>; rel=\"prev\"")), None);
        assert_eq!(next_cursor(&link("nonsense; rel=\"next\"")), None);
        assert_eq!(next_cursor(&HeaderMap::new()), None);
    }

    #[test]
    fn the_hook_is_the_one_that_is_named_or_the_app_s() {
        let of = |settings: Value| {
            hook(&Settings::check(&settings).unwrap()).map(|(who, path)| (who, path.join("/")))
        };
        use serde_json::json;
        assert_eq!(
            of(json!({"owner": "acme/shop", "hook_id": 7})),
            Some((Who::Installation, "repos/acme/shop/hooks/7/deliveries".into()))
        );
        assert_eq!(
            of(json!({"owner": "acme", "hook_id": 7})),
            Some((Who::Installation, "orgs/acme/hooks/7/deliveries".into()))
        );
        assert_eq!(
            of(json!({"app_id": 1, "installation_id": 2})),
            Some((Who::App, "app/hook/deliveries".into()))
        );
        assert_eq!(of(json!({})), None);
    }
}
