//! Deliveries as Forge Remote and Data Center make them.

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Confluence, stamp};
use crate::atlassian::FORGE_ISSUER;
use crate::delivery::Delivery;
use crate::service::lock;
use crate::sign::{self, SigningKey};

impl Confluence {
    /// The body of a Forge event (`avi:confluence:updated:page`) about a page as it is now.
    pub fn forge_payload(&self, event: &str, id: u64) -> Value {
        let site = lock(&self.site);
        let page = site.pages.get(&id).unwrap_or_else(|| panic!("no page {id}"));
        json!({
            "eventType": event,
            "atlassianId": "acc-1",
            "content": {
                "id": id.to_string(),
                "type": "page",
                "status": page.status,
                "title": page.title,
                "space": { "id": site.spaces[&page.space], "key": page.space, "name": page.space,
                           "type": "global", "status": "current" },
                "history": { "latest": true, "createdDate": stamp(page.created),
                             "createdBy": { "type": "known", "accountId": "acc-1" } },
            },
            "eventCreatedDate": stamp(Utc::now()),
        })
    }

    /// The claims of Forge's invocation token for an app (`ari:cloud:ecosystem::app/…`).
    pub fn forge_claims(app: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({
            "iss": FORGE_ISSUER,
            "aud": app,
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "jti": Uuid::new_v4().to_string(),
            "app": { "id": app, "version": "1", "installationId": "ari:cloud:ecosystem::installation/1",
                     "apiBaseUrl": "https://api.atlassian.com/ex/confluence/cloud-1",
                     "environment": { "type": "PRODUCTION", "id": "ari:cloud:ecosystem::environment/1" },
                     "module": { "type": "core:trigger", "key": "remote-trigger" } },
            "context": { "cloudId": "cloud-1" },
        })
    }

    /// A delivery of Forge Remote, with a token that the published key signed.
    pub fn forge_delivery(&self, event: &str, id: u64, app: &str) -> Delivery {
        let token = SigningKey::published().rs256(&Self::forge_claims(app));
        Delivery::json(&self.forge_payload(event, id))
            .with("authorization", format!("Bearer {token}"))
            .with("x-b3-traceid", Uuid::new_v4().simple().to_string())
    }

    /// The body of a Data Center event (`page_updated`) about a page as it is now.
    pub fn data_center_payload(&self, event: &str, id: u64) -> Value {
        let site = lock(&self.site);
        let page = site.pages.get(&id).unwrap_or_else(|| panic!("no page {id}"));
        json!({
            "timestamp": Utc::now().timestamp_millis(),
            "event": event,
            "userKey": "ff80808",
            "page": {
                "idAsString": id.to_string(),
                "id": id,
                "spaceKey": page.space,
                "title": page.title,
                "contentType": "page",
                "version": page.version,
                "creationDate": page.created.timestamp_millis(),
                "modificationDate": page.updated.timestamp_millis(),
                "creatorKey": "ff80808",
                "lastModifierKey": "ff80808",
                "self": format!("{}/pages/viewpage.action?pageId={id}", self.service.url()),
            },
        })
    }

    /// A signed delivery of Data Center.
    pub fn data_center_delivery(&self, event: &str, id: u64, secret: &str) -> Delivery {
        let delivery = Delivery::json(&self.data_center_payload(event, id));
        let signature = sign::hmac_header(secret.as_bytes(), &delivery.body);
        delivery.with("x-hub-signature", signature)
    }
}
