//! What happens without a call: time passes, and what a loss of rights leaves behind is settled.

use countersign_domain::{
    AccountId, Actor, Context, Outcome, Request, Resource, conversation::remind, decide::expire,
    loss::settle, timer::fire,
};
use countersign_store::{About, Committed};

use super::{ATTEMPTS, Call, Road, context_of};
use crate::fault::Fault;

impl Road {
    /// Lets time take effect on a resource: expire its request or remind of it, start it, complete it; whether it did.
    pub async fn tick(&self, account: AccountId, about: &About) -> Result<bool, Fault> {
        self.by_itself(account, about, |context, resource, request| {
            context.check_account_is_active().ok()?;
            request
                .and_then(|request| {
                    settle(context, resource, request)
                        .or_else(|| expire(context, resource, request))
                        .or_else(|| remind(context, resource, request))
                })
                .or_else(|| fire(context, resource))
        })
        .await
    }

    /// Settles a pending request after somebody lost the right to decide it (REQ-10); whether there was anything to settle.
    pub async fn settle(&self, account: AccountId, about: &About) -> Result<bool, Fault> {
        self.by_itself(account, about, |context, resource, request| settle(context, resource, request?)).await
    }

    /// Nothing happens where there is nothing to do, so any number of replicas may try at once.
    async fn by_itself(
        &self,
        account: AccountId,
        about: &About,
        decide: impl Fn(&Context<'_>, &Resource, Option<&Request>) -> Option<Outcome>,
    ) -> Result<bool, Fault> {
        let call = Call::of_countersign(account);
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot(&call, about, &[]).await?;
            let context = context_of(&snapshot, &Actor::Countersign, self.now());
            let Some(resource) = &snapshot.resource else { return Ok(false) };
            let Some(outcome) = decide(&context, resource, snapshot.request.as_ref()) else {
                return Ok(false);
            };
            match self.commit(&call, &snapshot, outcome, None).await? {
                Committed::Conflict => self.metrics.lost(),
                _ => return Ok(true),
            }
        }
        Err(Fault::Contended)
    }
}
