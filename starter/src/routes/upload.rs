//! Documents that callers put.

use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use sbh_api::Problem;
use sbh_api::page::PageQuery;
use sbh_api::upload::{DEFAULT_COLLECTION, UploadAccepted, UploadQuery, UploadedSpec};
use sbh_domain::{Digest, DocumentId, Permission, TraceParent, spec_key};
use sbh_sources::Source as _;
use sbh_store::upload::{NewUpload, Precondition, Upload, Uploaded};

use super::spec_drift;
use crate::auth::Caller;
use crate::extract::{Id, MAX_BODY, Query};
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// The types that a document may have.
const MEDIA_TYPES: [&str; 2] = ["text/markdown", "text/plain"];

/// Puts a document: its text is committed with a notice, then 202.
///
/// The id is like a path (`payments/refunds.md`; a slash is written `%2F`). Markdown is read as in git;
/// an id that ends in `.smt2` names a script. The last writer wins, unless `If-Match` or
/// `If-None-Match: *` say what must be there before.
#[utoipa::path(put, path = "/api/specs/{document}", tag = "specs",
    params(("document" = String, Path, description = "The document's id"), UploadQuery,
           ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header),
           ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = String, content_type = "text/markdown", description = "UTF-8"),
    responses((status = 202, body = UploadAccepted), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 409, body = Problem),
              (status = 412, body = Problem), (status = 413, body = Problem),
              (status = 415, body = Problem), (status = 503, body = Problem)))]
pub async fn put(
    State(state): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<Response, Failure> {
    caller.may(Permission::EditRepositories)?;
    let named = named(&state, &caller, &id, &query).await?;
    let media_type = media_type(&headers)?;
    let text = text(&state, body).await?;
    let new = NewUpload {
        collection: &named.collection,
        key: &named.key,
        content: Some((&text, title(&text))),
        media_type,
        precondition: precondition(&headers)?,
        actor: &caller.subject,
        trace: Some(trace),
    };
    commit(&state, &caller, &new).await
}

/// Deletes a document: committed with a notice, then 202. Its invariants leave the coverage.
#[utoipa::path(delete, path = "/api/specs/{document}", tag = "specs",
    params(("document" = String, Path, description = "The document's id"), UploadQuery,
           ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = UploadAccepted), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 412, body = Problem), (status = 503, body = Problem)))]
pub async fn delete(
    State(state): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    caller.may(Permission::EditRepositories)?;
    let named = named(&state, &caller, &id, &query).await?;
    let new = NewUpload {
        collection: &named.collection,
        key: &named.key,
        content: None,
        media_type: MEDIA_TYPES[0],
        precondition: precondition(&headers)?,
        actor: &caller.subject,
        trace: Some(trace),
    };
    commit(&state, &caller, &new).await
}

/// Answers for a document of any source by its UUID, and for one that was put by its id.
pub async fn show(
    state: State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<UploadQuery>,
    page: Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if let Ok(document) = id.parse::<DocumentId>() {
        return Ok(spec_drift::show(state, caller, Id(document), page).await?.into_response());
    }
    caller.may(Permission::Read)?;
    let State(state) = state;
    let Named { collection, key } = named(&state, &caller, &id, &query).await?;
    let found = state.store.upload_in(&caller.tenant, &collection, &key).await?;
    let found = found.ok_or_else(|| {
        Failure::new(Kind::NotFound, format!("no document {key} in {collection}"))
    })?;
    let etag = etag(&found).unwrap_or_default();
    let says = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let known = says(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if says(header::ACCEPT).is_some_and(|accept| accept.contains("application/json")) {
        Json(as_json(found, &etag)).into_response()
    } else {
        let media_type = format!("{}; charset=utf-8", found.media_type);
        ([(header::CONTENT_TYPE, media_type)], found.text.unwrap_or_default()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

fn as_json(found: Upload, etag: &str) -> UploadedSpec {
    UploadedSpec {
        id: found.key,
        repository: found.repository.0,
        title: found.title,
        media_type: found.media_type,
        text: found.text.unwrap_or_default(),
        version: found.version,
        etag: etag.to_owned(),
        updated_by: found.updated_by,
        updated_at: found.updated_at,
        document: found.document.map(|document| document.0),
    }
}

/// A document in its collection.
struct Named {
    collection: String,
    key: String,
}

/// What an address names. A UUID is looked up: it may be a document of a collection.
async fn named(
    state: &Shared,
    caller: &Caller,
    id: &str,
    query: &UploadQuery,
) -> Result<Named, Failure> {
    if let Ok(document) = id.parse::<DocumentId>() {
        let document = state.store.document(&caller.tenant, document).await?;
        let repository = state.store.repository(&caller.tenant, document.repository).await?;
        let Some(collection) = repository.space.filter(|_| repository.source == "upload") else {
            let what = format!("{} is kept elsewhere: change it there", document.path);
            return Err(Failure::new(Kind::Conflict, what));
        };
        return Ok(Named { collection, key: document.path });
    }
    let collection = query.repository.as_deref().unwrap_or(DEFAULT_COLLECTION);
    let collection = sbh_sources::upload::Upload
        .check_space(collection)
        .map_err(|why| Failure::new(Kind::Invalid, format!("repository: {why}")))?;
    if !spec_key::is_valid(id) {
        return Err(Failure::new(Kind::Invalid, format!("the document's id: {}", spec_key::RULE)));
    }
    Ok(Named { collection, key: id.to_owned() })
}

fn media_type(headers: &HeaderMap) -> Result<&'static str, Failure> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = given.unwrap_or_default().split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let known = MEDIA_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(media));
    // Other parameters (a flavour of Markdown) change nothing.
    let utf8 = parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
        !name.eq_ignore_ascii_case("charset")
            || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    known.filter(|_| utf8).ok_or_else(|| {
        let what = "send the text as text/markdown or text/plain, in UTF-8";
        Failure::new(Kind::UnsupportedMediaType, what)
    })
}

async fn text(state: &Shared, body: HttpBody) -> Result<String, Failure> {
    let most = usize::try_from(state.config.sources.max_document_bytes).unwrap_or(MAX_BODY);
    let most = most.min(MAX_BODY);
    let bytes = to_bytes(body, most)
        .await
        .map_err(|_| Failure::new(Kind::TooLarge, format!("a document may have {most} bytes")))?;
    let text = String::from_utf8(bytes.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Kind::Invalid, format!("the text is not UTF-8 at byte {at}"))
    })?;
    match text.bytes().position(|byte| byte == 0) {
        Some(at) => Err(Failure::new(Kind::Invalid, format!("byte {at} of the text is NUL"))),
        None => Ok(text),
    }
}

/// The first heading of a Markdown text.
fn title(text: &str) -> Option<&str> {
    let heading = text.lines().take(50).find_map(|line| line.strip_prefix("# "))?;
    Some(heading.trim().trim_end_matches('#').trim()).filter(|title| !title.is_empty())
}

fn etag(upload: &Upload) -> Option<String> {
    Some(format!("\"{}\"", upload.hash?))
}

fn precondition(headers: &HeaderMap) -> Result<Precondition, Failure> {
    let text = |name| match headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_| {
            Failure::new(Kind::Invalid, "If-Match and If-None-Match hold an entity tag, or *")
        }),
    };
    let none_match: Option<&str> = text(header::IF_NONE_MATCH)?;
    match (text(header::IF_MATCH)?, none_match) {
        (None, None) => Ok(Precondition::None),
        (None, Some("*")) => Ok(Precondition::Absent),
        (Some(tag), None) => {
            let digest = tag.trim().trim_matches('"').parse::<Digest>();
            // A tag that no text has matches none.
            digest.map(Precondition::Is).map_err(|_| refused())
        }
        _ => Err(Failure::new(
            Kind::Invalid,
            "use If-Match with one entity tag, or If-None-Match: *, not both",
        )),
    }
}

fn refused() -> Failure {
    Failure::new(Kind::PreconditionFailed, "the document is not what the request says it must be")
}

async fn commit(state: &Shared, caller: &Caller, new: &NewUpload<'_>) -> Result<Response, Failure> {
    crate::inbox_limit::check(state).await?;
    let changed = state.store.change_upload(&caller.tenant, new).await?;
    let Uploaded::Done { inbox, upload } = changed else { return Err(refused()) };
    state.depth.accepted();
    state.wake.ask();
    let etag = etag(&upload);
    let address = address(&upload.key, new.collection);
    let accepted = UploadAccepted {
        inbox_id: inbox.0,
        id: upload.key,
        address: address.clone(),
        repository: upload.repository.0,
        version: upload.version,
        etag: etag.clone(),
        document: upload.document.map(|document| document.0),
    };
    let mut response = (StatusCode::ACCEPTED, Json(accepted)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [(header::LOCATION, Some(address)), (header::ETAG, etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// A document's address. Ids hold letters of all scripts; an address holds ASCII.
fn address(key: &str, collection: &str) -> String {
    let mut address = "/api/specs/".to_owned();
    for byte in key.bytes() {
        match byte {
            b'.' | b'-' | b'_' => address.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(byte)),
            byte => address += &format!("%{byte:02X}"),
        }
    }
    if collection != DEFAULT_COLLECTION {
        address += &format!("?repository={collection}");
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_ascii_and_one_segment() {
        assert_eq!(address("a/b.md", "uploads"), "/api/specs/a%2Fb.md");
        assert_eq!(address("ü", "laws"), "/api/specs/%C3%BC?repository=laws");
    }

    #[test]
    fn the_first_heading_is_the_title() {
        assert_eq!(title("text\n# Refunds #\n# Other"), Some("Refunds"));
        assert_eq!(title("## Deeper\n#\n"), None);
    }

    #[test]
    fn only_utf_8_text_is_taken() {
        let of = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            media_type(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)])).ok()
        };
        assert_eq!(of("text/markdown"), Some("text/markdown"));
        assert_eq!(of("Text/Plain; charset=\"UTF-8\""), Some("text/plain"));
        assert_eq!(of("text/markdown; variant=GFM"), Some("text/markdown"));
        for other in ["application/json", "text/html", "text/plain; charset=latin1", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
