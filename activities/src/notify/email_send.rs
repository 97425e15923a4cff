//! Sending e-mail by Amazon SES (API version 2).

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::sync::OnceCell;

use super::Ending;
use super::email::Email;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one sending may take.
const TOTAL: Duration = Duration::from_secs(30);
/// Where mail is sent from when the environment names no region.
const REGION: &str = "us-east-1";

/// The client, made with the first e-mail: looking for credentials can take seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailer {
    client: std::sync::Arc<OnceCell<Client>>,
}

impl Mailer {
    /// Sends an e-mail, once: the SDK's own retries are off, for SES takes no idempotency key.
    pub(super) async fn send(
        &self,
        from: &str,
        to: &[String],
        email: &Email,
        reference: &str,
    ) -> Ending {
        let client = self.client.get_or_init(connect).await;
        let text = |data: &str| Content::builder().data(data).charset("UTF-8").build();
        let tag = MessageTag::builder().name("sbh_message").value(reference).build();
        let (Ok(subject), Ok(html), Ok(plain), Ok(tag)) =
            (text(&email.subject), text(&email.html), text(&email.text), tag)
        else {
            return Ending::failed("the e-mail cannot be put together");
        };
        let message = Message::builder()
            .subject(subject)
            .body(Body::builder().html(html).text(plain).build())
            .build();
        let sent = client
            .send_email()
            .from_email_address(from)
            .destination(Destination::builder().set_to_addresses(Some(to.to_vec())).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(tag)
            .send()
            .await;
        match sent {
            Ok(answer) => Ending::sent(answer.message_id().map(str::to_owned)),
            Err(error) => ending(&error),
        }
    }
}

/// Credentials, region and `AWS_ENDPOINT_URL` as every program of AWS finds them.
async fn connect() -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(TOTAL).build();
    // The region is looked for by the loader, which has the HTTP client that the look-up may need.
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .load()
        .await;
    let region = config.region().cloned().unwrap_or_else(|| Region::new(REGION));
    Client::from_conf(aws_sdk_sesv2::config::Builder::from(&config).region(region).build())
}

/// Whether an e-mail that failed may have been taken.
fn ending<E>(error: &SdkError<E, HttpResponse>) -> Ending
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => {
            Ending::later(format!("no e-mail was sent: {}", innermost(error)), None)
        }
        SdkError::DispatchFailure(failure) => {
            let never_connected = failure
                .as_connector_error()
                .is_some_and(|error| error.is_user() || is_connect(error));
            let why = format!("SES was not reached: {}", innermost(error));
            if never_connected { Ending::later(why, None) } else { Ending::unknown(why) }
        }
        SdkError::ServiceError(refusal) => {
            let code = refusal.err().code().unwrap_or("unnamed error");
            let said = refusal.err().message().unwrap_or_default();
            let why = format!("SES answered {code}: {}", super::content::one_line(said, 300));
            match code {
                // The quota per second, or per day: SES took nothing.
                "TooManyRequestsException" | "ThrottlingException" | "Throttling" => {
                    Ending::later(why, Some(Duration::from_secs(5)))
                }
                "LimitExceededException" => Ending::later(why, Some(Duration::from_secs(600))),
                _ if refusal.raw().status().is_server_error() => Ending::unknown(why),
                _ => Ending::failed(why),
            }
        }
        _ => Ending::unknown(format!("SES did not answer clearly: {}", innermost(error))),
    }
}

/// Whether there never was a connection, so that nothing can have been sent.
fn is_connect(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let refused = inner
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        if refused || inner.to_string().starts_with("HTTP connect timeout") {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// The innermost cause, which says most.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    super::content::one_line(&inner.to_string(), 300)
}
