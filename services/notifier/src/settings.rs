//! The settings of `countersign-notifier serve`, and what they become.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_runtime::settings::{
    AdminArgs, AuthArgs, BrokerArgs, DatabaseArgs, GrpcArgs, SealingArgs, Secret, SecretError,
    ServiceRoleArgs, ShutdownArgs, TelemetryArgs, secret,
};
use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;

use crate::delivery::{DeliverySettings, RetryPolicy};
use crate::mail::MailSettings;
use crate::outbound::{Outbound, SmtpServer, SmtpUrl, SmtpUrlError};
use crate::purge::{DEFAULT_KEEP, LEAST_KEEP_DAYS};
use crate::url_template::UrlTemplateError;

/// Countersign's notifier: tells people by mail and ribbon what waits for them and what was decided.
#[derive(Debug, clap::Parser)]
#[command(name = "countersign-notifier", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Consume events, send mail, and serve ribbons.
    Serve(Box<ServeArgs>),
    /// Bring the database's schema to this version.
    Migrate {
        /// Which database.
        #[command(flatten)]
        database: DatabaseArgs,
        /// Who serves.
        #[command(flatten)]
        service: ServiceRoleArgs,
        /// What is logged.
        #[command(flatten)]
        telemetry: TelemetryArgs,
    },
    /// Show what mails look like, without sending any.
    Preview(PreviewArgs),
    /// Ask the process on this machine whether it is ready.
    #[command(mut_arg("admin_listen", |arg| arg.default_value(ADMIN_LISTEN)))]
    Healthcheck {
        /// Where it is asked.
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// In seconds.
const DAY: u64 = 24 * 3_600;

const ADMIN_LISTEN: &str = "127.0.0.1:9091";

/// The settings of `serve`.
#[derive(Clone, Debug, clap::Args)]
#[command(mut_arg("grpc_listen", |arg| arg.default_value("127.0.0.1:50052")))]
#[command(mut_arg("admin_listen", |arg| arg.default_value(ADMIN_LISTEN)))]
pub struct ServeArgs {
    /// The notifier's own database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Bring the database's schema to this version before serving. For one replica; with more, run `migrate` first.
    #[arg(long, env = "COUNTERSIGN_AUTO_MIGRATE")]
    pub auto_migrate: bool,
    /// Where events come from.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// What mail looks like.
    #[command(flatten)]
    pub mail: MailArgs,
    /// How mail is delivered.
    #[command(flatten)]
    pub smtp: SmtpArgs,
    /// How long reminders to one member are gathered into one mail (at most a day): a number with `s`, `m` or `h`. `0s` sends
    /// each at once, also to those who prefer them gathered.
    #[arg(long, env = "COUNTERSIGN_REMINDER_DIGEST", default_value = "15m", value_parser = span, value_name = "SPAN")]
    pub reminder_digest: Duration,
    /// Days that sent mails, and the events that were told, are kept (7 to 3650). What was given up stays until it is dealt
    /// with.
    #[arg(long, env = "COUNTERSIGN_KEEP_DAYS", default_value_t = DEFAULT_KEEP.as_secs() / DAY, value_parser = clap::value_parser!(u64).range(LEAST_KEEP_DAYS..=3650), value_name = "DAYS")]
    pub keep_days: u64,
    /// Where ribbons are served.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Where health and metrics are served.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// How callers are told apart.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What page tokens are sealed under.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// How the process stops.
    #[command(flatten)]
    pub shutdown: ShutdownArgs,
    /// What is logged.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

/// What mails look like and where links lead.
#[derive(Clone, Debug, clap::Args)]
pub struct MailArgs {
    /// Sender of all mail: an address, or a name with an address, as in "Countersign <countersign@example.com>".
    #[arg(long, env = "COUNTERSIGN_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: String,
    /// Domain on the right of each Message-ID and in the greeting to the mail server; by default that of --mail-from.
    #[arg(long, env = "COUNTERSIGN_MAIL_DOMAIN", value_name = "DOMAIN")]
    pub mail_domain: Option<String>,
    /// Address of the page where a request is reviewed, for links in mails and ribbons. May hold `{account_id}`,
    /// `{resource_id}` and `{approval_request_id}`.
    #[arg(long, env = "COUNTERSIGN_REVIEW_URL_TEMPLATE", value_name = "URL")]
    pub review_url_template: String,
    /// Address of the page where an invitation is accepted, for the link in its mail. Must hold `{token}`, best after a `#`,
    /// which browsers send to no server; may hold `{account_id}` and `{invitation_id}`.
    #[arg(long, env = "COUNTERSIGN_INVITATION_URL_TEMPLATE", value_name = "URL")]
    pub invitation_url_template: String,
    /// Address of the page where the review of an emergency bypass is closed, for links in mails and ribbons. May hold
    /// `{account_id}`, `{resource_id}` and `{review_id}`. By default the start page of --review-url-template's place.
    #[arg(long, env = "COUNTERSIGN_BYPASS_URL_TEMPLATE", value_name = "URL")]
    pub bypass_url_template: Option<String>,
    /// What takes the place of the embedded templates and words.
    #[command(flatten)]
    pub templates: TemplatesArgs,
}

/// What takes the place of the embedded templates and words.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TemplatesArgs {
    /// Folder with templates (`mail.html`, `mail.txt`) and words (`en.ftl`, `de.ftl`, …) that take the place of the embedded ones.
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER")]
    pub templates_dir: Option<PathBuf>,
}

/// What `preview` shows.
#[derive(Clone, Debug, clap::Args)]
pub struct PreviewArgs {
    /// Which mail; `--list` names them.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["list", "all"], conflicts_with_all = ["list", "all"])]
    pub event: Option<String>,
    /// In which language; `--list` names them. By default English, and with `--all` every one.
    #[arg(long, value_name = "TAG", conflicts_with = "list")]
    pub locale: Option<String>,
    /// Folder that gets `<name>.<locale>.html`, `.txt` and `.eml`; or, for one mail, a file that ends in one of these.
    #[arg(long, value_name = "PATH", required_unless_present = "list", conflicts_with = "list")]
    pub out: Option<PathBuf>,
    /// Name the mails and the languages that there are.
    #[arg(long)]
    pub list: bool,
    /// Every mail.
    #[arg(long, conflicts_with = "list")]
    pub all: bool,
    /// What takes the place of the embedded templates and words.
    #[command(flatten)]
    pub templates: TemplatesArgs,
}

/// How mail is delivered.
#[derive(Clone, Debug, clap::Args)]
pub struct SmtpArgs {
    /// Mail server: `smtp://user:password@host:587`, encrypted by STARTTLS; `smtps://host:465`, encrypted from the start; or
    /// `smtp://host:25?tls=none`.
    #[arg(long, env = "COUNTERSIGN_SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub smtp_url: Option<Secret>,
    /// File that holds the URL of the mail server, instead of --smtp-url.
    #[arg(long, env = "COUNTERSIGN_SMTP_URL_FILE", value_name = "PATH")]
    pub smtp_url_file: Option<PathBuf>,
    /// File with certificates (PEM) of authorities that the mail server's certificate may come from, beside the public ones.
    #[arg(long, env = "COUNTERSIGN_SMTP_CA_FILE", value_name = "PATH")]
    pub smtp_ca_file: Option<PathBuf>,
    /// Connections to the mail server, and so mails under way at a time (1 to 64).
    #[arg(long, env = "COUNTERSIGN_SMTP_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64), value_name = "COUNT")]
    pub smtp_connections: u8,
    /// Seconds that the mail server may take for one mail, before it is tried again later (1 to 600).
    #[arg(long, env = "COUNTERSIGN_SMTP_TIMEOUT_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS")]
    pub smtp_timeout_seconds: u64,
    /// Seconds before a failed mail is tried again; each further failure doubles them, up to an hour (1 to 3600).
    #[arg(long, env = "COUNTERSIGN_MAIL_RETRY_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    pub mail_retry_seconds: u64,
    /// Hours after which a mail that the mail server keeps putting off is given up (1 to 720).
    #[arg(long, env = "COUNTERSIGN_MAIL_GIVE_UP_HOURS", default_value_t = 72, value_parser = clap::value_parser!(u64).range(1..=720), value_name = "HOURS")]
    pub mail_give_up_hours: u64,
}

/// Settings that can't work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The sender is no address.
    #[error("--mail-from (COUNTERSIGN_MAIL_FROM) is not an address")]
    MailFrom(#[source] lettre::address::AddressError),
    /// The domain is no host name.
    #[error("--mail-domain (COUNTERSIGN_MAIL_DOMAIN) is not a domain: letters, digits, dots and hyphens")]
    MailDomain,
    /// The template can't work.
    #[error("--review-url-template (COUNTERSIGN_REVIEW_URL_TEMPLATE) can't work")]
    ReviewUrl(#[source] UrlTemplateError),
    /// The template can't work.
    #[error("--invitation-url-template (COUNTERSIGN_INVITATION_URL_TEMPLATE) can't work")]
    InvitationUrl(#[source] UrlTemplateError),
    /// The template can't work.
    #[error("--bypass-url-template (COUNTERSIGN_BYPASS_URL_TEMPLATE) can't work")]
    BypassUrl(#[source] UrlTemplateError),
    /// A secret can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The SMTP URL can't work.
    #[error("--smtp-url (COUNTERSIGN_SMTP_URL) can't work")]
    SmtpUrl(#[from] SmtpUrlError),
    /// The authorities' file can't be read.
    #[error("--smtp-ca-file (COUNTERSIGN_SMTP_CA_FILE): {} can't be read", path.display())]
    AuthoritiesFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The TLS settings can't work.
    #[error("the encryption to the mail server can't be set up")]
    Tls(#[from] lettre::transport::smtp::Error),
}

impl ServeArgs {
    /// How long sent mails and taken events are kept.
    pub fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days * DAY)
    }
}

impl MailArgs {
    /// The checked settings.
    pub fn settings(&self) -> Result<MailSettings, SettingsError> {
        let from: Mailbox = self.mail_from.parse().map_err(SettingsError::MailFrom)?;
        let domain = self.mail_domain.clone().unwrap_or_else(|| from.email.domain().to_owned());
        let label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if domain.len() > 253 || !domain.split('.').all(label) {
            return Err(SettingsError::MailDomain);
        }
        let review_url = self.review_url_template.parse().map_err(SettingsError::ReviewUrl)?;
        let invitation_url = self.invitation_url_template.parse().map_err(SettingsError::InvitationUrl)?;
        let bypass_url = self.bypass_url_template.as_deref().map(str::parse).transpose();
        Ok(MailSettings {
            from,
            domain,
            review_url,
            invitation_url,
            bypass_url: bypass_url.map_err(SettingsError::BypassUrl)?,
            templates_dir: self.templates.templates_dir.clone(),
        })
    }
}

impl SmtpArgs {
    /// The checked way to the mail server, which is greeted as `domain`.
    pub fn outbound(&self, domain: &str) -> Result<Outbound, SettingsError> {
        let url = secret::required("smtp-url", self.smtp_url.as_ref(), self.smtp_url_file.as_deref())?;
        let url: SmtpUrl = url.expose().parse()?;
        let authorities = self.smtp_ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
        let timeout = Duration::from_secs(self.smtp_timeout_seconds);
        Ok(Outbound::Smtp(SmtpServer::new(url, domain, authorities, timeout)?))
    }

    /// How deliveries are made.
    pub fn delivery(&self) -> DeliverySettings {
        DeliverySettings {
            connections: usize::from(self.smtp_connections),
            retry: RetryPolicy {
                first: Duration::from_secs(self.mail_retry_seconds),
                give_up_after: Duration::from_hours(self.mail_give_up_hours),
                ..RetryPolicy::default()
            },
        }
    }
}

/// A number with its unit, as in `15m`.
fn span(text: &str) -> Result<Duration, String> {
    let problem =
        || "must be a number of seconds, minutes or hours, as in 0s, 15m or 2h, and at most 24h".to_owned();
    let unit = text.chars().next_back().ok_or_else(problem)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(problem()),
    };
    let count: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| problem())?;
    let span = count.checked_mul(seconds).filter(|seconds| *seconds <= DAY).ok_or_else(problem)?;
    Ok(Duration::from_secs(span))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, SettingsError> {
    let pem = std::fs::read(path)
        .map_err(|source| SettingsError::AuthoritiesFile { path: path.to_owned(), source })?;
    Ok(vec![Certificate::from_pem(&pem)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(from: &str, domain: Option<&str>, template: &str) -> Result<MailSettings, SettingsError> {
        MailArgs {
            mail_from: from.to_owned(),
            mail_domain: domain.map(ToOwned::to_owned),
            review_url_template: template.to_owned(),
            invitation_url_template: "https://a/#{token}".to_owned(),
            bypass_url_template: None,
            templates: TemplatesArgs::default(),
        }
        .settings()
    }

    #[test]
    fn the_domain_is_the_senders_unless_given() {
        let settings = mail("Countersign <no-reply@example.com>", None, "https://a/{resource_id}").unwrap();
        assert_eq!(settings.domain, "example.com");
        assert_eq!(mail("a@b", Some("mail.c"), "https://a").unwrap().domain, "mail.c");
    }

    #[test]
    fn a_span_has_a_unit_and_an_end() {
        let seconds = |text| span(text).map(|span| span.as_secs());
        assert_eq!([seconds("0s"), seconds("15m"), seconds("24h")], [Ok(0), Ok(900), Ok(86_400)]);
        for wrong in ["", "15", "m", "-1s", "1.5h", "25h", "99999999999999999999s", "1d", "5sss"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(matches!(mail("nobody", None, "https://a"), Err(SettingsError::MailFrom(_))));
        assert!(matches!(mail("a@b", Some("x>\r\nBcc: y"), "https://a"), Err(SettingsError::MailDomain)));
        assert!(matches!(mail("a@b", None, "https://a/{x}"), Err(SettingsError::ReviewUrl(_))));
        let without_token = MailArgs {
            mail_from: "a@b".to_owned(),
            mail_domain: None,
            review_url_template: "https://a".to_owned(),
            invitation_url_template: "https://a/{invitation_id}".to_owned(),
            bypass_url_template: None,
            templates: TemplatesArgs::default(),
        };
        assert!(matches!(without_token.settings(), Err(SettingsError::InvitationUrl(_))));
    }
}
