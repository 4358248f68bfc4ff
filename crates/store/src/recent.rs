//! What the last commits of this process left, so that the next command about it can be decided without reading.
//!
//! An entry may be out of date: another replica may have written since. It still can't decide anything wrongly, because a
//! commit is guarded by the versions of all that an entry holds: rules, resource and request. But what it *refuses*, and what
//! a guard stops, says nothing. Then the database is to be read, as it is for every call that only reads.
//!
//! Versions tell what was written since, as long as the database forgets nothing. A standby that takes over without the last
//! commits does, and counts the same versions up anew. So entries are short-lived, and none outlives an error.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use countersign_domain::{
    Account, AccountId, Directory, Member, MemberId, Outcome, Request, RequestWrite, Resource,
};
use quick_cache::{Weighter, sync::Cache};
use uuid::Uuid;

use crate::{About, Snapshot, Store};

/// How many bytes are remembered, all accounts together.
const CAPACITY: u64 = 16 << 20;

/// For how long.
const AGE: Duration = Duration::from_mins(1);

/// About what an entry weighs without content and members.
const ENTRY: u64 = 2 << 10;

/// About what a member weighs.
const MEMBER: u64 = 256;

/// What was left, by the resource's id and, while one is pending, by its request's.
#[derive(Debug)]
pub(crate) struct RecentCache(Cache<Key, Arc<Recent>, ByBytes>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Resource(AccountId, Uuid),
    Request(AccountId, Uuid),
}

impl Key {
    fn of(account: AccountId, about: &About) -> Option<Self> {
        match about {
            About::Resource(id) => Some(Self::Resource(account, id.0)),
            About::Request(id) => Some(Self::Request(account, id.0)),
            // Of a review nothing is known here.
            About::Nothing | About::ResourceByExternalId(..) | About::Bypass(_) | About::Review(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Key, Arc<Recent>> for ByBytes {
    fn weight(&self, _: &Key, recent: &Arc<Recent>) -> u64 {
        let Recent { resource, request, members, .. } = &**recent;
        let staged = resource.staged.as_ref();
        let change = request.as_ref().and_then(|request| request.change.as_ref());
        let contents = [Some(&resource.live), staged, change];
        let content: usize = contents.into_iter().flatten().map(|content| content.body.len()).sum();
        ENTRY + MEMBER * members.len() as u64 + content as u64
    }
}

impl Default for RecentCache {
    fn default() -> Self {
        let entries = usize::try_from(CAPACITY / ENTRY).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(entries, CAPACITY, ByBytes))
    }
}

/// What a commit leaves, once it is done: see [`Snapshot::after`].
#[derive(Clone, Debug)]
pub struct Recent {
    account: Account,
    resource: Resource,
    /// The resource's pending request.
    request: Option<Request>,
    /// Those concerned who are no approvers: approvers come from the account's rules.
    members: Vec<Member>,
    /// The request that the commit ended.
    ended: Option<Uuid>,
    since: Instant,
}

impl Snapshot {
    /// What there is once `outcome`, which was decided on this, has been committed. None: this does not tell all of it.
    pub fn after(&self, outcome: &Outcome) -> Option<Recent> {
        let resource = &outcome.resource;
        let written = outcome.request.as_ref().map(RequestWrite::request);
        let request = match &resource.lock {
            None => None,
            Some(lock) => {
                Some(written.or(self.request.as_ref()).filter(|request| request.id == lock.request_id)?)
            }
        };
        let concerned = request.into_iter().flat_map(|request| {
            request.assignments.iter().map(|chosen| chosen.member).chain(request.submitter.member_id)
        });
        if concerned.chain([resource.owner]).any(|id| self.directory.get(id).is_none()) {
            return None;
        }
        Some(Recent {
            account: self.account.clone(),
            resource: Resource { history_hash: Some(outcome.history_hash()), ..resource.clone() },
            request: request.cloned(),
            members: self.directory.others().cloned().collect(),
            ended: written.filter(|_| request.is_none()).map(|request| request.id.0),
            since: Instant::now(),
        })
    }
}

impl Store {
    /// What a decision about `about` would start from as the last commit of this process left it, without asking the
    /// database. Only good for deciding what is then committed: see the module. None: that is not known here.
    pub fn recent(
        &self,
        account: AccountId,
        actor: Option<MemberId>,
        about: &About,
        named: &[MemberId],
    ) -> Option<Snapshot> {
        let recent = self.recent.0.get(&Key::of(account, about)?).filter(|it| it.since.elapsed() < AGE)?;
        let rules = self.rules.of_version(account, recent.account.rules_version)?;
        let directory = Directory::new(Arc::clone(&rules.candidates), recent.members.clone());
        if named.iter().any(|id| directory.get(*id).is_none()) {
            return None;
        }
        Some(Snapshot {
            // An actor who is not known here may be one all the same.
            actor: Some(directory.get(actor?)?.clone()),
            policies: Arc::clone(&rules.policies),
            lifecycles: Arc::clone(&rules.lifecycles),
            roles: Arc::clone(&rules.roles),
            directory,
            account: recent.account.clone(),
            resource: Some(recent.resource.clone()),
            request: recent.request.clone(),
            review: None,
            replay: None,
        })
    }

    /// Remembers what a commit has left, after it was done.
    pub fn remember(&self, left: Recent) {
        let account = left.account.id;
        if let Some(ended) = left.ended {
            // Whoever asks for it next is refused, and refusals are read.
            self.recent.0.remove(&Key::Request(account, ended));
        }
        let left = Arc::new(left);
        if let Some(request) = &left.request {
            self.recent.0.insert(Key::Request(account, request.id.0), Arc::clone(&left));
        }
        self.recent.0.insert(Key::Resource(account, left.resource.id.0), left);
    }

    /// Forgets what turned out to be out of date.
    pub fn forget(&self, account: AccountId, about: &About) {
        if let Some(key) = Key::of(account, about) {
            self.recent.0.remove(&key);
        }
    }

    /// Forgets all of it, and the rules, after an error: who answers next may be another database, which counts the same versions
    /// up with other content.
    pub fn forget_all(&self) {
        self.recent.0.clear();
        self.rules.clear();
    }
}
