//! `Idempotency-Key`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, Ground, Server, token};

async fn once(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    let owner = token("demo", "owner");
    let request =
        server.request(Method::POST, path).bearer_auth(owner).header("Idempotency-Key", key);
    server.send(request.json(body)).await
}

#[tokio::test]
async fn one_key_has_one_effect_and_one_answer() {
    let ground = Ground::new().await;
    let (server, other) = (ground.start().await, ground.start().await);
    let body = json!({ "url": "https://github.com/acme/shop" });
    let first = once(&server, "/api/repositories", "k1", &body).await.expect(201);
    // Another starter gives the same answer.
    let again = once(&other, "/api/repositories", "k1", &body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201), first);
    let different = json!({ "url": "https://github.com/acme/other" });
    once(&server, "/api/repositories", "k1", &different).await.problem(422, "idempotency-mismatch");
    once(&server, "/api/connections", "k1", &json!({ "name": "x" }))
        .await
        .problem(422, "idempotency-mismatch");
    assert_eq!(
        server.get("/api/repositories").await.expect(200)["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_failed_request_frees_its_key() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    once(&server, "/api/repositories", "k1", &json!({})).await.problem(400, "invalid-request");
    once(&server, "/api/repositories", "k1", &json!({ "url": "https://h/a" })).await.expect(201);
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let body = json!({ "name": "hooks" });
    let made = once(&server, "/api/connections", "k1", &body).await.expect(201);
    let replay =
        once(&server, "/api/connections", "k1", &body).await.problem(409, "secret-withheld");
    assert_eq!(replay["id"], made["id"]);
    assert!(!replay.to_string().contains(made["secret"].as_str().unwrap()));
    let kept: String = sqlx::query_scalar(
        "SELECT coalesce(string_agg(row_to_json(k)::text, ''), '') FROM idempotency_keys k",
    )
    .fetch_one(&mut ground.database.admin().await)
    .await
    .unwrap();
    assert!(!kept.contains(made["secret"].as_str().unwrap()), "{kept}");
}

#[tokio::test]
async fn many_at_once_have_one_effect() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let body = json!({ "url": "https://github.com/acme/shop" });
    let answers =
        futures::future::join_all((0..10).map(|_| once(&server, "/api/repositories", "k1", &body)))
            .await;
    for answer in answers {
        match answer.status {
            201 => {}
            _ => drop(answer.problem(409, "in-progress")),
        }
    }
    assert_eq!(
        server.get("/api/repositories").await.expect(200)["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn keys_belong_to_a_tenant_and_a_caller_and_must_be_usable() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    server.store.ensure_tenant(&"other".parse().unwrap()).await.unwrap();
    let body = json!({ "url": "https://github.com/acme/shop" });
    let first = once(&server, "/api/repositories", "k1", &body).await.expect(201);
    let as_other = |tenant: &str, role: &str| {
        let request =
            server.request(Method::POST, "/api/repositories").bearer_auth(token(tenant, role));
        request.header("Idempotency-Key", "k1").json(&body)
    };
    let theirs = server.send(as_other("other", "owner")).await.expect(201);
    assert_ne!(theirs["id"], first["id"]);
    // A viewer who guesses the key does not see the answer.
    server.send(as_other("demo", "viewer")).await.problem(422, "idempotency-mismatch");
    for key in ["", &"x".repeat(256)] {
        once(&server, "/api/repositories", key, &body).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn an_answer_too_large_to_be_kept_is_given_once_and_its_request_done_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use sbh_starter::auth::Caller;
    use sbh_starter::{idempotency, state::State};
    use tower::ServiceExt as _;

    let ground = Ground::new().await;
    let state = State::new(ground.config.clone(), ground.database.store().await).unwrap();
    let done = Arc::new(AtomicU32::new(0));
    let large = serde_json::to_string(&"x".repeat(2 << 20)).unwrap();
    let handler = {
        let (done, large) = (done.clone(), large.clone());
        post(async move || {
            done.fetch_add(1, Ordering::Relaxed);
            large
        })
    };
    let app = Router::new()
        .route("/large", handler)
        .layer(from_fn_with_state(state.clone(), idempotency::once));
    let ask = async || {
        let mut request = Request::post("/large").header("Idempotency-Key", "k1");
        request = request.extension(Caller {
            tenant: "demo".parse().unwrap(),
            subject: "ada".into(),
            role: "owner".parse().unwrap(),
        });
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap())
    };
    let first = ask().await;
    assert_eq!((first.0, first.1.len()), (200, large.len()), "the first answer is whole");
    let (status, body) = ask().await;
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &problem["type"]), (410, &json!("/problems/answer-not-kept")), "{problem}");
    assert_eq!(done.load(Ordering::Relaxed), 1);
}
