//! `sbh logs`: the parts' logs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::plan::Plan;
use crate::failure::Failure;
use crate::home::Home;
use crate::outln;
use crate::style::Style;

/// How much of a log's end is read at most.
const MAX_TAIL: u64 = 1 << 20;

/// The last lines of a file; none when it cannot be read.
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MAX_TAIL)))?;
        let mut content = Vec::new();
        file.take(MAX_TAIL).read_to_end(&mut content)?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    };
    let content = read().unwrap_or_default();
    let all: Vec<&str> = content.lines().filter(|line| !line.trim().is_empty()).collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| (*line).to_owned()).collect()
}

/// Shows the logs of one part or of all, and goes on until Ctrl-C when told to follow.
pub async fn show(home: &Home, part: Option<&str>, lines: usize, follow: bool) -> Result<()> {
    let names = names(home, part)?;
    let mut ends = BTreeMap::new();
    for name in &names {
        let path = home.log(name);
        if names.len() > 1 {
            outln!("{}", Style::Strong.paint(format!("==> {name} <==")));
        }
        for line in tail(&path, lines) {
            outln!("{line}");
        }
        ends.insert(name.clone(), std::fs::metadata(&path).map_or(0, |file| file.len()));
    }
    if !follow {
        return Ok(());
    }
    loop {
        for (name, end) in &mut ends {
            let path = home.log(name);
            let length = std::fs::metadata(&path).map_or(0, |file| file.len());
            if length < *end {
                *end = 0;
            }
            if length == *end {
                continue;
            }
            let mut file =
                File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            file.seek(SeekFrom::Start(*end))?;
            let mut fresh = Vec::new();
            file.read_to_end(&mut fresh)?;
            // A line that is still being written is left for the next look.
            let whole = fresh.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            *end += whole as u64;
            for line in String::from_utf8_lossy(fresh.get(..whole).unwrap_or_default()).lines() {
                let label = if names.len() > 1 {
                    Style::Dim.paint(format!("{name:<10} "))
                } else {
                    String::new()
                };
                outln!("{label}{line}");
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn names(home: &Home, part: Option<&str>) -> Result<Vec<String>> {
    let mut all: Vec<String> = std::fs::read_dir(home.logs())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
        .collect();
    all.sort();
    match part {
        None if all.is_empty() => {
            Err(Failure::new("there are no logs yet").hint("start the stack: ./sbh up").into())
        }
        None => Ok(all),
        Some(part) if all.iter().any(|name| name == part) => Ok(vec![part.to_owned()]),
        Some(part) => {
            let what = format!("there is no log of {part:?}");
            let hint = if all.is_empty() {
                "start the stack: ./sbh up".to_owned()
            } else {
                format!("there are logs of {}", all.join(", "))
            };
            Err(Failure::new(what).hint(hint).into())
        }
    }
}

/// Where a part can be reached.
pub fn address(home: &Home, part: &str) -> Option<String> {
    let plan = Plan::read(home).ok().flatten()?;
    let port = |name: &str| plan.port(name);
    Some(match part {
        "postgres" => format!("127.0.0.1:{}", port("postgres")),
        "valkey" => format!("127.0.0.1:{}", port("valkey")),
        "temporal" => format!("127.0.0.1:{}, Web UI {}", port("temporal"), plan.workflows_url()),
        "starter" => plan.api_url(),
        other => format!("127.0.0.1:{}", port(&other.replace('-', "_"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(&path, "1\n2\n\n3\n").unwrap();
        assert_eq!(tail(&path, 2), ["2", "3"]);
        assert!(tail(&folder.path().join("none"), 2).is_empty());
    }
}
