//! A space of a hosted source: its connection to the stand-in, and its deliveries.

use sbh_standins::Delivery;
use serde_json::{Value, json};

use crate::eventually::{SHORT, eventually};
use crate::github::World;
use crate::{Answer, Tenant};

/// A connection of a hosted source, and the space that is followed through it.
pub struct Hosted<'a> {
    /// Its tenant.
    pub tenant: Tenant<'a>,
    /// The connection's id.
    pub connection: String,
    /// Its newest secret.
    pub secret: String,
    /// Where its deliveries go.
    pub webhook_url: String,
    /// The id of the repository that stands for the space; empty until [`Hosted::follow`].
    pub repository: String,
}

impl<'a> Hosted<'a> {
    /// Makes a tenant with a connection.
    pub async fn connect(
        world: &'a World,
        source: &str,
        settings: Value,
        credential: &str,
    ) -> Self {
        let tenant = Tenant::new(&world.stack, &source.replace('_', "-")).await;
        let body = json!({
            "source": source,
            "name": format!("{source} of the test"),
            "settings": settings,
            "credential": credential,
        });
        let made = tenant.api.post("/api/connections", &body).await.ok();
        let field = |name: &str| made[name].as_str().expect("a text").to_owned();
        Self {
            connection: field("id"),
            secret: field("secret"),
            webhook_url: field("webhook_url"),
            repository: String::new(),
            tenant,
        }
    }

    /// Follows a space, and waits until what is in it is recorded.
    pub async fn follow(&mut self, space: &str) {
        let body = json!({ "connection_id": self.connection, "space": space });
        let made = self.tenant.api.post("/api/repositories", &body).await.ok();
        self.repository = made["id"].as_str().expect("an id").to_owned();
        self.tenant.settled(&self.repository).await;
    }

    /// Sends a delivery, whatever it is answered.
    pub async fn send(&self, delivery: &Delivery) -> Answer {
        let path = self.webhook_url.splitn(4, '/').nth(3).expect("a path");
        // A service has no token of ours, and may have one of its own.
        let service = self.tenant.api.with_token(None);
        let mut request = service.request(reqwest::Method::POST, &format!("/{path}"));
        for (name, value) in &delivery.headers {
            request = request.header(name, value);
        }
        service.send(request.body(delivery.body.clone())).await
    }

    /// Sends a delivery that must be acknowledged, and waits until its notice is closed. Returns how.
    pub async fn told(&self, delivery: &Delivery) -> String {
        let answer = self.send(delivery).await;
        if answer.status != 202 {
            let shown = self.tenant.api.get(&format!("/api/connections/{}", self.connection)).await;
            panic!("answered {}: {}; {}", answer.status, answer.body, shown.body);
        }
        self.tenant.closed(&crate::tenant::notice(&answer.body)).await
    }

    /// Waits until a document has these verdicts, by name.
    pub async fn verdicts(&self, document: &str, wanted: &[(&str, &str)]) {
        eventually(SHORT, "the verdicts of the document", async || {
            if self.tenant.find_document(&self.repository, document).await.is_none() {
                return Err("no such document".to_owned());
            }
            let found = self.tenant.verdicts(&self.repository, document).await;
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }

    /// Waits until a document is gone.
    pub async fn gone(&self, document: &str) {
        eventually(SHORT, "the document to be gone", async || {
            match self.tenant.find_document(&self.repository, document).await {
                None => Ok(()),
                Some(found) => Err(found.to_string()),
            }
        })
        .await;
    }
}
