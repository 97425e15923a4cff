//! The activity `source_upkeep.run`: one round for one connection.

use std::time::Duration;

use chrono::Utc;
use sbh_domain::{AlertKind, ConnectionId, TenantId};
use sbh_sources::{FetchError, Fetching, Problem, Space, Upkeep};
use sbh_store::StoreError;
use sbh_store::alert::NewAlert;
use sbh_store::connection::{ConnectionChange, SealedCredential};
use sbh_store::source_upkeep::{ConnectionInUse, FollowedSpace, UpkeepDone};
use sbh_workflows::source_upkeep::{RunInput, RunOutcome};

use super::SourceUpkeep;
use crate::access::{Access, failure};
use crate::error::{Failure, FailureKind};
use crate::git::credential;
use crate::pulse::Pulse;

/// Who the audit log names for what a round changes.
const ACTOR: &str = "source_upkeep";

/// What a round came to.
#[derive(Default)]
pub(super) struct Round {
    /// Spaces of which something had changed.
    pub(super) found: u32,
    /// Missed deliveries that were replayed.
    pub(super) replayed: u32,
    /// What cannot be renewed.
    renewal: Option<String>,
    /// What cannot be read.
    trouble: Option<Failure>,
    /// The service asks to be left alone for so long.
    pause: Option<Duration>,
    /// After how long the next round must come at the latest.
    again_in: Option<Duration>,
    /// In one line, what was done.
    summary: String,
}

impl Round {
    /// Notes why something could not be asked. Whether there is sense in asking more.
    pub(super) fn stopped(&mut self, of: &str, error: &FetchError) -> bool {
        if let FetchError::RateLimited { after } = error {
            self.pause = Some(self.pause.unwrap_or_default().max(*after));
            return false;
        }
        let trouble = failure(of, error);
        let alone = matches!(trouble.kind, FailureKind::SpaceMissing | FailureKind::Unexpected);
        self.trouble.get_or_insert(trouble);
        alone
    }
}

impl SourceUpkeep {
    /// One round for one connection. What goes wrong with its service is noted and is no failure of
    /// the activity.
    pub(super) async fn look_after(
        &self,
        pulse: &Pulse,
        input: &RunInput,
    ) -> Result<RunOutcome, Failure> {
        let RunInput { tenant, connection } = input;
        let began = Utc::now();
        let held = match self.parts.store.connection_in_use(tenant, *connection).await {
            // Paused or removed since it was listed.
            Err(StoreError::NotFound { .. }) => return Ok(RunOutcome::default()),
            Ok(held) if held.paused => return Ok(RunOutcome::default()),
            held => held?,
        };
        let mut round = Round::default();
        match Access::open(&self.parts, tenant, *connection).await {
            Ok(mut access) => self.ask(pulse, tenant, &mut access, &mut round).await?,
            Err(failure) if failure.kind.is_about_repository() => round.trouble = Some(failure),
            Err(failure) => return Err(failure),
        }
        let usual = Duration::from_secs(self.parts.config.sources.upkeep_s);
        let problem = round.trouble.as_ref().map(ToString::to_string);
        let problem = problem.or_else(|| round.renewal.clone());
        let due_in = match round.pause {
            Some(pause) => pause.max(usual),
            None => round.again_in.unwrap_or(usual).min(usual),
        };
        let announced = held.last_delivery_at.zip(held.upkept_at);
        let done = UpkeepDone {
            state: None,
            // A little early: a schedule with the same period must not miss it.
            due_in: due_in.mul_f64(0.9),
            summary: std::mem::take(&mut round.summary),
            problem: problem.clone(),
            found_unannounced: round.found > 0
                && announced.is_none_or(|(delivery, upkept)| delivery < upkept),
        };
        let unannounced =
            match self.parts.store.note_upkeep(tenant, *connection, began, &done).await {
                Err(StoreError::NotFound { .. }) => return Ok(RunOutcome::default()),
                unannounced => unannounced?,
            };
        self.alert(tenant, &held, &round).await?;
        super::silence::judge(&self.parts, tenant, &held, unannounced).await?;
        let result = match (&problem, round.pause) {
            (Some(problem), _) => {
                tracing::warn!(source = held.source, problem, "a connection has a problem");
                "failed"
            }
            (None, Some(_)) => "rate_limited",
            (None, None) => "done",
        };
        self.metrics.rounds.with_label_values(&[held.source.as_str(), result]).inc();
        if round.found + round.replayed > 0 {
            self.parts.store.wake_dispatchers().await?;
        }
        Ok(RunOutcome { failed: problem.is_some(), found: round.found, replayed: round.replayed })
    }

    /// Everything that is asked of the service.
    async fn ask(
        &self,
        pulse: &Pulse,
        tenant: &TenantId,
        access: &mut Access,
        round: &mut Round,
    ) -> Result<(), Failure> {
        let connection = access.held.id;
        let followed = self.parts.store.spaces_of(tenant, connection).await?;
        let spaces: Vec<Space> = followed
            .iter()
            .filter_map(|one| {
                let space = access.source.check_space(&one.space).ok()?;
                Some(Space { repository: one.repository, space })
            })
            .collect();
        let asked = self.renew(tenant, access, &spaces).await?;
        let upkeep = match asked {
            Ok(upkeep) => upkeep,
            Err(error) => {
                if !round.stopped("the connection's upkeep", &error) {
                    return Ok(());
                }
                Upkeep::nothing()
            }
        };
        round.again_in = upkeep.again_in;
        round.summary = upkeep.summary;
        for problem in upkeep.problems {
            match problem {
                Problem::Renewal(why) => round.renewal = Some(why),
                Problem::Failing(why) => {
                    round.trouble.get_or_insert(Failure::new(FailureKind::Unreachable, why));
                }
            }
        }
        for delivery in &upkeep.replayed {
            round.replayed += self.replay(tenant, access, &spaces, delivery).await?;
        }
        if !upkeep.replayed.is_empty() {
            // All of them are in the inbox now.
            match self.parts.store.note_upkeep_state(tenant, connection, &upkeep.state).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if access.source.fetching() == Fetching::Documents {
            for followed in &followed {
                let FollowedSpace { baseline: Some(baseline), hosted: true, .. } = followed else {
                    // Its first synchronisation is yet to come.
                    continue;
                };
                pulse.note(followed.repository);
                if !self.poll(tenant, access, followed, baseline, round).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Has the source renew what must be renewed, and keeps at once what it left: a channel that was
    /// made must not be forgotten.
    async fn renew(
        &self,
        tenant: &TenantId,
        access: &mut Access,
        spaces: &[Space],
    ) -> Result<Result<Upkeep, FetchError>, Failure> {
        let connection = access.held.id;
        let _turn = match self.paces.turn(connection).await {
            Ok(turn) => turn,
            Err(after) => return Ok(Err(FetchError::RateLimited { after })),
        };
        let session = access.session(&self.parts);
        let state = access.held.upkeep_state.clone().unwrap_or_default();
        let upkeep = access.source.upkeep(&session, spaces, state).await;
        if let Ok(Upkeep { credential: Some(credential), .. }) = &upkeep {
            // The one before is void already.
            self.keep_credential(tenant, access, credential).await?;
        }
        match &upkeep {
            Err(FetchError::RateLimited { after }) => self.paces.leave_alone(connection, *after),
            // Where deliveries are to be replayed, what was looked through counts only once they are in
            // the inbox: with the end of the round.
            Ok(upkeep)
                if upkeep.replayed.is_empty()
                    && Some(&upkeep.state) != access.held.upkeep_state.as_ref() =>
            {
                let noted = self.parts.store.note_upkeep_state(tenant, connection, &upkeep.state);
                match noted.await {
                    Ok(()) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            _ => {}
        }
        Ok(upkeep)
    }

    /// Keeps a credential that the service gave in place of the connection's, and goes on with it.
    async fn keep_credential(
        &self,
        tenant: &TenantId,
        access: &mut Access,
        credential: &str,
    ) -> Result<(), Failure> {
        let sealed = self.parts.keyring.seal(credential::PURPOSE, credential.as_bytes());
        access.go_on_with(credential);
        let credential = Some(SealedCredential { sealed: &sealed, host: None });
        let change = ConnectionChange { credential, ..ConnectionChange::default() };
        let connection = access.held.id;
        let kept = self.parts.store.change_connection(tenant, ACTOR, connection, &change);
        match kept.await {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Raises what a person should know of, and resolves what is well again.
    async fn alert(
        &self,
        tenant: &TenantId,
        held: &ConnectionInUse,
        round: &Round,
    ) -> Result<(), Failure> {
        let store = &self.parts.store;
        // A service may be away for a moment: what only happens once is noted, and told to nobody.
        let lasting = |kind: FailureKind| kind.is_final() || held.upkeep_problem.is_some();
        let failing = key(AlertKind::SourceFailing, held.id);
        match &round.trouble {
            Some(trouble) if lasting(trouble.kind) => {
                let title = format!("The connection {} fails", held.name);
                let alert = NewAlert::new(AlertKind::SourceFailing, failing, title);
                raise(store, tenant, held, alert, &trouble.to_string()).await?;
            }
            Some(_) => {}
            None if round.pause.is_none() => {
                store.resolve_alert(tenant, &failing).await?;
            }
            None => {}
        }
        let renewal = key(AlertKind::ChannelRenewalFailing, held.id);
        match &round.renewal {
            Some(why) => {
                let title = format!("Notices of {} are about to end", held.name);
                let alert = NewAlert::new(AlertKind::ChannelRenewalFailing, renewal, title);
                raise(store, tenant, held, alert, why).await?;
            }
            None if round.trouble.is_none() && round.pause.is_none() => {
                store.resolve_alert(tenant, &renewal).await?;
            }
            None => {}
        }
        Ok(())
    }
}

/// Names a condition of a connection.
pub(super) fn key(kind: AlertKind, connection: ConnectionId) -> String {
    format!("{}/{connection}", kind.as_str())
}

/// Raises a condition of a connection.
pub(super) async fn raise(
    store: &sbh_store::Store,
    tenant: &TenantId,
    held: &ConnectionInUse,
    alert: NewAlert,
    reason: &str,
) -> Result<(), Failure> {
    let what_to_do = format!("sbh connection test {}", held.name);
    let detail = serde_json::json!({
        "reason": reason,
        "source": held.source,
        "what_to_do": what_to_do,
    });
    let alert = NewAlert { connection: Some(held.id), detail, ..alert };
    store.raise_alert(tenant, &alert).await?;
    Ok(())
}
