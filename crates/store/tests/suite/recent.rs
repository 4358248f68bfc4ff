//! What is remembered of a commit: what would be read, as far as it is known, and nothing else.

use countersign_domain::{Assignment, MemberId, Outcome, SystemRole};
use countersign_store::{About, Snapshot};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    what_is_remembered_is_what_is_read,
    what_is_not_known_is_not_guessed,
    what_may_have_changed_is_not_used,
}

impl World {
    /// Commits, and remembers it as the road does.
    async fn remembered(&self, about: &About, outcome: Outcome) {
        let left = self.snapshot(about).await.after(&outcome).unwrap();
        self.done(outcome).await;
        self.store.remember(left);
    }

    fn recent(&self, about: &About, actor: MemberId, named: &[MemberId]) -> Option<Snapshot> {
        self.store.recent(self.account.id, Some(actor), about, named)
    }

    async fn assert_as_read(&self, about: &About) {
        let recent = self.recent(about, self.admin.id, &[]).unwrap();
        let read = self.store.snapshot(self.account.id, Some(self.admin.id), about, &[], None).await;
        let read = read.unwrap().unwrap();
        assert_eq!(recent.account, read.account);
        assert_eq!(recent.policies, read.policies);
        assert_eq!(recent.actor, read.actor);
        assert_eq!(recent.resource, read.resource);
        assert_eq!(recent.request, read.request);
        let owner = recent.resource.unwrap().owner;
        assert_eq!(recent.directory.get(owner), read.directory.get(owner));
        assert!(recent.directory.get(owner).is_some());
    }
}

/// A creator who owns a campaign: no approver, so not among the account's rules.
async fn with_campaign(world: &mut World) -> (countersign_domain::Member, countersign_domain::Resource) {
    let creator = member(&world.account, SystemRole::Creator);
    world.joined(creator.clone()).await;
    let resource = campaign(&world.account, &creator);
    world.done(registration(&resource)).await;
    (creator, resource)
}

async fn what_is_remembered_is_what_is_read(db: TestDatabase) {
    let mut world = World::new(db).await;
    let (creator, resource) = with_campaign(&mut world).await;
    let of_resource = About::Resource(resource.id);

    let edited = edit(&resource, "Autumn sale");
    world.remembered(&of_resource, edited.clone()).await;
    world.assert_as_read(&of_resource).await;

    let mut asked = request(&edited.resource, &creator);
    asked.assignments = vec![Assignment::new(world.admin.id)];
    asked.required_approvals = 2;
    let submitted = submission_of(&edited.resource, asked.clone());
    let of_request = About::Request(asked.id);
    world.remembered(&of_resource, submitted.clone()).await;
    world.assert_as_read(&of_resource).await;
    world.assert_as_read(&of_request).await;

    let first = partial_approval(&submitted.resource, &asked, &world.admin);
    world.remembered(&of_request, first.clone()).await;
    world.assert_as_read(&of_resource).await;
    world.assert_as_read(&of_request).await;

    let pending = first.request.as_ref().unwrap().request();
    let second = approval(&first.resource, pending, &member(&world.account, SystemRole::Approver));
    world.remembered(&of_request, second).await;
    world.assert_as_read(&of_resource).await;
    assert!(
        world.recent(&of_request, world.admin.id, &[]).is_none(),
        "nothing is decided on an ended request"
    );
}

async fn what_is_not_known_is_not_guessed(db: TestDatabase) {
    let mut world = World::new(db).await;
    let (creator, resource) = with_campaign(&mut world).await;
    let about = About::Resource(resource.id);
    assert!(world.recent(&about, creator.id, &[]).is_none(), "nothing is remembered yet");
    world.remembered(&about, edit(&resource, "Autumn sale")).await;
    assert!(world.recent(&about, creator.id, &[world.admin.id]).is_some());

    let stranger = member(&world.account, SystemRole::Creator).id;
    assert!(world.recent(&about, stranger, &[]).is_none(), "the actor may have come since");
    assert!(world.recent(&about, creator.id, &[stranger]).is_none());
    assert!(world.store.recent(world.account.id, None, &about, &[]).is_none());
    assert!(world.store.recent(account().id, Some(creator.id), &about, &[]).is_none(), "another account");
}

async fn what_may_have_changed_is_not_used(db: TestDatabase) {
    let mut world = World::new(db).await;
    let (creator, resource) = with_campaign(&mut world).await;
    let about = About::Resource(resource.id);
    let edited = edit(&resource, "Autumn sale");
    world.remembered(&about, edited.clone()).await;
    world.store.forget(world.account.id, &about);
    assert!(world.recent(&about, creator.id, &[]).is_none());

    let edited = edit(&edited.resource, "Winter sale");
    world.remembered(&about, edited.clone()).await;
    world.store.forget_all();
    assert!(world.recent(&about, creator.id, &[]).is_none());

    let edited = edit(&edited.resource, "Spring sale");
    world.remembered(&about, edited).await;
    assert!(world.recent(&about, creator.id, &[]).is_some());
    // Somebody joins, and the next to read sees it.
    let (_, other) = with_campaign(&mut world).await;
    world.resource(other.id).await;
    assert!(world.recent(&about, creator.id, &[]).is_none());
}
