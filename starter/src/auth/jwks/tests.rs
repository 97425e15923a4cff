use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::Redirect;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use sbh_runtime::config::AuthConfig;

use super::*;
use crate::auth::Authority;

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

/// An issuer whose key document can be changed, and that counts how often it is asked.
#[derive(Clone, Default)]
struct Issuer {
    document: Arc<std::sync::Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    /// Serves; the address of its document.
    async fn serve(&self) -> String {
        let this = self.clone();
        let answer = move || {
            this.asked.fetch_add(1, Ordering::SeqCst);
            let (status, text) = this.document.lock().unwrap().clone();
            async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
        };
        let router = axum::Router::new()
            .route("/keys", axum::routing::get(answer))
            .route("/moved", axum::routing::get(async || Redirect::to("/keys")));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    /// Publishes elliptic keys with these ids.
    fn publish(&self, kids: &[&str]) {
        let key = |kid: &&str| serde_json::json!({ "kty": "EC", "kid": kid, "crv": "P-256", "x": X, "y": Y });
        let keys: Vec<_> = kids.iter().map(key).collect();
        self.say(200, &serde_json::json!({ "keys": keys }).to_string());
    }

    fn say(&self, status: u16, text: &str) {
        *self.document.lock().unwrap() = (status, text.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn issuer(kids: &[&str]) -> (Issuer, Keys) {
    let issuer = Issuer::default();
    issuer.publish(kids);
    let keys = Keys::new(&format!("{}/keys", issuer.serve().await)).unwrap();
    (issuer, keys)
}

#[tokio::test]
async fn keys_are_fetched_once_and_unknown_ids_do_not_make_it_ask_again() {
    let (issuer, keys) = issuer(&["a", "b"]).await;
    assert_eq!(issuer.asked(), 0, "asked when the first token needs it");
    assert_eq!(keys.find("a").await.unwrap().1, Algorithm::ES256);
    assert!(keys.find("b").await.is_some());
    for n in 0..100 {
        assert!(keys.find(&format!("unknown-{n}")).await.is_none());
    }
    let many = futures::future::join_all((0..100).map(|_| keys.find("a"))).await;
    assert!(many.iter().all(Option::is_some));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_after_the_refresh_limit() {
    let (issuer, keys) = issuer(&["a"]).await;
    let keys = Keys { refresh_after: Duration::ZERO, ..keys };
    assert!(keys.find("a").await.is_some());
    issuer.publish(&["b"]);
    assert!(keys.find("a").await.is_some(), "known keys are not asked for");
    assert_eq!(issuer.asked(), 1);
    assert!(keys.find("b").await.is_some());
    assert!(keys.find("a").await.is_none(), "withdrawn");
}

#[tokio::test]
async fn a_withdrawn_key_ends_after_its_time_and_an_issuer_that_is_away_ends_none() {
    let (issuer, keys) = issuer(&["a"]).await;
    let keys = Keys { refresh_after: Duration::ZERO, trust_for: Duration::ZERO, ..keys };
    assert!(keys.find("a").await.is_some());
    for (status, text) in [(500, ""), (200, "no JSON"), (200, &*"x".repeat(MAX_BYTES + 1))] {
        issuer.say(status, text);
        assert!(keys.find("a").await.is_some(), "{status}");
    }
    assert_eq!(issuer.asked(), 4);
    issuer.publish(&[]);
    assert!(keys.find("a").await.is_none());
}

#[tokio::test]
async fn redirects_and_silence_give_no_keys() {
    let issuer = Issuer::default();
    issuer.publish(&["a"]);
    let address = issuer.serve().await;
    assert!(Keys::new(&format!("{address}/moved")).unwrap().find("a").await.is_none());
    assert_eq!(issuer.asked(), 0, "the redirect was not followed");
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    assert!(Keys::new(&format!("http://{address}/keys")).unwrap().find("a").await.is_none());
}

#[tokio::test]
async fn tokens_pass_with_the_key_s_own_algorithm_and_no_other() {
    let (issuer, _) = issuer(&["ec"]).await;
    let url = format!("{}/keys", issuer.serve().await);
    let config = AuthConfig { jwks_url: Some(url), ..AuthConfig::default() };
    let authority = Authority::new(&config).unwrap();
    let exp = chrono::Utc::now().timestamp() + 60;
    let claims = serde_json::json!({ "sub": "ada", "tenant": "demo", "role": "editor",
        "iss": "sbh", "aud": "sbh-api", "exp": exp });
    let token = |algorithm: Algorithm, kid: &str, key: &EncodingKey| {
        let mut header = Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, &claims, key).unwrap()
    };
    let good = token(Algorithm::ES256, "ec", &private_key());
    assert_eq!(authority.check(&good).await.unwrap().subject, "ada");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = signed.split_once('.').unwrap();
    let mut forged = vec![
        token(Algorithm::ES256, "other", &private_key()),
        // The public key as if it were a shared secret.
        token(Algorithm::HS256, "ec", &EncodingKey::from_secret(X.as_bytes())),
    ];
    for algorithm in ["RS256", "ES384", "none"] {
        let header = serde_json::json!({ "alg": algorithm, "kid": "ec" }).to_string();
        forged.push(format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header)));
    }
    forged.push(format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 64])));
    for token in forged {
        let refused = authority.check(&token).await.unwrap_err();
        assert_eq!(refused.kind(), crate::problem::Kind::Unauthorized, "{token}");
    }
}

/// The private key of RFC 7515, A.3, as PKCS #8 has it.
fn private_key() -> EncodingKey {
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let mut der =
        hex::decode("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420")
            .unwrap();
    der.extend(part("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"));
    der.extend(hex::decode("a14403420004").unwrap());
    der.extend(part(X));
    der.extend(part(Y));
    EncodingKey::from_ec_der(&der)
}
