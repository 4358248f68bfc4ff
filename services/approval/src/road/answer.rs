//! Answers that are given again (REQ-18): as they were the first time, but for what the caller may not see any more.

use countersign_domain::{Resource, ResourceId, permission, refusal::Missing};
use countersign_store::About;
use prost::Message;

use super::{Call, Road, actor_of, context_of};
use crate::fault::Fault;

/// What a command answers.
pub trait Answer: Message + Default {
    /// The resource that it is about.
    fn about(&self) -> Option<ResourceId>;

    /// Takes away what a member may not see for whom personal data is masked (ACC-19). `now` is the resource as it is.
    fn mask(&mut self, now: &Resource);
}

impl Road {
    /// `answer`, which was given before, for the caller as they are now: a mask or a data scope that they have got since holds
    /// for what they were once answered, too.
    pub(super) async fn again<R: Answer>(&self, call: &Call, mut answer: R) -> Result<R, Fault> {
        let Some(id) = answer.about() else { return Ok(answer) };
        let snapshot = self.snapshot(call, &About::Resource(id), &[]).await?;
        let actor = actor_of(call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.now());
        let now = permission::view(&context, snapshot.resource.as_ref(), Missing::Resource(id))?;
        if context.is_masked() {
            answer.mask(now);
        }
        Ok(answer)
    }
}

#[cfg(test)]
impl Answer for String {
    fn about(&self) -> Option<ResourceId> {
        None
    }

    fn mask(&mut self, _: &Resource) {}
}
