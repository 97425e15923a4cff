//! Channels: how they are named, and how their messages prove themselves.
//! <https://developers.google.com/workspace/drive/api/guides/push>
//!
//! A message has no signature, only the token that its channel was opened with. The token is made from
//! the connection's secret and the channel's id, and the id names the connection and the time at which
//! the channel ends: nothing is kept, and neither the token of another channel nor one that leaked
//! long ago opens anything.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::delivery::{Delivery, Event, Keys, Malformed, Reading, Refused};

/// What stands in [`Event::spaces`]: a message says only that something changed, in any of them.
pub const ANY: &str = "*";
/// How long after its end a channel's messages are taken: they may have waited.
const LATE: Duration = Duration::from_secs(3_600);
/// Bytes of a message's body at most. There should be none.
const MAX_BODY: usize = 64 * 1024;

/// The id of a new channel of a connection: at most 64 characters of Google's alphabet.
pub(super) fn new_id(connection: Uuid, ends: SystemTime) -> String {
    let ends = seconds(ends);
    let nonce = Uuid::new_v4().simple().to_string();
    format!("sbh-{}-{ends:x}-{}", connection.simple(), &nonce[..8])
}

/// The token of a channel.
pub(super) fn token(secret: &[u8], channel: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret).map(|mut mac| {
        mac.update(b"google_docs channel\0");
        mac.update(channel.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    });
    // Any length is a key for HMAC.
    mac.unwrap_or_default()
}

/// Tells a secret from the one before it, and nothing else of it.
pub(super) fn mark(secret: &[u8]) -> String {
    token(secret, "mark").chars().take(8).collect()
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether a message comes from a channel of this connection.
///
/// # Errors
/// [`Refused`] says why not.
pub(super) fn verify(
    delivery: &Delivery<'_>,
    keys: &Keys<'_>,
    now: SystemTime,
) -> Result<(), Refused> {
    let id = delivery.header("x-goog-channel-id").unwrap_or_default();
    let mut parts = id.split('-');
    let named = (parts.next(), parts.next(), parts.next());
    let (Some("sbh"), Some(connection), Some(ends)) = named else {
        return Err(Refused::never("a message came from a channel that was not opened here"));
    };
    if connection != keys.connection.simple().to_string() {
        return Err(Refused::never("a message came from a channel of another connection"));
    }
    let Some(given) = delivery.header("x-goog-channel-token") else {
        return Err(Refused::never("a message had no token"));
    };
    let mut fits = false;
    for secret in keys.secrets {
        fits |= bool::from(token(secret, id).as_bytes().ct_eq(given.as_bytes()));
    }
    if !fits {
        return Err(Refused::key("a message had a wrong token: its channel has an older secret"));
    }
    match u64::from_str_radix(ends, 16) {
        Ok(ends) if ends.saturating_add(LATE.as_secs()) >= seconds(now) => Ok(()),
        _ => Err(Refused::never("a message came from a channel that has ended")),
    }
}

/// What a genuine message says.
///
/// # Errors
/// When a header is missing.
pub(super) fn parse(delivery: &Delivery<'_>) -> Result<Reading, Malformed> {
    let header = |name: &str| {
        let value = delivery.header(name).filter(|value| (1..=200).contains(&value.len()));
        value.ok_or_else(|| Malformed(format!("the message has no {name}")))
    };
    if delivery.body.len() > MAX_BODY {
        return Err(Malformed("the message has a body".to_owned()));
    }
    let (id, state) = (header("x-goog-channel-id")?, header("x-goog-resource-state")?);
    if state == "sync" {
        return Ok(Reading::Ignored("ping"));
    }
    if !state.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Err(Malformed("the message's state is not a word".to_owned()));
    }
    // Numbers grow, with gaps, and are not unique across channels: no order is read from them.
    let number: u64 = header("x-goog-message-number")?
        .parse()
        .map_err(|_| Malformed("the message's number is none".to_owned()))?;
    Ok(Reading::Changed {
        dedup_key: format!("google_docs:{id}:{number}:{state}"),
        hint: json!({ "event": state, "message": number }),
        events: vec![Event { spaces: vec![ANY.to_owned()], ..Event::default() }],
    })
}

/// A time in words for people.
pub(super) fn told(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).format("%Y-%m-%d %H:%M UTC").to_string()
}
