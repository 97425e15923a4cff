//! The ledger: what was sent against what was acknowledged and what became of it. Pure: it is given
//! what was seen, and says every difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::killer::Kill;
use super::origin::Kind;
use super::script::Edit;
use super::sender::Outcome;
use super::witness::{Recording, counted};

/// What is known of one document in the end.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The document's id; empty where it is not there.
    pub id: String,
    /// Name and verdict of each of its invariants.
    pub invariants: Vec<(String, String)>,
    /// Whether what is recorded is what was seen last.
    pub current: bool,
}

/// An inbox row in the end.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// `open`, `closed` or `parked`.
    pub state: String,
    /// How or why.
    pub reason: Option<String>,
}

/// Everything that was seen of a run.
pub struct Evidence<'a> {
    /// The edits of each source in order.
    pub edits: Vec<(Kind, Vec<&'a Edit>)>,
    /// What became of their deliveries.
    pub outcomes: Vec<Outcome>,
    /// The documents by their number.
    pub documents: BTreeMap<usize, Seen>,
    /// The last edit of each document.
    pub last: &'a BTreeMap<usize, Edit>,
    /// The inbox.
    pub rows: Vec<Row>,
    /// All recordings during the run, first versions left out.
    pub recordings: Vec<Recording>,
    /// What went to the outside.
    pub effects: Effects,
}

/// What went to the outside.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Effects {
    /// Slack messages that arrived.
    pub slack: usize,
    /// E-mails that arrived.
    pub emails: usize,
    /// Check runs that were made.
    pub check_runs: usize,
    /// Effects that are recorded as sent.
    pub sent: usize,
    /// Effects that failed for good, with the reason.
    pub failed: Vec<String>,
    /// Effects of which nobody knows whether they happened.
    pub unknown: Vec<String>,
    /// Effects that were neither sent nor given up when all else was settled.
    pub unfinished: Vec<String>,
    /// Effects that happened twice, and sums of them that do not agree.
    pub twice: Vec<String>,
}

/// The sums of one source.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sums {
    /// Edits that were made.
    pub edits: usize,
    /// Deliveries that were to be made, duplicates included.
    pub deliveries: usize,
    /// Deliveries that were acknowledged.
    pub acknowledged: usize,
    /// Edits of which no delivery was acknowledged: they must be found all the same.
    pub unannounced: usize,
    /// Edits whose own text was judged and recorded.
    pub proved: usize,
    /// Edits that were overtaken by a later one of the same document, which is recorded.
    pub superseded: usize,
    /// Edits that failed with a reason.
    pub failed: usize,
}

/// The ledger of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Ledger {
    /// The seed that the run was drawn from.
    pub seed: u64,
    /// The sums of all sources.
    pub all: Sums,
    /// The sums by source.
    pub sources: BTreeMap<Kind, Sums>,
    /// Inbox rows by how they ended.
    pub rows: BTreeMap<String, usize>,
    /// Distinct texts that were recorded.
    pub recorded: usize,
    /// What went to the outside.
    pub effects: Effects,
    /// What was killed.
    pub kills: Vec<Kill>,
    /// Seconds until the last delivery was made.
    pub sent_s: f64,
    /// Seconds until all was settled.
    pub settled_s: f64,
    /// Everything that does not add up.
    pub differences: Vec<String>,
}

impl Ledger {
    /// Adds up.
    pub fn of(seed: u64, evidence: Evidence<'_>) -> Self {
        let mut differences = Vec::new();
        let outcomes: BTreeMap<usize, &Outcome> =
            evidence.outcomes.iter().map(|outcome| (outcome.edit, outcome)).collect();
        let rows: BTreeMap<&str, &Row> =
            evidence.rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let mut recorded: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (recording, times) in counted(&evidence.recordings) {
            recorded.entry(&recording.document).or_default().insert(&recording.hash);
            if times > 1 {
                differences.push(format!(
                    "the text {:.8} of document {} was recorded {times} times",
                    recording.hash, recording.document
                ));
            }
        }
        let mut sources = BTreeMap::new();
        for (kind, edits) in &evidence.edits {
            let mut sums = Sums::default();
            let mut of_document: BTreeMap<usize, Vec<&Edit>> = BTreeMap::new();
            for edit in edits {
                of_document.entry(edit.document).or_default().push(edit);
                match outcomes.get(&edit.number) {
                    Some(outcome) => sums.take(outcome, &rows, &mut differences),
                    None => differences.push(format!("edit {} was never sent", edit.number)),
                }
            }
            for (document, edits) in of_document {
                let seen = evidence.documents.get(&document);
                sums.account(
                    document,
                    &edits,
                    seen,
                    &recorded,
                    &evidence.last[&document],
                    &mut differences,
                );
            }
            sums.edits = edits.len();
            let accounted = sums.proved + sums.superseded + sums.failed;
            if accounted != sums.edits {
                differences.push(format!(
                    "{kind:?}: {} edits, of which {accounted} are accounted for",
                    sums.edits
                ));
            }
            sources.insert(*kind, sums);
        }
        for twice in &evidence.effects.twice {
            differences.push(format!("happened twice: {twice}"));
        }
        for open in &evidence.effects.unfinished {
            differences.push(format!("an effect is not finished: {open}"));
        }
        let how = |row: &Row| match row.state.as_str() {
            "closed" => row.reason.clone().unwrap_or_else(|| "closed".to_owned()),
            other => other.to_owned(),
        };
        for row in evidence.rows.iter().filter(|row| row.state == "open") {
            differences.push(format!("the inbox row {} is open", row.id));
        }
        let mut all = Sums::default();
        sources.values().for_each(|sums| all.add(sums));
        Self {
            seed,
            all,
            sources,
            rows: counted(evidence.rows.iter().map(how)),
            recorded: recorded.values().map(BTreeSet::len).sum(),
            effects: evidence.effects,
            kills: Vec::new(),
            sent_s: 0.0,
            settled_s: 0.0,
            differences,
        }
    }
}

impl Sums {
    fn take(
        &mut self,
        outcome: &Outcome,
        rows: &BTreeMap<&str, &Row>,
        differences: &mut Vec<String>,
    ) {
        self.deliveries += outcome.deliveries;
        self.acknowledged += outcome.acknowledged;
        self.unannounced += usize::from(outcome.acknowledged == 0);
        for refused in &outcome.refused {
            differences
                .push(format!("the delivery of edit {} was refused: {refused}", outcome.edit));
        }
        for row in &outcome.rows {
            match rows.get(row.to_string().as_str()) {
                None => differences.push(format!(
                    "the acknowledged notice {row} of edit {} is not in the inbox",
                    outcome.edit
                )),
                Some(row) if row.state == "parked" && row.reason.is_none() => {
                    differences.push(format!("the notice {} is parked without a reason", row.id));
                }
                Some(_) => {}
            }
        }
    }

    /// Says of each edit of a document what became of it.
    fn account(
        &mut self,
        document: usize,
        edits: &[&Edit],
        seen: Option<&Seen>,
        recorded: &BTreeMap<&str, BTreeSet<&str>>,
        last: &Edit,
        differences: &mut Vec<String>,
    ) {
        let Some(seen) = seen.filter(|seen| !seen.id.is_empty()) else {
            differences.push(format!("document {document} is lost with {} edits", edits.len()));
            return;
        };
        let verdict = seen.invariants.iter().find(|(name, _)| *name == last.invariant());
        match verdict {
            Some((_, verdict)) if verdict == last.verdict() && seen.current => {}
            Some((_, verdict)) if verdict == "error" => {
                // Judged, and the verdict says why: the edit failed with a reason.
                self.failed += 1;
                self.superseded += edits.len() - 1;
                return;
            }
            Some((_, verdict)) => differences.push(format!(
                "edit {} of document {document} is {verdict} (expected {}), current: {}",
                last.number,
                last.verdict(),
                seen.current
            )),
            None => {
                differences.push(format!("edit {} of document {document} is lost", last.number));
                return;
            }
        }
        let texts = recorded.get(seen.id.as_str()).map_or(0, BTreeSet::len);
        if texts > edits.len() {
            differences.push(format!(
                "document {document} was edited {} times and {texts} texts of it are recorded",
                edits.len()
            ));
        }
        let proved = texts.clamp(usize::from(!edits.is_empty()), edits.len());
        self.proved += proved;
        self.superseded += edits.len() - proved;
    }

    fn add(&mut self, other: &Self) {
        self.edits += other.edits;
        self.deliveries += other.deliveries;
        self.acknowledged += other.acknowledged;
        self.unannounced += other.unannounced;
        self.proved += other.proved;
        self.superseded += other.superseded;
        self.failed += other.failed;
    }
}
