//! Whole mails, as they are sent: nothing in them is volatile, so nothing is left out.

use std::sync::{Arc, LazyLock};

use countersign_proto::event::Event;
use countersign_proto::event::event::Payload;
use countersign_proto::types::{Actor, Schedule};
use mail_parser::MessageParser;
use uuid::Uuid;

use super::{Composer, MailSettings};
use crate::samples::samples;
use crate::storage::{Claim, Told};

fn settings() -> MailSettings {
    MailSettings {
        from: "Countersign <countersign@countersign.example>".parse().unwrap(),
        domain: "countersign.example".to_owned(),
        review_url: "https://app.example/{account_id}/review/{approval_request_id}?on={resource_id}"
            .parse()
            .unwrap(),
        invitation_url: "https://app.example/{account_id}/join/{invitation_id}#{token}".parse().unwrap(),
        bypass_url: Some("https://app.example/{account_id}/bypass/{review_id}".parse().unwrap()),
        templates_dir: None,
    }
}

/// One for all tests: making it renders every mail.
fn composer() -> &'static Composer {
    static COMPOSER: LazyLock<Composer> = LazyLock::new(|| Composer::new(settings()).unwrap());
    &COMPOSER
}

/// The sample of that name.
fn claim(name: &str) -> Claim {
    samples(&settings()).into_iter().find(|sample| sample.name == name).unwrap().claim
}

fn event(claim: &Claim) -> &Event {
    claim.told.as_ref().unwrap().one().unwrap()
}

/// The claim with its event changed.
fn changed(mut claim: Claim, change: impl FnOnce(&mut Event)) -> Claim {
    let mut event = event(&claim).clone();
    change(&mut event);
    claim.told = Some(Told::Event(Arc::new(event)));
    claim
}

/// The headers as sent, and both parts decoded.
fn whole(claim: &Claim) -> String {
    let mail = composer().compose(claim).unwrap();
    let raw = String::from_utf8(mail.bytes).unwrap();
    let (headers, body) = raw.split_once("\r\n\r\n").unwrap();
    // RFC 5322 (2.1.1) for lines, RFC 2045 (6.7) for those of quoted-printable; ids are longer than 76 and can't be folded.
    let lines =
        |text: &str, max| text.split("\r\n").all(|line| line.len() <= max && !line.contains(['\r', '\n']));
    assert!(raw.is_ascii() && lines(headers, 998) && lines(body, 76), "{raw}");
    let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    format!("{headers}\n\n{text}\n\n{html}").replace("\r\n", "\n").replace("-- \n", "--\u{b7}\n")
}

/// Proves NOT-1 to NOT-9, as far as mails go, NOT-13 and ACC-14: each mail, whole.
#[test]
fn every_mail_in_english() {
    for sample in samples(&settings()) {
        insta::assert_snapshot!(sample.name, whole(&sample.claim));
    }
}

/// Proves NOT-15: every time in a mail is in the recipient's zone, before and after the clocks change; in one that is not known it is
/// UTC.
#[test]
fn times_are_in_the_recipients_time_zone() {
    let scheduled = changed(claim("submitted"), |event| {
        let Some(Payload::Request(request)) = &mut event.payload else { panic!("no request") };
        let at = |text: &str| Some(text.parse::<prost_types::Timestamp>().unwrap());
        let schedule =
            Schedule { start_time: at("2026-10-24T22:30:00Z"), end_time: at("2026-10-25T22:30:00Z") };
        request.resource.as_mut().unwrap().schedule = Some(schedule);
        request.deadline = at("2026-10-25T00:30:00Z");
    });
    let berlin = Claim { time_zone: "Europe/Berlin".to_owned(), ..scheduled };
    insta::assert_snapshot!("submitted_in_Berlin", whole(&berlin));
    let text = |claim: &Claim| composer().render(claim).unwrap().text;
    let unknown = Claim { time_zone: "Mars/Olympus".to_owned(), ..berlin.clone() };
    assert_eq!(text(&unknown), text(&Claim { time_zone: String::new(), ..berlin }));
    for sample in samples(&settings()) {
        let there = text(&Claim { time_zone: "Asia/Tokyo".to_owned(), ..sample.claim.clone() });
        let utc = text(&sample.claim);
        assert_eq!(there.matches("(Asia/Tokyo, UTC+9)").count(), utc.matches(" UTC").count(), "{there}");
        assert!(!there.contains(" UTC\n"), "{there}");
    }
}

/// Proves NOT-13: in the recipient's locale. In the other languages what people read, without the layout, which is the same.
#[test]
fn every_mail_in_every_other_language() {
    let composer = composer();
    for locale in composer.locales().all().filter(|locale| locale.tag() != "en") {
        let all = samples(&settings()).into_iter().map(|sample| {
            let claim = Claim { locale: locale.tag().to_owned(), ..sample.claim };
            let rendered = composer.render(&claim).unwrap();
            assert!(
                rendered.html.contains(&format!("<html lang=\"{}\">", locale.tag())),
                "{}",
                rendered.html
            );
            let text = rendered.text.replace("-- \n", "--\u{b7}\n");
            format!("===== {}\n{}\n\n{text}\n", sample.name, rendered.subject)
        });
        insta::assert_snapshot!(format!("all_in_{}", locale.tag()), all.collect::<String>());
    }
}

/// Proves NOT-13: whole mails of four kinds, headers and HTML included.
#[test]
fn four_mails_in_four_languages() {
    for name in ["submitted", "rejected", "expired", "bypassed"] {
        for tag in ["de", "es", "fr"] {
            let claim = Claim { locale: tag.to_owned(), ..claim(name) };
            insta::assert_snapshot!(format!("{name}_{tag}"), whole(&claim));
        }
    }
}

fn references(claim: &Claim) -> String {
    let mail = composer().compose(claim).unwrap();
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    assert_eq!(parsed.header_raw("In-Reply-To"), parsed.header_raw("References"));
    parsed.header_raw("References").unwrap().trim().to_owned()
}

fn with_token(token: &str) -> Claim {
    changed(claim("invitation"), |event| {
        let Some(Payload::Invitation(invitation)) = &mut event.payload else { panic!("{event:?}") };
        token.clone_into(&mut invitation.token);
    })
}

/// Proves ACC-14: sent again, it is part of the same conversation, and without its token it is not sent.
#[test]
fn an_invitation_sent_again_is_the_same_conversation() {
    assert_eq!(references(&claim("invitation")), references(&with_token("another")));
    let forgotten = with_token("");
    assert!(matches!(composer().compose(&forgotten), Err(super::ComposeError::TokenForgotten)));
}

/// Proves NOT-8 and NOT-13: one reminder is told like one that was not gathered, several answer to no single request.
#[test]
fn one_gathered_reminder_is_a_reminder() {
    let alone = claim("reminded");
    let gathered = Claim { told: Some(Told::Reminders(vec![event(&alone).clone()])), ..claim("reminders") };
    let (one, same) = (composer().render(&alone).unwrap(), composer().render(&gathered).unwrap());
    assert_eq!(one, same);
    assert_eq!(references(&alone), references(&gathered));
    let several = composer().compose(&claim("reminders")).unwrap();
    let parsed = MessageParser::default().parse(&several.bytes).unwrap();
    assert!(parsed.header_raw("References").is_none());
}

const EVIL: &str =
    "<script>alert('x')</script>\"><img src=//evil.example/x>\r\nBcc: victim@example.com\r\n\r\n<h1>\u{202e}";

fn evil() -> Claim {
    let mut claim = changed(claim("submitted"), |event| {
        let evil = |name: &str| Actor {
            member_id: Uuid::from_u128(1).to_string(),
            display_name: format!("{name}{EVIL}"),
            service: EVIL.to_owned(),
        };
        event.account_name = EVIL.to_owned();
        event.actor = Some(evil("Actor "));
        let Some(Payload::Request(request)) = &mut event.payload else { panic!("{event:?}") };
        let resource = request.resource.as_mut().unwrap();
        resource.title = format!("Title {EVIL}");
        resource.kind = format!("kind {EVIL}");
        request.note = format!(
            "Note {EVIL}\r\n.\r\nMAIL FROM:<x@evil.example>\n-- \nYou get this mail because we say so."
        );
        request.area = EVIL.to_owned();
        request.action = format!("ACTION {EVIL}");
        request.approval_request_id = EVIL.to_owned();
        request.submitter = Some(evil(""));
    });
    claim.reason = countersign_proto::event::RecipientReason::AreaApprover.into();
    claim.display_name = format!("Reader {EVIL}");
    claim.locale = EVIL.to_owned();
    claim
}

/// Proves NOT-13: what people type can neither add a header nor markup, and can't pass for the mail's own words.
#[test]
fn what_people_type_stays_what_they_typed() {
    let claim = evil();
    let mail = composer().compose(&claim).unwrap();
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    let mut names: Vec<&str> = parsed.headers().iter().map(|header| header.name.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "no header twice: {names:?}");
    assert!(!names.contains(&"Bcc"), "{names:?}");
    assert!(parsed.to().unwrap().first().unwrap().address().unwrap() == "ada@example.com");
    assert_eq!(parsed.to().unwrap().iter().count(), 1);
    assert_eq!(mail.envelope.to().len(), 1);

    let html = parsed.body_html(0).unwrap();
    for markup in ["<script", "<img", "<h1>", "evil.example/x>", "\u{202e}"] {
        assert!(!html.contains(markup), "{markup} in {html}");
    }
    assert_eq!(html.matches("<a ").count(), 1, "one link, ours");
    assert!(html.contains("href=\"https://app.example/"), "{html}");
    assert!(html.contains("&lt;script&gt;"), "escaped, not lost");

    let text = parsed.body_text(0).unwrap();
    assert!(text.lines().any(|line| line == "> You get this mail because we say so."), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("You get this mail")).count(), 1, "{text}");
    assert!(!text.lines().any(|line| line.starts_with("Bcc:") || line == "."), "{text}");
    assert_eq!(text.matches("https://").count(), 1, "{text}");
}

/// Proves NOT-13: nor in a mail about several requests, whose text part has no layout but its lines.
#[test]
fn what_people_type_stays_what_they_typed_among_several() {
    let evil = event(&evil()).clone();
    let several = Claim { told: Some(Told::Reminders(vec![evil.clone(), evil])), ..claim("reminders") };
    let rendered = composer().render(&several).unwrap();
    assert_eq!(rendered.html.matches("<a ").count(), 2, "{}", rendered.html);
    assert_eq!(rendered.text.matches("https://").count(), 2, "{}", rendered.text);
    for markup in ["<script", "<img", "\u{202e}"] {
        assert!(!rendered.html.contains(markup), "{markup} in {}", rendered.html);
    }
    assert!(!rendered.text.lines().any(|line| line.starts_with("Bcc:")), "{}", rendered.text);
}

/// Proves NOT-11: every try is the same message, to the byte.
#[test]
fn every_try_is_the_same_message() {
    let composer = composer();
    for sample in samples(&settings()) {
        let again = Claim { attempts: 7, lease_until: 99, ..sample.claim.clone() };
        let (first, again) = (composer.compose(&sample.claim), composer.compose(&again));
        assert_eq!(first.unwrap().bytes, again.unwrap().bytes, "{}", sample.name);
    }
}

/// Proves NOT-13: all mails about one request, or one review, to one member answer to the same message, and no others do.
#[test]
fn mails_are_threaded_by_request_and_member() {
    let submitted = references(&claim("submitted"));
    for name in ["commented", "reminded", "reassigned", "rejected", "expired"] {
        assert_eq!(references(&claim(name)), submitted, "{name}");
    }
    assert_ne!(claim("submitted").message_id, submitted);
    let somebody_else = Claim { member_id: Uuid::from_u128(9), ..claim("rejected") };
    assert_ne!(references(&somebody_else), submitted);
    let other = changed(claim("rejected"), |event| {
        let Some(Payload::Request(request)) = &mut event.payload else { panic!("{event:?}") };
        request.approval_request_id = Uuid::from_u128(8).to_string();
    });
    assert_ne!(references(&other), submitted);
    assert_eq!(references(&claim("bypassed")), references(&claim("review-closed")));
    assert_ne!(references(&claim("bypassed")), submitted);
}

/// Proves NOT-16: one subject for all mails about one request, or one review, in every language: mail programs that go by it
/// show one conversation.
#[test]
fn one_subject_for_each_request() {
    let composer = composer();
    for locale in composer.locales().all() {
        let subject = |name: &str| {
            let claim = Claim { locale: locale.tag().to_owned(), ..claim(name) };
            let Some(Payload::Request(request)) = event(&claim).payload.clone() else { panic!("{name}") };
            let same = changed(claim, |event| {
                let mut request = request;
                "START".clone_into(&mut request.action);
                request.resource.as_mut().unwrap().title = "Spring".to_owned();
                request.resource.as_mut().unwrap().kind = "campaign".to_owned();
                event.payload = Some(Payload::Request(request));
            });
            composer.render(&same).unwrap().subject
        };
        let asked = subject("submitted");
        for name in ["commented", "reminded", "reassigned", "rejected", "expired"] {
            assert_eq!(subject(name), asked, "{name} in {}", locale.tag());
        }
    }
}

/// Proves NOT-16: bounces come back, and no program answers by itself.
#[test]
fn bounces_come_back() {
    let mail = composer().compose(&claim("submitted")).unwrap();
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    assert_eq!(parsed.header_raw("X-Auto-Response-Suppress").unwrap().trim(), "OOF, AutoReply");
}

/// Proves NOT-16: an address that somebody typed is nowhere in one piece, and right-to-left text is kept together.
#[test]
fn what_people_type_is_no_link_and_keeps_its_order() {
    let typed = changed(claim("submitted"), |event| {
        let Some(Payload::Request(request)) = &mut event.payload else { panic!("{event:?}") };
        request.resource.as_mut().unwrap().title = "מבצע (2) www.evil.example".to_owned();
        request.note = "https://evil.example or eve@evil.example".to_owned();
        event.account_name = "evil.example".to_owned();
        event.actor = Some(Actor { display_name: "mailto:eve@evil.example".to_owned(), ..Actor::default() });
    });
    let rendered = composer().render(&typed).unwrap();
    for part in [&rendered.text, &rendered.html] {
        assert!(!part.contains("evil.example") && !part.contains("eve@evil"), "{part}");
        assert!(part.contains("\u{2068}מבצע (2) www.\u{200b}evil.\u{200b}example\u{2069}"), "{part}");
    }
    assert!(rendered.subject.contains("\u{2068}מבצע (2) www.evil.example\u{2069}"), "{}", rendered.subject);
}
