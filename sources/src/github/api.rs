//! GitHub's REST interface with one connection's credential.
//! <https://docs.github.com/en/rest>

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};
use sbh_outbound::{Answer, OutboundError};
use serde_json::Value;

use super::address::{self, Address};
use super::app::{self, Holder, Issued};
use super::settings::Settings;
use crate::fetch::FetchError;
use crate::session::Session;

/// The version of the interface that is asked for.
const VERSION: &str = "2022-11-28";
/// Bytes of an answer that are read at most.
const ANSWER: usize = 4 << 20;
/// The same for one delivery of a webhook, whose payload may have 25 MB and stands there escaped.
pub(super) const DELIVERY: usize = 64 << 20;
/// How long to wait for a limit that GitHub tells of without saying how long it lasts.
const SECONDARY: Duration = Duration::from_secs(60);

/// Why a request that changes something did not certainly succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It certainly changed nothing, and may be sent again later.
    #[error("{0}")]
    NotSent(FetchError),
    /// It may have changed something.
    #[error("{0}")]
    Unclear(String),
    /// It certainly changed nothing, and sending it again would not help.
    #[error("{0}")]
    Refused(String),
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The installation, or the owner of the token.
    Installation,
    /// The App itself.
    App,
}

/// The interface.
pub struct Api<'a> {
    session: &'a Session<'a>,
    settings: Settings,
    base: Url,
}

impl<'a> Api<'a> {
    /// The interface of a connection.
    ///
    /// # Errors
    /// When its settings cannot be read.
    pub fn of(session: &'a Session<'a>) -> Result<Self, FetchError> {
        let settings = Settings::read(session.settings)?;
        let base = settings.base().unwrap_or_else(|| session.bases.github_api.clone());
        Ok(Self { session, settings, base })
    }

    /// The connection's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The token that the connection asks with, for git as well: that of its App's installation, or
    /// the credential itself.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn token(&self) -> Result<String, FetchError> {
        let credential = self.credential()?;
        if self.settings.app_id.is_none() {
            return token_alone(credential);
        }
        let holder = self.holder(credential);
        if let Some(token) = app::kept(holder, self.session.now) {
            return Ok(token);
        }
        let installation = self.settings.installation_id.unwrap_or_default().to_string();
        let url = self.url(&["app", "installations", &installation, "access_tokens"], &[]);
        let request = self.request(Method::POST, url, &self.jwt(credential)?);
        let answer = self.session.http.send(request, ANSWER).await?;
        if let Some(error) = self.problem(&answer, "a token of the App's installation") {
            return Err(error);
        }
        let issued: Issued = answer.json().map_err(FetchError::Unexpected)?;
        app::keep(holder, &issued, self.session.now);
        Ok(issued.token)
    }

    /// What the credential may do, in one line.
    ///
    /// # Errors
    /// Why GitHub cannot be asked.
    pub async fn probe(&self) -> Result<String, FetchError> {
        #[derive(serde::Deserialize)]
        struct Repositories {
            total_count: u64,
        }
        #[derive(serde::Deserialize)]
        struct User {
            login: String,
        }
        if self.settings.app_id.is_some() {
            let path = ["installation", "repositories"];
            let answer = self.get_small(Who::Installation, &path, &[], "the App's repositories");
            let found: Repositories = answer.await?.json().map_err(FetchError::Unexpected)?;
            return Ok(format!("the App reaches {} repositories", found.total_count));
        }
        let answer = self.get_small(Who::Installation, &["user"], &[], "the token's owner").await?;
        let user: User = answer.json().map_err(FetchError::Unexpected)?;
        let login: String = user.login.chars().filter(|c| !c.is_control()).take(100).collect();
        Ok(format!("the token is {login}'s"))
    }

    /// Asks for something. `what` names it in errors.
    pub(super) async fn get(
        &self,
        who: Who,
        path: &[&str],
        query: &[(&str, &str)],
        most: usize,
        what: &str,
    ) -> Result<Answer, FetchError> {
        let token = self.token_of(who).await?;
        let request = self.request(Method::GET, self.url(path, query), &token);
        let answer = self.session.http.send(request, most).await?;
        match self.problem(&answer, what) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    /// The same within the limit of ordinary answers.
    pub(super) async fn get_small(
        &self,
        who: Who,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<Answer, FetchError> {
        self.get(who, path, query, ANSWER, what).await
    }

    /// Changes something.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
        what: &str,
    ) -> Result<Answer, SendError> {
        let token = self.token_of(Who::Installation).await.map_err(SendError::NotSent)?;
        let request = self.request(method, self.url(path, &[]), &token).json(body);
        let answer = match self.session.http.send(request, ANSWER).await {
            Ok(answer) => answer,
            Err(OutboundError::Unclear(why) | OutboundError::TooLarge(why)) => {
                return Err(SendError::Unclear(why));
            }
            Err(error) => return Err(SendError::NotSent(error.into())),
        };
        match self.problem(&answer, what) {
            None => Ok(answer),
            Some(error @ (FetchError::RateLimited { .. } | FetchError::Address(_))) => {
                Err(SendError::NotSent(error))
            }
            // A token that was revoked meanwhile: the next one may be taken.
            Some(error) if answer.status == 401 => Err(SendError::NotSent(error)),
            // An error of theirs, perhaps after the change.
            Some(FetchError::Unavailable(why)) => Err(SendError::Unclear(why)),
            Some(error) => Err(SendError::Refused(format!("{error}{}", said(&answer)))),
        }
    }

    async fn token_of(&self, who: Who) -> Result<String, FetchError> {
        match who {
            Who::Installation => self.token().await,
            Who::App => self.jwt(self.credential()?),
        }
    }

    fn jwt(&self, credential: &str) -> Result<String, FetchError> {
        let app_id = self.settings.app_id.ok_or_else(|| {
            FetchError::Credential("the connection names no App: set app_id".to_owned())
        })?;
        app::jwt(app_id, credential, self.session.now)
    }

    fn credential(&self) -> Result<&'a str, FetchError> {
        self.session.credential.map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| {
            FetchError::Credential(
                "the connection has no credential: give it a token, or the App's private key"
                    .to_owned(),
            )
        })
    }

    fn holder(&self, credential: &str) -> Holder {
        let installation = self.settings.installation_id.unwrap_or_default().to_be_bytes();
        let parts = [self.base.as_str().as_bytes(), &installation, credential.as_bytes()];
        Holder::of(self.session.connection, &parts)
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn request(&self, method: Method, url: Url, token: &str) -> RequestBuilder {
        self.session
            .http
            .request(method, url)
            .bearer_auth(token)
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", VERSION)
    }

    /// What an answer means that is no success.
    fn problem(&self, answer: &Answer, what: &str) -> Option<FetchError> {
        let error = FetchError::of(answer, what, self.session.now)?;
        if answer.status == 401
            && let Ok(credential) = self.credential()
        {
            app::forget(self.holder(credential));
        }
        // The limit that has no headers: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        let limited = answer.status == 403 && said(answer).contains("secondary rate limit");
        Some(if limited { FetchError::RateLimited { after: SECONDARY } } else { error })
    }
}

/// A credential that is a token, perhaps written as git has it: `user:token`.
fn token_alone(credential: &str) -> Result<String, FetchError> {
    let token = credential.split_once(':').map_or(credential, |(_, token)| token);
    let is_token =
        !credential.starts_with("-----BEGIN") && token.chars().all(|c| c.is_ascii_graphic());
    if !is_token {
        return Err(FetchError::Credential(
            "the connection's credential is no token: it fetches by ssh, and cannot ask GitHub"
                .to_owned(),
        ));
    }
    Ok(token.to_owned())
}

/// What GitHub says about an error, for people.
fn said(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let said = answer.json::<Said>().map(|said| said.message).unwrap_or_default();
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    if said.is_empty() { said } else { format!(": {said}") }
}

/// `owner` and `name` of a repository from the address that it is fetched from. A mirror on this
/// machine is named by its last two folders.
pub fn full_name(address: &str) -> Option<(String, String)> {
    let (owner, name) = match address::parse(address) {
        Address::Remote { path, .. } => {
            let (owner, name) = path.split_once('/')?;
            (owner.to_owned(), name.to_owned())
        }
        Address::Local(path) => {
            let (above, name) = path.rsplit_once('/')?;
            let owner = above.rsplit('/').next()?;
            (owner.to_owned(), name.to_owned())
        }
    };
    let plain = |part: &str| {
        !part.is_empty()
            && part != ".."
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    (plain(&owner) && plain(&name)).then_some((owner, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_s_name_comes_from_its_address() {
        let name = |address| full_name(address).map(|(owner, name)| format!("{owner}/{name}"));
        assert_eq!(name("git@github.com:acme/Shop.git").as_deref(), Some("acme/shop"));
        assert_eq!(name("https://git.example:8443/acme/shop").as_deref(), Some("acme/shop"));
        assert_eq!(name("https://github.com/acme/shop/wiki"), None);
        assert_eq!(name("https://github.com/shop"), None);
        assert_eq!(name("file:///srv/mirrors/acme/shop.git").as_deref(), Some("acme/shop"));
        assert_eq!(name("/srv/../shop"), None);
        assert_eq!(name("/shop"), None);
    }

    #[test]
    fn a_token_is_taken_as_git_takes_it() {
        assert_eq!(token_alone("ghs_abc").unwrap(), "ghs_abc");
        assert_eq!(token_alone("x-access-token:ghs_abc").unwrap(), "ghs_abc");
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc";
        assert!(matches!(token_alone(key), Err(FetchError::Credential(_))));
    }
}
