//! Tracked repositories.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::TimeDelta;
use sbh_api::page::PageQuery;
use sbh_api::repository::{NewRepository, RepositoriesQuery, Repository, RepositoryChange};
use sbh_api::{Page, Problem};
use sbh_domain::{ConnectionId, Permission, RepositoryId};
use sbh_sources::Fetching;

use crate::auth::Caller;
use crate::extract::{Body, Id, Query};
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Days in which a removal can be undone (the store's rule).
const RESTORABLE_DAYS: i64 = 30;
/// What is a spec document where nothing is said.
const DEFAULT_SPECS: [&str; 2] = ["specs/**/*.md", "specs/**/*.smt2"];

/// Lists the tenant's repositories by name.
#[utoipa::path(get, path = "/api/repositories", tag = "repositories", params(RepositoriesQuery, PageQuery),
    responses((status = 200, body = Page<Repository>), (status = 401, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(which): Query<RepositoriesQuery>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Repository>>, Failure> {
    caller.may(Permission::Read)?;
    let repositories = state.store.repositories(&caller.tenant, which.removed).await?;
    // Removed ones may share a name.
    let key =
        |repository: &sbh_store::repository::Repository| (repository.name.clone(), repository.id.0);
    Ok(Json(paging::slice(repositories, &query, key, shown)?))
}

/// Tracks a repository. It is synchronised at once.
#[utoipa::path(post, path = "/api/repositories", tag = "repositories", request_body = NewRepository,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = Repository), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add(
    State(state): State<Shared>,
    caller: Caller,
    Body(new): Body<NewRepository>,
) -> Result<(StatusCode, Json<Repository>), Failure> {
    caller.may(Permission::EditRepositories)?;
    let new = if new.space.is_some() { space(&state, &caller, new).await? } else { checked(new)? };
    if new.hosted.is_none() {
        credential_stays_home(&state, &caller, new.connection, &new.url).await?;
    }
    crate::inbox_limit::check(&state).await?;
    let made = state.store.add_repository(&caller.tenant, &caller.subject, &new).await?;
    announced(&state, made.connection).await;
    Ok((StatusCode::CREATED, Json(shown(made))))
}

/// One repository, removed or not.
#[utoipa::path(get, path = "/api/repositories/{id}", tag = "repositories", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Repository), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<RepositoryId>,
) -> Result<Json<Repository>, Failure> {
    caller.may(Permission::Read)?;
    Ok(Json(shown(state.store.repository(&caller.tenant, id).await?)))
}

/// Stops tracking a repository. It can be undone for 30 days.
#[utoipa::path(delete, path = "/api/repositories/{id}", tag = "repositories",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Repository), (status = 403, body = Problem),
              (status = 404, body = Problem)))]
pub async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<RepositoryId>,
) -> Result<Json<Repository>, Failure> {
    caller.may(Permission::EditRepositories)?;
    state.store.remove_repository(&caller.tenant, &caller.subject, id).await?;
    let removed = state.store.repository(&caller.tenant, id).await?;
    announced(&state, removed.connection).await;
    Ok(Json(shown(removed)))
}

/// Undoes a removal. The repository is synchronised at once.
#[utoipa::path(post, path = "/api/repositories/{id}/restore", tag = "repositories",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Repository), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn restore(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<RepositoryId>,
) -> Result<Json<Repository>, Failure> {
    caller.may(Permission::EditRepositories)?;
    crate::inbox_limit::check(&state).await?;
    state.store.restore_repository(&caller.tenant, &caller.subject, id).await?;
    let restored = state.store.repository(&caller.tenant, id).await?;
    announced(&state, restored.connection).await;
    Ok(Json(shown(restored)))
}

/// Has another connection announce a repository and hold its credential. It is looked at at once.
#[utoipa::path(patch, path = "/api/repositories/{id}", tag = "repositories",
    request_body = RepositoryChange,
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Repository), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 422, body = Problem)))]
pub async fn change(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<RepositoryId>,
    Body(change): Body<RepositoryChange>,
) -> Result<Json<Repository>, Failure> {
    caller.may(Permission::EditRepositories)?;
    let before = state.store.repository(&caller.tenant, id).await?;
    let connection = change.connection_id.map(ConnectionId);
    if before.space.is_none() {
        credential_stays_home(&state, &caller, connection, &before.url).await?;
    }
    crate::inbox_limit::check(&state).await?;
    let moved =
        state.store.move_repository(&caller.tenant, &caller.subject, id, connection).await?;
    announced(&state, before.connection).await;
    announced(&state, moved.connection).await;
    Ok(Json(shown(moved)))
}

/// What the connection announces has changed, and the inbox may hold a notice.
async fn announced(state: &Shared, connection: Option<ConnectionId>) {
    if let Some(connection) = connection {
        state.webhooks.connections.forget(connection).await;
    }
    state.wake.ask();
}

/// Refuses a repository that would have its connection's credential shown to another host than the
/// one it is for. (Checked again where the credential is used.)
async fn credential_stays_home(
    state: &Shared,
    caller: &Caller,
    connection: Option<ConnectionId>,
    url: &str,
) -> Result<(), Failure> {
    let Some(connection) = connection else { return Ok(()) };
    let source = state.store.connection(&caller.tenant, connection).await?.source;
    if sbh_sources::by_name(&source).is_none_or(|source| source.fetching() != Fetching::Git) {
        return Err(Failure::new(
            Kind::Invalid,
            format!("connection_id: a connection to {source} is for its spaces, not for git"),
        ));
    }
    let held = state.store.connection_credential(&caller.tenant, connection).await?;
    // One that is for no host is for the service's own interface: git is not shown it.
    let Some(host) = held.and_then(|credential| credential.host) else { return Ok(()) };
    if host.holds_url(url) {
        return Ok(());
    }
    Err(Failure::new(
        Kind::CredentialHost,
        format!("the connection's credential is for {host}, and the address is elsewhere"),
    ))
}

/// A space of a connection's source, as its source writes it.
async fn space(
    state: &Shared,
    caller: &Caller,
    new: NewRepository,
) -> Result<sbh_store::repository::NewRepository, Failure> {
    let invalid = |what: String| Failure::new(Kind::Invalid, what);
    if !new.url.is_empty() || new.branch.is_some() || !new.specs.is_empty() {
        let what = "space: url, branch and specs are for git repositories; leave them out";
        return Err(invalid(what.to_owned()));
    }
    let Some(connection) = new.connection_id.map(ConnectionId) else {
        let what = "connection_id: a space needs the connection to its source";
        return Err(invalid(what.to_owned()));
    };
    let source = state.store.connection(&caller.tenant, connection).await?.source;
    let hosted = sbh_sources::by_name(&source).filter(|s| s.fetching() == Fetching::Documents);
    let Some(hosted) = hosted else {
        return Err(invalid(format!("space: {source} has none; give the url of a repository")));
    };
    let given = new.space.unwrap_or_default();
    let space = hosted.check_space(given.trim()).map_err(|why| invalid(format!("space: {why}")))?;
    let name = new.name.map_or_else(|| space.clone(), |name| name.trim().to_owned());
    if !printable(&name, 200) || !printable(&space, 1_000) {
        return Err(invalid("name: use 1 to 200 printable characters".to_owned()));
    }
    Ok(sbh_store::repository::NewRepository {
        connection: Some(connection),
        name,
        url: format!("{source}:{space}"),
        branch: None,
        hosted: Some((source, space)),
        globs: Vec::new(),
    })
}

fn printable(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// What was given, complete and within bounds. Whether the address may be reached is judged where
/// it is fetched.
fn checked(new: NewRepository) -> Result<sbh_store::repository::NewRepository, Failure> {
    let invalid = |what: &str| Err(Failure::new(Kind::Invalid, what.to_owned()));
    let url = new.url.trim().to_owned();
    if !printable(&url, 2_000) || url.starts_with('-') {
        return invalid("url: use a git address of 1 to 2000 printable characters");
    }
    if !is_git_address(&url) {
        return invalid(
            "url: use https://host/path, ssh://user@host/path, user@host:path or a file path",
        );
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        // A user name alone is how ssh is written; for the others it is a token more often than not.
        if user.is_some_and(|user| user.contains(':') || scheme != "ssh") {
            return invalid(
                "url: leave user and password out and give the connection a credential",
            );
        }
    }
    let name = match new.name {
        Some(name) => name.trim().to_owned(),
        None => last_part(&url),
    };
    if !printable(&name, 200) {
        return invalid("name: use 1 to 200 printable characters");
    }
    let branch = new.branch.map(|branch| branch.trim().to_owned());
    if branch.as_deref().is_some_and(|branch| !printable(branch, 250) || branch.starts_with('-')) {
        return invalid("branch: use the name of a branch");
    }
    let mut globs: Vec<String> = new.specs;
    if globs.is_empty() {
        globs = DEFAULT_SPECS.map(str::to_owned).to_vec();
    }
    if globs.len() > 100 || !globs.iter().all(|glob| printable(glob, 500)) {
        return invalid("specs: use 1 to 100 globs of 1 to 500 characters");
    }
    for glob in &globs {
        if let Err(error) = globset::Glob::new(glob) {
            return invalid(&format!("specs: {error}"));
        }
    }
    Ok(sbh_store::repository::NewRepository {
        connection: new.connection_id.map(ConnectionId),
        name,
        url,
        branch,
        hosted: None,
        globs,
    })
}

/// Whether an address names one of the transports that are fetched from. `transport::address` is
/// how git is told to run a program.
fn is_git_address(url: &str) -> bool {
    if url.contains(char::is_whitespace) {
        return false;
    }
    match url.split_once("://") {
        Some((scheme, _)) => ["https", "ssh", "file"].contains(&scheme),
        None => url.starts_with('/') || (url.contains(':') && !url.contains("::")),
    }
}

/// The last part of an address, without `.git`.
fn last_part(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let last = url.rsplit(['/', ':']).next().unwrap_or(url);
    last.strip_suffix(".git").unwrap_or(last).to_owned()
}

/// A repository as callers see it.
pub(super) fn shown(repository: sbh_store::repository::Repository) -> Repository {
    let restorable_until = repository.removed_at.map(|at| at + TimeDelta::days(RESTORABLE_DAYS));
    Repository {
        id: repository.id.0,
        name: repository.name,
        source: repository.source,
        space: repository.space,
        url: repository.url,
        branch: repository.branch,
        specs: repository.globs,
        connection_id: repository.connection.map(|id| id.0),
        baseline: repository.baseline,
        last_error: repository.last_error,
        synced_at: repository.synced_at,
        created_at: repository.created_at,
        removed_at: repository.removed_at,
        restorable_until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(url: &str) -> NewRepository {
        NewRepository { url: url.into(), ..NewRepository::default() }
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        for (url, name) in [
            ("https://github.com/acme/shop.git", "shop"),
            ("git@github.com:shop", "shop"),
            ("ssh://git@host/a/shop/", "shop"),
            ("file:///srv/git/shop", "shop"),
        ] {
            let checked = checked(new(url)).unwrap();
            assert_eq!(checked.name, name, "{url}");
            assert_eq!(checked.globs, DEFAULT_SPECS);
        }
    }

    #[test]
    fn passwords_options_and_nonsense_are_refused() {
        let named = |name: &str| NewRepository { name: Some(name.into()), ..new("https://h/a") };
        let specs = |glob: &str| NewRepository { specs: vec![glob.into()], ..new("https://h/a") };
        let branch =
            |branch: &str| NewRepository { branch: Some(branch.into()), ..new("https://h/a") };
        for wrong in [
            new(""),
            new("--upload-pack=touch /tmp/x"),
            new("ext::sh -c touch% /tmp/x"),
            new("http://host/a"),
            new("somewhere"),
            new("https://user:swordfish@host/a"),
            new("https://swordfish@host/a"),
            new("https://host/a\nb"),
            named(""),
            named("a\u{0}b"),
            specs("[a"),
            specs(""),
            branch("--all"),
            branch(""),
        ] {
            let error = checked(wrong.clone()).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{wrong:?}");
            assert!(!format!("{error:?}").contains("swordfish"));
        }
    }
}
