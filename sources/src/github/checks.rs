//! Check runs on commits.
//! <https://docs.github.com/en/rest/checks/runs>

use reqwest::Method;
use sbh_outbound::Answer;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{Api, SendError, Who};
use crate::fetch::FetchError;

/// Annotations of one request at most.
pub const ANNOTATIONS: usize = 50;
/// Pages of a commit's check runs that are looked through, of 100 each.
const PAGES: u32 = 10;

/// A repository at GitHub.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its owner.
    pub owner: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// A check run to be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewCheckRun<'a> {
    /// What people see it as, for example `sbh / specs`.
    pub name: &'a str,
    /// The commit.
    pub head_sha: &'a str,
    /// Our own name for it, by which it is found again.
    pub external_id: &'a str,
    /// Where people read more.
    pub details_url: &'a str,
    /// Its state.
    #[serde(flatten)]
    pub state: State<'a>,
}

/// What a check run says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State<'a> {
    /// `in_progress` or `completed`.
    pub status: &'static str,
    /// How it ended: `success`, `failure`, `neutral`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<&'a str>,
    /// What is shown of it.
    pub output: Output<'a>,
}

/// What is shown of a check run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output<'a> {
    /// In one line.
    pub title: &'a str,
    /// In Markdown, at most 65,535 characters.
    pub summary: &'a str,
    /// Remarks on lines: appended to those that are there already.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub annotations: &'a [Annotation],
}

/// A remark on lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The file, from the repository's root.
    pub path: String,
    /// The first line, from 1.
    pub start_line: u32,
    /// The last line.
    pub end_line: u32,
    /// `notice`, `warning` or `failure`.
    pub annotation_level: String,
    /// In one line.
    pub title: String,
    /// At most 64 KB.
    pub message: String,
}

/// A check run that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// GitHub's id of it.
    pub id: u64,
    /// How many annotations it has.
    pub annotations: u64,
}

#[derive(Deserialize)]
struct Shown {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    output: Option<ShownOutput>,
}

#[derive(Deserialize)]
struct ShownOutput {
    #[serde(default)]
    annotations_count: Option<u64>,
}

impl Shown {
    fn of(self) -> CheckRun {
        let annotations = self.output.and_then(|output| output.annotations_count);
        CheckRun { id: self.id, annotations: annotations.unwrap_or_default() }
    }
}

impl Api<'_> {
    /// Makes a check run.
    ///
    /// # Errors
    /// [`SendError`] says whether it may be there all the same.
    pub async fn create_check_run(
        &self,
        place: Place<'_>,
        run: &NewCheckRun<'_>,
    ) -> Result<CheckRun, SendError> {
        let path = ["repos", place.owner, place.name, "check-runs"];
        let answer = self.send(Method::POST, &path, &json!(run), "a check run").await?;
        shown(&answer).map_err(SendError::Unclear)
    }

    /// Changes a check run; its annotations are added to those that are there.
    ///
    /// # Errors
    /// [`SendError`] says whether it may be changed all the same.
    pub async fn update_check_run(
        &self,
        place: Place<'_>,
        id: u64,
        state: &State<'_>,
    ) -> Result<CheckRun, SendError> {
        let id = id.to_string();
        let path = ["repos", place.owner, place.name, "check-runs", &id];
        let answer = self.send(Method::PATCH, &path, &json!(state), "a check run").await?;
        shown(&answer).map_err(SendError::Unclear)
    }

    /// A check run as it is now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn check_run(&self, place: Place<'_>, id: u64) -> Result<CheckRun, FetchError> {
        let id = id.to_string();
        let path = ["repos", place.owner, place.name, "check-runs", &id];
        let answer = self.get_small(Who::Installation, &path, &[], "a check run").await?;
        shown(&answer).map_err(FetchError::Unexpected)
    }

    /// The check run of a commit that has our own name for it, if there is one.
    ///
    /// # Errors
    /// Why the commit's check runs cannot be read.
    pub async fn find_check_run(
        &self,
        place: Place<'_>,
        head_sha: &str,
        name: &str,
        external_id: &str,
    ) -> Result<Option<CheckRun>, FetchError> {
        #[derive(Deserialize)]
        struct Page {
            check_runs: Vec<Shown>,
        }
        let path = ["repos", place.owner, place.name, "commits", head_sha, "check-runs"];
        for page in 1..=PAGES {
            let page = page.to_string();
            // `all`: as a default only the newest of each name is listed.
            let query =
                [("check_name", name), ("filter", "all"), ("per_page", "100"), ("page", &page)];
            let what = "the commit's check runs";
            let answer = self.get_small(Who::Installation, &path, &query, what).await?;
            let Page { check_runs } = answer.json().map_err(FetchError::Unexpected)?;
            let last = check_runs.len() < 100;
            let ours = |run: &Shown| run.external_id.as_deref() == Some(external_id);
            if let Some(found) = check_runs.into_iter().find(ours) {
                return Ok(Some(found.of()));
            }
            if last {
                return Ok(None);
            }
        }
        Err(FetchError::Unexpected("the commit has too many check runs to look through".to_owned()))
    }
}

fn shown(answer: &Answer) -> Result<CheckRun, String> {
    answer.json::<Shown>().map(Shown::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_run_is_written_as_github_reads_it() {
        let annotation = Annotation {
            path: "specs/a.md".into(),
            start_line: 3,
            end_line: 7,
            annotation_level: "failure".into(),
            title: "A-1 is refuted".into(),
            message: "x = 1".into(),
        };
        let annotations = [annotation];
        let output = Output { title: "t", summary: "s", annotations: &annotations };
        let state = State { status: "completed", conclusion: Some("failure"), output };
        let run = NewCheckRun {
            name: "sbh / specs",
            head_sha: "abc",
            external_id: "1/1",
            details_url: "https://sbh.example",
            state,
        };
        assert_eq!(
            json!(run),
            json!({
                "name": "sbh / specs", "head_sha": "abc", "external_id": "1/1",
                "details_url": "https://sbh.example", "status": "completed", "conclusion": "failure",
                "output": {
                    "title": "t", "summary": "s",
                    "annotations": [{
                        "path": "specs/a.md", "start_line": 3, "end_line": 7,
                        "annotation_level": "failure", "title": "A-1 is refuted", "message": "x = 1"
                    }]
                }
            })
        );
        let output = Output { title: "t", summary: "s", annotations: &[] };
        let state = State { status: "in_progress", conclusion: None, output };
        assert_eq!(
            json!(state),
            json!({"status": "in_progress", "output": {"title": "t", "summary": "s"}})
        );
    }
}
