//! NOT-13: each is told in their own language, by mail and by ribbon.

use std::time::Duration;

use countersign_broker::Event;
use countersign_proto::inbox::Ribbon;
use countersign_testkit::{SmtpSink, TestDatabase, both_databases};
use mail_parser::MessageParser;
use uuid::Uuid;

use crate::inbox::{Client, by, list, serve};
use crate::purge::rows;
use crate::support::{
    ACCOUNT, ADA, BO, LENA, REVIEW, Running, ZOE, about, address, approver, review, reviewer, smtp, submitter,
};

both_databases! {
    each_mail_is_in_its_recipients_language,
    each_mail_is_in_its_recipients_time_zone,
    ribbons_are_in_the_viewers_language,
    the_newest_event_says_the_language,
}

fn speaking(mut event: Event, locales: &[&str]) -> Event {
    let recipients = event.data["recipients"].as_array_mut().unwrap();
    for (recipient, locale) in recipients.iter_mut().zip(locales) {
        recipient["locale"] = (*locale).into();
    }
    event
}

async fn ribbons(client: &mut Client, viewer: Uuid) -> Vec<Ribbon> {
    client.list_ribbons(by(viewer, list())).await.unwrap().into_inner().ribbons
}

/// Proves NOT-13.
async fn each_mail_is_in_its_recipients_language(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    let asked = [ADA, BO, LENA, ZOE].map(approver).to_vec();
    running.take(&speaking(about("submitted", 1, 0, asked), &["de-AT", "es", "fr", "ja"])).await;
    sink.wait_for_messages(4).await;
    for (member, subject) in [
        (ADA, "Freigabeanfrage: „Spring sale“ starten"),
        (BO, "Solicitud de aprobación: lanzar «Spring sale»"),
        (LENA, "Demande d’approbation\u{a0}: lancer «\u{a0}Spring sale\u{a0}»"),
        (ZOE, "Approval request: launch “Spring sale”"),
    ] {
        let mail = &sink.messages_to(&address(member))[0];
        let parsed = MessageParser::default().parse(&mail.raw).unwrap();
        assert_eq!(parsed.subject().unwrap(), subject);
    }
    running.stop().await;
}

/// Proves NOT-15: each in the zone that the event names for them, also where reminders were gathered.
async fn each_mail_is_in_its_recipients_time_zone(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let span = Duration::from_mins(15);
    let mut running = Running::gathering(&db, smtp(&sink), span).await;
    running.deliver();
    let zones = [(ADA, "Europe/Berlin"), (BO, "America/New_York"), (ZOE, "")];
    let living = |mut event: Event| {
        event.data["request"]["deadline"] = "2026-11-01T05:30:00Z".into();
        for (recipient, (_, zone)) in event.data["recipients"].as_array_mut().unwrap().iter_mut().zip(zones) {
            recipient["timeZone"] = zone.into();
        }
        event
    };
    let to = || zones.map(|(member, _)| approver(member)).to_vec();
    running.take(&living(about("submitted", 1, 0, to()))).await;
    sink.wait_for_messages(3).await;
    running.take(&living(about("reminded", 1, 1, to()))).await;
    running.clock.advance(span);
    sink.wait_for_messages(6).await;
    for (member, deadline) in [
        (ADA, "1 November 2026, 06:30 (Europe/Berlin, UTC+1)"),
        (BO, "1 November 2026, 01:30 (America/New York, UTC-4)"),
        (ZOE, "1 November 2026, 05:30 UTC"),
    ] {
        let mails = sink.messages_to(&address(member));
        assert_eq!(mails.len(), 2);
        for mail in mails {
            let parsed = MessageParser::default().parse(&mail.raw).unwrap();
            let text = parsed.body_text(0).unwrap();
            assert!(text.contains(deadline), "{text}");
        }
    }
    running.stop().await;
}

/// Proves NOT-13: those for everybody, too, once the viewer's language is known; of nothing is a sentence kept.
async fn ribbons_are_in_the_viewers_language(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, BO, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    let told = vec![submitter(ADA), submitter(BO), submitter(LENA)];
    running.take(&speaking(about("rejected", 1, 0, told), &["de", "es-MX", "fr"])).await;
    running.take(&about("submitted", 2, 1, Vec::new())).await;
    for (viewer, text) in [
        (ADA, "Wartet auf Freigabe: Lena Weber bittet darum, „Spring sale“ zu starten"),
        (BO, "A la espera de aprobación: Lena Weber ha pedido lanzar «Spring sale»"),
        (LENA, "En attente d’approbation\u{a0}: Lena Weber a demandé à lancer «\u{a0}Spring sale\u{a0}»"),
        (ZOE, "Awaiting approval: Lena Weber asked to launch “Spring sale”"),
    ] {
        assert_eq!(ribbons(&mut client, viewer).await[0].text, text);
    }
    running.take(&review("bypassed", 2, vec![reviewer(ZOE)])).await;
    let ribbon =
        ribbons(&mut client, ZOE).await.into_iter().find(|ribbon| !ribbon.review_id.is_empty()).unwrap();
    assert_eq!(ribbon.text, "Bo Lindqvist bypassed approval to launch “Spring sale”: the review is open");
    assert_eq!((ribbon.approval_request_id.as_str(), ribbon.request_state.as_str()), ("", ""));
    assert_eq!(ribbon.review_url, format!("https://app.example/{ACCOUNT}/bypasses/{REVIEW}"));
    running.stop().await;
}

/// Whatever the order of arrival.
async fn the_newest_event_says_the_language(db: TestDatabase) {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let running = Running::silent(&db).await;
        let viewer = Uuid::from_u128(0x1000 + order[0]);
        for step in order {
            let language = ["de", "fr", "es"][usize::try_from(step).unwrap()];
            let mut event =
                about("submitted", step + 1, i64::try_from(step).unwrap(), vec![approver(viewer)]);
            event.id = Uuid::from_u128(event.id.as_u128() ^ viewer.as_u128());
            running.take(&speaking(event, &[language])).await;
        }
        let language = running.notifier.storage().locale(ACCOUNT, viewer).await.unwrap();
        assert_eq!(language.as_deref(), Some("es"), "{order:?}");
        running.stop().await;
    }
    assert_eq!(rows(&db, "member_locales").await, 3);
}
