//! ACC-14: an invitation is mailed, and its secret is kept no longer than that takes.

use std::time::Duration;

use countersign_broker::Event;
use countersign_proto::event::event::Payload;
use countersign_proto::event::{InvitationEvent, RecipientReason, RecipientRibbon};
use countersign_testkit::{Fault, SmtpSink, TestDatabase, both_databases, wait_for};
use mail_parser::MessageParser;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

use crate::support::{ACCOUNT, Running, other_event, recipient};

both_databases! {
    the_link_is_in_the_mail_and_nowhere_after_it,
    what_is_given_up_is_forgotten_too,
    sent_again_it_is_a_mail_of_its_own,
}

const SOON: Duration = Duration::from_secs(20);
const TOKEN: &str = "s3cret+/token";
const INVITATION: Uuid = Uuid::from_u128(0x1417);
const ADDRESS: &str = "new@example.com";

pub fn invitation(token: &str) -> Event {
    let mut invited = recipient(INVITATION, RecipientReason::Invited, RecipientRibbon::Unspecified);
    invited.email = ADDRESS.to_owned();
    let payload = Payload::Invitation(InvitationEvent {
        invitation_id: INVITATION.to_string(),
        token: token.to_owned(),
        expire_time: None,
        roles: vec!["Creator".to_owned()],
    });
    other_event("invitation.sent", 0, vec![invited], payload)
}

/// Everything that the database holds as text about events and their deliveries.
async fn stored(db: &TestDatabase) -> String {
    let database = sea_orm::Database::connect(db.url()).await.unwrap();
    let mut text = String::new();
    // Deliveries first: what a settled one makes forgotten is forgotten in the same transaction.
    for sql in [
        "SELECT state || ' ' || address || ' ' || last_error AS text FROM deliveries",
        "SELECT coalesce(data, '') AS text FROM events ORDER BY received_at",
    ] {
        let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
        for row in database.query_all_raw(statement).await.unwrap() {
            let value: String = row.try_get("", "text").unwrap();
            text.push_str(&value);
            text.push('\n');
        }
    }
    database.close().await.unwrap();
    text
}

/// Proves ACC-14.
async fn the_link_is_in_the_mail_and_nowhere_after_it(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    sink.break_all(Fault::RefuseMessage(451));
    let event = invitation(TOKEN);
    running.take(&event).await;
    running.take(&event).await;
    running.deliver();
    wait_for("tries that are put off", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        (sink.attempts(ADDRESS) > 1).then_some(())
    })
    .await;
    assert!(stored(&db).await.contains(TOKEN), "the next try needs it");
    sink.heal();
    let mails = wait_for("the mail", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        Some(sink.messages()).filter(|mails| !mails.is_empty())
    })
    .await;
    assert_eq!(mails.len(), 1);
    let parsed = MessageParser::default().parse(&mails[0].raw).unwrap();
    let link = format!("https://app.example/{ACCOUNT}/join/{INVITATION}#s3cret%2B%2Ftoken");
    for body in [parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap()] {
        assert_eq!(body.matches(&link).count(), 1, "{body}");
        assert_eq!(body.matches("s3cret").count(), 1, "the link alone: {body}");
    }
    let kept = wait_for("the token forgotten", SOON, async || {
        Some(stored(&db).await).filter(|kept| kept.contains("SENT"))
    })
    .await;
    assert!(!kept.contains("s3cret"), "{kept}");
    assert!(kept.contains(&INVITATION.to_string()) && kept.contains("Creator"), "the rest stays: {kept}");
    running.stop().await;
}

/// Proves ACC-14: also where the reply that ends it quotes the mail.
async fn what_is_given_up_is_forgotten_too(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    sink.break_all(Fault::RefuseMessage(554));
    running.take(&invitation(TOKEN)).await;
    running.deliver();
    let kept = wait_for("the mail given up", SOON, async || {
        Some(stored(&db).await).filter(|kept| kept.contains("FAILED"))
    })
    .await;
    assert!(kept.contains("the mail server refuses the message with 554\n"), "the code and no words: {kept}");
    assert!(!kept.contains("s3cret"), "{kept}");
    // Tried again by hand, it is not sent without what makes it useful.
    let database = sea_orm::Database::connect(db.url()).await.unwrap();
    database.execute_unprepared("UPDATE deliveries SET state = 'QUEUED', due_at = 0").await.unwrap();
    database.close().await.unwrap();
    sink.heal();
    let kept = wait_for("the reason", SOON, async || {
        Some(stored(&db).await).filter(|kept| kept.contains("has to be sent again"))
    })
    .await;
    assert!(kept.contains("FAILED"), "{kept}");
    assert!(sink.messages().is_empty());
    running.stop().await;
}

/// Proves ACC-14: another event, another token, and the first one's mail is not touched.
async fn sent_again_it_is_a_mail_of_its_own(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.take(&invitation("first")).await;
    running.deliver();
    sink.wait_for_messages(1).await;
    running.take(&invitation("second")).await;
    let mails = sink.wait_for_messages(2).await;
    let bodies: Vec<String> = mails
        .iter()
        .map(|mail| MessageParser::default().parse(&mail.raw).unwrap().body_text(0).unwrap().into_owned())
        .collect();
    assert!(bodies[0].contains("#first") && bodies[1].contains("#second"), "{bodies:?}");
    assert_ne!(mails[0].message_id(), mails[1].message_id());
    running.stop().await;
}
