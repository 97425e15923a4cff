//! Git addresses in one form, so that the ways of writing the same repository match.

use std::fmt;

/// A repository's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// On a host: host and path in lower case, without user, port and `.git`. Two servers that
    /// differ in nothing but the port match each other: the cost is one look too many.
    Remote {
        /// The host.
        host: String,
        /// The path without the slash at its beginning.
        path: String,
    },
    /// On the operator's machine, as it is written.
    Local(String),
}

/// The one way of writing it: `//host/path`, or the path of a local one.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote { host, path } => write!(f, "//{host}/{path}"),
            Self::Local(path) => f.write_str(path),
        }
    }
}

/// The name of whatever repository is `owner/name` on its host: `//*/owner/name`.
pub fn of_full_name(full_name: &str) -> String {
    format!("//*/{}", trimmed(full_name).to_lowercase())
}

/// Whether a name, as [`of_full_name`] and [`Address`] write them, is that of a space, as [`Address`]
/// writes it.
pub fn names(name: &str, space: &str) -> bool {
    match name.strip_prefix("//*/") {
        // The host is up to the first slash.
        Some(full_name) => space
            .strip_prefix("//")
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(_, path)| path == full_name),
        None => name == space,
    }
}

impl Address {
    /// Whether it is `owner/name` on its host, whichever that is.
    #[cfg(test)]
    pub fn has_full_name(&self, full_name: &str) -> bool {
        match self {
            Self::Remote { path, .. } => *path == trimmed(full_name).to_lowercase(),
            Self::Local(_) => false,
        }
    }
}

/// Reads an address. Every text gives one; those that make no sense match only themselves.
pub fn parse(url: &str) -> Address {
    let url = url.trim();
    if let Some((scheme, rest)) = url.split_once("://") {
        if scheme.eq_ignore_ascii_case("file") {
            let path = rest.find('/').map_or(rest, |slash| &rest[slash..]);
            return Address::Local(trimmed(path).to_owned());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        // An IPv6 address has colons within brackets.
        let host = match host.split_once(']') {
            Some((address, _)) => format!("{address}]"),
            None => host.split(':').next().unwrap_or_default().to_owned(),
        };
        return remote(&host, path);
    }
    match url.split_once(':') {
        // `git@host:path`, as ssh has it; not a path with a colon in it.
        Some((host, path)) if !host.contains('/') && !host.is_empty() => {
            remote(host.rsplit('@').next().unwrap_or_default(), path)
        }
        _ => Address::Local(trimmed(url).to_owned()),
    }
}

fn remote(host: &str, path: &str) -> Address {
    Address::Remote {
        host: host.to_lowercase(),
        path: trimmed(path.trim_start_matches('/')).to_lowercase(),
    }
}

/// Without slashes and `.git` at the end.
fn trimmed(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_writing_one_repository_are_one() {
        let wanted = parse("https://github.com/Acme/Shop.git");
        for url in [
            "https://github.com/acme/shop",
            "https://github.com/acme/shop/",
            "https://x-access-token:t@github.com/acme/shop.git",
            "https://GitHub.com:443/acme/shop",
            "git://github.com/acme/shop.git",
            "ssh://git@github.com:22/acme/shop.git",
            "git@github.com:acme/shop.git",
            "github.com:/acme/shop",
        ] {
            assert_eq!(parse(url), wanted, "{url}");
        }
        assert!(wanted.has_full_name("acme/Shop"));
        assert!(!wanted.has_full_name("shop"));
        assert_eq!(parse("ssh://git@[::1]:22/a/b.git"), parse("https://[::1]/a/b"));
    }

    #[test]
    fn names_of_a_repository_are_told_from_those_of_others() {
        let space = parse("git@github.com:Acme/Shop.git").to_string();
        assert_eq!(space, "//github.com/acme/shop");
        assert!(names(&parse("https://github.com/acme/shop").to_string(), &space));
        assert!(names(&of_full_name("Acme/Shop"), &space));
        assert!(!names(&of_full_name("Shop"), &space));
        assert!(!names(&of_full_name("acme/shop"), "/acme/shop"), "a local path has no host");
        assert!(names("/srv/git/shop", &parse("file:///srv/git/shop.git").to_string()));
    }

    #[test]
    fn others_are_others() {
        let one = parse("https://github.com/acme/shop");
        for url in [
            "https://github.com/acme/shop2",
            "https://gitlab.com/acme/shop",
            "https://github.com.evil.example/acme/shop",
            "https://github.com@evil.example/acme/shop",
            "file:///github.com/acme/shop",
            "/github.com/acme/shop",
            "",
            "://",
            "@:",
        ] {
            assert_ne!(parse(url), one, "{url}");
        }
    }

    #[test]
    fn local_paths_match_as_they_are_written() {
        assert_eq!(parse("file:///srv/git/shop.git"), parse("/srv/git/shop"));
        assert_eq!(parse("file://localhost/srv/git/shop"), parse("/srv/git/shop/"));
        assert_ne!(parse("/srv/git/Shop"), parse("/srv/git/shop"));
        assert!(!parse("/acme/shop").has_full_name("acme/shop"));
    }
}
