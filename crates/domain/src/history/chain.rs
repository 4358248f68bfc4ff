//! The chain of a resource's history (HIS-3): each entry carries a hash over all of it and over the hash of the entry before, so
//! that nobody can change, take out, insert or reorder entries without every later hash telling.
//!
//! # What is hashed, version 1
//!
//! SHA-256 over the following, one after the other. A *text* is its length in bytes as a 64-bit big-endian number and then its
//! UTF-8; a *number* is 64 bits, big-endian, two's complement; an *id* is the sixteen bytes of the UUID; something *optional* is the
//! byte 0 where there is none, else the byte 1 and then the value.
//!
//! 1. the text `countersign history entry v1`
//! 2. the hash of the entry before, optional: its version's byte and its 32 bytes. None: the chain begins here.
//! 3. account: id; resource: id; sequence: number; approval request: optional id
//! 4. event: text; action: optional text
//! 5. actor: optional id; the actor's name: text; the service: optional text
//! 6. time: number, in microseconds since the Unix epoch
//! 7. the state before: optional text; the state after: text
//! 8. note: text; digest: text
//!
//! A hash is written as the version's byte and the 32 bytes, in the API as `v1:` and 64 lower-case hex digits. A field more makes
//! another version, which continues a chain of this one.
//!
//! The chain of an account's own history (ACC-17) is made in the same way, of:
//!
//! 1. the text `countersign account history entry v1`
//! 2. the hash of the entry before, optional
//! 3. account: id; sequence: number
//! 4. event: text; the subject's kind: text; the subject: text
//! 5. actor: optional id; the actor's name: text; the service: optional text
//! 6. time: number
//! 7. what was before: text; what is after: text
//!
//! # What it proves
//!
//! The hash has no key: who may write the tables, and knows this, can forge a whole chain from some entry on. What can't be forged
//! is a hash that somebody outside has noted. So note head hashes, and have them compared later.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::HistoryEntry;
use crate::{AccountId, MemberId, RequestId, ResourceId, Timestamp, content::hex};

/// The first text of what is hashed: it keeps this hash apart from every other, and the versions from each other.
const DOMAIN: &str = "countersign history entry v1";
/// As [`DOMAIN`], of an account's own history.
const ACCOUNT_DOMAIN: &str = "countersign account history entry v1";
/// The version of the encoding.
const VERSION: u8 = 1;
/// The version's byte and the SHA-256.
const BYTES: usize = 33;

/// The hash of a history entry, which stands for all entries up to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryHash([u8; BYTES]);

impl EntryHash {
    /// The hash of an entry that comes after the one with the hash `previous`; none: the chain begins with it.
    pub fn of(fields: &Fields<'_>, previous: Option<Self>) -> Self {
        let mut hasher = Sha256::new();
        let mut encoding = Encoding(&mut hasher);
        encoding.text(DOMAIN);
        encoding.optional(previous, |encoding, hash| encoding.bytes(&hash.0));
        encoding.bytes(fields.account_id.0.as_bytes());
        encoding.bytes(fields.resource_id.0.as_bytes());
        encoding.number(fields.sequence);
        encoding.optional(fields.request_id, |encoding, id| encoding.bytes(id.0.as_bytes()));
        encoding.text(fields.event);
        encoding.optional(fields.action, Encoding::text);
        encoding.optional(fields.actor_id, |encoding, id| encoding.bytes(id.0.as_bytes()));
        encoding.text(fields.actor_name);
        encoding.optional(fields.actor_service, Encoding::text);
        encoding.number(fields.at.0);
        encoding.optional(fields.from, Encoding::text);
        encoding.text(fields.to);
        encoding.text(fields.note);
        encoding.text(fields.digest);
        Self::finished(hasher)
    }

    /// The hash of an entry of an account's history that comes after the one with the hash `previous`.
    pub fn of_account(fields: &AccountFields<'_>, previous: Option<Self>) -> Self {
        let mut hasher = Sha256::new();
        let mut encoding = Encoding(&mut hasher);
        encoding.text(ACCOUNT_DOMAIN);
        encoding.optional(previous, |encoding, hash| encoding.bytes(&hash.0));
        encoding.bytes(fields.account_id.0.as_bytes());
        encoding.number(fields.sequence);
        encoding.text(fields.event);
        encoding.text(fields.kind);
        encoding.text(fields.subject);
        encoding.optional(fields.actor_id, |encoding, id| encoding.bytes(id.0.as_bytes()));
        encoding.text(fields.actor_name);
        encoding.optional(fields.actor_service, Encoding::text);
        encoding.number(fields.at.0);
        encoding.text(fields.from);
        encoding.text(fields.to);
        Self::finished(hasher)
    }

    fn finished(hasher: Sha256) -> Self {
        let mut bytes = [VERSION; BYTES];
        bytes[1..].copy_from_slice(&hasher.finalize());
        Self(bytes)
    }

    /// As it is kept; none if that is no hash at all. Of a version that this code does not know it fits no entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it is kept.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From `v1:` and 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, digits) = text.strip_prefix('v')?.split_once(':')?;
        let lower = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !lower || digits.len() != 2 * (BYTES - 1) {
            return None;
        }
        let mut bytes = [version.parse().ok()?; BYTES];
        for (byte, at) in bytes[1..].iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes)).filter(|hash| hash.to_string() == text)
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}:{}", self.0[0], hex(&self.0[1..]))
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every field of an entry as it is kept. A row that somebody has tampered with may be no [`HistoryEntry`] any more, and is to be
/// found all the same.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// The account.
    pub account_id: AccountId,
    /// The resource.
    pub resource_id: ResourceId,
    /// The resource's version that the entry made.
    pub sequence: i64,
    /// The approval request that it belongs to.
    pub request_id: Option<RequestId>,
    /// What happened.
    pub event: &'a str,
    /// The action concerned.
    pub action: Option<&'a str>,
    /// Who.
    pub actor_id: Option<MemberId>,
    /// Their name then.
    pub actor_name: &'a str,
    /// The service that acted for them.
    pub actor_service: Option<&'a str>,
    /// When.
    pub at: Timestamp,
    /// The state before.
    pub from: Option<&'a str>,
    /// The state after.
    pub to: &'a str,
    /// The note.
    pub note: &'a str,
    /// The digest of the content concerned.
    pub digest: &'a str,
}

/// Every field of an entry of an account's history, as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct AccountFields<'a> {
    /// The account.
    pub account_id: AccountId,
    /// The entry's number.
    pub sequence: i64,
    /// What happened.
    pub event: &'a str,
    /// What the subject is.
    pub kind: &'a str,
    /// Its id.
    pub subject: &'a str,
    /// Who.
    pub actor_id: Option<MemberId>,
    /// Their name then.
    pub actor_name: &'a str,
    /// The service that acted for them.
    pub actor_service: Option<&'a str>,
    /// When.
    pub at: Timestamp,
    /// What was before.
    pub from: &'a str,
    /// What is after.
    pub to: &'a str,
}

impl HistoryEntry {
    /// Its fields as they are kept and hashed.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            account_id: self.account_id,
            resource_id: self.resource_id,
            sequence: self.sequence,
            request_id: self.request_id,
            event: self.event.as_str(),
            action: self.action.as_ref().map(crate::Action::as_str),
            actor_id: self.actor.member_id,
            actor_name: &self.actor.name,
            actor_service: self.actor.service.as_deref(),
            at: self.at,
            from: self.from.as_ref().map(crate::State::as_str),
            to: self.to.as_str(),
            note: &self.note,
            digest: self.digest.as_str(),
        }
    }
}

/// Writes values so that no two lists of values are written alike.
struct Encoding<'h>(&'h mut Sha256);

impl Encoding<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn number(&mut self, number: i64) {
        self.bytes(&number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        // A length that does not fit into 64 bits does not fit into memory.
        self.bytes(&(text.len() as u64).to_be_bytes());
        self.bytes(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.bytes(&[0]),
            Some(value) => {
                self.bytes(&[1]);
                write(self, value);
            }
        }
    }
}
