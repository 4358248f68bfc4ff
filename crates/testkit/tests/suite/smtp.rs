use std::io::ErrorKind;
use std::time::Duration;

use countersign_testkit::{Fault, SmtpSink, wait_for};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

/// SMTP by hand, so that no library's habits stand between the test and the wire.
struct Client(BufStream<TcpStream>);

impl Client {
    async fn greeted(sink: &SmtpSink) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", sink.port())).await.expect("a connection");
        let mut client = Self(BufStream::new(stream));
        assert_eq!(client.code().await, Some(220));
        client
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("a written line");
        self.0.flush().await.expect("a written line");
    }

    /// The code of the next reply, which may have several lines; `None` at the end of the connection.
    async fn code(&mut self) -> Option<u16> {
        loop {
            let mut line = String::new();
            let length = timeout(LIMIT, self.0.read_line(&mut line)).await.expect("a reply").unwrap_or(0);
            if length == 0 {
                return None;
            }
            assert!(line.ends_with("\r\n"), "{line:?}");
            if line.as_bytes()[3] == b' ' {
                return Some(line[..3].parse().expect("a code"));
            }
        }
    }

    async fn say(&mut self, line: &str) -> Option<u16> {
        self.send(&format!("{line}\r\n")).await;
        self.code().await
    }

    /// A whole mail; the code that decided about it.
    async fn mail(&mut self, to: &str, message: &str) -> Option<u16> {
        assert_eq!(self.say("MAIL FROM:<app@example.com> BODY=8BITMIME").await, Some(250));
        match self.say(&format!("RCPT TO:<{to}>")).await {
            Some(250) => {}
            refused => return refused,
        }
        assert_eq!(self.say("DATA").await, Some(354));
        self.say(&format!("{message}\r\n.")).await
    }
}

#[tokio::test]
async fn a_mail_is_kept_as_it_was_sent() {
    let sink = SmtpSink::start().await;
    let mut client = Client::greeted(&sink).await;
    assert_eq!(client.say("EHLO test").await, Some(250));
    let message =
        "Message-ID: <1@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n..a dot\r\nend é";
    assert_eq!(client.mail("Ann@example.com", message).await, Some(250));
    assert_eq!(client.say("QUIT").await, Some(221));

    let mails = sink.wait_for_messages(1).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].from.as_str(), mails[0].to.as_slice()),
        ("app@example.com", &["Ann@example.com".to_owned()][..])
    );
    assert!(mails[0].text().ends_with("\r\n\r\n.a dot\r\nend é\r\n"), "{:?}", mails[0].text());
    assert_eq!(mails[0].subject(), "Grüße");
    assert_eq!(mails[0].message_id(), "1@example.com");
    assert_eq!(mails[0].header("Message-ID").as_deref(), Some("<1@example.com>"));
    assert!(mails[0].acknowledged);
    assert_eq!(sink.messages_to("ann@example.com").len(), 1);
    assert_eq!(sink.messages_to("bob@example.com").len(), 0);
}

#[tokio::test]
async fn commands_may_come_in_one_packet() {
    let sink = SmtpSink::start().await;
    let mut client = Client::greeted(&sink).await;
    client.send("HELO test\r\nMAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n").await;
    for expected in [250, 250, 250, 250, 354] {
        assert_eq!(client.code().await, Some(expected));
    }
    assert_eq!(client.say("Subject: x\r\n\r\n.").await, Some(250));
    assert_eq!(sink.messages()[0].to, ["a@x", "b@x"]);
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let sink = SmtpSink::start().await;
    let mut client = Client::greeted(&sink).await;
    for (line, expected) in [
        ("RCPT TO:<a@x>", 503),
        ("DATA", 503),
        ("MAIL FROM app@x", 501),
        ("MAIL FROM:<app@x>", 250),
        ("MAIL FROM:<app@x>", 503),
        ("RCPT TO:<>", 501),
        ("NOOP", 250),
        ("RSET", 250),
        ("RCPT TO:<a@x>", 503),
        ("WHAT", 502),
    ] {
        assert_eq!(client.say(line).await, Some(expected), "{line}");
    }
    assert_eq!(sink.messages(), []);
}

#[tokio::test]
async fn one_recipient_can_be_refused_and_healed() {
    let sink = SmtpSink::start().await;
    sink.break_recipient("ann@x", Fault::RefuseRecipient(550));
    sink.break_all(Fault::RefuseRecipient(451));
    let mut client = Client::greeted(&sink).await;
    for (to, expected) in [("ANN@x", 550), ("bob@x", 451)] {
        assert_eq!(client.mail(to, "x").await, Some(expected));
        assert_eq!(client.say("RSET").await, Some(250));
    }
    sink.heal();
    assert_eq!(client.mail("ann@x", "x").await, Some(250));
    assert_eq!((sink.attempts("ann@x"), sink.messages().len()), (2, 1));
}

#[tokio::test]
async fn a_message_can_be_refused_after_it_was_sent() {
    let sink = SmtpSink::start().await;
    sink.break_all(Fault::RefuseMessage(452));
    let mut client = Client::greeted(&sink).await;
    assert_eq!(client.mail("ann@x", "x").await, Some(452));
    assert_eq!(sink.messages(), []);
}

#[tokio::test]
async fn a_connection_can_break_before_the_answer() {
    let sink = SmtpSink::start().await;
    sink.break_recipient("ann@x", Fault::DropAfterData);
    let mut client = Client::greeted(&sink).await;
    assert_eq!(client.mail("ann@x", "x").await, None);
    let mails = sink.messages();
    assert_eq!((mails.len(), mails[0].acknowledged), (1, false));
}

#[tokio::test]
async fn a_server_can_hang_until_it_is_stopped() {
    let sink = SmtpSink::start().await;
    sink.break_all(Fault::Hang);
    let mut client = Client::greeted(&sink).await;
    assert_eq!(client.say("MAIL FROM:<app@x>").await, Some(250));
    client.send("RCPT TO:<ann@x>\r\n").await;
    wait_for("the command to arrive", LIMIT, async || (sink.attempts("ann@x") == 1).then_some(())).await;
    assert!(timeout(Duration::from_millis(50), client.code()).await.is_err(), "it answered");
    sink.stop_accepting().await;
    assert_eq!(client.code().await, None);
}

#[tokio::test]
async fn it_can_go_away_and_come_back_on_its_port() {
    let sink = SmtpSink::start().await;
    sink.stop_accepting().await;
    let refused = TcpStream::connect(("127.0.0.1", sink.port())).await.expect_err("a refused connection");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    sink.accept_again().await;
    assert_eq!(Client::greeted(&sink).await.mail("ann@x", "x").await, Some(250));
    assert_eq!(sink.connections(), 1);
}
