//! The gRPC edge: one file per service, conversions in [`convert`], checks of fields in [`validate`], statuses in
//! [`status`]. Nothing here decides a rule.

pub mod access;
mod account_history;
pub mod accounts;
pub mod approval;
mod bulk;
mod by_name;
pub mod convert;
pub mod documents;
pub mod export;
mod gate;
pub mod history;
pub mod invitations;
pub mod lifecycles;
pub mod members;
pub mod permissions;
pub mod policy;
mod requests;
pub mod resource;
pub mod reviews;
pub mod roles;
pub mod status;
pub mod validate;
pub mod watch;

use countersign_domain::{AccountId, MemberId};
use countersign_runtime::{
    identity::{Authenticator, PLATFORM, Principal},
    page_token::PageTokens,
    trace_context::traceparent_of,
};
use countersign_store::Page;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use uuid::Uuid;

use crate::fault::Fault;
use crate::road::{Call, Repeatable, Road};

/// The largest request that is read, in bytes: content at its limit, written generously, and some.
pub const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// What every service needs.
#[derive(Clone)]
pub struct Edge {
    /// The road that commands take.
    pub road: Road,
    /// Tells who calls.
    pub authenticator: Authenticator,
    /// Makes and opens page tokens.
    pub pages: PageTokens,
    /// Cancelled when streams have to end.
    pub ending: CancellationToken,
}

/// Who calls, before it is known whether they may.
#[derive(Clone, Debug)]
pub struct Caller {
    account: Option<AccountId>,
    principal: Principal,
    service: Option<String>,
    traceparent: Option<String>,
}

impl Edge {
    /// Takes a request apart: who calls, and what with.
    pub fn caller<T>(&self, request: Request<T>) -> Result<(Caller, T), Fault> {
        let metadata = request.metadata();
        let identity = self.authenticator.identity_of(metadata.as_ref())?;
        let caller = Caller {
            account: identity.account_id.map(AccountId),
            principal: identity.principal,
            service: identity.service,
            traceparent: traceparent_of(metadata),
        };
        Ok((caller, request.into_inner()))
    }
}

impl Edge {
    /// The token for what comes after this page; empty when nothing does.
    pub fn next_page<T, C: ToString>(
        &self,
        listing: &[&str],
        page: &Page<T>,
        cursor: impl Fn(&T) -> C,
    ) -> String {
        self.token(listing, page.items.last().filter(|_| page.more).map(cursor))
    }

    /// The token for what comes after `cursor`; empty when nothing does.
    pub fn token(&self, listing: &[&str], cursor: Option<impl ToString>) -> String {
        cursor.map(|cursor| self.pages.seal(listing, &cursor.to_string())).unwrap_or_default()
    }
}

impl Caller {
    /// The member who calls, if it is one.
    pub const fn member(&self) -> Option<MemberId> {
        match self.principal {
            Principal::Member(id) => Some(MemberId(id)),
            Principal::Platform => None,
        }
    }

    /// The call in `account`, which must be the one that the caller acts in.
    pub fn call(&self, account: AccountId) -> Result<Call, Fault> {
        let Principal::Member(member) = self.principal else { return Err(Fault::OtherAccount) };
        if self.account != Some(account) {
            return Err(Fault::OtherAccount);
        }
        Ok(Call {
            account,
            actor: Some(MemberId(member)),
            operator: false,
            service: self.service.clone(),
            traceparent: self.traceparent.clone(),
            idempotency: None,
        })
    }

    /// As [`call`](Self::call), for a write that may carry a `request_id`.
    pub fn write<M: Message>(
        &self,
        account: AccountId,
        request_id: Option<Uuid>,
        method: &str,
        request: &M,
    ) -> Result<Call, Fault> {
        let mut call = self.call(account)?;
        if let (Some(id), Some(actor)) = (request_id, call.actor) {
            call.idempotency = Some(Repeatable::new(call.account, &actor.to_string(), id, method, request));
        }
        Ok(call)
    }

    /// Refuses everybody but the platform's operator.
    pub fn platform_only(&self) -> Result<(), Fault> {
        match self.principal {
            Principal::Platform => Ok(()),
            Principal::Member(_) => Err(Fault::PlatformOnly),
        }
    }

    /// A call of the platform's operator about `account`; everybody else is refused.
    pub fn operate(&self, account: AccountId) -> Result<Call, Fault> {
        self.platform_only()?;
        Ok(Call {
            account,
            actor: None,
            operator: true,
            service: self.service.clone(),
            traceparent: self.traceparent.clone(),
            idempotency: None,
        })
    }

    /// As [`operate`](Self::operate), for a write that may carry a `request_id`.
    pub fn operate_write<M: Message>(
        &self,
        account: AccountId,
        request_id: Option<Uuid>,
        method: &str,
        request: &M,
    ) -> Result<Call, Fault> {
        let mut call = self.operate(account)?;
        call.idempotency = request_id.map(|id| Repeatable::new(account, PLATFORM, id, method, request));
        Ok(call)
    }

    /// A call that members of the account and the platform's operator may make.
    pub fn call_or_operate(&self, account: AccountId) -> Result<Call, Fault> {
        match self.principal {
            Principal::Platform => self.operate(account),
            Principal::Member(_) => self.call(account),
        }
    }
}
