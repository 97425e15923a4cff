//! Two tenants in one stack that cannot see each other, roles, and tokens.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use reqwest::Method;
use sbh_tests::documents::{document, proved, refuted};
use sbh_tests::webhook::{Delivery, push};
use sbh_tests::{Api, Connection, GitRepo, Stack, Tenant};
use serde_json::{Value, json};

/// A tenant that has one of everything.
struct Furnished {
    tenant: Tenant<'static>,
    repo: GitRepo,
    connection: Connection,
    repository: String,
    document: String,
    notice: String,
}

async fn furnished(name: &str, n: u64) -> Furnished {
    let tenant = Tenant::new(Stack::shared(), name).await;
    let repo = Stack::shared().repo(name);
    repo.commit_file("specs/a.md", document("A", [proved(&format!("SECRET-{name}"), n)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    repo.commit_file("specs/a.md", document("A", [refuted(&format!("SECRET-{name}"), n)]));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    let found = tenant.document(&repository, "specs/a.md").await;
    let document = found["id"].as_str().unwrap().to_owned();
    Furnished { tenant, repo, connection, repository, document, notice }
}

#[tokio::test]
async fn two_tenants_cannot_see_each_other_through_any_route() {
    let (left, right) = (furnished("left", 1).await, furnished("right", 2).await);
    for (me, other) in [(&left, &right), (&right, &left)] {
        // By id, another tenant's things are as absent as things that never were.
        let Furnished { repository, document, notice, connection, .. } = other;
        let by_id = [
            (Method::GET, format!("/api/repositories/{repository}")),
            (Method::DELETE, format!("/api/repositories/{repository}")),
            (Method::POST, format!("/api/repositories/{repository}/restore")),
            (Method::POST, format!("/api/repositories/{repository}/sync")),
            (Method::GET, format!("/api/coverage/repository/{repository}")),
            (Method::GET, format!("/api/specs/{document}")),
            (Method::GET, format!("/api/specs/{document}/invariants")),
            (Method::GET, format!("/api/specs/{document}/status")),
            (Method::POST, format!("/api/specs/{document}/reprove")),
            (Method::GET, format!("/api/inbox/{notice}")),
            (Method::POST, format!("/api/inbox/{notice}/retry")),
            (Method::POST, format!("/api/connections/{}/rotate", connection.id)),
        ];
        for (method, path) in by_id {
            let mut request = me.tenant.api.request(method.clone(), &path);
            if method == Method::POST {
                request = request.json(&json!({}));
            }
            let answer = me.tenant.api.send(request).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
            let problem = answer.problem(404).to_string();
            assert!(!problem.contains("SECRET"), "{problem}");
        }

        // In lists, only what is mine.
        let secret = format!("SECRET-{}", other.tenant.id.split('-').next().unwrap());
        for path in
            ["/api/repositories", "/api/connections", "/api/inbox", "/api/audit", "/api/coverage"]
        {
            let seen = me.tenant.api.get(path).await.ok().to_string();
            for hidden in [&other.tenant.id, repository, document, notice, &connection.id, &secret]
            {
                assert!(!seen.contains(hidden.as_str()), "{path} shows {hidden}: {seen}");
            }
        }
        let filtered = me.tenant.api.get(&format!("/api/specs?repository={repository}")).await;
        assert!(!filtered.body.to_string().contains(document.as_str()), "{}", filtered.body);
    }
}

#[tokio::test]
async fn a_connection_announces_only_what_its_own_tenant_tracks() {
    let (left, right) = (furnished("mine", 3).await, furnished("theirs", 4).await);
    // Signed with the left tenant's secret, about the right tenant's repository.
    let payload = push(&right.repo, "refs/heads/main", &right.repo.head(), &right.repo.head());
    let delivery = Delivery::json("push", &payload, &left.connection.secret);
    left.tenant.api.deliver(&left.connection.id, &delivery).await;
    let rows = "SELECT count(*) FROM inbox WHERE tenant_id = $1";
    let theirs = right.tenant.ledger.count(rows, &right.tenant.id).await;
    assert_eq!(theirs, 2, "the repository's first notice and its own push");
    // And at the right tenant's address the left tenant's secret is worth nothing.
    let answer = left.tenant.api.deliver(&right.connection.id, &delivery).await;
    answer.problem(401);
}

#[tokio::test]
async fn one_tenant_may_use_the_names_keys_and_ids_that_another_uses() {
    let mut answers = Vec::new();
    for name in ["east", "west"] {
        let tenant = Tenant::new(Stack::shared(), name).await;
        let repo = Stack::shared().repo("same");
        repo.commit_file("specs/a.md", document("A", [proved("SAME", 1)]));
        let body =
            json!({ "url": repo.url(), "name": "same", "branch": "main", "specs": ["specs/**"] });
        let made = tenant.api.post_once("/api/repositories", &body, "the-same-key").await.ok();
        let id = made["id"].as_str().unwrap().to_owned();
        tenant.settled(&id).await;
        assert_eq!(tenant.verdicts(&id, "specs/a.md").await, [("SAME".into(), "proved".into())]);
        answers.push(id);
    }
    assert_ne!(answers[0], answers[1]);
}

#[tokio::test]
async fn the_database_itself_hides_one_tenant_from_another() {
    let (left, right) = (furnished("rows", 5).await, furnished("walls", 6).await);
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
          WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1",
    )
    .fetch_all(left.tenant.ledger.pool())
    .await
    .unwrap();
    assert!(tables.len() >= 10, "{tables:?}");
    let mut transaction = left.tenant.ledger.pool().begin().await.unwrap();
    sqlx::query("SET LOCAL ROLE sbh_app").execute(&mut *transaction).await.unwrap();
    sqlx::query("SELECT set_config('sbh.tenant', $1, true)")
        .bind(&left.tenant.id)
        .execute(&mut *transaction)
        .await
        .unwrap();
    let mut mine = 0;
    for table in &tables {
        let query = format!(
            "SELECT count(*) FILTER (WHERE tenant_id = $1), count(*) FILTER (WHERE tenant_id <> $1) FROM {table}"
        );
        let (own, foreign): (i64, i64) = sqlx::query_as(&query)
            .bind(&left.tenant.id)
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        assert_eq!(foreign, 0, "{table} shows rows of {} to {}", right.tenant.id, left.tenant.id);
        mine += own;
    }
    assert!(mine > 0, "the tenant sees its own rows");
}

#[tokio::test]
async fn each_role_may_what_the_table_says() {
    let it = furnished("roles", 7).await;
    // The weakest role that may do it; none of these changes anything for the others.
    let table: [(&str, Method, String, Value); 6] = [
        ("viewer", Method::GET, "/api/repositories".into(), Value::Null),
        ("viewer", Method::GET, format!("/api/specs/{}", it.document), Value::Null),
        ("reviewer", Method::POST, format!("/api/repositories/{}/sync", it.repository), json!({})),
        (
            "editor",
            Method::POST,
            "/api/repositories".into(),
            json!({ "url": "not an address", "specs": [] }),
        ),
        (
            "maintainer",
            Method::POST,
            "/api/connections".into(),
            json!({ "source": "nothing", "name": "" }),
        ),
        ("owner", Method::GET, "/api/audit".into(), Value::Null),
    ];
    let roles = ["viewer", "reviewer", "editor", "maintainer", "owner"];
    let callers: Vec<Api> = roles.iter().map(|role| it.tenant.role(role)).collect();
    for (weakest, method, path, body) in table {
        let weakest_at = roles.iter().position(|r| *r == weakest).unwrap();
        for (at, api) in callers.iter().enumerate() {
            let mut request = api.request(method.clone(), &path);
            if !body.is_null() {
                request = request.json(&body);
            }
            let status = api.send(request).await.status;
            assert_eq!(status == 403, at < weakest_at, "{} {method} {path}: {status}", roles[at]);
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_ours_opens_nothing() {
    let it = furnished("token", 8).await;
    let good = Stack::shared().token(&it.tenant.id, "owner");
    let mut parts: Vec<&str> = good.split('.').collect();
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let longer = format!("{good}A");
    let other = Stack::shared().token("somebody-else", "owner");
    parts[1] = other.split('.').nth(1).unwrap();
    let grafted = parts.join(".");
    for token in ["", "nonsense", &unsigned, &longer, &grafted] {
        let api = it.tenant.api.with_token(Some(token.to_owned()));
        api.get("/api/repositories").await.problem(401);
    }
    it.tenant.api.with_token(None).get("/api/repositories").await.problem(401);
    it.tenant.api.with_token(Some(good)).get("/api/repositories").await.ok();
}

#[tokio::test]
async fn neither_histories_nor_logs_hold_documents_or_secrets() {
    let it = furnished("quiet", 9).await;
    let home = Stack::shared().home();
    let token = Stack::shared().token(&it.tenant.id, "owner");
    it.tenant.api.with_token(Some(token.clone())).get("/api/repositories").await.ok();
    let database = std::fs::read_to_string(home.join("keys/postgres.json")).unwrap();
    let passwords: Value = serde_json::from_str(&database).unwrap();
    let mut hidden = vec![it.connection.secret.clone(), token];
    hidden.extend(passwords.as_object().unwrap().values().map(|p| p.as_str().unwrap().to_owned()));
    // A document's text is for nobody but the store: neither its statements nor its names.
    let document = ["declare-const", "define-fun", "SECRET-quiet"].map(str::to_owned);

    let files = |folder: &str, prefix: &str| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(home.join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let named =
            |p: &std::path::PathBuf| p.file_name().unwrap().to_string_lossy().starts_with(prefix);
        paths.filter(|p| p.is_file() && named(p)).collect()
    };
    let histories = files("data", "temporal");
    let logs = files("logs", "");
    assert!(!histories.is_empty() && logs.len() >= 5, "{histories:?} {logs:?}");
    for path in histories.iter().chain(&logs) {
        let content = std::fs::read(path).unwrap();
        let content = String::from_utf8_lossy(&content);
        for secret in hidden.iter().chain(&document) {
            let found = content.contains(secret.as_str());
            assert!(!found, "{} holds {secret:?}", path.display());
        }
    }
}
