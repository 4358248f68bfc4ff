//! One connection: RFC 5321 as far as a sender of mail needs it.

use std::future::pending;
use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use super::{Fault, Mail, Shared};

/// Longer than RFC 5321 (4.5.3.1) allows for a line, so that nothing but a broken client is cut off.
const LINE_LIMIT: u64 = 64 * 1024;

const GREETING: &str = "220 sink ESMTP";
const EXTENSIONS: &str = "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";

/// What has been said since MAIL.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

/// Talks until QUIT, the end of the connection, or a fault that ends it.
pub(super) async fn run(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufStream::new(stream);
    let mut envelope = Envelope::default();
    reply(&mut stream, GREETING).await?;
    while let Some(line) = read_line(&mut stream).await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                envelope = Envelope::default();
                EXTENSIONS.to_owned()
            }
            "HELO" | "RSET" => {
                envelope = Envelope::default();
                "250 ok".to_owned()
            }
            "NOOP" => "250 ok".to_owned(),
            "MAIL" => mail(&mut envelope, rest),
            "RCPT" => recipient(&mut envelope, rest, shared).await,
            "DATA" if envelope.to.is_empty() => "503 no recipients".to_owned(),
            "DATA" => {
                reply(&mut stream, "354 end with a dot").await?;
                let Some(raw) = read_message(&mut stream).await? else {
                    return Ok(());
                };
                let Some(answer) = keep(std::mem::take(&mut envelope), raw, shared) else {
                    return Ok(());
                };
                answer
            }
            "QUIT" => return reply(&mut stream, "221 bye").await,
            _ => "502 unknown command".to_owned(),
        };
        reply(&mut stream, &answer).await?;
    }
    Ok(())
}

fn mail(envelope: &mut Envelope, rest: &str) -> String {
    if envelope.from.is_some() {
        return "503 a sender was named already".to_owned();
    }
    let Some(address) = path(rest, "FROM:") else {
        return "501 not MAIL FROM:<address>".to_owned();
    };
    envelope.from = Some(address);
    "250 ok".to_owned()
}

async fn recipient(envelope: &mut Envelope, rest: &str, shared: &Shared) -> String {
    if envelope.from.is_none() {
        return "503 name the sender first".to_owned();
    }
    let Some(address) = path(rest, "TO:").filter(|address| !address.is_empty()) else {
        return "501 not RCPT TO:<address>".to_owned();
    };
    let fault = {
        let mut state = shared.lock();
        *state.attempts.entry(address.to_lowercase()).or_default() += 1;
        state.fault(&address)
    };
    match fault {
        Some(Fault::RefuseRecipient(code)) => format!("{code} {address} was refused, as asked"),
        Some(Fault::Hang) => pending().await,
        Some(Fault::RefuseMessage(_) | Fault::DropAfterData) | None => {
            envelope.to.push(address);
            "250 ok".to_owned()
        }
    }
}

/// Keeps a message unless a fault of one of its recipients forbids it. `None` breaks the connection.
fn keep(envelope: Envelope, raw: Vec<u8>, shared: &Shared) -> Option<String> {
    let mut state = shared.lock();
    let fault = envelope.to.iter().find_map(|to| state.fault(to));
    if let Some(Fault::RefuseMessage(code)) = fault {
        return Some(format!("{code} the message was refused, as asked"));
    }
    let acknowledged = fault != Some(Fault::DropAfterData);
    let from = envelope.from.unwrap_or_default();
    state.mails.push(Mail { from, to: envelope.to, raw, acknowledged });
    acknowledged.then(|| "250 kept".to_owned())
}

/// The address of `FROM:<address> …` or `TO:<address> …`; parameters after it are not looked at.
fn path(text: &str, keyword: &str) -> Option<String> {
    let start = text.get(..keyword.len())?;
    let rest = text.get(keyword.len()..)?.trim_start().strip_prefix('<')?;
    let (address, _) = rest.split_once('>')?;
    start.eq_ignore_ascii_case(keyword).then(|| address.to_owned())
}

/// Lines up to a single dot, without the dot that the sender puts before each line that starts with one (4.5.2).
/// `None` when the connection ends before.
async fn read_message(stream: &mut BufStream<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    while let Some(line) = read_line(stream).await? {
        if line == b".\r\n" {
            return Ok(Some(message));
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    Ok(None)
}

/// One line with its end; `None` at the end of the connection.
async fn read_line(stream: &mut BufStream<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
    Ok(line.ends_with(b"\n").then_some(line))
}

async fn reply(stream: &mut BufStream<TcpStream>, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}
