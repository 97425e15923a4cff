//! The ledger for people.

use std::collections::BTreeMap;

use super::ledger::{Ledger, Sums};
use super::witness::counted;
use crate::style::Style;
use crate::table::{Rows, cell};
use crate::{out, outln};

/// Differences that are shown one by one.
const SHOWN: usize = 20;

/// Prints it.
pub fn print(ledger: &Ledger) {
    let mut rows = Rows::new(&[
        "source",
        "edits",
        "deliveries",
        "acknowledged",
        "unannounced",
        "proved",
        "superseded",
        "failed",
    ]);
    let mut add = |name: String, sums: &Sums| {
        let numbers = [
            sums.edits,
            sums.deliveries,
            sums.acknowledged,
            sums.unannounced,
            sums.proved,
            sums.superseded,
            sums.failed,
        ];
        rows.row(std::iter::once(cell(name)).chain(numbers.map(|n| cell(n.to_string()))));
    };
    for (kind, sums) in &ledger.sources {
        add(
            serde_json::to_value(kind)
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_default(),
            sums,
        );
    }
    add("all".to_owned(), &ledger.all);
    out!("{rows}");
    outln!("");
    let list = |counts: &BTreeMap<String, usize>| {
        counts.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
    };
    let kills = counted(ledger.kills.iter().map(|kill| kill.part.clone()));
    outln!("killed      {}", if kills.is_empty() { "nothing".to_owned() } else { list(&kills) });
    outln!("inbox rows  {}", list(&ledger.rows));
    outln!("recorded    {} distinct texts", ledger.recorded);
    let effects = &ledger.effects;
    outln!(
        "effects     {} Slack messages, {} e-mails, {} check runs; {} recorded as sent, {} failed, {} unknown",
        effects.slack,
        effects.emails,
        effects.check_runs,
        effects.sent,
        effects.failed.len(),
        effects.unknown.len()
    );
    for unknown in &effects.unknown {
        outln!("  unknown   {unknown}");
    }
    outln!("sent in {:.1} s, settled after {:.1} s", ledger.sent_s, ledger.settled_s);
    if ledger.differences.is_empty() {
        outln!(
            "{} {} edits = {} proved + {} superseded + {} failed; nothing happened twice (seed {})",
            Style::Good.paint("The ledger is exact:"),
            ledger.all.edits,
            ledger.all.proved,
            ledger.all.superseded,
            ledger.all.failed,
            ledger.seed
        );
        return;
    }
    outln!(
        "{} {} differences (seed {})",
        Style::Bad.paint("The ledger is not exact:"),
        ledger.differences.len(),
        ledger.seed
    );
    for difference in ledger.differences.iter().take(SHOWN) {
        outln!("  {difference}");
    }
    if ledger.differences.len() > SHOWN {
        outln!("  … and {} more (--json shows all)", ledger.differences.len() - SHOWN);
    }
}
