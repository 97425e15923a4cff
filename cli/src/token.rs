//! Tokens for the local stack's API.

use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sbh_api::token::{Claims, Hs256Keys};
use sbh_domain::{Role, TenantId};

/// What tokens are made out by and for: the programs' defaults.
const ISSUER: &str = "sbh";
const AUDIENCE: &str = "sbh-api";

/// Signs a token with the newest key.
pub fn mint(
    keys: &Hs256Keys,
    tenant: &TenantId,
    role: Role,
    subject: &str,
    ttl: Duration,
) -> Result<String> {
    let key = keys.keys.last().context("there is no key to sign tokens with")?;
    let secret =
        BASE64_STANDARD.decode(&key.secret).context("the key that signs tokens is not base64")?;
    let now = Utc::now().timestamp();
    let claims = Claims {
        sub: subject.to_owned(),
        tenant: tenant.to_string(),
        role: role.to_string(),
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        exp: now.saturating_add_unsigned(ttl.as_secs()),
        iat: Some(now),
    };
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.kid.clone());
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret))
        .context("the token cannot be signed")
}

/// Reads a time such as `90s`, `30m`, `12h`, `7d`.
pub fn parse_ttl(text: &str) -> Result<Duration, String> {
    let rule = || format!("{text:?} is no time: write for example 30m, 12h or 7d");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(rule)?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(rule()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    let longest = 366 * 86_400;
    match seconds {
        Some(seconds @ 1..) if seconds <= longest => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{text:?} is not between 1s and 366d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use sbh_api::token::Hs256Key;

    #[test]
    fn a_token_says_who_may_what_until_when() {
        let secret = [7_u8; 32];
        let key = Hs256Key { kid: "k1".into(), secret: BASE64_STANDARD.encode(secret) };
        let keys = Hs256Keys { keys: vec![key] };
        let tenant = "demo".parse().unwrap();
        let token = mint(&keys, &tenant, Role::Editor, "ann", Duration::from_secs(60)).unwrap();
        assert_eq!(decode_header(&token).unwrap().kid.as_deref(), Some("k1"));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let claims = decode::<Claims>(&token, &DecodingKey::from_secret(&secret), &validation)
            .unwrap()
            .claims;
        assert_eq!(
            (claims.tenant.as_str(), claims.role.as_str(), claims.sub.as_str()),
            ("demo", "editor", "ann")
        );
        assert_eq!(claims.exp - claims.iat.unwrap(), 60);
        let other = DecodingKey::from_secret(&[8_u8; 32]);
        assert!(decode::<Claims>(&token, &other, &validation).is_err());
    }

    #[test]
    fn times_to_live_have_a_unit_and_an_end() {
        assert_eq!(parse_ttl("12h"), Ok(Duration::from_secs(43_200)));
        for bad in ["", "12", "h", "0s", "400d", "1w", "99999999999999999999d"] {
            assert!(parse_ttl(bad).is_err(), "{bad}");
        }
    }
}
