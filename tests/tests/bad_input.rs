//! Hostile and broken input: a clear answer at the right place, counted, and nothing lost.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::time::Duration;

use sbh_tests::documents::{document, endless, malformed, memory_eater, proved};
use sbh_tests::processes::{descendants, executable, resident_mb};
use sbh_tests::webhook::{Delivery, push, signature};
use sbh_tests::{Connection, LONG, SHORT, Stack, StackOptions, Tenant, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What `/metrics` says, summed over a metric's labels that contain `label`.
async fn metric(tenant: &Tenant<'_>, name: &str, label: &str) -> f64 {
    let text = tenant.api.get("/metrics").await.ok();
    let text = text.as_str().expect("metrics are text").to_owned();
    let lines = text.lines().filter(|l| l.starts_with(name) && l.contains(label));
    lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn rows(tenant: &Tenant<'_>) -> i64 {
    tenant.ledger.count("SELECT count(*) FROM inbox WHERE tenant_id = $1", &tenant.id).await
}

async fn with_repository(name: &str) -> (Tenant<'static>, sbh_tests::GitRepo, Connection, String) {
    let tenant = Tenant::new(Stack::shared(), name).await;
    let repo = Stack::shared().repo(name);
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    (tenant, repo, connection, repository)
}

#[tokio::test]
async fn a_wrong_or_missing_signature_is_refused_and_counted() {
    let (tenant, repo, connection, _) = with_repository("signature").await;
    let before = rows(&tenant).await;
    let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    let good = Delivery::json("push", &payload, &connection.secret);
    let counted = metric(&tenant, "sbh_webhook", "signature").await;
    let spoiled = [
        None,
        Some(String::new()),
        Some("sha256=".to_owned()),
        Some("sha256=zz".to_owned()),
        Some(signature("another secret", &good.body)),
        Some(signature(&connection.secret, b"another body")),
        // The right digest under the name of a weaker algorithm.
        good.signature.clone().map(|s| s.replace("sha256=", "sha1=")),
    ];
    let wrong = spoiled.len();
    for signature in spoiled {
        let delivery = Delivery { signature: signature.clone(), ..good.clone() };
        let answer = tenant.api.deliver(&connection.id, &delivery).await;
        let problem = answer.problem(401).to_string();
        assert!(!problem.contains(&connection.secret), "{problem}");
    }
    assert_eq!(rows(&tenant).await, before, "nothing refused reaches the inbox");
    // Other tests of this stack are refused as well: at least ours were counted.
    assert!(metric(&tenant, "sbh_webhook", "signature").await - counted >= wrong as f64);
    eventually(SHORT, "the connection to show its refusals", async || {
        let seen = tenant.api.get("/api/connections").await.ok()["items"][0]["refused"].clone();
        if seen == wrong { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    // The same body with the right signature still goes through.
    tenant.deliver(&connection, &good).await;
}

#[tokio::test]
async fn an_unknown_connection_is_no_connection() {
    let (tenant, repo, connection, _) = with_repository("unknown").await;
    let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    let delivery = Delivery::json("push", &payload, &connection.secret);
    for id in [uuid::Uuid::new_v4().to_string(), "nonsense".to_owned(), "..%2f..".to_owned()] {
        let answer = tenant.api.deliver(&id, &delivery).await;
        assert!(
            [401, 404].contains(&answer.status.as_u16()),
            "{id}: {} {}",
            answer.status,
            answer.body
        );
    }
}

#[tokio::test]
async fn both_secrets_of_a_rotation_are_live_and_the_third_retires_the_first() {
    let (tenant, repo, first, _) = with_repository("rotation").await;
    let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    let rotate = async || {
        let path = format!("/api/connections/{}/rotate", first.id);
        let answer = tenant.api.post(&path, &json!({})).await.ok();
        answer["secret"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let second = rotate().await;
    let status = async |secret: &str| {
        tenant
            .api
            .deliver(&first.id, &Delivery::json("push", &payload, secret))
            .await
            .status
            .as_u16()
    };
    assert_eq!((status(&first.secret).await, status(&second).await), (202, 202));
    let third = rotate().await;
    eventually(SHORT, "the first secret to be retired", async || {
        let seen = (status(&first.secret).await, status(&second).await, status(&third).await);
        if seen == (401, 202, 202) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_no_push_are_refused_with_a_reason() {
    let (tenant, _, connection, _) = with_repository("bodies").await;
    let before = rows(&tenant).await;
    let whole = json!({ "ref": "refs/heads/main", "repository": { "clone_url": "x" } }).to_string();
    let depth = 200_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let nested_inside = format!("{{\"ref\":{nested}}}");
    let bodies: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("truncated", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("nested", nested.into_bytes()),
        ("nested inside", nested_inside.into_bytes()),
        ("not UTF-8", b"{\"ref\":\"\xff\xfe\"}".to_vec()),
        ("not an object", b"[1,2,3]".to_vec()),
        ("no fields", b"{}".to_vec()),
    ];
    for (what, body) in bodies {
        let delivery = Delivery::signed("push", body, &connection.secret);
        let answer = tenant.api.deliver(&connection.id, &delivery).await;
        assert!(
            [400, 422].contains(&answer.status.as_u16()),
            "{what}: {} {}",
            answer.status,
            answer.body
        );
        let status = answer.status.as_u16();
        let problem = answer.problem(status);
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{what}: {problem}");
    }
    assert_eq!(rows(&tenant).await, before);
}

#[tokio::test]
async fn a_wrong_content_type_is_refused() {
    let (tenant, repo, connection, _) = with_repository("content").await;
    let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    let mut delivery = Delivery::json("push", &payload, &connection.secret);
    for content_type in ["text/plain", "application/xml", "image/png"] {
        delivery.content_type = content_type.to_owned();
        let problem = tenant.api.deliver(&connection.id, &delivery).await.problem(400);
        assert!(problem["detail"].as_str().unwrap().contains("content type"), "{problem}");
    }
    delivery.content_type = "application/json; charset=utf-8".to_owned();
    tenant.deliver(&connection, &delivery).await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let (tenant, repo, connection, _) = with_repository("oversized").await;
    let mut payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    payload["padding"] = json!("x".repeat(24 << 20));
    tenant.deliver(&connection, &Delivery::json("push", &payload, &connection.secret)).await;
    payload["padding"] = json!("x".repeat(26 << 20));
    let delivery = Delivery::json("push", &payload, &connection.secret);
    // The server may answer and hang up before everything was sent: both are a refusal.
    if let Ok(answer) = tenant.api.try_deliver(&connection.id, &delivery).await {
        answer.problem(413);
    }
    tenant.api.get("/api/repositories").await.ok();
}

#[tokio::test]
async fn a_request_that_ends_before_its_body_harms_nobody() {
    let (tenant, _, connection, _) = with_repository("cut").await;
    let before = rows(&tenant).await;
    let address = Stack::shared().env("api_url").replace("http://", "");
    for _ in 0..20 {
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /webhooks/github/{} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=00\r\nContent-Length: 1000\r\n\r\n{{\"ref\":",
            connection.id
        );
        socket.write_all(head.as_bytes()).await.unwrap();
    }
    // Half a request line, and bytes that are no HTTP.
    for bytes in [b"GET /api".as_slice(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // Any end is right, but there must be one.
        let end =
            tokio::time::timeout(Duration::from_secs(30), socket.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "the server leaves a broken request open");
    }
    assert_eq!(rows(&tenant).await, before);
    tenant.api.get("/api/repositories").await.ok();
}

#[tokio::test]
async fn requests_to_the_api_are_checked_too() {
    let tenant = Tenant::new(Stack::shared(), "requests").await;
    let repositories = "/api/repositories";
    let refused = [
        json!({}),
        json!({ "url": "", "specs": ["**"] }),
        json!({ "url": "ext::sh -c id", "specs": ["**"] }),
        json!({ "url": "--upload-pack=id", "specs": ["**"] }),
        json!({ "url": "https://user:swordfish@example.com/x.git", "specs": ["["] }),
        json!({ "url": "http://127.0.0.1:1/x.git", "specs": ["**"] }),
        json!({ "url": "https://example.com/x.git", "specs": ["**"], "branch": "--all" }),
    ];
    for body in refused {
        let answer = tenant.api.post(repositories, &body).await;
        assert!(
            [400, 422].contains(&answer.status.as_u16()),
            "{body}: {} {}",
            answer.status,
            answer.body
        );
        assert!(!answer.body.to_string().contains("swordfish"), "{}", answer.body);
    }
    let api = &tenant.api;
    let raw = |bytes: &'static [u8]| {
        api.request(reqwest::Method::POST, repositories)
            .header("Content-Type", "application/json")
            .body(bytes)
    };
    for bytes in [b"{".as_slice(), b"", b"\xff", b"[]"] {
        let status = api.send(raw(bytes)).await.status.as_u16();
        assert!([400, 422].contains(&status), "{bytes:?}: {status}");
    }
    for path in
        ["/api/specs/nonsense", "/api/repositories/nonsense", "/api/inbox/nonsense", "/api/nothing"]
    {
        let answer = api.get(path).await;
        assert!(
            [400, 404].contains(&answer.status.as_u16()),
            "{path}: {} {}",
            answer.status,
            answer.body
        );
    }
    let answer = api.get("/api/inbox?cursor=nonsense").await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test]
async fn addresses_that_lead_inside_are_never_asked() {
    let tenant = Tenant::new(Stack::shared(), "inside").await;
    // Somebody who listens here would see a request.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let outside = Stack::shared().home().parent().unwrap().join("elsewhere");
    let addresses = [
        "file:///etc".to_owned(),
        format!("file://{}", outside.display()),
        format!("https://127.0.0.1:{port}/x.git"),
        format!("https://localhost:{port}/x.git"),
        format!("https://[::ffff:127.0.0.1]:{port}/x.git"),
        "https://169.254.169.254/latest".to_owned(),
        format!("ssh://git@127.0.0.1:{port}/x.git"),
    ];
    let mut ids = Vec::new();
    for (n, url) in addresses.iter().enumerate() {
        let body = json!({ "url": url, "name": n.to_string(), "specs": ["**"] });
        let made = tenant.api.post("/api/repositories", &body).await.ok();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    for (url, id) in addresses.iter().zip(&ids) {
        let error = eventually(LONG, "the address to be refused", async || {
            let seen = tenant.api.get(&format!("/api/repositories/{id}")).await.ok();
            seen["last_error"].as_str().map(str::to_owned).ok_or(seen)
        })
        .await;
        let refused = ["not allowed", "not a public one"].iter().any(|why| error.contains(why));
        assert!(refused, "{url}: {error}");
    }
    let asked = futures::FutureExt::now_or_never(listener.accept());
    assert!(asked.is_none(), "an inner address was asked");
}

#[tokio::test]
async fn hostile_blocks_are_errors_and_their_neighbours_are_proved() {
    let tenant = Tenant::new(Stack::shared(), "hostile").await;
    let repo = Stack::shared().repo("hostile");
    let trace = Stack::shared().home().join("written-by-a-spec");
    let block = |name: &str, command: &str| {
        format!(
            "```smt2\n; invariant: {name}\n{command}\n(define-fun invariant () Bool true)\n```\n"
        )
    };
    let path = trace.display();
    let deep = format!("(assert {}true{})", "(not ".repeat(50_000), ")".repeat(50_000));
    let blocks = [
        malformed("H-1"),
        block("H-2", &format!("(set-option :diagnostic-output-channel \"{path}\")")),
        block("H-3", &format!("(set-option :smtlib2_log \"{path}\")")),
        block("H-4", "(include \"/etc/passwd\")"),
        block("H-5", "(exit)"),
        block("H-6", "(reset)"),
        block("H-7", "(echo \"sat\")"),
        block("H-8", "(eval (+ 1 1))"),
        block("H-9", "(push 1)"),
        block("H-10", &deep),
        block("H-11", "(declare-const |a\u{1}b| Int)"),
        proved("GOOD", 5),
    ];
    repo.commit_file("specs/a.md", document("Hostile", blocks));
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    let seen = tenant.invariants(&repository, "specs/a.md").await;
    assert_eq!(seen.len(), 12, "{seen:?}");
    for invariant in &seen[..11] {
        assert_eq!(invariant["verdict"], "error", "{invariant}");
        assert!(invariant["reason"].as_str().is_some_and(|r| !r.is_empty()), "{invariant}");
    }
    assert_eq!(seen[11]["verdict"], "proved", "{}", seen[11]);
    assert!(!trace.exists(), "a spec wrote a file");
}

#[tokio::test]
async fn an_endless_solver_is_stopped() {
    let tenant = Tenant::new(Stack::shared(), "endless").await;
    let repo = Stack::shared().repo("endless");
    let blocks = [proved("E-1", 1), endless("E-2"), proved("E-3", 3)];
    repo.commit_file("specs/a.md", document("Endless", blocks));
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    let seen = tenant.invariants(&repository, "specs/a.md").await;
    let verdicts: Vec<_> = seen.iter().map(|i| i["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["proved", "timeout", "proved"]);
    assert!(seen[1]["reason"].as_str().is_some_and(|r| !r.is_empty()), "{}", seen[1]);
}

#[tokio::test]
async fn a_solver_that_eats_memory_is_stopped() {
    // Time enough to reach the limit of memory on a busy machine, too.
    let stack = Stack::start(StackOptions::default().set("SBH_PROVER_TIME_MS", 120_000));
    let tenant = Tenant::new(&stack, "greedy").await;
    let repo = stack.repo("greedy");
    let blocks = [proved("G-1", 1), memory_eater("G-2"), proved("G-3", 3)];
    repo.commit_file("specs/a.md", document("Greedy", blocks));
    let workers = stack.workers();
    let repository = tenant.track(&repo, None).await;
    let mut largest = 0;
    eventually(LONG, "the greedy document to be judged", async || {
        let children = workers.iter().flat_map(|worker| descendants(*worker));
        let solvers = children.filter(|id| executable(*id).is_some_and(|exe| exe.ends_with("z3")));
        largest = solvers.filter_map(resident_mb).chain([largest]).max().unwrap_or(0);
        tenant.ledger.settled(&repository).await
    })
    .await;
    let seen = tenant.invariants(&repository, "specs/a.md").await;
    let verdict = |at: usize| seen[at]["verdict"].as_str().unwrap().to_owned();
    assert_eq!((verdict(0), verdict(2)), ("proved".into(), "proved".into()), "{seen:?}");
    assert!(["unknown", "error"].contains(&verdict(1).as_str()), "{}", seen[1]);
    assert!(seen[1]["reason"].as_str().is_some_and(|r| r.contains("memory")), "{}", seen[1]);
    // 256 MB are configured; the process itself and the moment of noticing come on top.
    assert!(largest < 600, "a solver took {largest} MB");
    assert_eq!(stack.workers(), workers, "the workers live through it");
    tenant.ledger.check(&repository, &repo, "main", |p| p.starts_with("specs/"), &[]).await;
}
