//! The stand-ins answer in their vendors' shapes, fail as told, and deduplicate nothing.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use sbh_standins::sign::SigningKey;
use sbh_standins::{Fault, SpecText, StandIns, github};
use serde_json::{Value, json};

/// A caller with a credential.
struct Caller(Client, String);

impl Caller {
    fn new(authorization: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self(client, authorization.to_owned())
    }

    async fn call(&self, method: Method, url: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.0.request(method, url).header("authorization", &self.1);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, url: &str) -> Value {
        let (status, body) = self.call(Method::GET, url, None).await;
        assert!(status.is_success(), "{url}: {status}: {body}");
        body
    }

    async fn post(&self, url: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, url, Some(body)).await
    }
}

fn spec() -> SpecText {
    SpecText::new("Refunds", ["(declare-const x Int)".to_owned()])
}

#[tokio::test]
async fn jira_answers_both_versions_and_pages() {
    let all = StandIns::start().unwrap();
    let (jira, caller) = (&all.jira, Caller::new("Bearer x"));
    let base = jira.service.url();
    for n in 1..=5 {
        jira.put(&format!("PAY-{n}"), &spec());
    }
    jira.put("OPS-1", &spec());
    let adf = caller.get(&format!("{base}/rest/api/3/issue/PAY-1?fields=description")).await;
    assert_eq!(adf["fields"]["description"]["content"][2]["type"], "codeBlock");
    assert!(adf["fields"]["summary"].is_null(), "only what was asked for");
    let wiki = caller.get(&format!("{base}/rest/api/2/issue/PAY-1")).await;
    assert!(wiki["fields"]["description"].as_str().unwrap().contains("{code:smt2}"));

    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let url = format!(
            "{base}/rest/api/3/search/jql?jql=project%3DPAY&fields=summary&maxResults=2{token}"
        );
        let page = caller.get(&url).await;
        found.extend(page["issues"].as_array().unwrap().iter().map(|i| i["key"].clone()));
        if page["isLast"] == true {
            break;
        }
        token = format!("&nextPageToken={}", page["nextPageToken"].as_str().unwrap());
    }
    assert_eq!(found, ["PAY-1", "PAY-2", "PAY-3", "PAY-4", "PAY-5"]);

    jira.move_to("PAY-2", "OPS-2");
    let moved = caller.get(&format!("{base}/rest/api/3/issue/PAY-2")).await;
    assert_eq!(moved["key"], "OPS-2");
    jira.delete("PAY-3");
    let (status, _) =
        caller.call(Method::GET, &format!("{base}/rest/api/3/issue/PAY-3"), None).await;
    assert_eq!(status, 404);
    let through = format!("{}/ex/jira/cloud-1/rest/api/3/issue/PAY-1", all.atlassian.service.url());
    assert_eq!(caller.get(&through).await["key"], "PAY-1");

    let wanted = json!({ "url": "https://example.com/hook", "webhooks": [
        { "jqlFilter": "project = PAY", "events": ["jira:issue_updated"] }, { "jqlFilter": "", "events": [] },
    ]});
    let (_, made) = caller.post(&format!("{base}/rest/api/3/webhook"), wanted).await;
    let id = made["webhookRegistrationResult"][0]["createdWebhookId"].as_i64().unwrap();
    assert!(made["webhookRegistrationResult"][1]["errors"].is_array());
    jira.expire(id, chrono::Utc::now());
    assert_eq!(caller.get(&format!("{base}/rest/api/3/webhook")).await["values"], json!([]));
}

#[tokio::test]
async fn confluence_answers_both_products() {
    let all = StandIns::start().unwrap();
    let (confluence, caller) = (&all.confluence, Caller::new("Basic x"));
    let base = confluence.service.url();
    let id = confluence.create("ENG", &spec());
    confluence.create("OPS", &spec());
    let page = caller.get(&format!("{base}/wiki/api/v2/pages/{id}?body-format=storage")).await;
    assert!(page["body"]["storage"]["value"].as_str().unwrap().contains("<![CDATA["));
    let spaces = caller.get(&format!("{base}/wiki/api/v2/spaces?keys=ENG")).await;
    let space = spaces["results"][0]["id"].as_str().unwrap();
    let pages = caller.get(&format!("{base}/wiki/api/v2/spaces/{space}/pages?limit=1")).await;
    assert_eq!(pages["results"][0]["id"], id.to_string());
    assert!(pages["_links"]["next"].is_null());
    let all_pages = caller.get(&format!("{base}/wiki/api/v2/pages?limit=1")).await;
    let next = all_pages["_links"]["next"].as_str().unwrap();
    let second = caller.get(&format!("{base}{next}")).await;
    assert_ne!(second["results"][0]["id"], all_pages["results"][0]["id"]);

    let url = format!("{base}/rest/api/content/{id}?expand=body.storage,version,space");
    assert_eq!(caller.get(&url).await["space"]["key"], "ENG");
    confluence.trash(id);
    assert_eq!(caller.call(Method::GET, &url, None).await.0, 404);
    let found = caller.get(&format!("{base}/rest/api/content/search?cql=space%3DENG")).await;
    assert_eq!(found["size"], 0);
}

#[tokio::test]
async fn google_gives_tokens_lists_changes_and_opens_channels() {
    let all = StandIns::start().unwrap();
    let google = &all.google;
    let base = google.service.url();
    let now = chrono::Utc::now().timestamp();
    let claims = json!({ "iss": sbh_standins::google::ACCOUNT, "iat": now, "exp": now + 600,
        "aud": format!("{base}/token"), "scope": "https://www.googleapis.com/auth/drive.readonly" });
    let exchange = async |assertion: String| {
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        );
        let answer =
            Caller::new("").0.post(format!("{base}/token")).body(form).send().await.unwrap();
        serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()
    };
    assert_eq!(exchange(SigningKey::foreign().rs256(&claims)).await["error"], "invalid_grant");
    let token = exchange(SigningKey::published().rs256(&claims)).await;
    let caller = Caller::new(&format!("Bearer {}", token["access_token"].as_str().unwrap()));

    let folder = google.folder("Specs");
    let start = caller.get(&format!("{base}/drive/v3/changes/startPageToken")).await;
    let start = start["startPageToken"].as_str().unwrap();
    let id = google.create(&folder, &spec());
    google.edit(&id, &spec());
    let text =
        caller.get(&format!("{base}/drive/v3/files/{id}/export?mimeType=text/markdown")).await;
    assert!(text.as_str().unwrap().contains("```smt2"));
    let changes = caller.get(&format!("{base}/drive/v3/changes?pageToken={start}&fields=*")).await;
    assert_eq!(
        changes["changes"].as_array().unwrap().len(),
        1,
        "once at its newest change: {changes}"
    );
    assert_eq!(changes["changes"][0]["file"]["parents"], json!([folder]));
    let listed = caller
        .get(&format!("{base}/drive/v3/files?q='{folder}'%20in%20parents%20and%20trashed=false"))
        .await;
    assert_eq!(listed["files"][0]["id"], id.as_str());

    let wanted = json!({ "id": "c1", "type": "web_hook", "address": "https://example.com", "token": "t",
        "expiration": "99999999999999" });
    let watch = format!("{base}/drive/v3/changes/watch?pageToken={start}");
    let (status, channel) = caller.post(&watch, wanted.clone()).await;
    assert_eq!((status.as_u16(), &channel["id"]), (200, &json!("c1")));
    assert_eq!(caller.post(&watch, wanted).await.0, 400, "the id is taken");
    let states = |n: usize| google.messages()[0].1.headers[n].1.clone();
    assert_eq!((states(3), states(3)), ("sync".to_owned(), "change".to_owned()));
    let stop = json!({ "id": "c1", "resourceId": channel["resourceId"] });
    assert_eq!(caller.post(&format!("{base}/drive/v3/channels/stop"), stop).await.0, 204);
    assert!(google.channels().is_empty());
    google.forget_changes();
    let old =
        caller.call(Method::GET, &format!("{base}/drive/v3/changes?pageToken={start}"), None).await;
    assert_eq!(old.0, 400);
}

#[tokio::test]
async fn github_keeps_doubles_and_deliveries() {
    let all = StandIns::start().unwrap();
    let github = &all.github;
    let base = github.service.url();
    let now = chrono::Utc::now().timestamp();
    let app = |iss: u64| {
        let claims = json!({ "iss": iss.to_string(), "iat": now - 60, "exp": now + 300 });
        Caller::new(&format!("Bearer {}", SigningKey::published().rs256(&claims)))
    };
    let tokens = format!("{base}/app/installations/{}/access_tokens", github::INSTALLATION);
    assert_eq!(app(1).post(&tokens, json!({})).await.0, 401);
    let (_, token) = app(github::APP).post(&tokens, json!({})).await;
    let caller = Caller::new(&format!("Bearer {}", token["token"].as_str().unwrap()));

    let runs = format!("{base}/repos/acme/specs/check-runs");
    let run = json!({ "name": "sbh", "head_sha": "a".repeat(40), "external_id": "1", "status": "in_progress" });
    let (_, first) = caller.post(&runs, run.clone()).await;
    caller.post(&runs, run).await;
    assert_eq!(github.check_runs().len(), 2, "the same twice is there twice");
    let one = format!("{runs}/{}", first["id"]);
    let wrong = json!({ "status": "completed" });
    assert_eq!(caller.call(Method::PATCH, &one, Some(wrong)).await.0, 422);
    let done = json!({ "conclusion": "success", "output": { "title": "t", "summary": "s" } });
    assert_eq!(caller.call(Method::PATCH, &one, Some(done)).await.1["status"], "completed");
    let of_commit = format!("{base}/repos/acme/specs/commits/{}/check-runs", "a".repeat(40));
    assert_eq!(caller.get(&of_commit).await["total_count"], 2);

    let payload = github::push("specs", "file:///specs", "refs/heads/main", github::NO_COMMIT, "b");
    for n in 0..3 {
        let status = (n > 0).then_some(202);
        github.made(&github::delivery("push", &payload, "secret"), status);
    }
    let list = format!("{base}/repos/acme/specs/hooks/777/deliveries");
    let page = caller.0.get(format!("{list}?per_page=2")).header("authorization", &caller.1);
    let page = page.send().await.unwrap();
    let link = page.headers()["link"].to_str().unwrap().to_owned();
    let next = link.split(['<', '>']).nth(1).unwrap();
    let last = caller.get(next).await;
    assert_eq!((last.as_array().unwrap().len(), &last[0]["status_code"]), (1, &json!(502)));
    let whole = caller.get(&format!("{list}/{}", last[0]["id"])).await;
    assert_eq!(whole["request"]["payload"]["ref"], "refs/heads/main");
    assert_eq!(whole["request"]["headers"]["X-Github-Event"], "push");
}

#[tokio::test]
async fn slack_and_ses_take_everything_twice_and_fail_as_told() {
    let all = StandIns::start().unwrap();
    let (slack, ses) = (&all.slack, &all.ses);
    let caller = Caller::new("Bearer xoxb-1");
    let hook = slack.webhook();
    let post = || caller.post(&hook, json!({ "text": "Drift" }));
    assert_eq!(post().await.1, json!("ok"));
    slack.service.fail(Fault::status("/services/", 500).times(1));
    assert_eq!(post().await.0, 500);
    slack.service.fail(Fault::rate_limited("/services/", 3).times(1));
    assert_eq!(post().await.0, 429);
    assert_eq!(slack.messages().len(), 1, "what failed before it acted did nothing");
    // Sent, and the sender cannot know.
    slack.service.fail(Fault::cut("/services/").times(1).after_acting());
    let cut = caller.0.post(&hook).json(&json!({ "text": "Drift" })).send().await;
    assert!(cut.unwrap_err().status().is_none());
    assert_eq!(slack.messages().len(), 2);
    slack.service.fail(Fault::hang("/services/").times(1));
    let hung =
        caller.0.post(&hook).timeout(Duration::from_millis(300)).json(&json!({ "text": "x" }));
    assert!(hung.send().await.unwrap_err().is_timeout());
    assert_eq!(post().await.0, 200);
    let statuses: Vec<_> = slack.service.arrived().iter().map(|a| a.status).collect();
    assert_eq!(statuses, [Some(200), Some(500), Some(429), None, None, Some(200)]);
    let api = format!("{}/api/chat.postMessage", slack.service.url());
    let (_, refused) =
        Caller::new("Bearer wrong").post(&api, json!({ "channel": "C1", "text": "x" })).await;
    assert_eq!(refused, json!({ "ok": false, "error": "invalid_auth" }));
    assert_eq!(caller.post(&api, json!({ "channel": "C1", "text": "x" })).await.1["ok"], true);
    slack.strict();
    assert_eq!(caller.post(&api, json!({ "channel": "C1", "text": "x" })).await.0, 429);

    let mail = json!({ "FromEmailAddress": "sbh@example.com", "Destination": { "ToAddresses": ["a@example.com"] },
        "Content": { "Simple": { "Subject": { "Data": "Drift" }, "Body": { "Text": { "Data": "t" }, "Html": { "Data": "<p>t" } } } } });
    let signed = Caller::new("AWS4-HMAC-SHA256 Credential=x");
    let url = format!("{}/v2/email/outbound-emails", ses.service.url());
    for _ in 0..2 {
        assert!(signed.post(&url, mail.clone()).await.1["MessageId"].is_string());
    }
    assert_eq!(ses.mails().len(), 2);
    assert_eq!(Caller::new("Bearer x").post(&url, mail).await.0, 403);
}

#[tokio::test]
async fn atlassian_publishes_the_key_and_exchanges_each_refresh_token_once() {
    let all = StandIns::start().unwrap();
    let caller = Caller::new("");
    let keys = caller.get(&all.atlassian.keys_url()).await;
    assert_eq!(keys["keys"][0]["kid"], SigningKey::published().kid);
    let url = format!("{}/oauth/token", all.atlassian.service.url());
    let asked =
        json!({ "grant_type": "refresh_token", "refresh_token": all.atlassian.refresh_token() });
    let (_, first) = caller.post(&url, asked.clone()).await;
    assert!(first["access_token"].is_string());
    assert_eq!(caller.post(&url, asked).await.0, 403);
    let next = json!({ "grant_type": "refresh_token", "refresh_token": first["refresh_token"] });
    assert!(caller.post(&url, next).await.1["access_token"].is_string());
}
