//! Deliveries: what is acknowledged is in the inbox, and everything else is refused and counted.

use serde_json::json;

use crate::server::{Ground, eventually, push, signature};

const URL: &str = "https://github.com/acme/shop";

#[tokio::test]
async fn a_push_is_committed_before_it_is_acknowledged_and_its_duplicate_is_the_same() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    let repository = server.repository(URL, Some(&connection)).await;
    let body = push("https://github.com/Acme/Shop.git", "a1");
    let answer = server.deliver(&connection, &secret, "push", &body).await.expect(202);
    assert_eq!(answer["duplicate"], false);

    // Another program sees the row at once: it is committed.
    let row = sqlx::query_as::<_, (String, String, serde_json::Value)>(
        "SELECT repository_id::text, state, hint FROM inbox WHERE id = $1::uuid",
    )
    .bind(answer["id"].as_str().unwrap())
    .fetch_one(&mut ground.database.admin().await)
    .await
    .unwrap();
    assert_eq!((row.0, row.1.as_str()), (repository, "open"));
    assert_eq!(row.2["after"], "a1");

    let again = server.deliver(&connection, &secret, "push", &body).await.expect(202);
    assert_eq!(again, json!({ "id": answer["id"], "duplicate": true }));
    let other = server.deliver(&connection, &secret, "push", &push(URL, "a2")).await.expect(202);
    assert_eq!(other["duplicate"], false);
    assert_ne!(other["id"], answer["id"]);
    assert_eq!(
        server.metric(r#"sbh_webhooks_total{outcome="accepted",source="github"}"#).await,
        2.0
    );
    assert_eq!(
        server.metric(r#"sbh_webhooks_total{outcome="duplicate",source="github"}"#).await,
        1.0
    );
}

#[tokio::test]
async fn the_form_encoding_is_the_same_delivery_in_other_clothes() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.repository(URL, Some(&connection)).await;
    let json = push(URL, "a1");
    let encoded: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("payload={encoded}");
    let request = server
        .delivery(&connection, Some(&signature(&secret, body.as_bytes())), "push", body)
        .header("Content-Type", "application/x-www-form-urlencoded");
    // `header` adds: the delivery's own content type goes.
    let mut request = request.build().unwrap();
    request
        .headers_mut()
        .insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    assert_eq!(server.http.execute(request).await.unwrap().status(), 202);
}

#[tokio::test]
async fn two_secrets_live_through_a_rotation_and_the_third_ends_the_first() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let other = ground.start().await;
    let (connection, first) = server.connection("hooks").await;
    let rotate = format!("/api/connections/{connection}/rotate");
    // The other starter has read the connection before it is rotated.
    other.deliver(&connection, &first, "ping", "{}").await.expect(200);
    let second = server.post(&rotate, &json!(null)).await.expect(200)["secret"].clone();
    let second = second.as_str().unwrap();
    for secret in [&first, second] {
        server.deliver(&connection, secret, "ping", "{}").await.expect(200);
    }
    // On the other one a new secret works as soon as what it holds may be read again.
    eventually("the new secret to work everywhere", async || {
        let answer = other.deliver(&connection, second, "ping", "{}").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let given = json!({ "secret": "a secret of our own" });
    let shown = server.post(&rotate, &given).await.expect(200)["secret"].clone();
    assert_eq!(shown, given["secret"]);
    server.deliver(&connection, &first, "ping", "{}").await.problem(401, "bad-signature");
    server.deliver(&connection, second, "ping", "{}").await.expect(200);
    server.deliver(&connection, shown.as_str().unwrap(), "ping", "{}").await.expect(200);
}

#[tokio::test]
async fn bad_signatures_are_refused_and_counted_on_the_connection() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.repository(URL, Some(&connection)).await;
    let body = push(URL, "a1");
    let wrong = signature("another secret", body.as_bytes());
    let of_other_body = signature(&secret, b"{}");
    for signature in
        [None, Some(""), Some("sha256="), Some(wrong.as_str()), Some(of_other_body.as_str())]
    {
        let request = server.delivery(&connection, signature, "push", body.clone());
        server.send(request).await.problem(401, "bad-signature");
    }
    server.deliver(&connection, &secret, "push", &body).await.expect(202);
    assert_eq!(
        server.metric(r#"sbh_webhooks_total{outcome="bad_signature",source="github"}"#).await,
        5.0
    );
    eventually("the counts on the connection", async || {
        let seen = server.get("/api/connections").await.expect(200)["items"][0].clone();
        if seen["refused"] == 5 && seen["deliveries"] == 1 { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_connection_is_not_found_in_the_same_shape() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    for connection in [uuid::Uuid::now_v7().to_string(), "nonsense".into()] {
        let request = server.delivery(&connection, Some("sha256=00"), "push", "{}");
        server.send(request).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn events_tags_and_strange_repositories_are_accepted_and_ignored() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.repository(URL, Some(&connection)).await;
    let tag = push(URL, "a1").replace("refs/heads/main", "refs/tags/v1");
    for (event, body) in [
        ("star", "{}".to_owned()),
        ("an-event-of-the-future", "not even JSON".to_owned()),
        ("push", push("https://github.com/acme/other", "a1")),
        ("push", tag),
    ] {
        let answer = server.deliver(&connection, &secret, event, &body).await.expect(202);
        assert!(answer["ignored"].is_string() && answer["id"].is_null(), "{event}: {answer}");
    }
    let rows = server.get("/api/inbox").await.expect(200);
    assert_eq!(
        rows["items"].as_array().unwrap().len(),
        1,
        "only the notice of the new repository: {rows}"
    );
}

#[tokio::test]
async fn a_repository_that_was_just_tracked_is_announced_at_once() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.deliver(&connection, &secret, "ping", "{}").await.expect(200);
    server.repository(URL, Some(&connection)).await;
    let answer = server.deliver(&connection, &secret, "push", &push(URL, "a1")).await.expect(202);
    assert!(answer["id"].is_string(), "{answer}");
}

#[tokio::test]
async fn malformed_bodies_with_a_right_signature_are_named_and_counted() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.repository(URL, Some(&connection)).await;
    let deep = format!(
        r#"{{"repository":{{"clone_url":"{URL}"}},"x":{}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let whole = push(URL, "a");
    let bodies: [&[u8]; 6] =
        [b"", b"swordfish", b"[]", &whole.as_bytes()[..60], b"{\"ref\":\"\xff\"}", deep.as_bytes()];
    for body in bodies {
        let signature = signature(&secret, body);
        let request = server.delivery(&connection, Some(&signature), "push", body.to_vec());
        let problem = server.send(request).await.problem(400, "malformed-delivery");
        assert!(!problem.to_string().contains("swordfish"));
    }
    let text = push(URL, "a");
    let mut request = server
        .delivery(&connection, Some(&signature(&secret, text.as_bytes())), "push", text)
        .build()
        .unwrap();
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(server.http.execute(request).await.unwrap().status(), 400);
    assert_eq!(
        server.metric(r#"sbh_webhooks_total{outcome="malformed",source="github"}"#).await,
        7.0
    );
    eventually("the fault on the connection", async || {
        let seen = server.get("/api/connections").await.expect(200)["items"][0].clone();
        if seen["last_error"].is_string() { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn twenty_five_megabytes_are_taken_and_no_more() {
    const LIMIT: usize = 25 * 1024 * 1024;
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.repository(URL, Some(&connection)).await;
    let mut body = push(URL, "a1");
    body.pop();
    body.push_str(r#","filler":""#);
    body.push_str(&"x".repeat(LIMIT - body.len() - 2));
    body.push_str("\"}");
    assert_eq!(body.len(), LIMIT);
    server.deliver(&connection, &secret, "push", &body).await.expect(202);

    body.push(' ');
    let signature = signature(&secret, body.as_bytes());
    server
        .send(server.delivery(&connection, Some(&signature), "push", body.clone()))
        .await
        .problem(413, "too-large");
    assert!(
        server.metric(r#"sbh_webhooks_total{outcome="too_large",source="github"}"#).await >= 1.0
    );
}

#[tokio::test]
async fn a_full_inbox_pushes_back_with_the_time_to_come_again() {
    let mut ground = Ground::new().await;
    ground.config.starter.max_open_notices = 3;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    server.repository(URL, Some(&connection)).await;
    let mut taken = 0;
    let refused = loop {
        let answer =
            server.deliver(&connection, &secret, "push", &push(URL, &format!("a{taken}"))).await;
        if answer.status != 202 {
            break answer;
        }
        taken += 1;
        assert!(taken < 100, "an inbox with room for 3 took {taken}");
    };
    assert!(taken >= 1, "there was room");
    assert!(refused.headers.contains_key("retry-after"));
    refused.problem(503, "overloaded");
}
