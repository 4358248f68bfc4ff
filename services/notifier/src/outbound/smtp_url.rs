//! `smtp://user:password@host:587?tls=starttls`: where and how to reach the mail server.

use std::fmt;
use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use url::Url;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Not at all.
    None,
    /// From the STARTTLS command on; a server without it is refused (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// A checked SMTP URL. `Debug` shows no password.
#[derive(Clone)]
pub struct SmtpUrl {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: TlsMode,
    /// User and password, if the server wants them.
    pub credentials: Option<Credentials>,
}

/// Why a URL can't work. Never quotes it, since it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// It is no URL.
    #[error("the SMTP URL is not a URL")]
    NotAUrl(#[source] url::ParseError),
    /// It begins with something else.
    #[error("the SMTP URL must begin with smtp:// or smtps://, not {0}:")]
    Scheme(String),
    /// It names no server.
    #[error("the SMTP URL has no host")]
    NoHost,
    /// It has a path or fragment, which would mean nothing.
    #[error(
        "the SMTP URL has something after the host that means nothing; only ?tls=none|starttls|implicit may follow"
    )]
    Surplus,
    /// The `tls` parameter is none of those that there are.
    #[error("the SMTP URL's tls is none, starttls or implicit, and always implicit with smtps://")]
    Tls,
    /// A user without a password, or the other way round.
    #[error("the SMTP URL needs both user and password, or neither")]
    HalfCredentials,
    /// A percent-encoded value is not UTF-8.
    #[error("the SMTP URL's user and password must be UTF-8")]
    NotUtf8,
    /// A password would go over the network in the clear.
    #[error(
        "the SMTP URL would send its password unencrypted to another machine: use tls=starttls or tls=implicit"
    )]
    PasswordInTheClear,
}

impl std::str::FromStr for SmtpUrl {
    type Err = SmtpUrlError;

    fn from_str(text: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text).map_err(SmtpUrlError::NotAUrl)?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            other => return Err(SmtpUrlError::Scheme(other.to_owned())),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(SmtpUrlError::Surplus);
        }
        let mut tls = if implicit { TlsMode::Implicit } else { TlsMode::StartTls };
        for (name, value) in url.query_pairs() {
            if name != "tls" {
                return Err(SmtpUrlError::Surplus);
            }
            tls = match &*value {
                "none" if !implicit => TlsMode::None,
                "starttls" if !implicit => TlsMode::StartTls,
                "implicit" => TlsMode::Implicit,
                _ => return Err(SmtpUrlError::Tls),
            };
        }
        // The scheme is not one whose hosts the URL standard looks into.
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpUrlError::NoHost)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let credentials = match (decoded(url.username())?, url.password().map(decoded).transpose()?) {
            (user, None) if user.is_empty() => None,
            (user, Some(password)) if !user.is_empty() => Some(Credentials::new(user, password)),
            _ => return Err(SmtpUrlError::HalfCredentials),
        };
        if credentials.is_some() && tls == TlsMode::None && !is_this_machine(&host) {
            return Err(SmtpUrlError::PasswordInTheClear);
        }
        let port = url.port().unwrap_or(match tls {
            TlsMode::None => 25,
            TlsMode::StartTls => 587,
            TlsMode::Implicit => 465,
        });
        Ok(Self { host, port, tls, credentials })
    }
}

fn decoded(part: &str) -> Result<String, SmtpUrlError> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| SmtpUrlError::NotUtf8)?;
    Ok(text.into_owned())
}

fn is_this_machine(host: &str) -> bool {
    host.parse::<IpAddr>().map_or_else(|_| host == "localhost", |ip| ip.is_loopback())
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpUrl")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<(String, u16, TlsMode, bool), SmtpUrlError> {
        let url: SmtpUrl = url.parse()?;
        Ok((url.host, url.port, url.tls, url.credentials.is_some()))
    }

    #[test]
    fn the_modes_have_their_ports() {
        assert_eq!(
            parse("smtp://mail.example.com"),
            Ok(("mail.example.com".into(), 587, TlsMode::StartTls, false))
        );
        assert_eq!(
            parse("smtp://u:p%40@mx:2525?tls=starttls"),
            Ok(("mx".into(), 2525, TlsMode::StartTls, true))
        );
        assert_eq!(
            parse("smtp://127.0.0.1:1025?tls=none"),
            Ok(("127.0.0.1".into(), 1025, TlsMode::None, false))
        );
        assert_eq!(
            parse("smtp://u:p@localhost/?tls=none"),
            Ok(("localhost".into(), 25, TlsMode::None, true))
        );
        assert_eq!(parse("smtps://mx"), Ok(("mx".into(), 465, TlsMode::Implicit, false)));
        assert_eq!(parse("smtp://[::1]?tls=none"), Ok(("::1".into(), 25, TlsMode::None, false)));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert_eq!(parse("http://mx"), Err(SmtpUrlError::Scheme("http".into())));
        assert_eq!(parse("smtp://mx?tls=maybe"), Err(SmtpUrlError::Tls));
        assert_eq!(parse("smtps://mx?tls=none"), Err(SmtpUrlError::Tls));
        assert_eq!(parse("smtp://mx?timeout=3"), Err(SmtpUrlError::Surplus));
        assert_eq!(parse("smtp://mx/inbox"), Err(SmtpUrlError::Surplus));
        assert_eq!(parse("smtp://u@mx"), Err(SmtpUrlError::HalfCredentials));
        assert_eq!(parse("smtp://u:p@mx?tls=none"), Err(SmtpUrlError::PasswordInTheClear));
        assert!(parse("mx:25").is_err() && parse("smtp://").is_err());
    }

    #[test]
    fn the_password_is_never_shown() {
        let url: SmtpUrl = "smtp://user:secret@mx".parse().unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
