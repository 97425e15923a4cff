//! Figure (a): webhooks accepted per second and their acknowledgement, against the same kind of
//! axum route that does nothing but insert a row into the same PostgreSQL.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use sbh_tests::webhook::{Delivery, push};
use sbh_tests::{GitRepo, LONG, Stack, Tenant, eventually};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::load::{self, Load};
use crate::report::{Figure, Target};

/// Connections on both sides.
const CONNECTIONS: usize = 16;

/// Measures for `time` each.
pub async fn run(stack: &Stack, time: Duration, rate: f64) -> anyhow::Result<Vec<Figure>> {
    let database = PgPoolOptions::new()
        .max_connections(CONNECTIONS as u32)
        .connect(&stack.env("database_url"))
        .await?;
    let tenant = Tenant::new(stack, "bench").await;
    let repo = stack.repo("webhooks");
    repo.commit_file("specs/one.md", "# Nothing to prove\n");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    let sender = Sender::new(stack, &repo, &connection.id, &connection.secret)?;
    let bare = bare_route(database.clone()).await?;

    let warm_up = Duration::from_secs(1);
    sender.clone().closed(warm_up).await?;
    posts(bare, &sender, warm_up).await?;
    let first = posts(bare, &sender, time / 2).await?;
    let ours = sender.clone().closed(time).await?;
    drained(&database, &tenant.id).await;
    let second = posts(bare, &sender, time / 2).await?;
    let baseline = (first.per_second() + second.per_second()) / 2.0;

    let before = rows(&database, &tenant.id).await?;
    let steady = sender.clone().open(rate, time * 2).await?;
    drained(&database, &tenant.id).await;
    let kept = rows(&database, &tenant.id).await? - before;
    let lost = steady.calls as i64 - kept;
    sqlx::query("DROP TABLE bench_inbox").execute(&database).await?;

    Ok(vec![
        Figure::new("webhooks accepted at 16 connections", ours.per_second(), "1/s")
            .against("bare insert", baseline)
            .target(Target::RatioAtLeast(0.5)),
        Figure::new("acknowledgement at 16 connections, p50", ours.latencies.ms(0.5), "ms")
            .against("bare insert", first.latencies.ms(0.5)),
        Figure::new("acknowledgement at 16 connections, p99", ours.latencies.ms(0.99), "ms")
            .against("bare insert", first.latencies.ms(0.99)),
        Figure::new("steady webhooks", steady.per_second(), "1/s")
            .target(Target::AtLeast(rate * 0.99)),
        Figure::new("acknowledgement of steady webhooks, p99", steady.latencies.ms(0.99), "ms")
            .target(Target::AtMost(50.0)),
        Figure::new("steady webhooks lost", lost as f64, "").target(Target::AtMost(0.0)),
    ])
}

/// Sends distinct signed pushes.
#[derive(Clone)]
struct Sender {
    http: reqwest::Client,
    url: String,
    secret: String,
    payload: Arc<serde_json::Value>,
}

impl Sender {
    fn new(stack: &Stack, repo: &GitRepo, connection: &str, secret: &str) -> anyhow::Result<Self> {
        let head = repo.head();
        Ok(Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .no_proxy()
                .build()
                .context("cannot make an HTTP client")?,
            url: format!("{}/webhooks/github/{connection}", stack.env("api_url")),
            secret: secret.to_owned(),
            payload: Arc::new(push(repo, "refs/heads/main", &head, &head)),
        })
    }

    fn delivery(&self) -> Delivery {
        let mut payload = (*self.payload).clone();
        // Two pushes never have the same body; this makes each its own notice.
        payload["repository"]["pushed_at"] = Uuid::new_v4().to_string().into();
        Delivery::json("push", &payload, &self.secret)
    }

    async fn send(&self, url: &str) -> anyhow::Result<()> {
        let delivery = self.delivery();
        let answer = self
            .http
            .post(url)
            .header("content-type", &delivery.content_type)
            .header("x-github-event", &delivery.event)
            .header("x-github-delivery", &delivery.id)
            .header("x-hub-signature-256", delivery.signature.as_deref().unwrap_or_default())
            .body(delivery.body)
            .send()
            .await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status == StatusCode::ACCEPTED, "a webhook was answered {status}: {body}");
        Ok(())
    }

    async fn closed(self, time: Duration) -> anyhow::Result<Load> {
        let sender = Arc::new(self);
        load::closed(CONNECTIONS, time, move |_| {
            let sender = sender.clone();
            async move { sender.send(&sender.url).await }
        })
        .await
    }

    async fn open(self, rate: f64, time: Duration) -> anyhow::Result<Load> {
        let sender = Arc::new(self);
        load::open(rate, time, move |_| {
            let sender = sender.clone();
            async move { sender.send(&sender.url).await }
        })
        .await
    }
}

/// The same deliveries, to the bare route.
async fn posts(bare: SocketAddr, sender: &Sender, time: Duration) -> anyhow::Result<Load> {
    let url = format!("http://{bare}/");
    let sender = Sender { url, ..sender.clone() };
    sender.closed(time).await
}

/// An axum route that reads the body and inserts one row.
async fn bare_route(database: PgPool) -> anyhow::Result<SocketAddr> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS bench_inbox (id uuid PRIMARY KEY, size int, at timestamptz DEFAULT now())",
    )
    .execute(&database)
    .await?;
    let insert = |State(database): State<PgPool>, body: axum::body::Bytes| async move {
        let inserted = sqlx::query("INSERT INTO bench_inbox (id, size) VALUES ($1, $2)")
            .bind(Uuid::now_v7())
            .bind(body.len() as i32)
            .execute(&database)
            .await;
        if inserted.is_ok() { StatusCode::ACCEPTED } else { StatusCode::INTERNAL_SERVER_ERROR }
    };
    let routes = axum::Router::new().route("/", post(insert)).with_state(database);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

async fn rows(database: &PgPool, tenant: &str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM inbox WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(database)
        .await?)
}

/// Waits until every acknowledged row has its result.
async fn drained(database: &PgPool, tenant: &str) {
    eventually(LONG, "the inbox to be empty", async || {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM inbox WHERE tenant_id = $1 AND state <> 'closed'",
        )
        .bind(tenant)
        .fetch_one(database)
        .await
        .map_err(|e| e.to_string())?;
        if open == 0 { Ok(()) } else { Err(format!("{open} rows are open")) }
    })
    .await;
}
