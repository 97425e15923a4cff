//! The host that a git credential is for.

use std::fmt;
use std::str::FromStr;

/// A host, and a port where it is not the one that the address's scheme implies. Written `host` or
/// `host:port`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHost {
    /// In lower case; IPv6 without brackets.
    host: String,
    port: Option<u16>,
}

/// A text that names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHost;

impl GitHost {
    /// Whether an address with this host and port lies there. `default` is the port that the
    /// address's scheme implies.
    pub fn holds(&self, host: &str, port: u16, default: u16) -> bool {
        self.host == host.to_ascii_lowercase() && self.port.unwrap_or(default) == port
    }

    /// Whether the host of a git address (`https://…`, `ssh://…`, `user@host:path`) is this one. An
    /// address that cannot be read is nowhere, and so is a path on this machine.
    pub fn holds_url(&self, url: &str) -> bool {
        let (authority, default) = match url.split_once("://") {
            Some(("https", rest)) => {
                (rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest), 443)
            }
            Some(("ssh", rest)) => (rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest), 22),
            Some(_) => return false,
            None => match url.split_once(':') {
                Some((authority, _)) if !authority.contains('/') => (authority, 22),
                _ => return false,
            },
        };
        let place = authority.rsplit('@').next().unwrap_or(authority);
        let Ok(Self { host, port }) = place.parse::<Self>() else { return false };
        self.holds(&host, port.unwrap_or(default), default)
    }
}

impl FromStr for GitHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(NotAHost)?;
                host.parse::<core::net::Ipv6Addr>().map_err(|_| NotAHost)?;
                (host, port)
            }
            None => {
                let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
                let starts = host.starts_with(|c: char| c.is_ascii_alphanumeric());
                if !starts || host.len() > 253 || !host.chars().all(plain) {
                    return Err(NotAHost);
                }
                (host, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| NotAHost)?)
            }
            _ => return Err(NotAHost),
        };
        if port == Some(0) {
            return Err(NotAHost);
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for GitHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip6 = self.host.contains(':');
        if ip6 {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for NotAHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a host, or host:port")
    }
}

impl std::error::Error for NotAHost {}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> GitHost {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_is_written_as_it_is_read() {
        for text in ["github.com", "git.example:8443", "127.0.0.1:3000", "[::1]", "[::1]:22"] {
            assert_eq!(host(text).to_string(), text);
        }
        assert_eq!(host("GitHub.com").to_string(), "github.com");
        for wrong in [
            "",
            "a b",
            "https://h",
            "h/a",
            "u@h",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "[h]",
            "[::1",
            "-h",
            "*",
        ] {
            assert_eq!(wrong.parse::<GitHost>(), Err(NotAHost), "{wrong:?}");
        }
    }

    #[test]
    fn addresses_on_the_host_are_held() {
        for url in [
            "https://github.com/acme/shop",
            "https://GitHub.com:443/acme/shop",
            "ssh://git@github.com/acme/shop",
            "ssh://github.com:22/acme/shop",
            "git@github.com:acme/shop.git",
        ] {
            assert!(host("github.com").holds_url(url), "{url}");
        }
        assert!(host("git.example:8443").holds_url("https://git.example:8443/a"));
        assert!(host("[::1]:22").holds_url("ssh://git@[::1]/a"));
    }

    #[test]
    fn addresses_elsewhere_are_not() {
        for url in [
            "https://evil.example/acme/shop",
            "https://github.com.evil.example/a",
            "https://github.com@evil.example/a",
            "https://evil.example?@github.com/a",
            "https://evil.example#@github.com/a",
            "https://evil.example\\@github.com/a",
            "https://github.com:8443/a",
            "http://github.com/a",
            "ssh://git@github.com:443/a",
            "git@evil.example:github.com/a",
            "evil.example:x@github.com/a",
            "github.com/a",
            "/github.com/a",
            "file://github.com/a",
            "",
        ] {
            assert!(!host("github.com").holds_url(url), "{url}");
        }
        assert!(!host("git.example:8443").holds_url("https://git.example/a"));
    }
}
