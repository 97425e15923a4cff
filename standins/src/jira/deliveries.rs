//! Deliveries as Jira makes them.

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Issue, Jira};
use crate::delivery::Delivery;
use crate::service::lock;
use crate::sign;

impl Jira {
    /// The payload of an event (`jira:issue_updated`) about an issue as it is now. For a deletion it
    /// must be made before the issue is deleted.
    pub fn payload(&self, event: &str, key: &str) -> Value {
        let site = lock(&self.site);
        let issue = site.find(key).unwrap_or_else(|| panic!("no issue {key}"));
        payload(event, issue, &self.service.url())
    }

    /// A signed delivery of an administrator's webhook in Cloud, with its stable identifier.
    pub fn cloud_delivery(&self, event: &str, key: &str, secret: &str) -> Delivery {
        signed(&self.payload(event, key), secret)
            .with("x-atlassian-webhook-identifier", Uuid::new_v4().to_string())
            .with("x-atlassian-webhook-flow", "Primary")
    }

    /// A signed delivery of Data Center.
    pub fn data_center_delivery(&self, event: &str, key: &str, secret: &str) -> Delivery {
        signed(&self.payload(event, key), secret)
    }

    /// A delivery of a dynamic webhook: a JWT of the OAuth app, signed with its client secret.
    pub fn dynamic_delivery(
        &self,
        event: &str,
        key: &str,
        client_id: &str,
        secret: &str,
    ) -> Delivery {
        let mut payload = self.payload(event, key);
        let ids: Vec<i64> = lock(&self.site).webhooks.keys().copied().collect();
        payload["matchedWebhookIds"] = json!(ids);
        let now = Utc::now().timestamp();
        let claims = json!({ "iss": client_id, "aud": client_id, "iat": now, "exp": now + 180 });
        Delivery::json(&payload)
            .with("authorization", format!("Bearer {}", sign::hs256(secret.as_bytes(), &claims)))
            .with("x-atlassian-webhook-identifier", Uuid::new_v4().to_string())
    }
}

fn signed(payload: &Value, secret: &str) -> Delivery {
    let delivery = Delivery::json(payload);
    let signature = sign::hmac_header(secret.as_bytes(), &delivery.body);
    delivery.with("x-hub-signature", signature)
}

fn payload(event: &str, issue: &Issue, base: &str) -> Value {
    let kind = match event {
        "jira:issue_created" => "issue_created",
        "jira:issue_deleted" => "issue_deleted",
        _ => "issue_updated",
    };
    json!({
        // Milliseconds: also two deliveries about one state differ.
        "timestamp": Utc::now().timestamp_millis(),
        "webhookEvent": event,
        "issue_event_type_name": kind,
        "user": { "accountId": "acc-1", "displayName": "Someone", "active": true },
        "issue": issue.json(base, 2, &["*all".to_owned()]),
        "changelog": {
            "id": Uuid::new_v4().as_u128().to_string(),
            "items": [{ "field": "description", "fieldtype": "jira", "fieldId": "description",
                        "fromString": "", "toString": "" }],
        },
    })
}
