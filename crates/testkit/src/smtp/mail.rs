//! A mail as it was received.

use mail_parser::{Message, MessageParser};

/// Envelope and content of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address of MAIL FROM; empty for `<>`.
    pub from: String,
    /// The addresses of RCPT TO that were accepted.
    pub to: Vec<String>,
    /// The message with CRLF line ends, as sent, without the dots that the protocol adds.
    pub raw: Vec<u8>,
    /// Whether the sender was told that it was kept.
    pub acknowledged: bool,
}

impl Mail {
    /// The message's parts.
    pub fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(&self.raw).expect("a message that can be parsed")
    }

    /// The whole message as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The decoded subject.
    pub fn subject(&self) -> String {
        self.parsed().subject().unwrap_or_default().to_owned()
    }

    /// The Message-ID without its brackets.
    pub fn message_id(&self) -> String {
        self.parsed().message_id().unwrap_or_default().to_owned()
    }

    /// The value of a header as it was sent, without its line end.
    pub fn header(&self, name: &str) -> Option<String> {
        self.parsed().header_raw(name).map(|value| value.trim().to_owned())
    }

    /// The decoded text part.
    pub fn text_body(&self) -> String {
        self.parsed().body_text(0).unwrap_or_default().into_owned()
    }

    /// The decoded HTML part.
    pub fn html_body(&self) -> String {
        self.parsed().body_html(0).unwrap_or_default().into_owned()
    }

    /// Whether it was sent to this address.
    pub fn is_to(&self, address: &str) -> bool {
        self.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }
}
