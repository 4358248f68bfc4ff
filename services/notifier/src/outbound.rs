//! Where mail goes: to an SMTP server, or into a folder.

mod folder;
mod smtp;
mod smtp_url;

use std::path::PathBuf;
use std::time::Duration;

use crate::mail::Mail;
pub use folder::Folder;
pub use smtp::{Connection, SmtpServer};
pub use smtp_url::{SmtpUrl, SmtpUrlError, TlsMode};

/// Where mail goes.
#[derive(Clone, Debug)]
pub enum Outbound {
    /// To an SMTP server.
    Smtp(SmtpServer),
    /// Into a folder, one file each: the local mailbox of the standalone service.
    Folder(Folder),
}

/// One worker's way out: it keeps a connection, so each worker has its own.
#[derive(Debug)]
pub enum Courier {
    /// To an SMTP server.
    Smtp(Box<Connection>),
    /// Into a folder.
    Folder(Folder),
}

/// Why a mail is not out, as far as is known: an answer that was lost may have been a yes (NOT-11).
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server could not be reached, or does not let this client in.
    #[error("the mail server does not let us in")]
    Unreachable(#[source] lettre::transport::smtp::Error),
    /// Nobody listens there.
    #[error("the mail server can't be reached")]
    NoConnection(#[source] std::io::Error),
    /// Connecting took too long.
    #[error("the mail server did not let us in within {} s", .0.as_secs_f32())]
    ConnectTimedOut(Duration),
    /// Sending took too long.
    #[error("the mail server did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("the connection to the mail server broke")]
    Broken(#[source] lettre::transport::smtp::Error),
    /// The server refuses this client's mail from this sender, whoever it is to.
    #[error("the mail server refuses the sender with {code}: {text}")]
    SenderRefused {
        /// The reply code.
        code: u16,
        /// What the server says.
        text: String,
    },
    /// The server refuses this mail.
    #[error("the mail server refuses {stage} with {code}: {text}")]
    Refused {
        /// What it refuses: the recipient or the message.
        stage: &'static str,
        /// The reply code.
        code: u16,
        /// What the server says.
        text: String,
    },
    /// The address needs SMTPUTF8 (RFC 6531), and the server does not speak it.
    #[error("the address needs SMTPUTF8, which the mail server does not speak")]
    NeedsSmtpUtf8,
    /// The file could not be written.
    #[error("can't write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What a failure means for the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The server is in trouble: no other mail would fare better now.
    ServerTrouble,
    /// This mail may go through later.
    Later,
    /// This mail will never go through.
    Never,
}

impl SendError {
    /// What it means. A 5xx reply ends a delivery only if it is about the recipient or the message: one about the sender
    /// is a fault of the settings, and mail must outlive its repair.
    pub fn meaning(&self) -> Meaning {
        match self {
            Self::NoConnection(_)
            | Self::Unreachable(_)
            | Self::ConnectTimedOut(_)
            | Self::SenderRefused { .. }
            | Self::File { .. } => Meaning::ServerTrouble,
            Self::TimedOut(_) | Self::Broken(_) => Meaning::Later,
            Self::Refused { code, .. } if *code < 500 => Meaning::Later,
            Self::Refused { .. } | Self::NeedsSmtpUtf8 => Meaning::Never,
        }
    }
}

impl SendError {
    /// What went wrong without any of the server's words: it may quote the message, and so a secret in it.
    pub fn without_words(&self) -> String {
        match self {
            Self::SenderRefused { code, .. } => format!("the mail server refuses the sender with {code}"),
            Self::Refused { stage, code, .. } => format!("the mail server refuses {stage} with {code}"),
            other => other.to_string(),
        }
    }
}

impl Outbound {
    /// A way out for one worker.
    pub fn courier(&self) -> Courier {
        match self {
            Self::Smtp(server) => Courier::Smtp(Box::new(server.connection())),
            Self::Folder(folder) => Courier::Folder(folder.clone()),
        }
    }

    /// How long one try can take at most.
    pub fn patience(&self) -> Duration {
        match self {
            Self::Smtp(server) => server.patience(),
            Self::Folder(_) => Duration::from_secs(30),
        }
    }
}

impl Courier {
    /// Hands one mail over. `name` is the same for every try of it.
    pub async fn deliver(&mut self, mail: &Mail, name: &str) -> Result<(), SendError> {
        match self {
            Self::Smtp(connection) => connection.send(mail).await,
            Self::Folder(folder) => folder.write(name, mail).await,
        }
    }

    /// Lets go of what is kept for the next mail.
    pub async fn rest(&mut self) {
        match self {
            Self::Smtp(connection) => connection.close().await,
            Self::Folder(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves ACC-14: a server that quotes the message in its reply does not get its secret written down.
    #[test]
    fn without_words_nothing_of_the_reply_is_left() {
        let text = "blocked link https://app.example/#s3cret".to_owned();
        let refused = SendError::Refused { stage: "the message", code: 554, text: text.clone() };
        assert_eq!(refused.without_words(), "the mail server refuses the message with 554");
        let sender = SendError::SenderRefused { code: 550, text };
        assert_eq!(sender.without_words(), "the mail server refuses the sender with 550");
    }
}
