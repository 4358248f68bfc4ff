use countersign_proto::inbox::RibbonKind;
use countersign_proto::types::{Actor, RequestState};
use fluent_bundle::FluentArgs;
use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};

use super::catalog::{LOCALES, Words, file_name};
use super::check::{messages, variables};
use super::value::constant;
use super::{Locales, RibbonFacts};

fn locales() -> Locales {
    Locales::embedded().unwrap()
}

/// Proves NOT-13: every message is there in every language, and says as much as in English. How many there are of something is
/// said where a language needs it.
#[test]
fn every_message_is_in_every_language_with_the_same_values() {
    let file = |tag: &str| {
        let (_, source) = LOCALES.into_iter().find(|(known, _)| *known == tag).unwrap();
        messages(&Words::parse(&file_name(tag), source).unwrap())
    };
    let english = file("en");
    for (tag, _) in LOCALES {
        let other = file(tag);
        if tag.contains('-') {
            let unknown: Vec<_> = other.keys().filter(|name| !english.contains_key(*name)).collect();
            assert!(unknown.is_empty() && !other.is_empty(), "{tag} has messages of its own: {unknown:?}");
            continue;
        }
        assert!(english.keys().eq(other.keys()), "{tag} lacks messages, or has others");
        for name in english.keys() {
            let values = |file| {
                let mut values = variables(file, name);
                values.remove("count");
                values
            };
            assert_eq!(values(&english), values(&other), "`{name}` in {tag}");
        }
    }
}

/// Proves NOT-13: the very locale, else its language, else English.
#[test]
fn a_locale_falls_back_to_its_language_and_then_to_english() {
    let locales = locales();
    for (tag, found) in [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_at", "de"),
        ("en-us", "en-US"),
        ("en-GB", "en"),
        ("fr-CA-x-y", "fr"),
        ("es-419", "es"),
        ("ja", "en"),
        ("", "en"),
        ("-", "en"),
    ] {
        assert_eq!(locales.of(tag).tag(), found, "{tag}");
    }
}

#[test]
fn moments_are_written_as_each_language_does() {
    let locales = locales();
    let at = |tag: &str, us| locales.of(tag).moment(us, &TimeZone::UTC).unwrap();
    let moment = 1_777_629_660_000_000;
    assert_eq!(at("en", moment), "1 May 2026, 10:01 UTC");
    assert_eq!(at("en-US", moment), "May 1, 2026, 10:01 AM UTC");
    assert_eq!(at("de", moment), "1. Mai 2026, 10:01 Uhr (UTC)");
    assert_eq!(at("es", moment), "1 de mayo de 2026, 10:01 (UTC)");
    assert_eq!(at("fr", moment), "1er mai 2026 à 10:01 (UTC)");
    let noon_and_midnight = [moment + 7_200_000_000, moment + 14 * 3_600_000_000];
    assert_eq!(
        noon_and_midnight.map(|us| at("en-US", us)),
        ["May 1, 2026, 12:01 PM UTC", "May 2, 2026, 12:01 AM UTC"]
    );
    assert_eq!(at("fr", noon_and_midnight[1]), "2 mai 2026 à 00:01 (UTC)");
    assert_eq!(at("en", i64::MAX), "at an unknown time");
    assert_eq!(at("de", i64::MAX), "zu einer unbekannten Zeit");
}

/// Proves NOT-15: in the reader's zone, named, on both sides of each change of the clocks.
#[test]
fn moments_are_in_the_readers_time_zone() {
    let locales = locales();
    let at = |tag: &str, zone: &str, utc: &str| {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let utc: Timestamp = utc.parse().unwrap();
        locales.of(tag).moment(utc.as_microsecond(), &zone).unwrap()
    };
    for (zone, utc, told) in [
        ("Europe/Berlin", "2026-03-29T00:59:00Z", "29 March 2026, 01:59 (Europe/Berlin, UTC+1)"),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", "29 March 2026, 03:00 (Europe/Berlin, UTC+2)"),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", "25 October 2026, 02:30 (Europe/Berlin, UTC+2)"),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", "25 October 2026, 02:30 (Europe/Berlin, UTC+1)"),
        ("America/New_York", "2026-05-01T03:00:00Z", "30 April 2026, 23:00 (America/New York, UTC-4)"),
        ("America/New_York", "2026-01-01T04:59:00Z", "31 December 2025, 23:59 (America/New York, UTC-5)"),
        ("Asia/Kolkata", "2026-05-01T10:00:00Z", "1 May 2026, 15:30 (Asia/Kolkata, UTC+5:30)"),
        ("America/St_Johns", "2026-01-01T10:00:00Z", "1 January 2026, 06:30 (America/St Johns, UTC-3:30)"),
        ("Europe/London", "2026-01-01T10:00:00Z", "1 January 2026, 10:00 (Europe/London, UTC+0)"),
        ("UTC", "2026-05-01T10:00:00Z", "1 May 2026, 10:00 UTC"),
        ("Etc/UTC", "2026-05-01T10:00:00Z", "1 May 2026, 10:00 UTC"),
    ] {
        assert_eq!(at("en", zone, utc), told);
    }
    let summer = "2026-05-01T10:00:00Z";
    for (tag, told) in [
        ("en-US", "May 1, 2026, 6:00 AM (America/New York, UTC-4)"),
        ("de", "1. Mai 2026, 06:00 Uhr (America/New York, UTC-4)"),
        ("es", "1 de mayo de 2026, 06:00 (America/New York, UTC-4)"),
        ("fr", "1er mai 2026 à 06:00 (America/New York, UTC-4)"),
    ] {
        assert_eq!(at(tag, "America/New_York", summer), told);
    }
}

#[test]
fn a_list_of_names_reads_as_one() {
    let locales = locales();
    let names = |count: usize| ["Ada", "Bo", "Zoe", "Lena", "Max"].map(str::to_owned)[..count].to_vec();
    let list = |tag: &str, count| locales.of(tag).list(&names(count)).unwrap();
    assert_eq!(list("en", 0), "Somebody");
    assert_eq!(list("en", 1), "Ada");
    assert_eq!(list("en", 2), "Ada and Bo");
    assert_eq!(list("en", 3), "Ada, Bo and Zoe");
    assert_eq!(list("en", 5), "Ada, Bo and 3 others");
    assert_eq!(list("de", 5), "Ada, Bo und 3 weitere");
    assert_eq!(list("es", 4), "Ada, Bo y 2 personas más");
    assert_eq!(list("fr", 2), "Ada et Bo");
}

/// Proves NOT-13: the plural is the language's own.
#[test]
fn plurals_are_the_languages_own() {
    let locales = locales();
    let of = |tag: &str, message: &str, count: i64| {
        let mut args = FluentArgs::new();
        args.set("count", count);
        args.set("lost", "X");
        constant(&mut args, "action", "LAUNCH");
        args.set("title", "T");
        locales.of(tag).text(message, &args).unwrap()
    };
    assert_eq!(of("en", "reminders.subject", 1), "1 request waits for your decision");
    assert_eq!(of("en", "reminders.subject", 2), "2 requests wait for your decision");
    assert_eq!(of("de", "reminders.subject", 3), "3 Anfragen warten auf Ihre Entscheidung");
    assert_eq!(of("es", "reminders.subject", 1), "1 solicitud espera su decisión");
    // In French none is one.
    assert_eq!(of("fr", "reminders.subject", 0), "0 demande attend votre décision");
    assert_eq!(
        of("de", "assignment-expired.headline", 1),
        "X kann nicht mehr über die Anfrage entscheiden, „T“ zu starten"
    );
    assert_eq!(
        of("de", "assignment-expired.headline", 2),
        "X können nicht mehr über die Anfrage entscheiden, „T“ zu starten"
    );
}

fn told(tag: &str, kind: RibbonKind, state: RequestState, expiry_reason: &str) -> String {
    let facts = RibbonFacts {
        kind,
        request_state: state.into(),
        action: "PUBLISH_EDITS",
        title: "Checkout button",
        actor: "Ada",
        expiry_reason,
    };
    locales().of(tag).ribbon(facts).unwrap()
}

#[test]
fn each_ribbon_has_its_sentence() {
    use RequestState::{Approved, Cancelled, Expired, Pending, Rejected, Reverted, Unspecified};
    let what = "publish the edits of “Checkout button”";
    for (kind, state, expected) in [
        (RibbonKind::Decide, Pending, format!("Ada asks for approval to {what}")),
        (RibbonKind::Awaiting, Pending, format!("Awaiting approval: Ada asked to {what}")),
        (RibbonKind::Result, Approved, format!("Ada approved the request to {what}")),
        (RibbonKind::Result, Rejected, format!("Ada rejected the request to {what}")),
        (RibbonKind::Result, Cancelled, format!("Ada cancelled the request to {what}")),
        (RibbonKind::Result, Expired, format!("The request to {what} expired: nobody decided it in time")),
        (RibbonKind::Result, Reverted, format!("The request to {what} ended: approvals were switched off")),
        (RibbonKind::Review, Unspecified, format!("Ada bypassed approval to {what}: the review is open")),
    ] {
        assert_eq!(told("en", kind, state, "DEADLINE"), expected);
        for (tag, _) in LOCALES.into_iter().filter(|(tag, _)| !tag.starts_with("en")) {
            let other = told(tag, kind, state, "DEADLINE");
            assert!(other != expected && other.contains("Checkout button"), "{tag}: {other}");
        }
    }
    let nobody = told("en", RibbonKind::Result, Expired, "NO_ELIGIBLE_APPROVERS");
    assert_eq!(nobody, format!("The request to {what} expired: nobody was left who could decide it"));
}

#[test]
fn constants_of_later_versions_still_read_as_words() {
    let mut args = FluentArgs::new();
    constant(&mut args, "action", "SHIP_IT");
    constant(&mut args, "kind", "push_journey");
    constant(&mut args, "area", "MY_AREA");
    constant(&mut args, "state", "HALF_DONE");
    args.set("title", "x");
    let locales = locales();
    let text = |tag: &str, message: &str| locales.of(tag).text(message, &args).unwrap();
    assert_eq!(text("en", "deed"), "ship it “x”");
    assert_eq!((text("en", "kind"), text("en", "area")), ("push journey".to_owned(), "my area".to_owned()));
    assert_eq!(text("de", "now"), "Die Ressource (push journey) ist jetzt im Zustand „half done“.");
    assert_eq!(text("es", "now"), "El recurso (push journey) está ahora en estado «half done».");
}

/// Proves ACC-18: a member is shown by their name, whatever that is; the platform and Countersign are told by having no member.
#[test]
fn nobody_is_the_platform_by_name() {
    let locales = locales();
    let english = locales.of("en");
    let named = |member_id: &str, name: &str| {
        let actor = Actor {
            member_id: member_id.to_owned(),
            display_name: name.to_owned(),
            service: "campaigns".to_owned(),
        };
        (english.actor(Some(&actor)).unwrap(), english.with_service(Some(&actor)).unwrap())
    };
    let member = "018f0000-0000-7000-8000-00000000000a";
    for name in ["platform", "countersign"] {
        assert_eq!(named(member, name).0, name);
        assert!(named(member, name).1.starts_with(name), "{:?}", named(member, name));
    }
    assert_eq!(named("", "platform").0, "The platform");
    assert_eq!(named("", "countersign").0, "Countersign");
    // Ribbons name members alone.
    let ribbon = english.ribbon(RibbonFacts {
        kind: RibbonKind::Decide,
        request_state: RequestState::Pending.into(),
        action: "LAUNCH",
        title: "Spring",
        actor: "platform",
        expiry_reason: "",
    });
    let ribbon = ribbon.unwrap();
    assert!(ribbon.contains("platform") && !ribbon.contains("The platform"), "{ribbon}");
}
