//! A persistent connection to an SMTP server.
//!
//! Made of lettre's parts instead of its pool: the pool's streams wait 40 ms for a delayed acknowledgement with every
//! mail (Nagle's algorithm), its connections end at every refusal, and it can't say which command was refused.

use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{SendError, SmtpUrl, TlsMode};
use crate::mail::Mail;

/// Connecting takes no longer than this, or the server is as good as down.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// What a server says about a refusal is kept this far.
const MAX_TEXT: usize = 300;

/// A mail server and how to talk to it.
#[derive(Clone)]
pub struct SmtpServer {
    url: SmtpUrl,
    hello: ClientId,
    tls: Option<TlsParameters>,
    connect_timeout: Duration,
    send_timeout: Duration,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl SmtpServer {
    /// The server at `url`, greeted as `domain`. Its certificate must come from a public authority or from one of
    /// `authorities`. A mail that takes longer than `send_timeout` is tried again later.
    pub fn new(
        url: SmtpUrl,
        domain: &str,
        authorities: Vec<Certificate>,
        send_timeout: Duration,
    ) -> Result<Self, Error> {
        let tls = match url.tls {
            TlsMode::None => None,
            TlsMode::StartTls | TlsMode::Implicit => {
                let builder = TlsParameters::builder(url.host.clone());
                Some(
                    authorities
                        .into_iter()
                        .fold(builder, TlsParametersBuilder::add_root_certificate)
                        .build()?,
                )
            }
        };
        let hello = ClientId::Domain(domain.to_owned());
        Ok(Self { url, hello, tls, connect_timeout: send_timeout.min(MAX_CONNECT), send_timeout })
    }

    /// How long one try can take at most: connecting and sending, once more if a kept connection turns out dead.
    pub fn patience(&self) -> Duration {
        self.connect_timeout + self.send_timeout * 2
    }

    /// A connection that opens when it is used.
    pub fn connection(&self) -> Connection {
        Connection { server: self.clone(), open: None }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let connecting = timeout(self.connect_timeout, self.connect_slowly()).await;
        connecting.map_err(|_| SendError::ConnectTimedOut(self.connect_timeout)).flatten()
    }

    async fn connect_slowly(&self) -> Result<AsyncSmtpConnection, SendError> {
        let address = (self.url.host.as_str(), self.url.port);
        let mut connection = match (self.url.tls, &self.tls) {
            (TlsMode::Implicit, Some(tls)) => {
                // lettre hands out no stream to encrypt; with TLS a mail is few packets, so Nagle's algorithm costs less.
                AsyncSmtpConnection::connect_tokio1(
                    address,
                    Some(self.connect_timeout),
                    &self.hello,
                    Some(tls.clone()),
                    None,
                )
                .await
                .map_err(SendError::Unreachable)?
            }
            _ => self.connect_plainly(address).await?,
        };
        if let (TlsMode::StartTls, Some(tls)) = (self.url.tls, &self.tls) {
            connection.starttls(tls.clone(), &self.hello).await.map_err(SendError::Unreachable)?;
        }
        if let Some(credentials) = &self.url.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await.map_err(SendError::Unreachable)?;
        }
        Ok(connection)
    }

    async fn connect_plainly(&self, address: (&str, u16)) -> Result<AsyncSmtpConnection, SendError> {
        let stream = TcpStream::connect(address).await.and_then(|stream| {
            // Else every mail waits 40 ms for the server's delayed acknowledgement.
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        let stream = stream.map_err(SendError::NoConnection)?;
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello)
            .await
            .map_err(SendError::Unreachable)
    }
}

/// At most one open connection, kept from mail to mail.
pub struct Connection {
    server: SmtpServer,
    open: Option<AsyncSmtpConnection>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .field("open", &self.open.is_some())
            .finish()
    }
}

impl Connection {
    /// Sends one mail. After a refusal the connection is as good as before; after anything else it is given up.
    pub(super) async fn send(&mut self, mail: &Mail) -> Result<(), SendError> {
        if let Some(kept) = self.open.take() {
            match self.send_on(kept, mail).await {
                // The server may have hung up since the last mail, and must not have got this one's content: once more.
                Err(Failure { error: SendError::Broken(_), content_sent: false }) => {}
                Err(failure) => return Err(failure.error),
                Ok(()) => return Ok(()),
            }
        }
        let fresh = self.server.connect().await?;
        self.send_on(fresh, mail).await.map_err(|failure| failure.error)
    }

    async fn send_on(&mut self, mut connection: AsyncSmtpConnection, mail: &Mail) -> Result<(), Failure> {
        let limit = self.server.send_timeout;
        let mut content_sent = false;
        let outcome = timeout(limit, transact(&mut connection, mail, &mut content_sent)).await;
        let outcome = outcome.map_err(|_| SendError::TimedOut(limit)).flatten();
        match &outcome {
            Ok(()) => self.open = Some(connection),
            // The server waits for what comes next; without RSET it would be another recipient (RFC 5321, 4.1.1.5).
            Err(SendError::Refused { .. } | SendError::SenderRefused { .. } | SendError::NeedsSmtpUtf8) => {
                if let Ok(Ok(_)) = timeout(limit, connection.command(Rset)).await {
                    self.open = Some(connection);
                }
            }
            Err(_) => {}
        }
        outcome.map_err(|error| Failure { error, content_sent })
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) {
        if let Some(mut connection) = self.open.take() {
            // A server that does not answer loses nothing.
            let _answer =
                timeout(self.server.send_timeout.min(Duration::from_secs(5)), connection.quit()).await;
        }
    }
}

struct Failure {
    error: SendError,
    content_sent: bool,
}

/// One mail transaction (RFC 5321, 3.3).
async fn transact(
    connection: &mut AsyncSmtpConnection,
    mail: &Mail,
    content_sent: &mut bool,
) -> Result<(), SendError> {
    let mut parameters = Vec::new();
    if mail
        .envelope
        .to()
        .iter()
        .chain(mail.envelope.from())
        .any(|address| !AsRef::<str>::as_ref(address).is_ascii())
    {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SendError::NeedsSmtpUtf8);
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let from = MailFrom::new(mail.envelope.from().cloned(), parameters);
    connection.command(from).await.map_err(|error| match refusal(&error) {
        Some((code, text)) => SendError::SenderRefused { code, text },
        None => SendError::Broken(error),
    })?;
    for to in mail.envelope.to() {
        connection
            .command(Rcpt::new(to.clone(), Vec::new()))
            .await
            .map_err(|error| refused("the recipient", error))?;
    }
    connection.command(Data).await.map_err(|error| refused("the message", error))?;
    *content_sent = true;
    connection.message(&mail.bytes).await.map_err(|error| refused("the message", error))?;
    Ok(())
}

fn refused(stage: &'static str, error: Error) -> SendError {
    match refusal(&error) {
        // 421: the server is closing the connection, whatever was asked.
        Some((421, _)) | None => SendError::Broken(error),
        Some((code, text)) => SendError::Refused { stage, code, text },
    }
}

/// Code and text, if the server answered.
fn refusal(error: &Error) -> Option<(u16, String)> {
    let code = u16::from(error.status()?);
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Some((code, text.chars().take(MAX_TEXT).collect()))
}
