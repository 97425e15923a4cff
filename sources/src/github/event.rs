//! Events other than pushes: pull requests, and the wish to have a check run made again. Only the few
//! fields that are used are read; all of them are hints to look.

use serde::Deserialize;
use serde_json::{Value, json};

use super::address;
use crate::delivery::{Event, Malformed, PullRequest};

/// Pull requests of a check run that are proved again at most.
const PULL_REQUESTS: usize = 20;

/// What an event asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Asks {
    /// To look, for these reasons.
    Look(Value, Vec<Event>),
    /// Nothing, and why.
    Nothing(&'static str),
}

#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    clone_url: Option<String>,
    #[serde(default)]
    ssh_url: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    git_url: Option<String>,
    #[serde(default)]
    full_name: Option<String>,
}

impl Repository {
    /// Its names: see [`address::names`].
    fn names(&self) -> Vec<String> {
        let urls = [&self.clone_url, &self.ssh_url, &self.html_url, &self.git_url];
        let mut names: Vec<String> =
            urls.into_iter().flatten().map(|url| address::parse(url).to_string()).collect();
        names.extend(self.full_name.as_deref().map(address::of_full_name));
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    head: Head,
}

#[derive(Deserialize)]
struct PullRequestEvent {
    action: String,
    pull_request: Pull,
    repository: Repository,
}

#[derive(Deserialize)]
struct Rerequested {
    action: String,
    #[serde(alias = "check_run", alias = "check_suite")]
    check: Check,
    repository: Repository,
}

#[derive(Deserialize)]
struct Check {
    head_sha: String,
    #[serde(default)]
    pull_requests: Vec<Pull>,
}

/// Reads a `pull_request` event.
pub(super) fn pull_request(text: &str) -> Result<Asks, Malformed> {
    let event: PullRequestEvent = read(text, "a pull request")?;
    if !["opened", "synchronize", "reopened", "ready_for_review"].contains(&event.action.as_str()) {
        return Ok(Asks::Nothing("this changes nothing in the pull request's commits"));
    }
    let pull = checked(event.pull_request)?;
    let hint = json!({
        "event": "pull_request", "action": event.action, "number": pull.number, "after": pull.head,
    });
    let spaces = event.repository.names();
    Ok(Asks::Look(hint, vec![Event { spaces, pull_request: Some(pull), ..Event::default() }]))
}

/// Reads a `check_run` or `check_suite` event: when people ask for it again, everything that the
/// commit is the head of is looked at anew.
pub(super) fn rerequested(name: &str, text: &str) -> Result<Asks, Malformed> {
    let event: Rerequested = read(text, "a check")?;
    if event.action != "rerequested" {
        return Ok(Asks::Nothing("checks are answered, not read"));
    }
    let spaces = event.repository.names();
    let hint =
        json!({ "event": name, "action": "rerequested", "after": cut(&event.check.head_sha) });
    let mut events: Vec<Event> = Vec::new();
    for pull in event.check.pull_requests.into_iter().take(PULL_REQUESTS) {
        let pull_request = Some(checked(pull)?);
        events.push(Event { spaces: spaces.clone(), pull_request, ..Event::default() });
    }
    events.push(Event { spaces, ..Event::default() });
    Ok(Asks::Look(hint, events))
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Malformed(format!("the body is not the JSON of {what} (line {line}, column {column})"))
    })
}

fn checked(pull: Pull) -> Result<PullRequest, Malformed> {
    // Larger numbers fit no column and no reference.
    if pull.number == 0 || i64::try_from(pull.number).is_err() {
        return Err(Malformed("the pull request has no number".to_owned()));
    }
    Ok(PullRequest { number: pull.number, head: cut(&pull.head.sha) })
}

/// A commit's id as a hint.
fn cut(sha: &str) -> String {
    sha.chars().filter(char::is_ascii_hexdigit).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(action: &str) -> Value {
        json!({
            "action": action,
            "number": 7,
            "pull_request": {
                "number": 7, "draft": false, "head": {"sha": "abc1", "ref": "evil:--upload-pack"},
                "base": {"ref": "main"},
            },
            "repository": {"full_name": "Acme/Shop", "clone_url": "https://github.com/acme/shop.git"},
        })
    }

    #[test]
    fn new_commits_of_a_pull_request_ask_for_a_look() {
        for action in ["opened", "synchronize", "reopened", "ready_for_review"] {
            let Asks::Look(hint, events) = pull_request(&payload(action).to_string()).unwrap()
            else {
                panic!("{action}")
            };
            assert_eq!(hint["number"], 7);
            let expected = Event {
                spaces: vec!["//*/acme/shop".into(), "//github.com/acme/shop".into()],
                document: None,
                pull_request: Some(PullRequest { number: 7, head: "abc1".into() }),
            };
            assert_eq!(events, [expected]);
        }
        for action in ["closed", "labeled", "edited"] {
            let read = pull_request(&payload(action).to_string()).unwrap();
            assert!(matches!(read, Asks::Nothing(_)), "{action}");
        }
    }

    #[test]
    fn a_check_that_is_asked_for_again_is_a_look_at_branch_and_pull_requests() {
        for name in ["check_run", "check_suite"] {
            let mut event = json!({
                "action": "rerequested",
                "repository": {"full_name": "acme/shop"},
            });
            event[name] = json!({
                "head_sha": "abc", "pull_requests": [{"number": 3, "head": {"sha": "abc"}}],
            });
            let Asks::Look(hint, events) = rerequested(name, &event.to_string()).unwrap() else {
                panic!("{name}")
            };
            assert_eq!((hint["event"].as_str(), events.len()), (Some(name), 2));
            assert_eq!(events[0].pull_request.as_ref().unwrap().number, 3);
            assert_eq!(events[1].pull_request, None);
            event["action"] = json!("completed");
            assert!(matches!(rerequested(name, &event.to_string()), Ok(Asks::Nothing(_))));
        }
    }

    #[test]
    fn what_is_no_event_is_malformed() {
        let mut big = payload("opened");
        big["pull_request"]["number"] = json!(u64::MAX);
        let mut none = payload("opened");
        none["pull_request"]["head"] = Value::Null;
        for wrong in [json!([]), json!({"action": "opened"}), big, none] {
            assert!(pull_request(&wrong.to_string()).is_err(), "{wrong}");
        }
        assert!(pull_request("{").is_err());
        assert!(rerequested("check_run", r#"{"action":"rerequested"}"#).is_err());
    }
}
