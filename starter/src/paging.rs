//! Pages: cursors are opaque to callers and name the last item of the page before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sbh_api::Page;
use sbh_api::page::PageQuery;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::{Failure, Kind};

const DEFAULT: u32 = 100;
const MAX: u32 = 500;

/// How many items a page has, 1 to 500.
///
/// # Errors
/// [`Kind::Invalid`] for other numbers.
pub fn limit(query: &PageQuery) -> Result<i64, Failure> {
    match query.limit.unwrap_or(DEFAULT) {
        limit @ 1..=MAX => Ok(limit.into()),
        limit => Err(Failure::new(Kind::Invalid, format!("limit is {limit}: use 1 to {MAX}"))),
    }
}

/// The last key of the page before.
///
/// # Errors
/// [`Kind::Invalid`] for a cursor that this server did not make.
pub fn after<K: DeserializeOwned>(query: &PageQuery) -> Result<Option<K>, Failure> {
    let Some(cursor) = &query.cursor else { return Ok(None) };
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .map(Some)
        .ok_or_else(|| Failure::new(Kind::Invalid, "the cursor is not one of this list"))
}

/// A page of what was asked for with one item more than `limit`; `key` names an item.
pub fn page<T, A, K: Serialize>(
    mut found: Vec<T>,
    limit: i64,
    key: impl Fn(&T) -> K,
    item: impl Fn(T) -> A,
) -> Page<A> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|last| cursor(&key(last)));
    Page { items: found.into_iter().map(item).collect(), next_cursor }
}

/// A page of a list that is held whole, in the order of its keys.
pub fn slice<T, A, K: Serialize + DeserializeOwned + PartialOrd>(
    all: Vec<T>,
    query: &PageQuery,
    key: impl Fn(&T) -> K,
    item: impl Fn(T) -> A,
) -> Result<Page<A>, Failure> {
    let limit = limit(query)?;
    let after: Option<K> = after(query)?;
    let found =
        all.into_iter().filter(|each| after.as_ref().is_none_or(|after| key(each) > *after));
    let mut found: Vec<_> = found.collect();
    // PostgreSQL's order of names may be another.
    found.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
    Ok(page(found, limit, key, item))
}

fn cursor(key: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let all: Vec<String> = (0..23).map(|n| format!("{:02}", (n * 7) % 23)).collect();
        let mut seen = Vec::new();
        let mut query = PageQuery { cursor: None, limit: Some(5) };
        loop {
            let page = slice(all.clone(), &query, Clone::clone, |name| name).unwrap();
            assert!(page.items.len() <= 5);
            seen.extend(page.items);
            match page.next_cursor {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        let expected: Vec<String> = (0..23).map(|n| format!("{n:02}")).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_no_cursor_or_limit_is_said() {
        for cursor in ["x", "!", "bnVsbA", ""] {
            let query = PageQuery { cursor: Some(cursor.into()), limit: None };
            assert!(after::<i64>(&query).is_err(), "{cursor:?}");
        }
        for limit in [0, 501] {
            assert!(super::limit(&PageQuery { cursor: None, limit: Some(limit) }).is_err());
        }
    }
}
