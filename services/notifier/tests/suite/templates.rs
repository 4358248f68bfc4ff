//! Templates and words from a folder: what is replaced, what is refused, and what mails look like.

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign_notifier::mail::{Composer, TemplatesError};
use countersign_notifier::samples::samples;
use countersign_notifier::settings::{MailArgs, TemplatesArgs};
use countersign_testkit::Process;
use mail_parser::MessageParser;
use tempfile::TempDir;

const NAME: &str = env!("CARGO_BIN_EXE_countersign-notifier");
const SOON: Duration = Duration::from_secs(30);

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn composer(folder: &Path) -> Result<Composer, TemplatesError> {
    let settings = MailArgs {
        mail_from: "countersign@countersign.example".to_owned(),
        mail_domain: None,
        review_url_template: "https://app.example/{approval_request_id}".to_owned(),
        invitation_url_template: "https://app.example/#{token}".to_owned(),
        bypass_url_template: None,
        templates: TemplatesArgs { templates_dir: Some(folder.to_owned()) },
    };
    Composer::new(settings.settings().unwrap())
}

fn text(composer: &Composer, name: &str, locale: &str) -> String {
    let samples = samples(composer.settings());
    let mut claim = samples.into_iter().find(|sample| sample.name == name).unwrap().claim;
    claim.locale = locale.to_owned();
    let rendered = composer.render(&claim).unwrap();
    format!("{}\n{}", rendered.subject, rendered.text)
}

/// What refuses, with the folder taken out of it.
fn refused(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let error = composer(folder.path()).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_message_takes_the_place_of_that_with_its_name() {
    let folder = folder(&[
        ("de.ftl", "footer = Gesendet von Acme.\nkind = Das Ding ({ $kind-words })\n"),
        ("en.ftl", "-brand = Acme Approvals\nfooter = Sent by { -brand }.\n"),
        (".de.ftl.swp", "left by an editor"),
    ]);
    let composer = composer(folder.path()).unwrap();
    let german = text(&composer, "rejected", "de-AT");
    assert!(german.contains("Gesendet von Acme.") && german.contains("Das Ding (campaign) ist"), "{german}");
    assert!(german.starts_with("Freigabeanfrage: "), "the others stay: {german}");
    for english in ["en", "en-US", "ja"] {
        let english = text(&composer, "rejected", english);
        assert!(english.contains("Sent by Acme Approvals."), "{english}");
    }
    assert!(text(&composer, "rejected", "fr").contains("Envoyé par Countersign"));
}

#[test]
fn a_layout_takes_the_place_of_that_with_its_name() {
    let folder = folder(&[(
        "mail.txt",
        "{{ headline }}\n{% for item in items %}{{ item.link }}\n{% endfor %}{{ link }}\nAcme",
    )]);
    let composer = composer(folder.path()).unwrap();
    let text = text(&composer, "workflow-enabled", "es");
    let expected = "Bo Lindqvist ha activado las aprobaciones para campañas\nhttps://app.example/\nAcme";
    assert!(text.ends_with(expected), "{text}");
}

/// Whatever is wrong is found when the process starts, and said with its file and line.
#[test]
fn what_cannot_work_is_refused_with_its_place() {
    for (files, expected) in [
        (
            [("de.ftl", "footer = Gut.\nfooter-two = Nicht\n")],
            "de.ftl, line 2: there is no message `footer-two` to be replaced",
        ),
        ([("fr.ftl", "footer = ok\n\nhello = Salut { $name\n")], "fr.ftl, line 3: "),
        (
            [("es.ftl", "# Uno\nhello = Hola, { $nombre }:\n")],
            "es.ftl, line 2: `hello` names `$nombre`, but `hello` is given $name",
        ),
        ([("de.ftl", "deed = { $approvals } mal\n")], "de.ftl, line 1: `deed` names `$approvals`, but `"),
        (
            [("de.ftl", "footer = { fotter }\n")],
            "de.ftl, line 1: `footer` refers to `fotter`, which is not there",
        ),
        (
            [("de.ftl", "footer = { -brand }\n")],
            "de.ftl, line 1: `footer` refers to `-brand`, which is not there",
        ),
        (
            [("de.ftl", "moment = { $hour }:{ $minute } UTC\n")],
            "de.ftl, line 1: `moment` must show `$zone`: times are in the reader's time zone",
        ),
        (
            [("de.ftl", "approvals = { NUMBER($approvals) }\n")],
            "de.ftl, line 1: `approvals` calls NUMBER(): there are no functions",
        ),
        (
            [("de.ftl", "commented =\n    .subject = Neu\n    .headline = Neu\n    .consequence = Neu\n")],
            "de.ftl, line 1: `commented` lacks its part `.quote`",
        ),
        ([("mail.html", "<p>{{ headline }}</p>\n{% if %}")], "mail.html, line 2: syntax error"),
        ([("mail.html", "<a href='{{ href }}'>\n{{ hedline }}\n</a>")], "mail.html, line 2: undefined value"),
        ([("mail.txt", "{{ headline }}")], "mail.txt: it shows no link"),
    ] {
        let error = refused(&files);
        assert!(error.starts_with(expected), "{error}\nnot\n{expected}");
    }
    let unknown = refused(&[("it.ftl", "footer = Ciao")]);
    assert!(
        unknown.contains("it.ftl takes the place of nothing: there are mail.html, mail.txt, en.ftl"),
        "{unknown}"
    );
    let missing = composer(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at/all can't be read"), "{missing}");
    // A message that would refer to itself for ever.
    let cycle = refused(&[("de.ftl", "footer = { footer }")]);
    assert!(cycle.starts_with("de.ftl, line 1: "), "{cycle}");
}

/// The process does nothing before it has refused.
#[tokio::test]
async fn the_process_refuses_to_start() {
    let folder = folder(&[("de.ftl", "footer = { $who }")]);
    let path = folder.path().display().to_string();
    let database = folder.path().join("notifier.db");
    let url = format!("sqlite://{}", database.display());
    let env = [
        ("COUNTERSIGN_DATABASE_URL", url.as_str()),
        ("COUNTERSIGN_AUTO_MIGRATE", "true"),
        ("COUNTERSIGN_AMQP_URL", "amqp://127.0.0.1:1"),
        ("COUNTERSIGN_SMTP_URL", "smtp://127.0.0.1:1?tls=none"),
        ("COUNTERSIGN_MAIL_FROM", "countersign@countersign.example"),
        ("COUNTERSIGN_REVIEW_URL_TEMPLATE", "https://app.example/{approval_request_id}"),
        ("COUNTERSIGN_INVITATION_URL_TEMPLATE", "https://app.example/join#{token}"),
        ("COUNTERSIGN_TEMPLATES_DIR", path.as_str()),
    ];
    let mut process = Process::start(NAME, &["serve"], &env);
    assert!(!process.wait(SOON).await.success());
    let log = process.log();
    assert!(log.contains("de.ftl, line 1: `footer` names `$who`, but `footer` is given no values"), "{log}");
    assert!(!database.exists(), "it did not even open its database");
}

async fn preview(args: &[&str]) -> (bool, String) {
    let mut process = Process::start(NAME, &[&["preview"], args].concat(), &[]);
    let success = process.wait(SOON).await.success();
    (success, process.log())
}

#[tokio::test]
async fn preview_shows_what_would_be_sent() {
    let folder = folder(&[]);
    let out = folder.path().join("out");
    let dir = out.display().to_string();
    assert!(preview(&["--event", "bypassed", "--locale", "de", "--out", &dir]).await.0);
    let mut names: Vec<_> =
        fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["bypassed.de.eml", "bypassed.de.html", "bypassed.de.txt"]);
    let text = fs::read_to_string(out.join("bypassed.de.txt")).unwrap();
    assert!(text.starts_with("Notfall-Umgehung: "), "{text}");
    let mail = fs::read(out.join("bypassed.de.eml")).unwrap();
    let mail = MessageParser::default().parse(&mail).unwrap();
    let html = mail.body_html(0).unwrap().replace("\r\n", "\n");
    assert_eq!(html, fs::read_to_string(out.join("bypassed.de.html")).unwrap());
    // One file, with words of one's own.
    let words = folder.path().join("words");
    fs::create_dir(&words).unwrap();
    fs::write(words.join("en.ftl"), "footer = Sent by Acme.").unwrap();
    let (words, file) = (words.display().to_string(), folder.path().join("one.txt"));
    let args = ["--event", "reminders", "--templates-dir", &words, "--out", &file.display().to_string()];
    assert!(preview(&args).await.0);
    assert!(fs::read_to_string(&file).unwrap().starts_with("2 requests wait for your decision"));
    assert!(preview(&["--all", "--out", &dir]).await.0);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 23 * 5 * 3);
    let (listed, log) = preview(&["--list"]).await;
    assert!(listed && log.contains("review-closed") && log.contains("en, en-US, de, es, fr"), "{log}");
}

#[tokio::test]
async fn preview_says_what_there_is() {
    let folder = folder(&[]);
    let dir = folder.path().display().to_string();
    for (args, expected) in [
        (vec!["--event", "launched", "--out", &dir], "there is no mail `launched`; there are submitted, "),
        (
            vec!["--event", "rejected", "--locale", "it", "--out", &dir],
            "there is no language `it`; there are en, en-US, de, es, fr",
        ),
        (vec!["--all", "--out", "/tmp/x.html"], "--out must be a folder for --all"),
        (vec!["--event", "rejected"], "--out"),
        (vec![], "--event"),
    ] {
        let (success, log) = preview(&args).await;
        assert!(!success && log.contains(expected), "{args:?}: {log}");
    }
}
