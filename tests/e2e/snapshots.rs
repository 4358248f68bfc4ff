//! Whole mails as snapshots, with only the volatile parts redacted.

/// What differs from run to run, and what stands for it.
const VOLATILE: [(&str, &str); 7] = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    // An invitation's secret, in its link.
    (r"#[0-9a-f]{64}", "#<token>"),
    // The all-in-one binary links to pages of its own, on a port of its own.
    (r"http://127\.0\.0\.1:\d+/", "http://127.0.0.1:8080/"),
    ("/review/<id>/<id>", "/review/<id>"),
    (r"(?m)^Date: .*$", "Date: <date>"),
    (
        r"\d{1,2} (January|February|March|April|May|June|July|August|September|October|November|December) \d{4}( at |, )\d\d:\d\d",
        "<time>",
    ),
    (r"\r", ""),
];

/// Compares the mails with the snapshot `name`: recipient by recipient, whatever the order in which they were sent.
pub fn assert_mails(name: &str, mails: &[String]) {
    let mut mails: Vec<_> = mails.iter().map(|mail| with_boundaries_named(&decoded(mail))).collect();
    mails.sort_by_key(|mail| (header(mail, "Date: ").len(), header(mail, "To: "), header(mail, "Subject: ")));
    insta::with_settings!({ filters => VOLATILE.to_vec(), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, mails.join("\n==========\n"));
    });
}

fn header(mail: &str, name: &str) -> String {
    mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
}

/// The mail with its body decoded from quoted-printable, which breaks lines at places that depend on the date.
pub fn decoded(mail: &str) -> String {
    let mail = mail.replace("\r\n", "\n");
    let (headers, body) = mail.split_once("\n\n").expect("headers and a body");
    format!("{headers}\n\n{}", unquoted(&body.replace("=\n", "")).trim_end())
}

fn unquoted(body: &str) -> String {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'=').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).expect("mail in UTF-8")
}

/// The random boundaries of multipart mails, named alike.
fn with_boundaries_named(mail: &str) -> String {
    let mut named = mail.to_owned();
    let boundaries: Vec<_> = mail
        .split("boundary=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(boundary, _)| boundary.to_owned()))
        .collect();
    for boundary in boundaries {
        named = named.replace(&boundary, "<boundary>");
    }
    named
}
