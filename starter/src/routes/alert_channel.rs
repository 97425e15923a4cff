//! Channels: where the tenant's alerts are told. Their secrets are sealed here and never shown.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use sbh_api::alert::{
    ChangeChannel, Channel, ChannelKind, ChannelRules, ChannelTested, NewChannel,
};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::alert::{self, QuietHours};
use sbh_domain::{ChannelId, Permission};
use sbh_runtime::config::NotifyConfig;
use sbh_store::alert_channel;
use sbh_workflows::notify;
use serde_json::{Value, json};

use super::alert::{severity_meant, severity_shown};
use crate::auth::Caller;
use crate::extract::{Body, Id, Query};
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// What the secrets of channels are sealed for: workers open them with the same word.
pub const CHANNEL_PURPOSE: &str = "alert-channel";

/// The longest deduplication window and the longest time before an escalation: a day, a week.
const LONGEST_WINDOW_S: u32 = 86_400;
const LONGEST_ESCALATION_S: u32 = 604_800;

/// Lists the tenant's alert channels by name.
#[utoipa::path(get, path = "/api/alerts/channels", tag = "alerts", params(PageQuery),
    responses((status = 200, body = Page<Channel>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Channel>>, Failure> {
    caller.may(Permission::Read)?;
    let channels = state.store.alert_channels(&caller.tenant).await?;
    let key = |channel: &alert_channel::Channel| channel.name.clone();
    Ok(Json(paging::slice(channels, &query, key, |channel| shown(&state, &caller, channel))?))
}

/// Makes an alert channel.
#[utoipa::path(post, path = "/api/alerts/channels", tag = "alerts", request_body = NewChannel,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = Channel), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn create(
    State(state): State<Shared>,
    caller: Caller,
    Body(new): Body<NewChannel>,
) -> Result<(StatusCode, Json<Channel>), Failure> {
    caller.may(Permission::EditAlertChannels)?;
    let config = &state.config.notify;
    let kind = match new.kind {
        ChannelKind::SlackWebhook => alert_channel::ChannelKind::SlackWebhook,
        ChannelKind::SlackBot => alert_channel::ChannelKind::SlackBot,
        ChannelKind::Email => alert_channel::ChannelKind::Email,
    };
    let secret = match (kind, new.secret) {
        (alert_channel::ChannelKind::Email, None) => None,
        (alert_channel::ChannelKind::Email, Some(_)) => {
            return Err(invalid("secret", "an e-mail channel has none"));
        }
        (_, None) => {
            return Err(invalid("secret", "give the webhook's address or the bot's token"));
        }
        (kind, Some(secret)) => Some(checked_secret(config, kind, secret)?),
    };
    if kind == alert_channel::ChannelKind::Email && config.email_from.is_empty() {
        return Err(invalid("kind", "the operator has set no notify.email_from"));
    }
    let made = alert_channel::NewChannel {
        kind,
        name: name(&new.name)?,
        target: target(kind, new.slack_channel, Some(new.to))?,
        sealed_secret: secret.map(|text| state.keyring.seal(CHANNEL_PURPOSE, text.as_bytes())),
        rules: rules(alert::ChannelRules::default(), new.rules)?,
    };
    let channel = state.store.add_alert_channel(&caller.tenant, &caller.subject, &made).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, &caller, channel))))
}

/// One alert channel.
#[utoipa::path(get, path = "/api/alerts/channels/{id}", tag = "alerts",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Channel), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ChannelId>,
) -> Result<Json<Channel>, Failure> {
    caller.may(Permission::Read)?;
    let channel = state.store.alert_channel(&caller.tenant, id).await?;
    Ok(Json(shown(&state, &caller, channel)))
}

/// Changes an alert channel: what is absent stays.
#[utoipa::path(patch, path = "/api/alerts/channels/{id}", tag = "alerts", request_body = ChangeChannel,
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Channel), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem)))]
pub async fn change(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ChannelId>,
    Body(change): Body<ChangeChannel>,
) -> Result<Json<Channel>, Failure> {
    caller.may(Permission::EditAlertChannels)?;
    let mut channel = state.store.alert_channel(&caller.tenant, id).await?;
    if let Some(new) = change.name {
        channel.name = name(&new)?;
    }
    if change.slack_channel.is_some() || change.to.is_some() {
        channel.target = target(channel.kind, change.slack_channel, change.to)?;
    }
    channel.rules = rules(channel.rules, change.rules)?;
    channel.paused = change.paused.unwrap_or(channel.paused);
    let sealed = match change.secret {
        Some(secret) => {
            let secret = checked_secret(&state.config.notify, channel.kind, secret)?;
            Some(state.keyring.seal(CHANNEL_PURPOSE, secret.as_bytes()))
        }
        None => None,
    };
    let changed = state
        .store
        .change_alert_channel(&caller.tenant, &caller.subject, &channel, sealed.as_deref())
        .await?;
    Ok(Json(shown(&state, &caller, changed)))
}

/// Removes an alert channel. Its secret is deleted; what it was still to be told is dropped.
#[utoipa::path(delete, path = "/api/alerts/channels/{id}", tag = "alerts",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ChannelId>,
) -> Result<StatusCode, Failure> {
    caller.may(Permission::EditAlertChannels)?;
    state.store.remove_alert_channel(&caller.tenant, &caller.subject, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a channel that somebody tries it, whatever its rules.
///
/// The message goes the way of all messages; the alert shows what becomes of it.
#[utoipa::path(post, path = "/api/alerts/channels/{id}/test", tag = "alerts",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = ChannelTested), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn test(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ChannelId>,
) -> Result<(StatusCode, Json<ChannelTested>), Failure> {
    caller.may(Permission::EditAlertChannels)?;
    let alert = state.store.test_alert_channel(&caller.tenant, &caller.subject, id).await?;
    Ok((StatusCode::ACCEPTED, Json(ChannelTested { alert: alert.0 })))
}

fn invalid(field: &str, rule: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Invalid, format!("{field}: {rule}"))
}

fn name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(invalid("name", "use 1 to 100 printable characters"));
    }
    Ok(name.to_owned())
}

/// The secret, if it can be one. It is not repeated in the error.
fn checked_secret(
    config: &NotifyConfig,
    kind: alert_channel::ChannelKind,
    secret: String,
) -> Result<String, Failure> {
    let secret = secret.trim().to_owned();
    let is_plain = secret.len() <= 500 && secret.bytes().all(|b| b.is_ascii_graphic());
    let fits = match kind {
        alert_channel::ChannelKind::SlackWebhook => config.is_slack_webhook(&secret),
        alert_channel::ChannelKind::SlackBot => secret.len() >= 8,
        alert_channel::ChannelKind::Email => false,
    };
    match kind {
        _ if is_plain && fits => Ok(secret),
        alert_channel::ChannelKind::SlackWebhook => Err(invalid(
            "secret",
            format!(
                "use the address of an incoming webhook, {}/…",
                config.slack_webhook_url.trim_end_matches('/')
            ),
        )),
        alert_channel::ChannelKind::SlackBot => Err(invalid("secret", "use a bot's token, xoxb-…")),
        alert_channel::ChannelKind::Email => Err(invalid("secret", "an e-mail channel has none")),
    }
}

/// What is no secret of where a channel leads.
fn target(
    kind: alert_channel::ChannelKind,
    slack_channel: Option<String>,
    to: Option<Vec<String>>,
) -> Result<Value, Failure> {
    let to = to.unwrap_or_default();
    match kind {
        alert_channel::ChannelKind::SlackWebhook if slack_channel.is_none() && to.is_empty() => {
            Ok(json!({}))
        }
        alert_channel::ChannelKind::SlackWebhook => {
            Err(invalid("slack_channel", "a webhook leads to one Slack channel by itself"))
        }
        alert_channel::ChannelKind::SlackBot => {
            let is_id = |id: &String| {
                (2..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
            };
            let channel = slack_channel.filter(is_id).ok_or_else(|| {
                invalid(
                    "slack_channel",
                    "use the channel's id (its details show it), such as C0123456789",
                )
            })?;
            Ok(json!({ "channel": channel }))
        }
        alert_channel::ChannelKind::Email => {
            if !(1..=20).contains(&to.len()) || !to.iter().all(|one| is_address(one)) {
                return Err(invalid("to", "use 1 to 20 addresses such as ops@example.org"));
            }
            Ok(json!({ "to": to }))
        }
    }
}

/// Whether SES can be given this as a receiver: one plain address, nothing that begins a new header or
/// names several.
fn is_address(text: &str) -> bool {
    let plain = |c: char| {
        c.is_ascii_graphic() && !matches!(c, ',' | ';' | '<' | '>' | '"' | '\\' | '(' | ')')
    };
    text.len() <= 254
        && text.chars().all(plain)
        && text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.contains('@') && host.contains('.') && !host.starts_with('.')
        })
}

/// The rules with what a caller says of them.
fn rules(
    mut rules: alert::ChannelRules,
    said: ChannelRules,
) -> Result<alert::ChannelRules, Failure> {
    if let Some(floor) = said.floor {
        rules.floor = severity_meant(floor);
    }
    if let Some(kinds) = said.kinds {
        let kinds = kinds.iter().map(|kind| kind.parse()).collect::<Result<Vec<_>, _>>();
        rules.kinds = kinds.map_err(|error| invalid("rules.kinds", error))?;
    }
    if let Some(quiet) = said.quiet_hours {
        rules.quiet = (!quiet.is_empty())
            .then(|| QuietHours::parse(&quiet))
            .transpose()
            .map_err(|error| invalid("rules.quiet_hours", error))?;
    }
    if let Some(offset) = said.utc_offset {
        rules.utc_offset_min = alert::ChannelRules::parse_offset(&offset)
            .map_err(|error| invalid("rules.utc_offset", error))?;
    }
    if let Some(window) = said.dedup_window_s {
        if window > LONGEST_WINDOW_S {
            return Err(invalid("rules.dedup_window_s", format!("use at most {LONGEST_WINDOW_S}")));
        }
        rules.dedup_window_s = window;
    }
    if let Some(after) = said.escalate_after_s {
        if after > LONGEST_ESCALATION_S {
            let rule = format!("use at most {LONGEST_ESCALATION_S}, 0 for never");
            return Err(invalid("rules.escalate_after_s", rule));
        }
        rules.escalate_after_s = (after > 0).then_some(after);
    }
    Ok(rules)
}

fn shown(state: &Shared, caller: &Caller, channel: alert_channel::Channel) -> Channel {
    let to = channel.target.get("to").and_then(Value::as_array).into_iter().flatten();
    let rules = channel.rules;
    Channel {
        id: channel.id.0,
        kind: match channel.kind {
            alert_channel::ChannelKind::SlackWebhook => ChannelKind::SlackWebhook,
            alert_channel::ChannelKind::SlackBot => ChannelKind::SlackBot,
            alert_channel::ChannelKind::Email => ChannelKind::Email,
        },
        name: channel.name,
        slack_channel: channel.target.get("channel").and_then(Value::as_str).map(str::to_owned),
        to: to.filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        rules: ChannelRules {
            floor: Some(severity_shown(rules.floor)),
            kinds: Some(rules.kinds.iter().map(ToString::to_string).collect()),
            quiet_hours: Some(rules.quiet.map(|quiet| quiet.to_string()).unwrap_or_default()),
            utc_offset: Some(rules.offset_text()),
            dedup_window_s: Some(rules.dedup_window_s),
            escalate_after_s: Some(rules.escalate_after_s.unwrap_or(0)),
        },
        paused: channel.paused,
        sent: channel.sent,
        waiting: channel.waiting,
        last_sent_at: channel.last_sent_at,
        last_error: channel.last_error,
        created_at: channel.created_at,
        workflow_url: state.engine.page(&notify::workflow_id(&caller.tenant, channel.id), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_plain_address() {
        assert!(is_address("ops+sbh@mail.example.org"));
        for bad in
            ["", "a", "a@b", "@b.c", "a@@b.c", "a@b.c,d@e.f", "a@b.c\nBcc: x@y.z", "A <a@b.c>"]
        {
            assert!(!is_address(bad), "{bad:?}");
        }
    }

    #[test]
    fn only_slack_is_reached_by_a_slack_webhook() {
        let config = sbh_runtime::Config::default().notify;
        let kind = alert_channel::ChannelKind::SlackWebhook;
        let check = |secret: &str| checked_secret(&config, kind, secret.to_owned());
        assert!(check("https://hooks.slack.com/services/T0/B0/xyz").is_ok());
        for bad in [
            "https://127.0.0.1/x",
            "http://hooks.slack.com/services/x",
            "https://hooks.slack.com/a b",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
