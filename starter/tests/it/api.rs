//! The API's own rules: problems, roles, pages, secrets, pages for people.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Ground, push, token};

#[tokio::test]
async fn what_is_not_there_or_not_readable_is_a_problem() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    server.send(server.request(Method::GET, "/nowhere")).await.problem(404, "not-found");
    server.send(server.request(Method::PUT, "/readyz")).await.problem(405, "method-not-allowed");
    server.get("/api/repositories/nonsense").await.problem(400, "invalid-request");
    server.get("/api/repositories?cursor=!").await.problem(400, "invalid-request");
    server.get("/api/repositories?limit=0").await.problem(400, "invalid-request");
    server.get("/api/repositories?limit=many").await.problem(400, "invalid-request");
    server.get("/api/inbox?state=lost").await.problem(400, "invalid-request");
    server.get("/api/specs").await.problem(400, "invalid-request");
    server.post("/api/repositories", &json!({})).await.problem(400, "invalid-request");
    let owner = token("demo", "owner");
    let plain = server.request(Method::POST, "/api/repositories").bearer_auth(&owner).body("url=x");
    server.send(plain).await.problem(415, "unsupported-media-type");
    let large = json!({ "url": "x".repeat(2 << 20) });
    let answer = server.post("/api/repositories", &large).await;
    assert_eq!(answer.status, 413, "{}", answer.text);

    let page = server.send(server.request(Method::GET, "/problems/overloaded")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Too much to do"), "{}", page.text);
    server.send(server.request(Method::GET, "/problems/<script>")).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_a_removed_repository_can_come_back() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let id = server.repository("https://github.com/acme/shop", None).await;
    let again =
        server.post("/api/repositories", &json!({ "url": "https://github.com/acme/shop" })).await;
    again.problem(409, "conflict");
    let owner = token("demo", "owner");
    let path = format!("/api/repositories/{id}");
    let removed =
        server.send(server.request(Method::DELETE, &path).bearer_auth(&owner)).await.expect(200);
    assert!(
        removed["removed_at"].is_string() && removed["restorable_until"].is_string(),
        "{removed}"
    );
    assert_eq!(server.get("/api/repositories").await.expect(200)["items"], json!([]));
    let all = server.get("/api/repositories?removed=true").await.expect(200);
    assert_eq!(all["items"][0]["id"], id.as_str());
    server.post(&format!("{path}/sync"), &json!(null)).await.problem(404, "not-found");
    let restored = server.post(&format!("{path}/restore"), &json!(null)).await.expect(200);
    assert!(restored["removed_at"].is_null(), "{restored}");
    let synced = server.post(&format!("{path}/sync"), &json!(null)).await.expect(202);
    assert!(synced["id"].is_string(), "{synced}");
}

#[tokio::test]
async fn lists_come_in_pages_that_join() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    for n in 0..5 {
        server.repository(&format!("https://github.com/acme/r{n}"), None).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/api/inbox?limit=2".to_owned());
    loop {
        let page = server.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].to_string()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/inbox?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, each once: {seen:?}");
}

#[tokio::test]
async fn status_coverage_and_audit_answer_without_temporal() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let id = server.repository("https://github.com/acme/shop", None).await;
    let status = server.get(&format!("/api/repositories/{id}/status")).await.expect(200);
    assert_eq!(
        (&status["phase"], &status["live"], &status["open_notices"]),
        (&json!("idle"), &json!(false), &json!(1))
    );
    assert!(
        status["workflow_url"].as_str().unwrap().ends_with(&format!("repo-sync%2Fdemo%2F{id}")),
        "{status}"
    );

    let coverage = server.get("/api/coverage").await.expect(200);
    assert_eq!(coverage["totals"]["total"], 0);
    assert!(coverage["totals"]["percentage_proved"].is_null());
    assert_eq!(coverage["repositories"][0]["name"], "shop");
    assert_eq!(coverage["repositories"][0]["proved"], 0);
    for name in [id.as_str(), "shop"] {
        let one = server.get(&format!("/api/coverage/repository/{name}")).await.expect(200);
        assert_eq!(one, coverage["repositories"][0]);
    }
    server.get("/api/coverage/repository/other").await.problem(404, "not-found");

    // Asking for a synchronisation is noted; asking again while it waits is nothing new.
    for duplicate in [false, true] {
        let asked = server.post(&format!("/api/repositories/{id}/sync"), &json!(null)).await;
        assert_eq!(asked.expect(202)["duplicate"], duplicate);
    }
    let audit = server.get("/api/audit").await.expect(200);
    let actions: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    assert_eq!(
        actions,
        [json!("repository.sync"), json!("repository.add"), json!("tenant.create")]
    );
    assert_eq!(audit["items"][0]["actor"], "ada");
    let verified = server.get("/api/audit/verify").await.expect(200);
    assert_eq!((&verified["valid"], &verified["entries"]), (&json!(true), &json!(3)));
}

#[tokio::test]
async fn no_secret_comes_back() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let new = json!({ "name": "hooks", "secret": "swordfish-secret-1", "credential": "swordfish-credential" });
    let made = server.post("/api/connections", &new).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert!(!made.to_string().contains("swordfish-credential"));
    let rotated = json!({ "secret": "swordfish-secret-2" });
    server.post(&format!("/api/connections/{id}/rotate"), &rotated).await.expect(200);
    let repository = server.repository("https://github.com/acme/shop", Some(id)).await;
    server
        .deliver(id, "swordfish-secret-2", "push", &push("https://github.com/acme/shop", "a"))
        .await
        .expect(202);
    server.deliver(id, "wrong", "push", "{}").await.problem(401, "bad-signature");
    server.post("/api/connections", &new).await.problem(409, "conflict");
    let short = json!({ "name": "x", "secret": "swordfish" });
    assert!(
        !server
            .post("/api/connections", &short)
            .await
            .problem(400, "invalid-request")
            .to_string()
            .contains("swordfish")
    );
    for path in [
        "/api/connections".to_owned(),
        "/api/repositories".into(),
        format!("/api/repositories/{repository}"),
        format!("/api/repositories/{repository}/status"),
        "/api/inbox".into(),
        "/api/audit".into(),
        "/api/coverage".into(),
        "/metrics".into(),
        "/readyz".into(),
        "/openapi.json".into(),
    ] {
        let text = server.get(&path).await.text;
        assert!(!text.contains("swordfish"), "{path}: {text}");
        assert!(!text.contains("postgres://"), "{path}: {text}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_the_viewer_loads_nothing_from_elsewhere() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    for path in [
        "/docs",
        "/docs/viewer.js",
        "/docs/viewer.css",
        "/openapi.json",
        "/healthz",
        "/nowhere",
        "/api/coverage",
    ] {
        let answer = server.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
        if path.starts_with("/docs") {
            assert_eq!(answer.status, 200, "{path}");
            assert!(
                !answer.text.contains("http://") && !answer.text.contains("https://"),
                "{path}"
            );
        }
    }
    let document: Value = server.get("/openapi.json").await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_stopped_server_has_finished_what_it_began() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.deliver(&connection, &secret, "ping", "{}").await.expect(200);
    let store = server.store.clone();
    server.stop().await;
    let seen = store.connections(&"demo".parse().unwrap()).await.unwrap();
    assert_eq!(seen[0].deliveries, 1, "what was counted in memory is not lost");
}

#[tokio::test]
async fn a_credential_goes_to_its_own_host_only() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let connection = async |name: &str, extra: Value| {
        let mut new = json!({ "name": name });
        new.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        server.post("/api/connections", &new).await
    };
    let id = |made: Value| made["id"].as_str().unwrap().to_owned();
    let github = id(connection("a", json!({ "credential": "t" })).await.expect(201));
    let own = json!({ "credential": "t", "credential_host": "Git.Example:8443" });
    let own = id(connection("b", own).await.expect(201));
    let none = id(connection("c", json!({})).await.expect(201));
    for wrong in [
        json!({ "credential": "t", "credential_host": "https://h" }),
        json!({ "credential": "t", "credential_host": "*" }),
        json!({ "credential_host": "github.com" }),
    ] {
        connection("d", wrong).await.problem(400, "invalid-request");
    }
    let listed = server.get("/api/connections").await.expect(200);
    let hosts: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|c| c["credential_host"].clone()).collect();
    assert_eq!(hosts, [json!("github.com"), json!("git.example:8443"), Value::Null]);

    // An editor points repositories at addresses, and so does not choose who gets the credential.
    let add = async |url: &str, connection: &str| {
        let new = json!({ "url": url, "connection_id": connection, "name": format!("{url} {connection}") });
        let editor = token("demo", "editor");
        let request = server.request(Method::POST, "/api/repositories").bearer_auth(editor);
        server.send(request.json(&new)).await
    };
    for (url, connection) in [
        ("https://evil.example/acme/shop", &github),
        ("https://github.com.evil.example/acme/shop", &github),
        ("https://github.com:8443/acme/shop", &github),
        ("git@evil.example:acme/shop", &github),
        ("file:///srv/git/shop", &github),
        ("https://git.example/acme/shop", &own),
    ] {
        let refused = add(url, connection).await.problem(422, "credential-host");
        assert!(refused["detail"].as_str().unwrap().contains("credential is for"), "{refused}");
    }
    for (url, connection) in [
        ("https://github.com/acme/shop", &github),
        ("git@github.com:acme/shop", &github),
        ("https://git.example:8443/acme/shop", &own),
        ("https://elsewhere.example/acme/shop", &none),
    ] {
        add(url, connection).await.expect(201);
    }
}
