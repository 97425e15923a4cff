//! How messages look, and what an answer means.

use std::io::{Read, Write};
use std::net::TcpListener;

use sbh_domain::alert::{ChannelRules, Told};
use sbh_domain::{AlertId, AlertKind, ChannelId, EffectId, Severity};
use sbh_outbound::Outbound;
use sbh_runtime::config::TemporalConfig;
use sbh_store::alert_channel::{Channel, ChannelKind};
use sbh_store::notify::{Entry, Message};
use serde_json::{Value, json};
use uuid::Uuid;

use super::content::Content;
use super::slack_send::{Way, send};
use super::*;

const EVIL: &str =
    "<!channel> <https://evil.example|x> & \"'<script>alert(1)</script>\n*b* \u{202e}";

fn entry(told: Told, severity: Severity, kind: AlertKind, title: &str, detail: Value) -> Entry {
    let at = chrono::DateTime::from_timestamp(1_764_000_000, 0).unwrap();
    Entry {
        alert: AlertId(Uuid::now_v7()),
        told,
        severity,
        kind,
        title: title.to_owned(),
        detail,
        raised_at: at,
        resolved_at: (told == Told::Resolved).then_some(at),
        place: (Some("shop".to_owned()), Some("docs/refunds.md".to_owned())),
        invariant: Some("REFUND-1".to_owned()),
    }
}

fn content(entries: Vec<Entry>) -> Content {
    let channel = Channel {
        id: ChannelId(Uuid::nil()),
        kind: ChannelKind::SlackWebhook,
        name: "on-call".to_owned(),
        target: json!({}),
        sealed_secret: None,
        rules: ChannelRules::default(),
        paused: false,
        created_at: chrono::DateTime::UNIX_EPOCH,
        last_sent_at: None,
        last_error: None,
        sent: 0,
        waiting: 0,
    };
    let message = Message { effect: EffectId(Uuid::nil()), channel, entries };
    Content::of(message, &"acme".parse().unwrap(), &TemporalConfig::default())
}

fn refuted(title: &str) -> Entry {
    let detail = json!({
        "counterexample": [{ "name": "refund", "value": "101" }, { "name": "paid", "value": "```100 <&>" }],
        "workflow_id": "spec-drift/acme/d", "run_id": "r> |x",
    });
    entry(Told::Raised, Severity::Critical, AlertKind::InvariantRefuted, title, detail)
}

fn mixed() -> Content {
    let silent =
        json!({ "reason": "no delivery for 3 polls", "what_to_do": "sbh connection list" });
    content(vec![
        entry(
            Told::Resolved,
            Severity::Critical,
            AlertKind::InvariantRefuted,
            "STOCK-2 does not hold",
            json!({}),
        ),
        entry(Told::Raised, Severity::Warning, AlertKind::SourceSilent, "jira is silent", silent),
        refuted("REFUND-1 (the refund never exceeds the payment) in docs/refunds.md does not hold"),
    ])
}

#[test]
fn slack_gets_the_worst_first_within_its_limits() {
    let message = slack::write(&mixed());
    let blocks = message["blocks"].as_array().unwrap();
    let header = blocks[0]["text"]["text"].as_str().unwrap();
    assert_eq!(header, "🔴 1 critical, 1 warning, 1 resolved — acme");
    assert!(blocks[1]["text"]["text"].as_str().unwrap().contains("REFUND-1"));
    assert!(blocks[2]["text"]["text"].as_str().unwrap().contains("refund = 101"));
    let many = content((0..300).map(|n| refuted(&format!("{n} {}", "&".repeat(500)))).collect());
    let many = slack::write(&many);
    assert!(many["blocks"].as_array().unwrap().len() <= 50);
    assert!(many.to_string().contains("and 285 more"));
    for block in many["blocks"].as_array().unwrap() {
        assert!(block["text"]["text"].as_str().unwrap_or_default().chars().count() <= 3_000);
    }
}

#[test]
fn hostile_text_stays_text() {
    let content = content(vec![refuted(EVIL)]);
    let slack = slack::write(&content).to_string();
    for token in ["<!channel>", "<https://evil", "<script>", "````"] {
        assert!(!slack.contains(token), "{token} in {slack}");
    }
    let link =
        "http://127.0.0.1:8233/namespaces/sbh/workflows/spec-drift%2Facme%2Fd/r%3E%20%7Cx/history";
    assert!(slack.contains(&format!("<{link}|the run>")), "{slack}");
    let mail = email::write(&content);
    assert!(!mail.html.contains("<script>") && !mail.html.contains("<!channel>"), "{}", mail.html);
    assert!(mail.html.contains("&lt;script&gt;") && !mail.html.contains("{{"));
    assert!(
        !mail.subject.contains(['\n', '\r', '\u{202e}']) && mail.subject.chars().count() <= 150
    );
}

#[test]
fn an_e_mail_says_the_same_in_both_parts() {
    let mail = email::write(&mixed());
    for part in [&mail.html, &mail.text] {
        for text in
            ["1 critical, 1 warning, 1 resolved", "refund = 101", "jira is silent", "STOCK-2"]
        {
            assert!(part.contains(text), "{text} in {part}");
        }
    }
    assert!(mail.subject.starts_with("[SBH acme] 1 critical, 1 warning, 1 resolved: REFUND-1"));
    let empty = email::write(&content(vec![entry(
        Told::Raised,
        Severity::Info,
        AlertKind::Test,
        "{{items}} {{more}}",
        json!({}),
    )]));
    assert!(empty.html.contains("{{items}} {{more}}"), "a value is no template");
}

/// What a sending means that is answered with these bytes; `None`: nobody listens.
async fn answered(bot: bool, answer: Option<&'static str>) -> Ending {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = match answer {
        None => {
            drop(listener);
            None
        }
        Some(answer) => Some(std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            // The whole request is read before it is answered: it has arrived.
            while !String::from_utf8_lossy(&request).contains("\"text\":\"hello\"") {
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0, "the request ended early");
                request.extend_from_slice(&chunk[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        })),
    };
    let outbound = Outbound::new(vec!["127.0.0.1".parse().unwrap()]).unwrap();
    let way = if bot {
        let api = format!("http://{address}/api/");
        Way::Bot { api, token: "xoxb-secret".to_owned(), channel: "C1".to_owned() }
    } else {
        Way::Webhook { address: format!("http://{address}/services/secret") }
    };
    let ending = send(&outbound, &way, json!({ "text": "hello" }), "m1").await;
    if let Some(thread) = thread {
        let request = thread.join().unwrap();
        assert_eq!(request.contains("/api/chat.postMessage"), bot);
        assert_eq!(request.to_lowercase().contains("authorization: bearer xoxb-secret"), bot);
    }
    assert!(!format!("{ending:?}").contains("secret"), "{ending:?}");
    ending
}

#[tokio::test]
async fn an_answer_of_a_webhook_means_what_it_says() {
    use Outcome as O;
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert!(matches!(answered(false, Some(ok)).await.outcome, O::Sent { .. }));
    assert!(matches!(answered(false, None).await.outcome, O::NotSent { .. }), "refused");
    let limited = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let limited = answered(false, Some(limited)).await;
    assert!(matches!(limited.outcome, O::NotSent { .. }));
    assert_eq!(limited.pause, Some(Duration::from_secs(7)));
    for unknown in [
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ncut",
        "",
    ] {
        let ending = answered(false, Some(unknown)).await;
        assert!(matches!(ending.outcome, O::Unknown { .. }), "{unknown:?}: {ending:?}");
    }
    let gone = "HTTP/1.1 404 Gone\r\nContent-Length: 10\r\n\r\nno_service";
    let O::Failed { why } = answered(false, Some(gone)).await.outcome else { panic!("not failed") };
    assert!(why.contains("no_service"), "{why}");
}

#[tokio::test]
async fn an_answer_of_the_web_api_is_read_whatever_its_status() {
    use Outcome as O;
    let sent = "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{\"ok\":true,\"ts\":\"17.5\",\"channel\":\"C1\"}";
    let ending = answered(true, Some(sent)).await;
    assert_eq!(ending.outcome, O::Sent { external_ref: Some("C1/17.5".to_owned()) });
    let refused =
        "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{\"ok\":false,\"error\":\"invalid_auth\" }";
    assert!(matches!(answered(true, Some(refused)).await.outcome, O::Failed { .. }));
    let fault =
        "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"ok\":false,\"error\":\"fatal_error\" }";
    assert!(matches!(answered(true, Some(fault)).await.outcome, O::Unknown { .. }));
}
