//! The ids that callers give to documents that they put: like paths, so that they can be read aloud
//! and put into an address.

use uuid::Uuid;

/// Characters of an id at most.
pub const MAX: usize = 200;

/// What a document's id must look like.
pub const RULE: &str = "use 1 to 200 letters, digits, dots, hyphens and underscores, with single slashes between them, such as payments/refunds.md; no part is . or .., and the whole is no UUID";

/// Whether a text can be a document's id. A UUID cannot: it names a document by what the store calls
/// it.
pub fn is_valid(key: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed);
    key.chars().count() <= MAX && key.split('/').all(part) && Uuid::parse_str(key).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_like_paths() {
        for good in ["a", "refunds.md", "payments/refunds.smt2", "a/b/c_d-e.1", "Überweisung"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            ".",
            "a b",
            "a\nb",
            "a\0b",
            "a%2Fb",
            "a?b",
            "01938f3e-1111-7abc-8def-0123456789ab",
            &"x".repeat(201),
        ] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }
}
