//! The chain of history entries: its encoding, fixed for ever, and what breaks it.

use uuid::Uuid;

use super::builders::{ACCOUNT, NOW, REQUEST, RESOURCE};
use crate::{
    AccountId, Action, ActorRef, Digest, MemberId, RequestId, ResourceId, State, Timestamp,
    history::{
        EntryHash, HistoryEntry, HistoryEvent,
        verify::{Chain, Flaw, Misfit},
    },
};

fn registered() -> HistoryEntry {
    HistoryEntry {
        account_id: ACCOUNT,
        resource_id: RESOURCE,
        sequence: 1,
        request_id: None,
        event: HistoryEvent::Registered,
        action: None,
        actor: ActorRef::countersign(),
        at: NOW,
        from: None,
        to: State::DRAFT,
        note: String::new(),
        digest: Digest::from_text("sha256:00"),
    }
}

fn submitted() -> HistoryEntry {
    HistoryEntry {
        sequence: 2,
        request_id: Some(REQUEST),
        event: HistoryEvent::Submitted,
        action: Some(Action::LAUNCH),
        actor: ActorRef {
            member_id: Some(MemberId(Uuid::from_u128(4))),
            name: "Ada Ångström".into(),
            service: Some("campaigns".into()),
        },
        at: Timestamp(NOW.0 + 1),
        from: Some(State::DRAFT),
        note: "Please, \u{1F600}\n".into(),
        ..registered()
    }
}

fn chained(entries: &[HistoryEntry]) -> Vec<(HistoryEntry, EntryHash)> {
    let mut previous = None;
    let mut chained = vec![];
    for entry in entries {
        let hash = EntryHash::of(&entry.fields(), previous);
        previous = Some(hash);
        chained.push((entry.clone(), hash));
    }
    chained
}

/// Follows it all and compares the end with the last entry's, or with what is given.
fn verified(chain: &[(HistoryEntry, EntryHash)], head: Option<(i64, EntryHash)>) -> Chain {
    let mut verified = Chain::default();
    for (entry, hash) in chain {
        verified.follow(&entry.fields(), Some(hash.as_bytes()));
    }
    let (version, hash) = head.unwrap_or_else(|| {
        let (entry, hash) = chain.last().unwrap();
        (entry.sequence, *hash)
    });
    verified.compare_head(version, Some(hash));
    verified
}

/// Proves HIS-3: the encoding never changes. The vectors were made by another program, in another language.
#[test]
fn hashes_are_these_for_ever() {
    let chain = chained(&[registered(), submitted()]);
    assert_eq!(chain[0].1.to_string(), "v1:f1be8bb2398a3d6a02f1daf34a0f06f811f644fa72d3b32eac4488d2348c543e");
    assert_eq!(chain[1].1.to_string(), "v1:059d6420193842387153c66d073edded87dff1ee972a0ca3d350dab6c462927b");
    assert_eq!(
        EntryHash::of(&submitted().fields(), None).to_string(),
        "v1:3670ecfe91c67061aa369e5753758e97005457138cf7b1b20b7ee1af1045a8c1",
        "the same entry at the beginning of a chain"
    );
}

/// Proves HIS-3: no field can be changed without the hash telling, nor moved into its neighbour.
#[test]
fn every_field_counts() {
    let entry = submitted();
    let other = |change: fn(&mut HistoryEntry)| {
        let mut changed = entry.clone();
        change(&mut changed);
        EntryHash::of(&changed.fields(), None)
    };
    let hashes = [
        EntryHash::of(&entry.fields(), None),
        EntryHash::of(&entry.fields(), Some(EntryHash::of(&registered().fields(), None))),
        other(|entry| entry.account_id = AccountId(Uuid::from_u128(9))),
        other(|entry| entry.resource_id = ResourceId(Uuid::from_u128(9))),
        other(|entry| entry.sequence = 3),
        other(|entry| entry.request_id = None),
        other(|entry| entry.request_id = Some(RequestId(Uuid::from_u128(9)))),
        other(|entry| entry.event = HistoryEvent::Approved),
        other(|entry| entry.action = None),
        other(|entry| entry.action = Some(Action::STOP)),
        other(|entry| entry.actor.member_id = None),
        other(|entry| entry.actor.name = "Ada Ångström ".into()),
        other(|entry| {
            entry.actor.name = "Ada Ångströmc".into();
            entry.actor.service = Some("ampaigns".into());
        }),
        other(|entry| entry.actor.service = None),
        other(|entry| entry.actor.service = Some(String::new())),
        other(|entry| entry.at = Timestamp(0)),
        other(|entry| entry.from = None),
        other(|entry| entry.to = State::RUNNING),
        other(|entry| entry.note = String::new()),
        other(|entry| entry.digest = Digest::from_text("sha256:01")),
    ];
    for (index, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..index].contains(hash), "change {index} leaves a hash that was there");
    }
}

#[test]
fn hashes_are_written_and_read_in_one_way() {
    let hash = EntryHash::of(&registered().fields(), None);
    assert_eq!(EntryHash::parse(&hash.to_string()), Some(hash));
    assert_eq!(EntryHash::from_bytes(hash.as_bytes()), Some(hash));
    let text = hash.to_string();
    for wrong in [
        "",
        "v1:",
        &text[1..],
        &text.to_uppercase(),
        &text.replacen("v1", "v01", 1),
        &text.replacen("v1", "v+1", 1),
        &format!("{text}0"),
        &text[..text.len() - 1],
    ] {
        assert_eq!(EntryHash::parse(wrong), None, "{wrong}");
    }
    assert_eq!(EntryHash::from_bytes(&hash.as_bytes()[1..]), None);
}

fn four() -> Vec<(HistoryEntry, EntryHash)> {
    let third = HistoryEntry { sequence: 3, event: HistoryEvent::Rejected, ..submitted() };
    let fourth = HistoryEntry { sequence: 4, event: HistoryEvent::Edited, ..registered() };
    chained(&[registered(), submitted(), third, fourth])
}

#[test]
fn a_chain_that_nobody_touched_holds() {
    let chain = four();
    let whole = verified(&chain, None);
    let told = whole.told.clone();
    assert_eq!(whole, Chain { entries: 4, unhashed: 0, head: Some(chain[3].1), misfit: None, told });
}

/// Proves HIS-3: what was done to a chain is told with the first entry that does not fit.
#[test]
fn what_was_done_to_a_chain_is_told() {
    let chain = four();
    let head = Some((4, chain[3].1));
    let told = |chain: &[(HistoryEntry, EntryHash)]| {
        verified(chain, head).misfit.map(|Misfit { sequence, flaw }| (sequence, flaw))
    };
    assert_eq!(told(&chain), None);

    let mut changed = chain.clone();
    changed[1].0.note = "No".into();
    assert_eq!(told(&changed), Some((2, Flaw::Changed)));
    // Its own hash made anew: then the next one does not fit, and at the end the resource's.
    changed[1].1 = EntryHash::of(&changed[1].0.fields(), Some(changed[0].1));
    assert_eq!(told(&changed), Some((3, Flaw::Changed)));
    let entries: Vec<HistoryEntry> = changed.iter().map(|(entry, _)| entry.clone()).collect();
    assert_eq!(told(&chained(&entries)), Some((4, Flaw::WrongHead)));

    let mut taken = chain.clone();
    taken.remove(2);
    assert_eq!(told(&taken), Some((3, Flaw::Missing)));
    assert_eq!(told(&chain[1..]), Some((1, Flaw::Missing)));
    assert_eq!(told(&chain[..3]), Some((4, Flaw::Missing)));

    let mut exchanged = chain.clone();
    exchanged.swap(1, 2);
    exchanged[1].0.sequence = 2;
    exchanged[2].0.sequence = 3;
    assert_eq!(told(&exchanged), Some((2, Flaw::Changed)));

    let mut entries: Vec<HistoryEntry> = chain.iter().map(|(entry, _)| entry.clone()).collect();
    entries.push(HistoryEntry { sequence: 5, ..registered() });
    assert_eq!(told(&chained(&entries)), Some((5, Flaw::WrongHead)));
}

/// Proves HIS-3: history that is older than the chain is told apart, and nothing without a hash comes after it.
#[test]
fn a_chain_begins_where_the_first_hash_is() {
    let entries = four();
    let mut previous = None;
    let mut chain = Chain::default();
    for (index, (entry, _)) in entries.iter().enumerate() {
        let hash = EntryHash::of(&entry.fields(), previous);
        let kept = (index >= 2).then_some(hash);
        previous = kept;
        assert!(chain.follow(&entry.fields(), kept.as_ref().map(EntryHash::as_bytes)));
    }
    assert_eq!((chain.entries, chain.unhashed, chain.head), (4, 2, previous));
    assert!(!chain.follow(&HistoryEntry { sequence: 5, ..registered() }.fields(), None));
    assert_eq!(chain.misfit, Some(Misfit { sequence: 5, flaw: Flaw::Unhashed }));

    let mut stripped = Chain::default();
    for (entry, _) in &entries {
        assert!(stripped.follow(&entry.fields(), None));
    }
    stripped.compare_head(4, previous);
    assert_eq!(stripped.misfit, Some(Misfit { sequence: 4, flaw: Flaw::WrongHead }));
}

/// A hash of a version that this code does not know, or of another length, fits nothing.
#[test]
fn an_unreadable_hash_is_a_changed_entry() {
    let entry = registered();
    let hash = EntryHash::of(&entry.fields(), None);
    let mut other_version = hash.as_bytes().to_vec();
    other_version[0] = 2;
    for kept in [other_version.as_slice(), &hash.as_bytes()[1..], &[]] {
        let mut chain = Chain::default();
        assert!(!chain.follow(&entry.fields(), Some(kept)));
        assert_eq!(chain.misfit, Some(Misfit { sequence: 1, flaw: Flaw::Changed }));
    }
}
