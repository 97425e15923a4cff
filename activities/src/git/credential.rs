//! What a connection shows to its git server.
//!
//! A credential is text: an SSH private key (it starts with `-----BEGIN`), `user:password`, or a
//! token alone, which goes as the password of the user `x-access-token` (GitHub's convention;
//! others take any user with a token).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use sbh_domain::GitHost;

use super::address::Address;
use crate::error::{Failure, FailureKind};

/// What the keyring binds sealed credentials to.
pub const PURPOSE: &str = "connection-credential";

/// A credential in clear. It has no `Debug` or `Display` that shows it.
#[derive(Clone)]
pub enum Credential {
    /// For `https`: user and password or token.
    Basic {
        /// The user.
        user: String,
        /// The password or token.
        password: String,
    },
    /// For `ssh`: a private key in OpenSSH's or PEM format.
    Key(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// Reads the text of a credential.
    ///
    /// # Errors
    /// When it is empty or holds line breaks that would end a header. Never shows it.
    pub fn parse(plain: &[u8]) -> Result<Self, Failure> {
        let unusable = |why: &str| {
            let message = format!("the connection's credential {why}; store it again");
            Failure::new(FailureKind::Credential, message)
        };
        let text = std::str::from_utf8(plain).map_err(|_| unusable("is not text"))?.trim();
        if text.starts_with("-----BEGIN") {
            return Ok(Self::Key(format!("{text}\n")));
        }
        if text.is_empty() {
            return Err(unusable("is empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(unusable("holds control characters"));
        }
        Ok(match text.split_once(':') {
            Some((user, password)) => {
                Self::Basic { user: user.to_owned(), password: password.to_owned() }
            }
            None => Self::Basic { user: "x-access-token".to_owned(), password: text.to_owned() },
        })
    }

    /// The header of HTTP basic authentication, or `None` for a key.
    pub(super) fn header(&self) -> Option<String> {
        match self {
            Self::Basic { user, password } => Some(format!(
                "Authorization: Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            )),
            Self::Key(_) => None,
        }
    }

    /// Everything that must not show up in a message.
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Basic { user, password } => {
                vec![STANDARD.encode(format!("{user}:{password}")), password.clone()]
            }
            Self::Key(key) => {
                key.lines().filter(|line| line.len() > 20).map(str::to_owned).collect()
            }
        }
    }
}

/// Refuses an address that is not on the host that the credential is for: somebody who may not see
/// the credential may have chosen the address.
///
/// # Errors
/// Names both.
pub fn check_host(host: Option<&GitHost>, address: &Address) -> Result<(), Failure> {
    let at_home = host.is_some_and(|home| match address {
        Address::Https { host, port, .. } => home.holds(host, *port, 443),
        Address::Ssh { host, port, .. } => home.holds(host, *port, 22),
        Address::File(_) => false,
    });
    if at_home {
        return Ok(());
    }
    let host = host.map_or_else(|| "no host".to_owned(), ToString::to_string);
    let message = format!(
        "the connection's credential is for {host}, and {} is elsewhere: use another connection",
        address.url()
    );
    Err(Failure::new(FailureKind::Credential, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds() {
        let header = |text: &str| Credential::parse(text.as_bytes()).unwrap().header();
        // RFC 7617's example.
        assert_eq!(
            header("Aladdin:open sesame").unwrap(),
            "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        let token = format!("Authorization: Basic {}", STANDARD.encode("x-access-token:t0ken"));
        assert_eq!(header(" t0ken\n").unwrap(), token);
        assert!(header("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n").is_none());
    }

    #[test]
    fn a_credential_is_for_one_host() {
        let at = |host: &str, url: &str| {
            check_host(Some(&host.parse().unwrap()), &Address::parse(url).unwrap())
        };
        for (host, url) in [
            ("github.com", "https://github.com/acme/shop"),
            ("github.com", "https://GITHUB.com:443/acme/shop"),
            ("github.com", "ssh://git@github.com/acme/shop"),
            ("github.com", "git@github.com:acme/shop"),
            ("[::1]:3000", "https://[::1]:3000/acme/shop"),
        ] {
            at(host, url).unwrap();
        }
        for (host, url) in [
            ("github.com", "https://evil.example/acme/shop"),
            ("github.com", "https://github.com.evil.example/acme/shop"),
            ("github.com", "https://github.com:8443/acme/shop"),
            ("github.com", "git@evil.example:github.com/shop"),
            ("github.com", "/srv/github.com/shop"),
            ("git.example:8443", "https://git.example/acme/shop"),
        ] {
            assert_eq!(at(host, url).unwrap_err().kind, FailureKind::Credential, "{url}");
        }
        let nowhere = check_host(None, &Address::parse("https://github.com/a/b").unwrap());
        assert_eq!(nowhere.unwrap_err().kind, FailureKind::Credential);
    }

    #[test]
    fn nothing_shows_a_credential() {
        for bad in ["s3cret\r\nX-Evil: 1", "", "s3cret\u{0}"] {
            let error = Credential::parse(bad.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("s3cret"));
        }
        let credential = Credential::parse(b"user:s3cret").unwrap();
        assert!(!format!("{credential:?}").contains("s3cret"));
    }
}
