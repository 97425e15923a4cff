//! Health tells the truth about each part.

use reqwest::Method;
use serde_json::json;

use crate::server::{Ground, eventually};

#[tokio::test]
async fn readiness_names_what_is_away() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    assert_eq!(server.send(server.request(Method::GET, "/healthz")).await.status, 200);
    let ready = server.send(server.request(Method::GET, "/readyz")).await.expect(200);
    assert_eq!(ready["status"], "degraded");
    assert_eq!(ready["parts"]["database"], json!({ "status": "ok" }));
    for part in ["temporal", "valkey"] {
        assert_eq!(ready["parts"][part]["status"], "degraded", "{ready}");
        assert!(ready["parts"][part]["reason"].is_string(), "{ready}");
    }

    // The database goes: nothing can be acknowledged any more, and everybody is told.
    let name = ground.database.admin_url.rsplit('/').next().unwrap().to_owned();
    let server_url = ground.database.admin_url.replace(&name, "postgres");
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&server_url).await.unwrap();
    sqlx::raw_sql(&format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ))
    .execute(&mut admin)
    .await
    .unwrap();
    eventually("the loss to be told", async || {
        let ready = server.send(server.request(Method::GET, "/readyz")).await;
        if ready.status == 503 { Ok(()) } else { Err(ready.text) }
    })
    .await;
    let down = server.send(server.request(Method::GET, "/readyz")).await.expect(503);
    assert_eq!(
        (&down["status"], &down["parts"]["database"]["status"]),
        (&json!("down"), &json!("down"))
    );
    assert!(!down.to_string().contains(&name), "no address in the reason: {down}");
    assert_eq!(
        server.send(server.request(Method::GET, "/healthz")).await.status,
        200,
        "alive all the same"
    );
    let refused = server.get("/api/coverage").await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.problem(503, "unavailable");

    sqlx::raw_sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .execute(&mut admin)
        .await
        .unwrap();
    eventually("the database to be back", async || {
        let answer = server.get("/api/coverage").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

#[tokio::test]
async fn requests_are_measured_by_route_and_not_by_address() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    for n in 0..3 {
        server
            .get(&format!("/api/repositories/{}", uuid::Uuid::from_u128(n)))
            .await
            .problem(404, "not-found");
        server.get(&format!("/nowhere/{n}")).await.problem(404, "not-found");
    }
    let count = "sbh_http_request_duration_seconds_count";
    let series =
        format!("{count}{{method=\"GET\",route=\"/api/repositories/{{id}}\",status=\"404\"}}");
    assert_eq!(server.metric(&series).await, 3.0);
    let text = server.get("/metrics").await.text;
    assert!(!text.contains("/nowhere/"), "{text}");
    assert!(
        text.contains("sbh_inbox_open 0") && text.contains("sbh_inbox_oldest_seconds 0"),
        "{text}"
    );
}
