//! Jira's REST interface, Cloud (version 3, ADF) and Data Center (version 2, wiki markup), over the
//! same issues. OAuth apps reach Cloud's paths below `/ex/jira/{cloud}` of [`crate::atlassian`].
//!
//! - Issues: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>
//! - Search: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/>
//! - Dynamic webhooks: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks/>
//! - Data Center: <https://developer.atlassian.com/server/jira/platform/rest/>
//! - Deliveries: <https://developer.atlassian.com/cloud/jira/platform/webhooks/>

mod deliveries;
mod routes;
mod search;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::markup::SpecText;
use crate::service::{Service, lock};

/// The stand-in.
pub struct Jira {
    /// Its server.
    pub service: Service,
    site: Arc<Mutex<Site>>,
}

/// What a site holds.
#[derive(Debug, Default)]
struct Site {
    issues: BTreeMap<String, Issue>,
    /// Keys of moved issues: the old one still finds the issue.
    moved: BTreeMap<String, String>,
    /// Projects stay when their last issue goes.
    projects: BTreeSet<String>,
    webhooks: BTreeMap<i64, Webhook>,
    next_id: i64,
}

/// An issue.
#[derive(Debug, Clone)]
struct Issue {
    id: i64,
    key: String,
    updated: DateTime<Utc>,
    created: DateTime<Utc>,
    summary: String,
    /// The description in ADF and in wiki markup.
    description: (Value, Value),
    /// Further fields by their id, in both markups.
    fields: BTreeMap<String, (Value, Value)>,
}

/// A registered dynamic webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// Where it delivers to.
    pub url: String,
    /// Which issues it is about.
    pub jql: String,
    /// The events.
    pub events: Vec<String>,
    /// When it ends: 30 days after it was registered or refreshed.
    pub expires: DateTime<Utc>,
}

impl Jira {
    pub(crate) fn start(runtime: &Handle) -> io::Result<Self> {
        let site = Arc::new(Mutex::new(Site { next_id: 10_000, ..Site::default() }));
        let service = Service::start(runtime, routes::all(Arc::clone(&site)))?;
        Ok(Self { service, site })
    }

    /// The paths below Atlassian's address for apps.
    pub(crate) fn for_apps(&self) -> axum::Router {
        routes::for_apps(Arc::clone(&self.site))
    }

    /// Makes or edits an issue (`PAY-12`): its summary is the spec's title.
    pub fn put(&self, key: &str, spec: &SpecText) {
        self.put_raw(key, &spec.title, spec.adf(), &spec.wiki());
    }

    /// Makes or edits an issue with a description in both markups as it comes.
    pub fn put_raw(&self, key: &str, summary: &str, adf: Value, wiki: &str) {
        let issue = |issue: &mut Issue| {
            issue.summary = summary.to_owned();
            issue.description = (adf, json!(wiki));
        };
        self.edit(key, issue);
    }

    /// Sets a further field (`customfield_10050`) of an issue, in both markups.
    pub fn put_field(&self, key: &str, field: &str, adf: Value, wiki: &str) {
        let wiki = json!(wiki);
        self.edit(key, |issue| drop(issue.fields.insert(field.to_owned(), (adf, wiki))));
    }

    fn edit(&self, key: &str, change: impl FnOnce(&mut Issue)) {
        let mut site = lock(&self.site);
        let site = &mut *site;
        let now = Utc::now();
        let issue = site.issues.entry(key.to_owned()).or_insert_with(|| {
            site.next_id += 1;
            Issue {
                id: site.next_id,
                key: key.to_owned(),
                updated: now,
                created: now,
                summary: String::new(),
                description: (Value::Null, Value::Null),
                fields: BTreeMap::new(),
            }
        });
        change(issue);
        issue.updated = now;
        site.projects.insert(issue.project().to_owned());
    }

    /// Moves an issue to another project; its old key goes on finding it.
    pub fn move_to(&self, key: &str, new_key: &str) {
        let mut site = lock(&self.site);
        let mut issue = site.issues.remove(key).unwrap_or_else(|| panic!("no issue {key}"));
        issue.key = new_key.to_owned();
        issue.updated = Utc::now();
        site.projects.insert(issue.project().to_owned());
        site.issues.insert(new_key.to_owned(), issue);
        site.moved.insert(key.to_owned(), new_key.to_owned());
    }

    /// Deletes an issue.
    pub fn delete(&self, key: &str) {
        lock(&self.site).issues.remove(key).unwrap_or_else(|| panic!("no issue {key}"));
    }

    /// The registered dynamic webhooks.
    pub fn webhooks(&self) -> Vec<Webhook> {
        lock(&self.site).webhooks.values().cloned().collect()
    }

    /// Lets a dynamic webhook end at a time.
    pub fn expire(&self, id: i64, at: DateTime<Utc>) {
        lock(&self.site)
            .webhooks
            .get_mut(&id)
            .unwrap_or_else(|| panic!("no webhook {id}"))
            .expires = at;
    }
}

impl Site {
    fn find(&self, id_or_key: &str) -> Option<&Issue> {
        let key = self.moved.get(id_or_key).map_or(id_or_key, String::as_str);
        self.issues.get(key).or_else(|| {
            let id: i64 = id_or_key.parse().ok()?;
            self.issues.values().find(|issue| issue.id == id)
        })
    }
}

/// A time as Jira writes it.
fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

impl Issue {
    fn project(&self) -> &str {
        self.key.rsplit_once('-').map_or(self.key.as_str(), |(project, _)| project)
    }

    /// As an answer: ADF in version 3, wiki markup in version 2; `wanted` as `fields=` names them.
    fn json(&self, base: &str, version: u8, wanted: &[String]) -> Value {
        let pick =
            |both: &(Value, Value)| if version == 3 { both.0.clone() } else { both.1.clone() };
        let mut fields = serde_json::Map::new();
        fields.insert("summary".into(), json!(self.summary));
        fields.insert("description".into(), pick(&self.description));
        fields.insert("updated".into(), json!(stamp(self.updated)));
        fields.insert("created".into(), json!(stamp(self.created)));
        fields.insert(
            "project".into(),
            json!({ "id": "1", "key": self.project(), "name": self.project() }),
        );
        fields.insert("issuetype".into(), json!({ "id": "1", "name": "Story", "subtask": false }));
        fields.insert("status".into(), json!({ "name": "To Do" }));
        fields.extend(self.fields.iter().map(|(name, both)| (name.clone(), pick(both))));
        let all = wanted.iter().any(|name| name == "*all" || name == "*navigable");
        fields.retain(|name, _| all || wanted.contains(name));
        let id = self.id.to_string();
        json!({
            "expand": "renderedFields,names,schema",
            "id": id,
            "key": self.key,
            "self": format!("{base}/rest/api/{version}/issue/{id}"),
            "fields": fields,
        })
    }
}
