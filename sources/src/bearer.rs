//! Bearer JWTs that sign deliveries: one fixed algorithm per kind of key, `exp` required, `aud` and
//! `iss` compared where the source has them (RFC 7519; RFC 8725 for what must not be trusted).

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;

use crate::Refused;
use crate::delivery::Keys;

/// How far the clocks of a service and of this machine may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// The longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// What a token must say besides being signed and in time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// Its audience.
    pub audience: Option<&'a str>,
    /// Its issuer.
    pub issuer: Option<&'a str>,
}

/// The claims of a token signed with HS256 and one of the connection's secrets.
///
/// # Errors
/// [`Refused`] says which of the checks failed.
pub fn shared_secret<C: DeserializeOwned>(
    token: &str,
    keys: &Keys<'_>,
    expected: Expected<'_>,
    now: SystemTime,
) -> Result<C, Refused> {
    algorithm_is(token, &[Algorithm::HS256])?;
    let mut last = Refused::key("the connection has no secret");
    for secret in keys.secrets {
        match check(token, &DecodingKey::from_secret(secret), Algorithm::HS256, expected, now) {
            Ok(claims) => return Ok(claims),
            // A token that this secret signed is judged by it alone.
            Err(refused) if !refused.try_newer => return Err(refused),
            Err(refused) => last = refused,
        }
    }
    Err(last)
}

/// The claims of a token signed with one of the published keys.
///
/// # Errors
/// [`Refused`] says which of the checks failed.
pub fn published_key<C: DeserializeOwned>(
    token: &str,
    keys: &Keys<'_>,
    expected: Expected<'_>,
    now: SystemTime,
) -> Result<C, Refused> {
    algorithm_is(token, &[Algorithm::RS256, Algorithm::ES256])?;
    let kid = decode_header(token).ok().and_then(|header| header.kid);
    let kid = kid.ok_or_else(|| Refused::never("the token names no key"))?;
    let found = keys.key_set.and_then(|set| set.get(&kid));
    let Some((key, algorithm)) = found else {
        return Err(Refused::key("the token names a key that is not published"));
    };
    check(token, key, *algorithm, expected, now)
}

/// Looked at before any key: `none` and foreign algorithms never get as far as one.
fn algorithm_is(token: &str, allowed: &[Algorithm]) -> Result<(), Refused> {
    if token.len() > LONGEST {
        return Err(Refused::never("the token is too long"));
    }
    match decode_header(token) {
        Ok(header) if allowed.contains(&header.alg) => Ok(()),
        Ok(_) => Err(Refused::never("the token has an algorithm that is not accepted here")),
        Err(_) => Err(Refused::never("the token is no JWT")),
    }
}

fn check<C: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    expected: Expected<'_>,
    now: SystemTime,
) -> Result<C, Refused> {
    use jsonwebtoken::errors::ErrorKind;

    #[derive(serde::Deserialize)]
    struct Timed<C> {
        exp: u64,
        nbf: Option<u64>,
        #[serde(flatten)]
        rest: C,
    }
    let mut validation = Validation::new(algorithm);
    // The time is compared below, with the caller's clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let mut required = HashSet::from(["exp".to_owned()]);
    match expected.audience {
        Some(audience) => {
            validation.set_audience(&[audience]);
            required.insert("aud".to_owned());
        }
        None => validation.validate_aud = false,
    }
    if let Some(issuer) = expected.issuer {
        validation.set_issuer(&[issuer]);
        required.insert("iss".to_owned());
    }
    validation.required_spec_claims = required;
    // `iss` and `aud` are read by the validation, and `rest` sees them as well.
    let claims =
        decode::<Timed<C>>(token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Refused::key("the token is not signed with a live key"),
            ErrorKind::InvalidAudience => Refused::never("the token is for another audience"),
            ErrorKind::InvalidIssuer => Refused::never("the token is from another issuer"),
            ErrorKind::MissingRequiredClaim(claim) => {
                Refused::never(format!("the token has no {claim}"))
            }
            _ => Refused::never("the token cannot be read"),
        })?;
    let Timed { exp, nbf, rest } = claims.claims;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    if exp.saturating_add(LEEWAY.as_secs()) <= now {
        return Err(Refused::never("the token is expired"));
    }
    if nbf.is_some_and(|from| from > now.saturating_add(LEEWAY.as_secs())) {
        return Err(Refused::never("the token is not valid yet"));
    }
    Ok(rest)
}
