//! The codec server, as the Web UI calls it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, CODEC_TOKEN, Ground, Server, token};

async fn call(server: &Server, token: &str, what: &str, body: &Value) -> Answer {
    let request = server.request(Method::POST, &format!("/codec/{token}/{what}")).json(body);
    server.send(request.header("X-Namespace", "sbh")).await
}

#[tokio::test]
async fn payloads_go_round_and_only_for_those_who_may() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    // "json/plain" and "\"swordfish\"" in base64.
    let plain = json!({ "payloads": [{ "metadata": { "encoding": "anNvbi9wbGFpbg==" }, "data": "InN3b3JkZmlzaCI=" }] });
    let sealed = call(&server, CODEC_TOKEN, "encode", &plain).await.expect(200);
    assert_ne!(sealed, plain);
    assert_eq!(call(&server, CODEC_TOKEN, "decode", &sealed).await.expect(200), plain);
    // What is plain stays readable.
    assert_eq!(call(&server, CODEC_TOKEN, "decode", &plain).await.expect(200), plain);

    for wrong in ["x", "codec-token-of-the-tesu", &CODEC_TOKEN[1..]] {
        call(&server, wrong, "decode", &sealed).await.problem(401, "unauthorized");
        call(&server, wrong, "encode", &plain).await.problem(401, "unauthorized");
    }
    // The `temporal` command sends the operator's token in a header. A tenant's will not do, whatever
    // the role: payloads belong to all tenants.
    let by = |bearer: &str| {
        server.request(Method::POST, "/codec/decode").bearer_auth(bearer).json(&sealed)
    };
    assert_eq!(server.send(by(CODEC_TOKEN)).await.expect(200), plain);
    for wrong in [token("demo", "owner").as_str(), "x", &CODEC_TOKEN[1..]] {
        server.send(by(wrong)).await.problem(401, "unauthorized");
    }
    let none = server.request(Method::POST, "/codec/decode").json(&sealed);
    server.send(none).await.problem(401, "unauthorized");

    let mut broken = sealed.clone();
    broken["payloads"][0]["data"] = json!("AAAA");
    call(&server, CODEC_TOKEN, "decode", &broken).await.problem(400, "invalid-request");
    broken["payloads"][0]["data"] = json!("not base64!");
    call(&server, CODEC_TOKEN, "decode", &broken).await.problem(400, "invalid-request");
}

#[tokio::test]
async fn only_the_web_ui_s_pages_may_read_the_answer() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let preflight = async |origin: &str| {
        let request = server
            .request(Method::OPTIONS, &format!("/codec/{CODEC_TOKEN}/decode"))
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type,x-namespace");
        server.send(request).await
    };
    let ours = preflight("http://127.0.0.1:8233").await;
    assert_eq!(ours.headers["access-control-allow-origin"], "http://127.0.0.1:8233");
    let theirs = preflight("http://evil.example").await;
    assert!(!theirs.headers.contains_key("access-control-allow-origin"), "{:?}", theirs.headers);
}
