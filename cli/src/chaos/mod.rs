//! `sbh chaos`: a burst of signed edits against a stack of its own, while its parts are killed, and a
//! ledger of what became of each edit.

mod effects;
mod killer;
mod ledger;
mod origin;
mod report;
mod script;
mod sender;
mod stage;
mod witness;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum as _};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;
use rand::Rng as _;
use sbh_standins::StandIns;

use self::killer::{Killer, Pauses};
use self::ledger::{Evidence, Ledger, Row, Seen};
use self::origin::{Ground, Kind, Origin};
use self::script::{Edit, Script};
use self::sender::{Outcome, Sender};
use self::stage::Stage;
use self::witness::{Expected, Witness};
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::{Progress, seconds};

/// Deliveries of one source that are under way at once.
const AT_ONCE: usize = 8;

/// How long settling may take beyond what the number of edits explains.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a run is.
#[derive(Debug, Args)]
pub struct ChaosArgs {
    /// Edits to make.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub edits: u32,
    /// Documents that they are spread over.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub documents: u32,
    /// Sources that the documents are spread over.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Kind::value_variants().to_vec())]
    pub sources: Vec<Kind>,
    /// The pause between two kills; `never` kills nothing.
    #[arg(long, default_value = "5s..10s", value_parser = pauses)]
    pub kill_every: Kills,
    /// The share of deliveries that are made twice.
    #[arg(long, default_value = "50%", value_parser = share)]
    pub duplicates: f64,
    /// Repeats the run of this seed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Keep the run's folder with its logs and data.
    #[arg(long)]
    pub keep: bool,
}

/// Whether and how often to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kills(Option<Pauses>);

fn pauses(text: &str) -> Result<Kills, String> {
    if text == "never" { Ok(Kills(None)) } else { text.parse().map(|pauses| Kills(Some(pauses))) }
}

fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let share = percent.map(|percent| percent / 100.0).filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is no share: write for example 50%"))
}

/// Runs it. The exit status is 1 when anything does not add up.
pub async fn run(home: &Home, arguments: &ChaosArgs, as_json: bool) -> Result<ExitCode> {
    let mut sources = arguments.sources.clone();
    sources.sort_unstable();
    sources.dedup();
    let documents = arguments.documents as usize;
    ensure!(
        documents >= sources.len(),
        Failure::new(format!("{documents} documents do not reach for {} sources", sources.len()))
            .hint("give more --documents or fewer --sources")
    );
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random());
    let progress = Progress::new(as_json);
    progress.say(format!("seed {seed}"));
    let script = Script::draw(
        seed,
        arguments.edits as usize,
        documents,
        sources.len(),
        arguments.duplicates,
    );

    let standins = Arc::new(StandIns::start().context("the stand-ins cannot start")?);
    let stage = Stage::new(home.tools(), standins.settings())?;
    progress.say("settings of this run, which no other stack sees:");
    for (name, value) in stage.settings() {
        progress.say(format!("  {name}={value}"));
    }
    if arguments.keep {
        stage.keep();
        progress.say(format!("its folder is kept: {}", stage.folder().display()));
    }
    let step = progress.step("stack");
    let client = stage.start().await?;
    step.done("its own, with stand-ins for all services");

    effects::have_them_told(&client, &standins).await?;
    let mut origins = Vec::new();
    for (source, kind) in sources.iter().enumerate() {
        let ground =
            Ground { client: &client, standins: &standins, stage: &stage, script: &script, source };
        origins.push(origin::open(*kind, ground).await?);
    }
    let run = Run { stage, standins, client, script, origins, sources, progress };
    let result = run.whole(seed, arguments.kill_every.0).await;
    let ledger = match result {
        Ok(ledger) => ledger,
        Err(error) => {
            run.stage.keep();
            let kept = format!("the run's logs are kept in {}", run.stage.folder().display());
            return Err(Failure::new(format!("{error:#} (seed {seed})")).hint(kept).into());
        }
    };
    if as_json {
        crate::outln!("{}", serde_json::to_string_pretty(&ledger)?);
    } else {
        report::print(&ledger);
    }
    if ledger.differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    run.stage.keep();
    run.progress.say(format!("the run's logs are kept in {}", run.stage.folder().display()));
    Ok(ExitCode::FAILURE)
}

struct Run {
    stage: Stage,
    standins: Arc<StandIns>,
    client: crate::client::Client,
    script: Script,
    origins: Vec<Box<dyn Origin>>,
    sources: Vec<Kind>,
    progress: Progress,
}

impl Run {
    async fn whole(&self, seed: u64, kills: Option<Pauses>) -> Result<Ledger> {
        let witness = Witness(&self.client);
        let firsts = self.expected(Edit::first);
        let step = self.progress.step("first versions");
        let said = |open: &str| step.tick(open);
        witness.settle(&self.origins, &firsts, PATIENCE, said).await?;
        let before = witness.recordings().await?.len();
        step.done(format!("{} documents in {} sources", self.script.documents, self.sources.len()));

        let began = Instant::now();
        let step = self.progress.step("burst");
        let killer = kills.map(|pauses| Killer::new(&self.stage, pauses, seed, began));
        let expected = self.expected(|document| self.script.last_of(document));
        let burst = async {
            let outcomes = self.send().await?;
            let sent = began.elapsed();
            let deliveries: usize = outcomes.iter().map(|outcome| outcome.deliveries).sum();
            self.progress.say(format!("  {deliveries} deliveries made in {}", seconds(sent)));
            let deadline = PATIENCE + Duration::from_millis(20) * outcomes.len().try_into()?;
            let settle =
                || witness.settle(&self.origins, &expected, deadline, |open| step.tick(open));
            settle().await?;
            let settled = began.elapsed();
            if let Some(killer) = &killer {
                // A burst may be over before every part was hit: then they are hit at rest.
                while !killer.killed_each() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            anyhow::Ok((outcomes, sent, settled))
        };
        let (outcomes, sent, settled) = match &killer {
            None => burst.await?,
            Some(killer) => tokio::select! {
                done = burst => done?,
                never = killer.go_on(|kill| self.progress.say(format!("  kill -9 {}", kill.part))) => never,
            },
        };
        // After the last kill nothing may come loose again.
        witness.settle(&self.origins, &expected, PATIENCE, |open| step.tick(open)).await?;
        // Messages of a channel are a second apart, and a sender that was killed holds its effect until
        // its lease ends.
        let end = Instant::now() + PATIENCE;
        loop {
            let open = effects::under_way(&witness).await?;
            if open == 0 || Instant::now() > end {
                break;
            }
            step.tick(format!("{open} effects open"));
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        step.done("settled");
        let evidence = self.evidence(&witness, &expected, outcomes, before).await?;
        let mut ledger = Ledger::of(seed, evidence);
        ledger.kills = killer.map(|killer| killer.kills()).unwrap_or_default();
        (ledger.sent_s, ledger.settled_s) = (sent.as_secs_f64(), settled.as_secs_f64());
        Ok(ledger)
    }

    fn expected(&self, last: impl Fn(usize) -> Edit) -> Expected {
        Expected {
            last: (0..self.script.documents).map(|document| (document, last(document))).collect(),
            sources: self.sources.len(),
            kinds: self.sources.clone(),
        }
    }

    /// Makes all edits, each source for itself at full speed.
    async fn send(&self) -> Result<Vec<Outcome>> {
        let sender = Sender::new()?;
        let all = self.origins.iter().enumerate().map(async |(source, origin)| {
            let origin = origin.as_ref();
            // An edit through the API is its own announcement: those of one document come one after
            // another. Others are made in order, and their announcements may overtake each other.
            let lanes: Vec<Vec<&Edit>> = if origin.kind().is_its_own_announcement() {
                let of =
                    |document| self.script.edits_of(source).filter(move |e| e.document == document);
                self.script.documents_of(source).map(|document| of(document).collect()).collect()
            } else {
                self.script.edits_of(source).map(|edit| vec![edit]).collect()
            };
            let delivered = stream::iter(lanes).map(|lane| {
                let sender = sender.clone();
                // Made now, in order; sent when there is room.
                let first = lane.first().map(|edit| (*edit, origin.edit(edit)));
                async move {
                    let mut outcomes = Vec::new();
                    if let Some((edit, request)) = first {
                        outcomes.push(sender.deliver(origin, edit, request).await);
                    }
                    for edit in lane.into_iter().skip(1) {
                        outcomes.push(sender.deliver(origin, edit, origin.edit(edit)).await);
                    }
                    outcomes
                }
            });
            delivered.buffer_unordered(AT_ONCE).concat().await
        });
        Ok(join_all(all).await.concat())
    }

    /// The inbox when nothing in it is open: polls open rows for a moment, now and then.
    async fn closed_rows(&self, witness: &Witness<'_>) -> Result<Vec<sbh_api::inbox::InboxRow>> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let rows = witness.inbox().await?;
            let open = rows.iter().any(|row| row.state.as_str() == "open");
            if !open || Instant::now() > end {
                return Ok(rows);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn evidence<'a>(
        &'a self,
        witness: &Witness<'_>,
        expected: &'a Expected,
        outcomes: Vec<Outcome>,
        before: usize,
    ) -> Result<Evidence<'a>> {
        let mut documents = BTreeMap::new();
        for origin in &self.origins {
            let found = witness.documents(origin.as_ref()).await?;
            for document in expected.of(origin.as_ref()) {
                let Some(one) = found.get(&origin.key(document)) else { continue };
                let invariants = witness.invariants(one.id).await?;
                let verdict = |i: sbh_api::spec_drift::Invariant| {
                    let verdict = serde_json::to_value(i.verdict).unwrap_or_default();
                    (i.name, verdict.as_str().unwrap_or_default().to_owned())
                };
                documents.insert(
                    document,
                    Seen {
                        id: one.id.to_string(),
                        current: one.observed == one.recorded,
                        invariants: invariants.into_iter().map(verdict).collect(),
                    },
                );
            }
        }
        let rows = self.closed_rows(witness).await?.into_iter().map(|row| Row {
            id: row.id.to_string(),
            state: row.state.as_str().to_owned(),
            reason: row.reason,
        });
        let edits = self.sources.iter().enumerate();
        Ok(Evidence {
            edits: edits.map(|(n, kind)| (*kind, self.script.edits_of(n).collect())).collect(),
            outcomes,
            documents,
            last: &expected.last,
            rows: rows.collect(),
            recordings: witness.recordings().await?.split_off(before),
            effects: effects::told(witness, &self.standins).await?,
        })
    }
}
