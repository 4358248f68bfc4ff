//! History entries, and what verifying them found.

use countersign_domain::history::{
    EntryHash, Recorded,
    account::AccountEntry,
    verify::{Chain, Flaw, Misfit},
};
use countersign_proto::approval::{self, HistoryFlaw};

use super::{actor, digest, time};

/// A history entry as the contract writes it, for a reader for whom personal data is `masked` or not: its hash holds the digest.
pub fn entry(recorded: &Recorded, masked: bool) -> approval::HistoryEntry {
    let Recorded { entry, hash } = recorded;
    approval::HistoryEntry {
        resource_id: entry.resource_id.to_string(),
        sequence: entry.sequence,
        approval_request_id: entry.request_id.map(|id| id.to_string()).unwrap_or_default(),
        event: entry.event.as_str().to_owned(),
        action: entry.action.as_ref().map(|action| action.as_str().to_owned()).unwrap_or_default(),
        actor: Some(actor(&entry.actor)),
        time: Some(time::to_proto(entry.at)),
        from_state: entry.from.as_ref().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        to_state: entry.to.as_str().to_owned(),
        note: entry.note.clone(),
        digest: digest(&entry.digest, masked),
        hash: text(hash.filter(|_| !masked)),
    }
}

/// What verifying a chain found.
pub fn verified(
    chain: &Chain,
    expected_hash_found: Option<bool>,
    masked: bool,
) -> approval::VerifyHistoryResponse {
    approval::VerifyHistoryResponse {
        holds: chain.misfit.is_none(),
        entries: chain.entries,
        unhashed_entries: chain.unhashed,
        head_hash: text(chain.head.filter(|_| !masked)),
        misfit: chain.misfit.map(misfit),
        expected_hash_found,
    }
}

/// An entry of an account's history as the contract writes it.
pub fn account_entry(entry: &AccountEntry) -> approval::AccountHistoryEntry {
    let change = entry.change.clone();
    approval::AccountHistoryEntry {
        sequence: entry.sequence,
        event: change.event,
        subject_kind: change.kind,
        subject: change.subject,
        actor: Some(actor(&entry.actor)),
        time: Some(time::to_proto(entry.at)),
        before_json: change.from,
        after_json: change.to,
        hash: text(entry.hash),
    }
}

/// What verifying the chain of an account's history found.
pub fn account_verified(
    chain: &Chain,
    expected_hash_found: Option<bool>,
) -> approval::VerifyAccountHistoryResponse {
    approval::VerifyAccountHistoryResponse {
        holds: chain.misfit.is_none(),
        entries: chain.entries,
        head_hash: text(chain.head),
        misfit: chain.misfit.map(misfit),
        expected_hash_found,
    }
}

fn text(hash: Option<EntryHash>) -> String {
    hash.map(|hash| hash.to_string()).unwrap_or_default()
}

fn misfit(misfit: Misfit) -> approval::HistoryMisfit {
    let (mut approval_request_id, mut member_id, mut review_id) = Default::default();
    let flaw = match misfit.flaw {
        Flaw::Changed => HistoryFlaw::Changed,
        Flaw::Missing => HistoryFlaw::Missing,
        Flaw::Unhashed => HistoryFlaw::Unhashed,
        Flaw::WrongHead => HistoryFlaw::WrongHead,
        Flaw::State => HistoryFlaw::State,
        Flaw::Content => HistoryFlaw::Content,
        Flaw::Request(request) => {
            approval_request_id = request.to_string();
            HistoryFlaw::Request
        }
        Flaw::Decision(request, member) => {
            (approval_request_id, member_id) = (request.to_string(), member.to_string());
            HistoryFlaw::Decision
        }
        Flaw::Review(review) => {
            review_id = review.to_string();
            HistoryFlaw::Review
        }
    };
    let (sequence, flaw) = (misfit.sequence, flaw.into());
    approval::HistoryMisfit { sequence, flaw, approval_request_id, member_id, review_id }
}
