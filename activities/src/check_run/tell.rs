//! Telling GitHub one check run: made once, whatever happens between, and then changed.

use std::time::Duration;

use sbh_domain::TenantId;
use sbh_sources::FetchError;
use sbh_sources::github::api::{Api, SendError};
use sbh_sources::github::checks::{
    ANNOTATIONS, Annotation, CheckRun as There, Output, Place, State,
};
use sbh_store::check_run::CheckRun as Row;

use super::CheckRun;
use super::report::Report;
use crate::access::Access;
use crate::error::Failure;

/// What was told: the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told(pub(super) &'static str);

/// Why nothing was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Untold {
    /// GitHub asks to be left alone for so long.
    Limited(Duration),
    /// It may be told later: after so long, or after a growing wait.
    Later { wait: Option<Duration>, why: String },
    /// It cannot be told, and trying again would not help.
    Never(String),
}

impl Untold {
    /// What a failed question means.
    pub(super) fn asking(error: FetchError) -> Self {
        match error {
            FetchError::RateLimited { after } => Self::Limited(after),
            FetchError::Address(why) => Self::Never(why),
            other => Self::Later { wait: None, why: other.to_string() },
        }
    }

    /// What a change means that failed and may be repeated, because it says how things are to be.
    fn changing(error: SendError) -> Self {
        match error {
            SendError::NotSent(error) => Self::asking(error),
            SendError::Unclear(why) => Self::Later { wait: None, why },
            SendError::Refused(why) => Self::Never(why),
        }
    }
}

/// What is to be told: that it is being proved, or its end.
pub(super) struct Saying<'a> {
    pub(super) name: &'static str,
    pub(super) page: &'a str,
    pub(super) report: Option<Report>,
}

impl Saying<'_> {
    /// The state with these annotations.
    pub(super) fn state<'s>(&'s self, annotations: &'s [Annotation]) -> State<'s> {
        let (status, conclusion, title, summary) = match &self.report {
            None => ("in_progress", None, "being proved", "The changed specs are being proved."),
            Some(report) => (
                "completed",
                Some(report.conclusion.as_str()),
                report.title.as_str(),
                report.summary.as_str(),
            ),
        };
        State { status, conclusion, output: Output { title, summary, annotations } }
    }

    /// Its annotations from an index on, as many as one request takes.
    pub(super) fn annotations(&self, from: usize) -> &[Annotation] {
        let all = self.report.as_ref().map_or(&[][..], |report| &report.annotations);
        let rest = &all[from.min(all.len())..];
        &rest[..rest.len().min(ANNOTATIONS)]
    }

    fn label(&self) -> &'static str {
        match self.report.as_ref().map(|report| report.conclusion.as_str()) {
            None => "in_progress",
            Some("success") => "success",
            Some("failure") => "failure",
            Some(_) => "neutral",
        }
    }
}

impl CheckRun {
    pub(super) async fn tell(
        &self,
        tenant: &TenantId,
        access: &Access,
        place: (&str, &str),
        page: &str,
        run: Row,
    ) -> Result<Result<Told, Untold>, Failure> {
        let session = access.session(&self.parts);
        let api = match Api::of(&session) {
            Ok(api) => api,
            Err(error) => return Ok(Err(Untold::asking(error))),
        };
        let place = Place { owner: place.0, name: place.1 };
        let report = match run.report.clone().map(serde_json::from_value).transpose() {
            Ok(report) => report,
            Err(error) => return Ok(Err(Untold::Never(format!("its report: {error}")))),
        };
        let name = if run.pull_number.is_some() { "sbh / pull request" } else { "sbh / specs" };
        let saying = Saying { name, page, report };
        // From here on a sending may be begun that must be ended.
        let there = match self.made(tenant, &api, place, &saying, &run).await? {
            Ok(there) => there,
            Err(untold) => return Ok(Err(untold)),
        };
        if let Err(untold) = finish(&api, place, &saying, &run, there).await {
            return Ok(Err(untold));
        }
        self.parts.store.check_run_told(tenant, &run, saying.report.is_some()).await?;
        tracing::info!(check_run = %run.id, commit = run.commit, said = saying.label(), "a check run is told");
        Ok(Ok(Told(saying.label())))
    }
}

/// A check run at GitHub, as it is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// Made just now, with the state that is to be told and its first annotations.
    Now(There),
    /// Made before: it may say less.
    Before(u64),
}

/// Has a check run that is there say all that is to be said. Annotations are appended, so that how many
/// are there tells which come next: a request whose outcome nobody knows adds none twice.
async fn finish(
    api: &Api<'_>,
    place: Place<'_>,
    saying: &Saying<'_>,
    run: &Row,
    made: Made,
) -> Result<(), Untold> {
    let Some(report) = &saying.report else {
        // It says so since it was made.
        return Ok(());
    };
    let (id, mut there) = match made {
        Made::Now(there) => {
            let first = report.annotations.len().min(ANNOTATIONS);
            if first == report.annotations.len() {
                return Ok(());
            }
            (there.id, first)
        }
        Made::Before(id) => {
            let there = api.check_run(place, id).await.map_err(Untold::asking)?;
            (id, usize::try_from(there.annotations).unwrap_or(usize::MAX))
        }
    };
    loop {
        let next = saying.annotations(there);
        let added = next.len();
        api.update_check_run(place, id, &saying.state(next)).await.map_err(Untold::changing)?;
        there += added;
        if there >= report.annotations.len() {
            return Ok(());
        }
        tracing::debug!(check_run = %run.id, there, "more annotations");
    }
}
