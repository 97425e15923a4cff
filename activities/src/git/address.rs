//! The addresses that a repository may have: `https`, `ssh`, `file`, and nothing that a program
//! behind git could understand in another way.

use std::path::PathBuf;

use crate::error::{Failure, FailureKind};

/// A checked address, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `https://host[:port]/path`.
    Https {
        /// A name or an IP address; IPv6 without brackets.
        host: String,
        /// 443 unless given.
        port: u16,
        /// With its leading slash.
        path: String,
    },
    /// `ssh://[user@]host[:port]/path`, or `user@host:path`.
    Ssh {
        /// Who logs in.
        user: Option<String>,
        /// A name or an IP address; IPv6 without brackets.
        host: String,
        /// 22 unless given.
        port: u16,
        /// From the root with a leading slash, otherwise from the user's folder.
        path: String,
    },
    /// `file:///path` or `/path` on this machine.
    File(PathBuf),
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        parse(url).map_err(|rule| {
            // An address with a password in it must not come back in the message.
            let shown = if url.contains('@') { "the repository's address" } else { url };
            let shown: String = shown.chars().take(200).collect();
            Failure::new(FailureKind::Address, format!("{shown:?} is not allowed: {rule}"))
        })
    }

    /// The address as git gets it.
    pub fn url(&self) -> String {
        match self {
            Self::Https { host, port: 443, path } => format!("https://{}{path}", bracketed(host)),
            Self::Https { host, port, path } => format!("https://{}:{port}{path}", bracketed(host)),
            Self::Ssh { user, host, port, path } => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                // Git turns `/~/path` into a path from the user's folder.
                let path = if path.starts_with('/') { path.clone() } else { format!("/~/{path}") };
                format!("ssh://{user}{}:{port}{path}", bracketed(host))
            }
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// A host as it stands in a URL.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn parse(url: &str) -> Result<Address, &'static str> {
    if url.is_empty() || url.len() > 2_048 {
        return Err("give an address of at most 2048 characters");
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it contains white space or control characters");
    }
    if url.starts_with('-') {
        return Err("it starts with '-'");
    }
    if let Some(rest) = url.strip_prefix("https://") {
        let (authority, path) = split_path(rest)?;
        if authority.contains('@') {
            return Err("put the credential into the repository's connection, not the address");
        }
        let (host, port) = host_port(authority, 443)?;
        return Ok(Address::Https { host, port, path: web_path(path)? });
    }
    if let Some(rest) = url.strip_prefix("ssh://") {
        let (authority, path) = split_path(rest)?;
        let (user, host) = user_host(authority)?;
        let (host, port) = host_port(host, 22)?;
        let path = web_path(path)?;
        let path = path.strip_prefix("/~/").map(str::to_owned).unwrap_or(path);
        return Ok(Address::Ssh { user, host, port, path: ssh_path(&path)? });
    }
    if let Some(path) = url.strip_prefix("file://") {
        return file(path);
    }
    if url.starts_with('/') {
        return file(url);
    }
    if url.contains("::") || url.contains("://") {
        return Err("use https, ssh or a file path");
    }
    match url.split_once(':') {
        Some((authority, path)) if !authority.contains('/') => {
            let (user, host) = user_host(authority)?;
            let (host, port) = host_port(host, 22)?;
            Ok(Address::Ssh { user, host, port, path: ssh_path(path)? })
        }
        _ => Err("use https://host/path, ssh://user@host/path, user@host:path or a file path"),
    }
}

fn split_path(rest: &str) -> Result<(&str, &str), &'static str> {
    match rest.find('/') {
        Some(at) if rest.len() > at + 1 => Ok(rest.split_at(at)),
        _ => Err("it names no repository on its host"),
    }
}

fn user_host(authority: &str) -> Result<(Option<String>, &str), &'static str> {
    let Some((user, host)) = authority.split_once('@') else { return Ok((None, authority)) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(allowed) {
        return Err("the user may have letters, digits, '.', '_' and '-'; no password");
    }
    Ok((Some(user.to_owned()), host))
}

fn host_port(authority: &str, default: u16) -> Result<(String, u16), &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("its IPv6 address has no ']'")?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| "its IPv6 address is malformed")?;
        (host, port)
    } else {
        let (host, port) = match authority.find(':') {
            Some(at) => authority.split_at(at),
            None => (authority, ""),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let starts = host.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || host.len() > 253 || !host.chars().all(allowed) {
            return Err("its host may have letters, digits, '.' and '-'");
        }
        (host, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or("its port is not 1 to 65535")?
        }
        _ => return Err("its port is not a number"),
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn web_path(path: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_graphic() && !"\"'<>\\^`{|}?#$;&*!".contains(c);
    if path.chars().all(allowed) {
        Ok(path.to_owned())
    } else {
        Err("its path has characters that no repository needs")
    }
}

fn ssh_path(path: &str) -> Result<String, &'static str> {
    let path = web_path(path)?;
    match path.trim_start_matches('/') {
        "" => Err("it names no repository on its host"),
        first if first.starts_with('-') => Err("its path starts with '-'"),
        _ => Ok(path),
    }
}

fn file(path: &str) -> Result<Address, &'static str> {
    if !path.starts_with('/') {
        return Err("a file address is a path from the root: file:///srv/git/specs.git");
    }
    Ok(Address::File(PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_gets_is_put_together_from_checked_parts() {
        for (given, expected) in [
            ("https://example.com/a/b.git", "https://example.com/a/b.git"),
            ("https://EXAMPLE.com:8443/a", "https://example.com:8443/a"),
            ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a"),
            ("ssh://git@example.com/a/b", "ssh://git@example.com:22/a/b"),
            ("ssh://example.com:2222/~ada/b", "ssh://example.com:2222/~ada/b"),
            ("git@example.com:a/b.git", "ssh://git@example.com:22/~/a/b.git"),
            ("git@example.com:/a/b.git", "ssh://git@example.com:22/a/b.git"),
            ("file:///srv/git/a.git", "/srv/git/a.git"),
            ("/srv/git/a.git", "/srv/git/a.git"),
        ] {
            let address = Address::parse(given).unwrap();
            assert_eq!(address.url(), expected);
            if !matches!(address, Address::File(_)) {
                assert_eq!(Address::parse(&address.url()).unwrap(), address, "{given}");
            }
        }
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for bad in [
            "",
            "-uupload-pack",
            "--upload-pack=touch /tmp/x",
            "ext::sh -c touch% /tmp/x",
            "ext::sh",
            "fd::17",
            "http://example.com/a",
            "git://example.com/a",
            "ftp://example.com/a",
            "https::https://example.com/a",
            "https://user:secret@example.com/a",
            "https://example.com",
            "https://example.com/",
            "https:///a",
            "https://-oProxyCommand=x/a",
            "https://exam ple.com/a",
            "https://example.com/a\nb",
            "https://example.com:0/a",
            "https://example.com:99999/a",
            "https://example.com:8a/a",
            "https://example.com/a?b",
            "https://[::1/a",
            "https://[zz]/a",
            "https://exa_mple.com/a",
            "ssh://-oProxyCommand=touch/a",
            "ssh://git@-oProxyCommand=touch/a",
            "ssh://-l@example.com/a",
            "ssh://git:secret@example.com/a",
            "ssh://example.com/-a",
            "git@example.com:-a",
            "git@example.com:$(touch x)",
            "git@example.com:a;b",
            "git@example.com:",
            "file://host/a",
            "relative/path",
            "../up",
        ] {
            let error = Address::parse(bad).unwrap_err();
            assert_eq!(error.kind, FailureKind::Address, "{bad}");
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
