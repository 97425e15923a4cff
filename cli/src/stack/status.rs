//! `sbh status`: how each part is.

use anyhow::Result;
use serde_json::json;

use super::plan::Plan;
use super::state::{PartState, PartStatus, State};
use super::{logs, ready};
use crate::home::Home;
use crate::style::Style;
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// Shows it. Returns whether everything works.
pub async fn status(home: &Home, as_json: bool) -> Result<bool> {
    let (Some(state), Some(plan)) = (State::running(home), Plan::read(home).ok().flatten()) else {
        if as_json {
            outln!("{}", json!({ "running": false, "ready": false, "parts": [] }));
        } else {
            outln!("The local stack is not running. Start it: ./sbh up");
        }
        return Ok(false);
    };
    let mut answers = Vec::new();
    for (part, kept) in plan.parts().into_iter().zip(&state.parts) {
        let silent = kept.status == PartStatus::Ready && !ready::is_ready(&plan, home, part).await;
        answers.push((kept, if silent { "not answering" } else { kept.status.as_str() }));
    }
    let ready = answers.iter().all(|(_, status)| *status == PartStatus::Ready.as_str());
    if as_json {
        let parts: Vec<_> =
            answers.iter().map(|(part, status)| part_json(home, part, status)).collect();
        let all = json!({
            "running": true,
            "ready": ready,
            "supervisor_pid": state.supervisor.pid,
            "parts": parts,
        });
        outln!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(ready);
    }
    let mut rows =
        Rows::new(&["part", "status", "process", "restarts", "address"]).right(2).right(3);
    for (part, status) in &answers {
        let style = match *status {
            "ready" => Style::Good,
            "crashed" | "not answering" => Style::Bad,
            _ => Style::Warn,
        };
        rows.row([
            cell(&part.name),
            styled(status, style),
            cell(part.process.map_or_else(String::new, |process| process.pid.to_string())),
            cell(part.restarts.to_string()),
            cell(logs::address(home, &part.name).unwrap_or_default()),
        ]);
    }
    out!("{rows}");
    for (part, status) in &answers {
        if !matches!(*status, "crashed" | "not answering") {
            continue;
        }
        let how = part.last_exit.as_deref().unwrap_or(status);
        outln!("\n{} {how}; its log ends:", Style::Bad.paint(&part.name));
        for line in logs::tail(&home.log(&part.name), 5) {
            outln!("  {}", crate::style::plain(&line));
        }
    }
    if let Some(failure) = &state.failure {
        outln!("\n{} {failure}", Style::Bad.paint("The stack cannot start:"));
    }
    Ok(ready)
}

fn part_json(home: &Home, part: &PartState, status: &str) -> serde_json::Value {
    json!({
        "name": part.name,
        "status": status.replace(' ', "_"),
        "pid": part.process.map(|process| process.pid),
        "restarts": part.restarts,
        "since": part.since,
        "last_exit": part.last_exit,
        "address": logs::address(home, &part.name),
        "log": home.log(&part.name),
    })
}
