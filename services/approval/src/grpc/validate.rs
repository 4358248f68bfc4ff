//! Checks of fields: every violation is collected, so that a caller mends them all at once.
//!
//! What needs only the field itself is checked here; what needs the resource, the policy or the members is checked by the
//! domain, and joins the same answer.

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr, time::Duration};

use countersign_domain::{
    AccountId, Action, Area, Audience, Content, Digest, Kind, MemberId, Pointer, Refusal, Schedule,
    SystemRole, Timestamp, Violation, lifecycle::is_name, limits, resource::LaunchMode, text,
};
use countersign_proto::{approval, types};
use countersign_runtime::page_token::{InvalidPageToken, PageTokens};
use uuid::Uuid;

use super::{convert::time, convert::value};
use crate::fault::Fault;

/// A page is this long unless the caller says otherwise.
const PAGE_DEFAULT: u32 = 50;
/// A page is never longer than this.
const PAGE_MAX: u32 = 200;

/// Collects the violations of one request.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// Adds a violation.
    pub fn violation(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(Violation::new(field, description));
    }

    /// A decision's answer, with what was found wrong here: a decision that goes through or is refused for its fields, or
    /// for the state of things, is refused for all fields at once. Whether the actor may at all comes first (ACC-16).
    pub fn merge<T>(&self, decided: Result<T, Refusal>) -> Result<T, Refusal> {
        if self.violations.is_empty() {
            return decided;
        }
        let mut all = self.violations.clone();
        match decided {
            Err(refusal @ (Refusal::PermissionDenied { .. } | Refusal::NotFound(_))) => return Err(refusal),
            Err(Refusal::Invalid(found)) => {
                // What stood in for an unreadable field is not worth a second word.
                all.extend(
                    found.into_iter().filter(|it| !self.violations.iter().any(|mine| mine.field == it.field)),
                );
            }
            _ => {}
        }
        Err(Refusal::Invalid(all))
    }

    /// Adds what the account's rules say of a name whose form is right.
    pub fn also(&mut self, checked: Result<(), Refusal>) {
        if let Err(Refusal::Invalid(found)) = checked {
            self.violations.extend(found);
        }
    }

    /// A field without which nothing can be decided: if it is missing or unreadable, everything found wrong so far is
    /// answered.
    pub fn must<T>(&self, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| Fault::Invalid(self.violations.clone()))
    }

    /// Refuses the request if anything was wrong, with everything that was.
    pub fn finish(self) -> Result<(), Fault> {
        if self.violations.is_empty() { Ok(()) } else { Err(Fault::Invalid(self.violations)) }
    }

    /// Passes a value on that was found to be there by [`finish`](Self::finish); a missing one is a violation after all.
    pub fn present<T>(field: &str, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| Fault::Invalid(vec![Violation::new(field, "is required")]))
    }

    /// A UUID in its hyphenated form.
    pub fn id<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        let id = uuid(text);
        if id.is_none() {
            self.violation(field, if text.is_empty() { "is required: a UUID" } else { "must be a UUID" });
        }
        id
    }

    /// A UUID, or nothing.
    pub fn optional_id<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.id(field, text) }
    }

    /// The account, which must be one; whether it is the caller's is checked by [`super::Caller`].
    pub fn account(&mut self, text: &str) -> Option<AccountId> {
        self.id("account_id", text)
    }

    /// The idempotency key of AIP-155, or nothing.
    pub fn request_id(&mut self, text: &str) -> Option<Uuid> {
        self.optional_id("request_id", text)
    }

    /// A list of at most `most` members. An id that is none is a violation and stands in the list as the nil UUID, so that the
    /// others keep their places.
    pub fn members(&mut self, field: &str, texts: &[String], most: usize) -> Vec<MemberId> {
        self.ids(field, texts, most).into_iter().map(MemberId).collect()
    }

    /// As [`members`](Self::members), of anything that has an id.
    pub(super) fn ids(&mut self, field: &str, texts: &[String], most: usize) -> Vec<Uuid> {
        if texts.len() > most {
            self.violation(field, format!("must name at most {most}, names {}", texts.len()));
            return Vec::new();
        }
        let ids = texts.iter().enumerate();
        ids.map(|(index, text)| self.id(&format!("{field}[{index}]"), text).unwrap_or_default()).collect()
    }

    /// One line of text of that many characters, in its one form (ACC-18).
    pub fn line(&mut self, field: &str, given: &str, length: RangeInclusive<usize>) -> String {
        self.text(field, text::line(given), length)
    }

    /// A note, which may have several lines; in its one form.
    pub fn note(&mut self, field: &str, given: &str) -> String {
        self.text(field, text::note(given), 0..=limits::NOTE)
    }

    /// The name of somebody: a line that no actor without a person behind it goes by.
    pub fn display_name(&mut self, field: &str, given: &str) -> String {
        let name = self.line(field, given, 1..=limits::TITLE);
        if text::is_reserved(&name) {
            self.violation(field, "must not be a name that Countersign or the platform's operator goes by");
        }
        name
    }

    /// Text that was refused is empty: no lookup and no decision sees it.
    fn text(&mut self, field: &str, read: text::Read, length: RangeInclusive<usize>) -> String {
        let before = self.violations.len();
        self.length(field, &read.text, length);
        self.violations.extend(read.problems.into_iter().map(|problem| Violation::new(field, problem)));
        if self.violations.len() == before { read.text } else { String::new() }
    }

    fn length(&mut self, field: &str, text: &str, length: RangeInclusive<usize>) {
        let count = text.chars().count();
        if !length.contains(&count) {
            let (least, most) = (length.start(), length.end());
            self.violation(
                field,
                match (least, count) {
                    (1.., 0) => format!("is required: {least} to {most} characters"),
                    (0, _) => format!("must have at most {most} characters, has {count}"),
                    _ => format!("must have {least} to {most} characters, has {count}"),
                },
            );
        }
    }

    /// An etag: the version that it stands for.
    pub fn etag(&mut self, text: &str) -> Option<i64> {
        if text.is_empty() {
            return None;
        }
        let version = text.parse().ok();
        if version.is_none() {
            self.violation("etag", "is none of this service's: pass on what a read answered");
        }
        version
    }

    /// A digest as this service writes them, or nothing.
    pub fn digest(&mut self, text: &str) -> Option<Digest> {
        if text.is_empty() {
            return None;
        }
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Some(Digest::from_text(text));
        }
        self.violation("digest", "must be `sha256:` and 64 lower-case hex digits");
        None
    }

    /// A kind by its form: whether the account has one of that name is for the rules to say.
    pub fn kind(&mut self, text: &str) -> Option<Kind> {
        self.name("kind", text, "lower-case letters", "campaign", u8::is_ascii_lowercase)
            .then(|| Kind::given(text))
    }

    /// An area by its form: whether the account has it is for the rules to say.
    pub fn area(&mut self, text: &str) -> Option<Area> {
        self.name("area", text, "upper-case letters", "CAMPAIGNS", u8::is_ascii_uppercase)
            .then(|| Area::given(text))
    }

    /// An action by its form: whether the resource's lifecycle has it, in its state, is LIF-19's to say.
    pub fn action(&mut self, text: &str) -> Option<Action> {
        self.name("action", text, "upper-case letters", "LAUNCH", u8::is_ascii_uppercase)
            .then(|| Action::given(text))
    }

    /// What a list is asked for, or nothing for any.
    pub fn filter<T>(&mut self, text: &str, read: fn(&mut Self, &str) -> Option<T>) -> Option<T> {
        if text.is_empty() { None } else { read(self, text) }
    }

    /// A name as lifecycles have them.
    fn name(
        &mut self,
        field: &str,
        text: &str,
        letters: &str,
        example: &str,
        is_letter: fn(&u8) -> bool,
    ) -> bool {
        let fits = is_name(text, is_letter);
        if !fits {
            let most = limits::LIFECYCLE_NAME;
            let text =
                format!("must be 1 to {most} {letters}, digits and underscores, for example `{example}`");
            self.violation(field, text);
        }
        fits
    }

    /// A launch mode, or nothing.
    pub fn launch_mode(&mut self, number: i32) -> Option<LaunchMode> {
        match types::LaunchMode::try_from(number) {
            Ok(types::LaunchMode::Unspecified) => None,
            Ok(types::LaunchMode::Active) => Some(LaunchMode::Active),
            Ok(types::LaunchMode::Test) => Some(LaunchMode::Test),
            Ok(types::LaunchMode::Passive) => Some(LaunchMode::Passive),
            Err(_) => {
                self.violation("launch_mode", "must be one of ACTIVE, TEST, PASSIVE");
                None
            }
        }
    }

    /// A system role, or nothing.
    pub fn system_role(&mut self, number: i32) -> Option<SystemRole> {
        match types::SystemRole::try_from(number) {
            Ok(types::SystemRole::Unspecified) => None,
            Ok(types::SystemRole::Admin) => Some(SystemRole::Admin),
            Ok(types::SystemRole::Creator) => Some(SystemRole::Creator),
            Ok(types::SystemRole::Member) => Some(SystemRole::Member),
            Ok(types::SystemRole::Approver) => Some(SystemRole::Approver),
            Ok(types::SystemRole::Editor) => Some(SystemRole::Editor),
            Err(_) => {
                self.violation("system_role", "must be one of ADMIN, CREATOR, MEMBER, APPROVER, EDITOR");
                None
            }
        }
    }

    /// An e-mail address: not every one that RFC 5321 allows, but every one that people have, and only such as mail servers
    /// take. It goes into mail headers, so nothing that could end a header or an address passes.
    pub fn email(&mut self, field: &str, text: &str) {
        let atom = |part: &str, more: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte))
        };
        let label = |label: &str| {
            label.len() <= 63 && atom(label, "-") && !label.starts_with('-') && !label.ends_with('-')
        };
        let acceptable = text.len() <= limits::EMAIL_BYTES
            && text.split_once('@').is_some_and(|(local, domain)| {
                local.len() <= 64
                    && local.split('.').all(|part| atom(part, "!#$%&'*+-/=?^_`{|}~"))
                    && domain.split('.').all(label)
            });
        if !acceptable {
            self.violation(
                field,
                format!("must be an e-mail address in ASCII of at most {} bytes", limits::EMAIL_BYTES),
            );
        }
    }

    /// A BCP 47 language tag; `en` where none is given.
    pub fn locale(&mut self, field: &str, text: &str) -> String {
        if text.is_empty() {
            return "en".to_owned();
        }
        let acceptable = text.len() <= limits::LOCALE
            && text.split('-').all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if !acceptable {
            self.violation(
                field,
                format!(
                    "must be a BCP 47 language tag of at most {} characters, for example `de-AT`",
                    limits::LOCALE
                ),
            );
        }
        text.to_owned()
    }

    /// A time zone, as IANA's database names it; none where none is given. Only one that is known: no clock could be read in another.
    pub fn time_zone(&mut self, field: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let known = Some(text).filter(|text| text.len() <= limits::TIME_ZONE).and_then(|text| {
            let zone = jiff::tz::TimeZoneDatabase::bundled().get(text).ok()?;
            zone.iana_name().filter(|_| !zone.is_unknown()).map(str::to_owned)
        });
        if known.is_none() {
            self.violation(
                field,
                format!(
                    "must be the name of a time zone in IANA's database, of at most {} characters, for example `Europe/Berlin`",
                    limits::TIME_ZONE
                ),
            );
        }
        known
    }

    /// Content; its revision is 1.
    pub fn content(&mut self, field: &str, given: Option<prost_types::Struct>) -> Option<Content> {
        let Some(given) = given else {
            self.violation(field, "is required: a JSON object");
            return None;
        };
        match value::json(given).and_then(|json| Content::new(&json, 1)) {
            Ok(content) => Some(content),
            Err(problem) => {
                self.violation(field, problem.to_string());
                None
            }
        }
    }

    /// Whom a resource reaches.
    pub fn audience(&mut self, given: &BTreeMap<String, approval::AudienceValues>) -> Audience {
        if given.len() > limits::AUDIENCE_PROPERTIES {
            let (most, count) = (limits::AUDIENCE_PROPERTIES, given.len());
            self.violation("audience", format!("must have at most {most} properties, has {count}"));
            return Audience::default();
        }
        let mut audience = Audience::default();
        for (given, values) in given {
            let property = self.line(&format!("audience[{given}]"), given, 1..=limits::SCOPE_NAME);
            let values = self.values(&format!("audience[{given}].values"), &values.values);
            if audience.0.insert(property, values).is_some() {
                self.violation(format!("audience[{given}]"), "is named twice");
            }
        }
        audience
    }

    /// The names of variants in their one form; whether they are acceptable is the domain's to say.
    pub fn variants(&mut self, given: &[String]) -> Vec<String> {
        given.iter().map(|variant| text::line(variant).text).collect()
    }

    /// Where content holds personal data.
    pub fn pii_fields(&mut self, given: &[String]) -> Vec<Pointer> {
        if given.len() > limits::PII_FIELDS {
            let (most, count) = (limits::PII_FIELDS, given.len());
            self.violation("pii_fields", format!("must be at most {most}, are {count}"));
            return Vec::new();
        }
        let mut pointers = Vec::new();
        for (index, text) in given.iter().enumerate() {
            match Pointer::parse(text) {
                Ok(pointer) if pointers.contains(&pointer) => {
                    self.violation(format!("pii_fields[{index}]"), "is named twice");
                }
                Ok(pointer) => pointers.push(pointer),
                Err(problem) => self.violation(format!("pii_fields[{index}]"), problem),
            }
        }
        pointers
    }

    /// A schedule; whether its times are acceptable is the domain's to say.
    pub fn schedule(&mut self, given: Option<types::Schedule>) -> Schedule {
        let given = given.unwrap_or_default();
        Schedule {
            start: self.time("schedule.start_time", given.start_time),
            end: self.time("schedule.end_time", given.end_time),
        }
    }

    /// A time, or nothing.
    pub fn time(&mut self, field: &str, given: Option<prost_types::Timestamp>) -> Option<Timestamp> {
        let given = given?;
        let time = time::from_proto(given);
        if time.is_none() {
            self.violation(field, "must be a time in the years 1970 to 9999");
        }
        time
    }

    /// A duration of whole seconds, or nothing.
    pub fn duration(
        &mut self,
        field: &str,
        given: Option<prost_types::Duration>,
        most: Duration,
    ) -> Option<Duration> {
        let given = given?;
        let seconds = u64::try_from(given.seconds).ok().filter(|_| given.nanos == 0);
        let duration = seconds.map(Duration::from_secs).filter(|duration| *duration <= most);
        if duration.is_none() {
            let days = most.as_secs() / 86_400;
            self.violation(field, format!("must be whole seconds from 0 to {days} days"));
        }
        duration
    }

    /// The cursor in a page token of `listing`; none for the first page.
    pub fn page<T: FromStr>(&mut self, pages: &PageTokens, listing: &[&str], token: &str) -> Option<T> {
        let cursor = pages
            .open(listing, token)
            .and_then(|cursor| cursor.map(|cursor| cursor.parse().map_err(|_| InvalidPageToken)).transpose());
        cursor.unwrap_or_else(|error| {
            self.violation("page_token", error.to_string());
            None
        })
    }

    /// A page's length (AIP-158).
    pub fn page_size(&mut self, given: i32) -> u32 {
        match u32::try_from(given) {
            Ok(0) => PAGE_DEFAULT,
            Ok(size) => size.min(PAGE_MAX),
            Err(_) => {
                self.violation("page_size", "must not be negative");
                PAGE_DEFAULT
            }
        }
    }
}

/// What a UUID in its hyphenated form is the id of.
pub fn uuid<T: FromStr>(text: &str) -> Option<T> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}
