//! Two tenants over every route: the list is the OpenAPI document, so that a new route is in it.

use reqwest::Method;
use serde_json::{Value, json};
use utoipa::OpenApi as _;

use crate::server::{Ground, token};

/// The operations below `/api`: method, path, body.
fn operations() -> Vec<(Method, String)> {
    let document = serde_json::to_value(sbh_starter::openapi::Document::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.starts_with("/api/") {
            for method in methods.as_object().unwrap().keys() {
                found.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

#[tokio::test]
async fn no_route_answers_without_a_token_or_for_an_unknown_tenant() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let nil = uuid::Uuid::nil().to_string();
    for (method, path) in operations() {
        let path = path.replace("{id}", &nil).replace("{document}", &nil).replace("{repo}", &nil);
        let request = || {
            server
                .request(method.clone(), &path)
                .json(&json!({ "name": "x", "url": "https://h/a" }))
        };
        server.send(request()).await.problem(401, "unauthorized");
        server.send(request().bearer_auth("nonsense")).await.problem(401, "unauthorized");
        server
            .send(request().bearer_auth(token("nobody", "owner")))
            .await
            .problem(403, "unknown-tenant");
    }
}

/// A body that every address can read.
fn any_body() -> Value {
    json!({
        "name": "x", "url": "https://h/a", "kind": "email", "to": ["a@example.com"], "reason": "why",
        "resolution": "sent", "connection_id": null,
    })
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let nil = uuid::Uuid::nil().to_string();
    for (method, path) in operations() {
        let owners = path.starts_with("/api/audit");
        if method == Method::GET && !owners {
            continue;
        }
        let path = path.replace("{id}", &nil).replace("{document}", &nil);
        let body = any_body();
        let request =
            server.request(method.clone(), &path).bearer_auth(token("demo", "viewer")).json(&body);
        server.send(request).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn another_tenant_s_things_are_not_there() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    server.store.ensure_tenant(&"other".parse().unwrap()).await.unwrap();
    let (connection, _) = server.connection("hooks-of-demo").await;
    let repository =
        server.repository("https://github.com/acme/demos-own", Some(&connection)).await;
    let notice =
        server.get("/api/inbox").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let document = uuid::Uuid::now_v7().to_string();
    let mut admin = ground.database.admin().await;
    sqlx::query("INSERT INTO documents (id, tenant_id, repository_id, path) VALUES ($1::uuid, 'demo', $2::uuid, 'demos-own.md')")
        .bind(&document)
        .bind(&repository)
        .execute(&mut admin)
        .await
        .unwrap();
    server.get(&format!("/api/specs/{document}")).await.expect(200);

    let other = token("other", "owner");
    for (method, template) in operations() {
        let path = match template.as_str() {
            path if path.starts_with("/api/connections") => path.replace("{id}", &connection),
            path if path.starts_with("/api/inbox") => path.replace("{id}", &notice),
            "/api/specs" => format!("/api/specs?repository={repository}"),
            path => path
                .replace("{id}", &repository)
                .replace("{document}", &document)
                .replace("{repo}", &repository),
        };
        let names_one = template.contains('{') || template == "/api/specs";
        // Making things, and putting documents by an id, is about the caller's own tenant.
        if (method == Method::POST && !names_one) || method == Method::PUT {
            continue;
        }
        let answer = server
            .send(server.request(method.clone(), &path).bearer_auth(&other).json(&any_body()))
            .await;
        if names_one {
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        } else {
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
            for theirs in
                [connection.as_str(), &repository, &notice, &document, "demos-own", "hooks-of-demo"]
            {
                assert!(!answer.text.contains(theirs), "{method} {path}: {}", answer.text);
            }
        }
    }
    let by_name =
        server.request(Method::GET, "/api/coverage/repository/demos-own").bearer_auth(&other);
    server.send(by_name).await.problem(404, "not-found");
    let borrowed = json!({ "url": "https://h/a", "connection_id": connection });
    let request =
        server.request(Method::POST, "/api/repositories").bearer_auth(&other).json(&borrowed);
    server.send(request).await.problem(404, "not-found");
    // Nothing of it was changed.
    let seen: Value = server.get(&format!("/api/repositories/{repository}")).await.expect(200);
    assert!(seen["removed_at"].is_null());
    assert_eq!(server.get("/api/connections").await.expect(200)["items"][0]["live_secrets"], 1);
}
