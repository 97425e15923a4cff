//! Stand-ins, and sessions with them.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use sbh_outbound::Outbound;
use sbh_sources::key_set::{self, KeySet};
use sbh_sources::{
    Bases, Changes, Delivery, FetchError, Fetched, HostedDocument, Keys, Malformed, Reading,
    Refused, Session, Source, Upkeep,
};
use sbh_standins::sign::SigningKey;
use sbh_standins::{SpecText, StandIns};
use serde_json::{Value, json};
use uuid::Uuid;

/// The secret of the connection.
pub const SECRET: &[u8] = b"a secret of the tests";

/// One connection to one service.
pub struct World {
    pub all: StandIns,
    pub source: &'static dyn Source,
    pub settings: Value,
    pub credential: Option<String>,
    pub secret: Vec<u8>,
    pub connection: Uuid,
    pub now: SystemTime,
    http: Outbound,
    bases: Bases,
}

impl World {
    pub fn new(source: &str, settings: impl FnOnce(&StandIns) -> Value) -> Self {
        let all = StandIns::start().unwrap();
        let source = sbh_sources::by_name(source).unwrap();
        let settings = source.check_settings(&settings(&all)).unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        let (google, atlassian) = (all.google.service.url(), all.atlassian.service.url());
        let bases = Bases {
            github_api: url(&all.github.service.url()),
            google_api: url(&google),
            google_token: url(&format!("{google}/token")),
            atlassian_api: url(&atlassian),
            atlassian_token: url(&format!("{atlassian}/oauth/token")),
            forge_keys: url(&all.atlassian.keys_url()),
        };
        Self {
            source,
            settings,
            credential: None,
            secret: SECRET.to_vec(),
            connection: Uuid::now_v7(),
            now: SystemTime::now(),
            http: Outbound::new(vec!["127.0.0.1".parse().unwrap()]).unwrap(),
            bases,
            all,
        }
    }

    pub fn session(&self) -> Session<'_> {
        Session {
            http: &self.http,
            bases: &self.bases,
            settings: &self.settings,
            credential: self.credential.as_deref(),
            secret: &self.secret,
            connection: self.connection,
            webhook_url: "https://sbh.example/webhooks/x/y",
            now: self.now,
        }
    }

    pub async fn fetch(&self, space: &str, document: &str) -> Result<Fetched, FetchError> {
        self.source.fetch(&self.session(), space, document).await
    }

    pub async fn present(&self, space: &str, document: &str) -> HostedDocument {
        match self.fetch(space, document).await.unwrap() {
            Fetched::Present(document) => document,
            Fetched::Absent => panic!("{document} is absent"),
        }
    }

    pub async fn changes(&self, space: &str, cursor: Option<&str>) -> Result<Changes, FetchError> {
        self.source.changes(&self.session(), space, cursor).await
    }

    /// All pages of a listing: what changed (`-` before what is gone), and the last one.
    pub async fn listed(&self, space: &str, cursor: Option<&str>) -> (Vec<String>, Changes) {
        let mut page = self.changes(space, cursor).await.unwrap();
        let mut all = Vec::new();
        loop {
            let told = |removed| if removed { "-" } else { "" };
            all.extend(page.documents.iter().map(|d| format!("{}{}", told(d.removed), d.key)));
            if !page.more {
                all.sort();
                all.dedup();
                return (all, page);
            }
            assert!(page.cursor.len() <= 2_000);
            page = self.changes(space, Some(&page.cursor)).await.unwrap();
        }
    }

    pub async fn upkeep(&self, spaces: &[sbh_sources::Space], state: Value) -> Upkeep {
        let upkeep = self.source.upkeep(&self.session(), spaces, state).await.unwrap();
        assert!(!upkeep.state.to_string().contains("secret"), "{}", upkeep.state);
        upkeep
    }

    pub fn verify(&self, delivery: &sbh_standins::Delivery) -> Result<(), Refused> {
        self.verify_with(delivery, std::slice::from_ref(&self.secret), &published())
    }

    pub fn verify_with(
        &self,
        delivery: &sbh_standins::Delivery,
        secrets: &[Vec<u8>],
        keys: &KeySet,
    ) -> Result<(), Refused> {
        let headers = headers(delivery);
        let delivery = Delivery { headers: &headers, body: &delivery.body };
        let (settings, connection) = (&self.settings, self.connection);
        let keys = Keys { secrets, key_set: Some(keys), settings, connection };
        self.source.verify(&delivery, &keys, self.now)
    }

    pub fn parse(&self, delivery: &sbh_standins::Delivery) -> Result<Reading, Malformed> {
        let headers = headers(delivery);
        let delivery = Delivery { headers: &headers, body: &delivery.body };
        self.source.parse(&delivery, &self.settings)
    }
}

fn headers(delivery: &sbh_standins::Delivery) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    delivery.headers.iter().map(pair).collect()
}

/// The keys that Forge publishes.
pub fn published() -> KeySet {
    let set = json!({ "keys": [SigningKey::published().jwk()] });
    key_set::parse(set.to_string().as_bytes()).unwrap()
}

pub fn spec(title: &str) -> SpecText {
    SpecText::new(title, [format!("; invariant: {title}\n(define-fun invariant () Bool true)")])
}

pub fn space(name: &str) -> sbh_sources::Space {
    sbh_sources::Space {
        repository: sbh_domain::RepositoryId(Uuid::now_v7()),
        space: name.to_owned(),
    }
}
