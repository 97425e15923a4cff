//! From what a channel is to be told to one message that is sent at most once.

use std::time::Duration;

use sbh_domain::{AlertKind, TenantId};
use sbh_store::StoreError;
use sbh_store::alert::NewAlert;
use sbh_store::alert_channel::{Channel, ChannelKind};
use sbh_store::effect::{Begun, Outcome, Sending};
use sbh_store::notify::{Claim, Message};
use sbh_workflows::notify::{DeliverInput, DeliverOutcome, Delivered};
use serde_json::json;

use super::content::Content;
use super::slack_send::Way;
use super::{CHANNEL_PURPOSE, Ending, Notify, email, slack, slack_send};
use crate::error::{Failure, FailureKind};

/// A sending that takes longer counts as one whose outcome nobody knows: longer than the time-outs of
/// the requests.
const LEASE: Duration = Duration::from_secs(60);
/// The first pause after a message that did not arrive; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Attempts after which a channel that cannot be reached is alerted.
const PATIENCE: i32 = 4;
/// How often the end of a sending is tried to be written down before the lease decides.
const WRITES: u32 = 20;

impl Notify {
    /// Sends the channel's next message, if there is one.
    pub(super) async fn deliver_next(
        &self,
        input: DeliverInput,
    ) -> Result<DeliverOutcome, Failure> {
        let DeliverInput { tenant, channel } = input;
        let nothing = |wait: Option<Duration>| DeliverOutcome {
            delivered: if wait.is_some() { Delivered::Later } else { Delivered::Nothing },
            alerts: 0,
            wait_ms: wait.map(millis),
            reason: None,
        };
        let effect = match self.parts.store.claim_message(&tenant, channel).await? {
            Claim::Nothing => return Ok(nothing(None)),
            Claim::Wait(pause) => return Ok(nothing(Some(pause))),
            Claim::Message(effect) => effect,
        };
        let message = match self.parts.store.message(&tenant, effect).await {
            Ok(message) => message,
            // The channel was removed just now.
            Err(StoreError::NotFound { .. }) => return Ok(nothing(None)),
            Err(error) => return Err(error.into()),
        };
        // From here on it must be ended. A worker that is told to stop drops this future, and not the
        // sending: that goes on until its own time-outs.
        let this = self.clone();
        let task = tokio::spawn(async move { this.send_once(&tenant, message).await });
        let outcome = task.await.map_err(|error| {
            Failure::new(FailureKind::Mirror, format!("a message was given up: {error}"))
        })??;
        Ok(outcome.unwrap_or_else(|| nothing(None)))
    }

    /// Sends a message unless somebody else does. `None`: somebody else does or did.
    async fn send_once(
        &self,
        tenant: &TenantId,
        message: Message,
    ) -> Result<Option<DeliverOutcome>, Failure> {
        let store = &self.parts.store;
        let sending = match store.begin_effect(tenant, message.effect, LEASE).await? {
            Begun::Yours(sending) => sending,
            Begun::Not(_) => return Ok(None),
        };
        let alerts = u32::try_from(message.entries.len()).unwrap_or(u32::MAX);
        let channel = message.channel.clone();
        let ending = self.send(tenant, message).await;
        let gap = Duration::from_millis(self.parts.config.notify.gap_ms);
        let pause = match (&ending.outcome, ending.pause) {
            (_, Some(asked)) => asked.max(gap),
            (Outcome::NotSent { .. }, None) => backoff(sending.attempt).max(gap),
            (_, None) => gap,
        };
        self.write_end(tenant, &channel, sending, &ending.outcome, pause).await?;
        let (delivered, reason) = match ending.outcome {
            Outcome::Sent { .. } => (Delivered::Sent, None),
            Outcome::Unknown { why } => (Delivered::Unknown, Some(why)),
            Outcome::Failed { why } => (Delivered::Failed, Some(why)),
            Outcome::NotSent { why } => (Delivered::Later, Some(why)),
        };
        let label = match delivered {
            Delivered::Nothing | Delivered::Later => "later",
            Delivered::Sent => "sent",
            Delivered::Unknown => "unknown",
            Delivered::Failed => "failed",
        };
        self.metrics.messages.with_label_values(&[channel.kind.as_str(), label]).inc();
        tracing::info!(%tenant, channel = %channel.id, message = %sending.id, label, alerts, "a message");
        self.tell_trouble(tenant, &channel, sending, delivered, reason.as_deref()).await?;
        let wait = (pause > gap).then(|| millis(pause));
        Ok(Some(DeliverOutcome { delivered, alerts, wait_ms: wait, reason }))
    }

    /// Writes down how a sending ended. What is not written down would become `unknown`, so a database
    /// that is away for a moment is waited for.
    async fn write_end(
        &self,
        tenant: &TenantId,
        channel: &Channel,
        sending: Sending,
        outcome: &Outcome,
        pause: Duration,
    ) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let ended =
                self.parts.store.end_message(tenant, channel.id, sending, outcome, pause).await;
            match ended {
                Ok(_) => return Ok(()),
                Err(error) if error.is_retryable() && tries < WRITES => {
                    tries += 1;
                    tracing::warn!(%error, "the end of a message is written down later");
                    tokio::time::sleep(Duration::from_millis(250 * u64::from(tries))).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One alert for a channel that refuses or cannot be reached, until a message arrives.
    async fn tell_trouble(
        &self,
        tenant: &TenantId,
        channel: &Channel,
        sending: Sending,
        delivered: Delivered,
        reason: Option<&str>,
    ) -> Result<(), Failure> {
        let key = format!("notify_failing/{}", channel.id);
        let in_trouble = match delivered {
            Delivered::Failed => true,
            Delivered::Later => sending.attempt >= PATIENCE,
            Delivered::Sent => {
                self.parts.store.resolve_alert(tenant, &key).await?;
                false
            }
            Delivered::Unknown | Delivered::Nothing => false,
        };
        if in_trouble {
            let title = format!("the alert channel {} cannot be told anything", channel.name);
            let mut alert = NewAlert::new(AlertKind::NotifyFailing, key, title);
            alert.detail = json!({
                "reason": reason,
                "what_to_do": "sbh alert channel list; mend it, then sbh effect list --state failed",
            });
            self.parts.store.raise_alert(tenant, &alert).await?;
        }
        Ok(())
    }

    async fn send(&self, tenant: &TenantId, message: Message) -> Ending {
        let config = &self.parts.config.notify;
        let channel = message.channel.clone();
        let content = Content::of(message, tenant, &self.parts.config.temporal);
        let reference = content.reference.clone();
        let way = match channel.kind {
            ChannelKind::Email => {
                let to = recipients(&channel);
                if config.email_from.is_empty() || to.is_empty() {
                    return Ending::failed(
                        "no e-mail can be sent: set notify.email_from, and give the channel addresses",
                    );
                }
                let email = email::write(&content);
                return self.mailer.send(&config.email_from, &to, &email, &reference).await;
            }
            ChannelKind::SlackWebhook => match self.secret(&channel) {
                Ok(address) => Way::Webhook { address },
                Err(why) => return Ending::failed(why),
            },
            ChannelKind::SlackBot => {
                let api = config.slack_api_url.clone();
                let place = channel.target.get("channel").and_then(serde_json::Value::as_str);
                match (self.secret(&channel), place) {
                    (Ok(token), Some(channel)) => {
                        Way::Bot { api, token, channel: channel.to_owned() }
                    }
                    (Err(why), _) => return Ending::failed(why),
                    (_, None) => return Ending::failed("the channel names no Slack channel"),
                }
            }
        };
        if let Way::Webhook { address } = &way
            && !config.is_slack_webhook(address)
        {
            return Ending::failed(
                "the address of the Slack webhook is not below notify.slack_webhook_url",
            );
        }
        slack_send::send(&self.parts.outbound, &way, slack::write(&content), &reference).await
    }

    fn secret(&self, channel: &Channel) -> Result<String, String> {
        let name = &channel.name;
        let sealed = channel
            .sealed_secret
            .as_deref()
            .ok_or_else(|| format!("the alert channel {name} has no secret: make it anew"))?;
        let opened = self.parts.keyring.open(CHANNEL_PURPOSE, sealed).map_err(|error| {
            format!("the secret of the alert channel {name} cannot be opened: {error}")
        })?;
        String::from_utf8(opened).map_err(|_| format!("the secret of {name} is no text"))
    }
}

fn recipients(channel: &Channel) -> Vec<String> {
    let to = channel.target.get("to").and_then(serde_json::Value::as_array);
    to.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

fn backoff(attempt: i32) -> Duration {
    let doubled = u32::try_from(attempt.clamp(1, 12) - 1).unwrap_or(0);
    (FIRST_PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
}

fn millis(duration: Duration) -> u64 {
    // Up: a timer that ends too early would find the channel still closed.
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(backoff(1), Duration::from_secs(2));
        assert_eq!(backoff(3), Duration::from_secs(8));
        assert_eq!(backoff(i32::MAX), LONGEST_PAUSE);
        assert_eq!(millis(Duration::from_micros(1_001)), 2);
    }
}
