//! The client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, RequestBuilder, Url};

use crate::Answer;
use crate::address::{Range, is_public};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole request may take.
const TOTAL: Duration = Duration::from_secs(30);

/// Why a request got no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OutboundError {
    /// The address must not be reached: nothing was sent, and trying again changes nothing.
    #[error("{0}")]
    Refused(String),
    /// Certainly nothing arrived: there was no connection.
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived and been acted upon.
    #[error("{0}")]
    Unclear(String),
    /// There was an answer, and it is larger than what is read.
    #[error("{0}")]
    TooLarge(String),
}

/// The client. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    allowed: Arc<[Range]>,
    client: reqwest::Client,
}

impl Outbound {
    /// A client for public addresses and those in `allowed`.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(allowed: Vec<Range>) -> Result<Self, String> {
        // An error says that one is installed already, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allowed: Arc<[Range]> = allowed.into();
        let client = reqwest::Client::builder()
            .user_agent(concat!("sbh-fleet/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve names itself, behind the checks.
            .no_proxy()
            .referer(false)
            .dns_resolver(Arc::new(Checked(Arc::clone(&allowed))))
            .build()
            .map_err(|error| format!("the HTTP client cannot be made: {error}"))?;
        Ok(Self { allowed, client })
    }

    /// A client for public addresses and those that a list of addresses and ranges (CIDR) names.
    ///
    /// # Errors
    /// Names the entry that is neither, and those of [`Outbound::new`].
    pub fn allowing(texts: &[String]) -> Result<Self, String> {
        let ranges = texts.iter().map(|text| text.parse());
        let ranges = ranges.collect::<Result<Vec<Range>, _>>();
        Self::new(
            ranges.map_err(|error| format!("outbound.allow_addresses is not usable: {error}"))?,
        )
    }

    /// A request to be filled in and given to [`Outbound::send`].
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads at most `max_bytes` of its answer.
    ///
    /// # Errors
    /// [`OutboundError`] says whether the request may have been acted upon. No error holds the
    /// address's query or user, which may be secret.
    pub async fn send(
        &self,
        request: RequestBuilder,
        max_bytes: usize,
    ) -> Result<Answer, OutboundError> {
        let request = request.build().map_err(|error| {
            OutboundError::Refused(format!("no such request can be made: {}", told(error)))
        })?;
        let host = self.check(request.url()).map_err(OutboundError::Refused)?;
        let mut response = self.client.execute(request).await.map_err(|error| {
            let refused = refusal(&error);
            let text = format!("{host} gave no answer: {}", told(error));
            match refused {
                Some(true) => OutboundError::Refused(text),
                Some(false) => OutboundError::NotSent(text),
                None => OutboundError::Unclear(text),
            }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                OutboundError::Unclear(format!("{host}'s answer was cut: {}", told(error)))
            })?;
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > max_bytes {
                return Err(OutboundError::TooLarge(format!(
                    "{host}'s answer has more than {max_bytes} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.freeze() })
    }

    /// What can be checked of an address before its name is resolved. Returns its host.
    fn check(&self, url: &Url) -> Result<String, String> {
        let host = url.host_str().unwrap_or_default().to_owned();
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
            return Err("only http and https addresses can be reached".to_owned());
        }
        // A literal address is never resolved, so it is checked here.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let literal = bare.parse::<IpAddr>().ok();
        if let Some(address) = literal
            && !is_allowed(&self.allowed, address)
        {
            return Err(forbidden(&host, address));
        }
        // Secrets travel in these requests: in clear only where the operator allows the address.
        if url.scheme() == "http" && literal.is_none_or(is_public) {
            return Err(format!("{host} must be reached by https"));
        }
        Ok(host)
    }
}

fn is_allowed(allowed: &[Range], address: IpAddr) -> bool {
    let address = address.to_canonical();
    is_public(address) || allowed.iter().any(|range| range.contains(address))
}

fn forbidden(host: &str, address: IpAddr) -> String {
    format!(
        "{host} has the address {address}, which is not a public one; the operator can allow it with \
         outbound.allow_addresses"
    )
}

/// An error without its address.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

/// `Some(true)`: the address was refused by us; `Some(false)`: there was no connection; `None`:
/// something may have been sent.
fn refusal(error: &reqwest::Error) -> Option<bool> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<Forbidden>() {
            return Some(true);
        }
        cause = inner.source();
    }
    error.is_connect().then_some(false)
}

/// A name that leads to an address that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Forbidden(String);

/// Resolves names and lets through only those of which every address may be reached.
struct Checked(Arc<[Range]>);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if let Some(bad) = found.iter().find(|found| !is_allowed(&allowed, found.ip())) {
                return Err(Forbidden(forbidden(&host, bad.ip())).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn local() -> Outbound {
        Outbound::new(vec!["127.0.0.1".parse().unwrap()]).unwrap()
    }

    async fn get(client: &Outbound, url: &str) -> Result<Answer, OutboundError> {
        client.send(client.request(Method::GET, Url::parse(url).unwrap()), 100).await
    }

    /// Answers one request with these bytes.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        (url, thread)
    }

    #[tokio::test]
    async fn an_allowed_address_is_reached_and_answers_whole() {
        let (url, thread) =
            server("HTTP/1.1 429 Slow\r\nRetry-After: 4\r\nContent-Length: 2\r\n\r\n{}");
        let answer = get(&local(), &url).await.unwrap();
        thread.join().unwrap();
        assert_eq!(answer.retry_after(std::time::SystemTime::now()), Some(Duration::from_secs(4)));
        assert_eq!(&answer.body[..], b"{}");
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_number_and_by_name() {
        let strict = Outbound::new(Vec::new()).unwrap();
        for url in [
            "https://127.0.0.1:1/",
            "https://[::1]:1/",
            "https://169.254.169.254/",
            "https://localhost:1/",
        ] {
            let error = get(&strict, url).await.unwrap_err();
            assert!(matches!(error, OutboundError::Refused(_)), "{url}: {error:?}");
        }
        for url in ["http://192.0.2.1.example/", "ftp://example.com/", "http://1.1.1.1/"] {
            assert!(matches!(get(&strict, url).await, Err(OutboundError::Refused(_))), "{url}");
        }
    }

    #[tokio::test]
    async fn redirects_are_answers_and_long_answers_are_not_read() {
        let (url, thread) =
            server("HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(get(&local(), &url).await.unwrap().status, 302);
        thread.join().unwrap();
        let (url, thread) = server(
            "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
        );
        assert!(matches!(
            get(&local(), &url).await,
            Err(OutboundError::TooLarge(_) | OutboundError::Unclear(_))
        ));
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn what_may_have_arrived_is_told_from_what_cannot_have() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = get(&local(), &format!("http://{closed}/secret-path")).await.unwrap_err();
        assert!(matches!(error, OutboundError::NotSent(_)), "{error:?}");
        assert!(!error.to_string().contains("secret-path"), "{error}");
        let (url, thread) = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        let error = get(&local(), &url).await.unwrap_err();
        assert!(matches!(error, OutboundError::Unclear(_)), "{error:?}");
        thread.join().unwrap();
    }
}
