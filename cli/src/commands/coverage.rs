//! `sbh coverage`: how much of what is claimed is proved.

use anyhow::Result;
use sbh_api::coverage::{Coverage, RepositoryCoverage};

use super::{lookup, print_json, verdicts};
use crate::client::Client;
use crate::style::Style;
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// Runs it.
pub async fn run(client: &Client, repository: Option<String>, as_json: bool) -> Result<()> {
    if let Some(wanted) = repository {
        let id = lookup::repository(client, &wanted).await?.id;
        let one: RepositoryCoverage = client.get(&format!("/api/coverage/repository/{id}")).await?;
        if as_json {
            return print_json(&one);
        }
        show_coverage(std::slice::from_ref(&one));
        return Ok(());
    }
    let all: Coverage = client.get("/api/coverage").await?;
    if as_json {
        return print_json(&all);
    }
    if all.repositories.is_empty() {
        outln!("No repository is tracked. Add one: ./sbh repo add <git-url>");
        return Ok(());
    }
    show_coverage(&all.repositories);
    let share = percent(all.totals.percentage_proved);
    outln!("\n{} of {} invariants proved", Style::Strong.paint(share), all.totals.total);
    Ok(())
}

fn show_coverage(repositories: &[RepositoryCoverage]) {
    let mut rows = Rows::new(&["repository", "documents", "invariants", "proved", "verdicts"])
        .right(1)
        .right(2)
        .right(3);
    for one in repositories {
        let counts = verdicts::counts(&one.totals.counts);
        let style =
            if one.totals.percentage_proved == Some(100.0) { Style::Good } else { Style::Warn };
        let plain_summary: Vec<String> = sbh_domain::Verdict::ALL
            .into_iter()
            .filter(|verdict| counts.of(*verdict) > 0)
            .map(|verdict| format!("{} {}", counts.of(verdict), verdict.as_str().replace('_', " ")))
            .collect();
        rows.row([
            cell(&one.name),
            cell(one.documents.to_string()),
            cell(one.totals.total.to_string()),
            styled(percent(one.totals.percentage_proved), style),
            cell(if plain_summary.is_empty() {
                "no invariants".to_owned()
            } else {
                plain_summary.join(", ")
            }),
        ]);
    }
    out!("{rows}");
}

/// A share for people.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{share:.1} %"))
}
