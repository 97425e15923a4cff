//! Making a check run at GitHub: once. GitHub takes no idempotency key, so that the intention is
//! committed first, one sender begins it, and a sending whose outcome nobody knows is looked up by our
//! own name for it before anything is sent again.

use std::time::Duration;

use chrono::Utc;
use sbh_domain::{EffectId, TenantId};
use sbh_sources::github::api::{Api, SendError};
use sbh_sources::github::checks::{NewCheckRun, Place};
use sbh_store::check_run::CheckRun as Row;
use sbh_store::effect::{Begun, EffectState, NewEffect, Outcome, Sending};
use serde_json::json;

use super::CheckRun;
use super::tell::{Made, Saying, Untold};
use crate::error::Failure;

/// A sending that takes longer is one whose outcome nobody knows: longer than a request's time-outs.
const LEASE: Duration = Duration::from_secs(45);
/// How long what was sent may take to be seen at GitHub.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// How often the end of a sending is tried to be written down.
const WRITES: u32 = 20;

impl CheckRun {
    /// The check run at GitHub, made if it is not there.
    pub(super) async fn made(
        &self,
        tenant: &TenantId,
        api: &Api<'_>,
        place: Place<'_>,
        saying: &Saying<'_>,
        run: &Row,
    ) -> Result<Result<Made, Untold>, Failure> {
        let store = &self.parts.store;
        let commit: String = run.commit.chars().take(8).collect();
        let effect = NewEffect {
            kind: "check_run",
            idempotency_key: run.external_id(),
            target: format!("{}/{}@{commit}", place.owner, place.name),
            channel: None,
            payload: json!({ "check_run": run.id.to_string(), "generation": run.generation }),
        };
        let effect = store.intend_effect(tenant, &effect).await?.id();
        // Twice: what a look-up did not find is sent in the same call.
        for _ in 0..2 {
            match store.begin_effect(tenant, effect, LEASE).await? {
                Begun::Yours(sending) => {
                    return self.send(tenant, api, place, saying, run, sending).await;
                }
                Begun::Not(EffectState::Unknown) => {
                    match self.look_up(tenant, api, place, saying, run, effect).await? {
                        Ok(Some(id)) => return Ok(Ok(Made::Before(id))),
                        Ok(None) => {}
                        Err(untold) => return Ok(Err(untold)),
                    }
                }
                Begun::Not(EffectState::Sent) => {
                    let sent = store.effect(tenant, effect).await?.external_ref;
                    return Ok(match sent.as_deref().map(str::parse) {
                        Some(Ok(id)) => Ok(Made::Before(id)),
                        // A person says that it is there: where, only GitHub can tell.
                        _ => find(api, place, saying, run).await.and_then(|found| {
                            let why = "GitHub has no check run that was said to be there";
                            found.map(Made::Before).ok_or_else(|| Untold::Never(why.to_owned()))
                        }),
                    });
                }
                Begun::Not(EffectState::Sending) => {
                    let why = "it is being sent by somebody else, or was when that one stopped";
                    return Ok(Err(Untold::Later { wait: Some(LEASE), why: why.to_owned() }));
                }
                // Resolved or given back just now.
                Begun::Not(EffectState::Intended) => {}
                Begun::Not(EffectState::Failed | EffectState::Dropped) => {
                    let said = store.effect(tenant, effect).await?.reason;
                    let why = said.unwrap_or_else(|| "it is not to be sent".to_owned());
                    return Ok(Err(Untold::Never(why)));
                }
            }
        }
        Ok(Err(Untold::Later { wait: None, why: "somebody else tells it".to_owned() }))
    }

    async fn send(
        &self,
        tenant: &TenantId,
        api: &Api<'_>,
        place: Place<'_>,
        saying: &Saying<'_>,
        run: &Row,
        sending: Sending,
    ) -> Result<Result<Made, Untold>, Failure> {
        let external_id = run.external_id();
        let new = NewCheckRun {
            name: saying.name,
            head_sha: &run.commit,
            external_id: &external_id,
            details_url: saying.page,
            state: saying.state(saying.annotations(0)),
        };
        let sent = api.create_check_run(place, &new).await;
        let outcome = match &sent {
            Ok(there) => Outcome::Sent { external_ref: Some(there.id.to_string()) },
            Err(SendError::NotSent(error)) => Outcome::NotSent { why: error.to_string() },
            Err(SendError::Unclear(why)) => Outcome::Unknown { why: why.clone() },
            Err(SendError::Refused(why)) => Outcome::Failed { why: why.clone() },
        };
        self.write_end(tenant, sending, &outcome).await?;
        Ok(match sent {
            Ok(there) => Ok(Made::Now(there)),
            Err(SendError::NotSent(error)) => Err(Untold::asking(error)),
            Err(SendError::Unclear(why)) => Err(Untold::Later { wait: Some(SEEN_WITHIN), why }),
            Err(SendError::Refused(why)) => Err(Untold::Never(why)),
        })
    }

    /// Writes down how a sending ended. What is not written down becomes unknown, and is looked up.
    async fn write_end(
        &self,
        tenant: &TenantId,
        sending: Sending,
        outcome: &Outcome,
    ) -> Result<(), Failure> {
        for attempt in 0.. {
            match self.parts.store.end_effect(tenant, sending, outcome).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_retryable() && attempt < WRITES => {
                    tracing::warn!(%error, "the end of a sending is not written down yet");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Finds out what became of a sending. `None`: it never arrived, and may be sent again.
    async fn look_up(
        &self,
        tenant: &TenantId,
        api: &Api<'_>,
        place: Place<'_>,
        saying: &Saying<'_>,
        run: &Row,
        effect: EffectId,
    ) -> Result<Result<Option<u64>, Untold>, Failure> {
        let store = &self.parts.store;
        let known = store.effect(tenant, effect).await?;
        let found = match find(api, place, saying, run).await {
            Ok(found) => found,
            Err(untold) => return Ok(Err(untold)),
        };
        let age = Utc::now() - known.changed_at;
        let old = age.to_std().is_ok_and(|age| age >= SEEN_WITHIN);
        if found.is_none() && !old {
            // What was sent a moment ago may not be seen yet.
            let why = "GitHub does not show yet whether it is there".to_owned();
            return Ok(Err(Untold::Later { wait: Some(SEEN_WITHIN), why }));
        }
        let outcome = match found {
            Some(id) => Outcome::Sent { external_ref: Some(id.to_string()) },
            None => Outcome::NotSent { why: "GitHub has no such check run".to_owned() },
        };
        tracing::info!(check_run = %run.id, found = found.is_some(), "an unknown sending is looked up");
        let sending = Sending { id: effect, attempt: known.attempt };
        store.end_effect(tenant, sending, &outcome).await?;
        Ok(Ok(found))
    }
}

async fn find(
    api: &Api<'_>,
    place: Place<'_>,
    saying: &Saying<'_>,
    run: &Row,
) -> Result<Option<u64>, Untold> {
    let external_id = run.external_id();
    let found = api.find_check_run(place, &run.commit, saying.name, &external_id).await;
    found.map(|found| found.map(|there| there.id)).map_err(Untold::asking)
}
