//! Verifying a chain: entry by entry, oldest first, so that however long a history is, little of it is held (HIS-3). Its end is held
//! against the resource (HIS-5).

use super::{
    chain::{AccountFields, EntryHash, Fields},
    told::Told,
};
use crate::{MemberId, RequestId, Resource, ReviewId};

/// Why an entry does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It, or an entry before it, is not what was hashed: a field was changed, or entries were exchanged.
    Changed,
    /// There is none with this number, and there are later ones, or there should be.
    Missing,
    /// It has no hash, and one before it has.
    Unhashed,
    /// It is the newest and not the one that the resource names as its newest: entries were added at the end, or the end was written
    /// anew.
    WrongHead,
    /// The chain holds, and the resource's state, approval status or time of change is not what its newest entries tell.
    State,
    /// The chain holds, and the resource's live or staged content is not what its newest entries tell, or not what its digest says.
    Content,
    /// This request, pending or ended, is not as the entries tell it, or one of the two is missing.
    Request(RequestId),
    /// This member's decision on the request is kept and not told, or told and not kept.
    Decision(RequestId, MemberId),
    /// This emergency bypass, or the end of its review, is not told.
    Review(ReviewId),
}

/// The first entry that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its number; of what the entries don't tell, that of the newest.
    pub sequence: i64,
    /// Why.
    pub flaw: Flaw,
}

/// How far a chain was followed, and whether it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many entries fit, those without a hash included.
    pub entries: i64,
    /// How many of them are older than the chain and have no hash: what they say is not proved.
    pub unhashed: i64,
    /// The hash of the newest entry that fits.
    pub head: Option<EntryHash>,
    /// The first entry that does not fit; nothing after it was looked at.
    pub misfit: Option<Misfit>,
    /// What the entries tell of the resource.
    pub told: Told,
}

impl Chain {
    /// Follows the chain to the next entry; whether it fits. `hash` is what is kept with it.
    pub fn follow(&mut self, fields: &Fields<'_>, hash: Option<&[u8]>) -> bool {
        let fits = self.link(fields.sequence, hash, |previous| EntryHash::of(fields, previous));
        if fits {
            self.told.follow(fields);
        }
        fits
    }

    /// As [`follow`](Self::follow), along an account's own history (ACC-17).
    pub fn follow_account(&mut self, fields: &AccountFields<'_>, hash: Option<&[u8]>) -> bool {
        self.link(fields.sequence, hash, |previous| EntryHash::of_account(fields, previous))
    }

    fn link(
        &mut self,
        sequence: i64,
        hash: Option<&[u8]>,
        expect: impl FnOnce(Option<EntryHash>) -> EntryHash,
    ) -> bool {
        if self.misfit.is_some() {
            return false;
        }
        let expected = self.entries + 1;
        if sequence != expected {
            return self.ends_at(expected, Flaw::Missing);
        }
        match (hash, self.head) {
            (None, None) => self.unhashed += 1,
            (None, Some(_)) => return self.ends_at(expected, Flaw::Unhashed),
            (Some(kept), previous) => {
                let hash = expect(previous);
                if hash.as_bytes() != kept {
                    return self.ends_at(expected, Flaw::Changed);
                }
                self.head = Some(hash);
            }
        }
        self.entries = expected;
        true
    }

    /// Compares the end of the chain with what the resource says of it: its version, and the hash of its newest entry. To be asked
    /// when there are no more entries.
    pub fn compare_head(&mut self, version: i64, head: Option<EntryHash>) {
        if self.misfit.is_some() {
            return;
        }
        if self.entries < version {
            self.ends_at(self.entries + 1, Flaw::Missing);
        } else if self.entries > version {
            self.ends_at(version + 1, Flaw::WrongHead);
        } else if self.head != head {
            self.ends_at(version, Flaw::WrongHead);
        }
    }

    /// Holds the end of the chain against the resource (HIS-5): its version and its hash, then what the entries tell of it. To be asked
    /// when there are no more entries.
    pub fn compare(&mut self, resource: &Resource) {
        self.compare_head(resource.version, resource.history_hash);
        if let Some(flaw) = self.told.compare(resource) {
            self.found(flaw);
        }
    }

    /// Something beside the resource that the entries don't tell.
    pub fn found(&mut self, flaw: Flaw) {
        if self.misfit.is_none() {
            self.ends_at(self.entries, flaw);
        }
    }

    fn ends_at(&mut self, sequence: i64, flaw: Flaw) -> bool {
        self.misfit = Some(Misfit { sequence, flaw });
        false
    }
}
