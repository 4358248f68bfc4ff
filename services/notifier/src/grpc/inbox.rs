//! `countersign.inbox.v1.InboxService`.

use std::sync::Arc;

use countersign_proto::inbox::inbox_service_server::{InboxService, InboxServiceServer};
use countersign_proto::inbox::{
    Counts, GetCountsRequest, GetCountsResponse, GetPreferencesRequest, GetPreferencesResponse,
    ListRibbonsRequest, ListRibbonsResponse, MarkRequest, MarkResponse, Ribbon, RibbonKind,
    UpdatePreferencesRequest, UpdatePreferencesResponse, WatchRequest,
};
use countersign_proto::types::RequestState;
use countersign_runtime::clock::Clock;
use countersign_runtime::identity::Authenticator;
use countersign_runtime::page_token::PageTokens;
use countersign_runtime::task::to_its_end;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::preferences::{self, Change};
use super::request::{self, Viewer, Watched};
use super::status::Refusal;
use super::watch::{self, CountsStream};
use crate::bypass_url::Reviewed;
use crate::changes::Changes;
use crate::locale::{Locale, RibbonFacts};
use crate::mail::Composer;
use crate::plan::Access;
use crate::review_url::Subject;
use crate::storage::{self, Changed, Storage, StorageError, StoredRibbon};

/// The largest request that is read: 100 ribbon ids are 4 KiB.
const MAX_REQUEST: usize = 64 * 1024;

/// Answers what a member sees, from the notifier's database.
#[derive(Clone)]
pub struct Inbox {
    storage: Storage,
    authenticator: Authenticator,
    clock: Clock,
    composer: Arc<Composer>,
    tokens: PageTokens,
    changes: Changes,
    stop: CancellationToken,
}

impl Inbox {
    pub(crate) fn service(
        storage: Storage,
        authenticator: Authenticator,
        clock: Clock,
        composer: Arc<Composer>,
        tokens: PageTokens,
        changes: Changes,
        stop: CancellationToken,
    ) -> InboxServiceServer<Self> {
        let inbox = Self { storage, authenticator, clock, composer, tokens, changes, stop };
        InboxServiceServer::new(inbox)
            .max_decoding_message_size(MAX_REQUEST)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
    }

    /// The member who calls, and what they may see: settled before anything else about the call is (ACC-16).
    async fn viewer<T: Sync>(
        &self,
        request: &Request<T>,
        account_id: &str,
    ) -> Result<(Viewer, Access), Refusal> {
        let viewer = request::viewer(&self.authenticator, request.metadata(), account_id)?;
        Ok((viewer, access(&self.storage, viewer).await?))
    }

    /// As [`viewer`](Self::viewer), of a call that changes something: not in an account that is read only.
    async fn writer<T: Sync>(
        &self,
        request: &Request<T>,
        account_id: &str,
    ) -> Result<(Viewer, Access), Refusal> {
        let (viewer, access) = self.viewer(request, account_id).await?;
        match self.storage.read_only(viewer.account_id).await? {
            Some(state) => Err(Refusal::ReadOnly(state)),
            None => Ok((viewer, access)),
        }
    }

    fn ribbon(&self, viewer: Viewer, locale: &Locale, ribbon: StoredRibbon) -> Result<Ribbon, Refusal> {
        let kind = RibbonKind::try_from(ribbon.kind).unwrap_or_default();
        let text = locale.ribbon(RibbonFacts {
            kind,
            request_state: ribbon.request_state,
            action: &ribbon.action,
            title: &ribbon.resource_title,
            actor: &ribbon.actor_name,
            expiry_reason: &ribbon.expiry_reason,
        })?;
        let account_id = &viewer.account_id.to_string();
        let resource_id = ribbon.resource_id.to_string();
        let (approval_request_id, review_id) =
            (text_of(ribbon.approval_request_id), text_of(ribbon.review_id));
        let settings = self.composer.settings();
        let review_url = if kind == RibbonKind::Review {
            settings.bypass_link(Reviewed { account_id, resource_id: &resource_id, review_id: &review_id })
        } else {
            let subject =
                Subject { account_id, resource_id: &resource_id, approval_request_id: &approval_request_id };
            settings.review_url.fill(subject)
        };
        let request_state = match RequestState::try_from(ribbon.request_state).unwrap_or_default() {
            RequestState::Unspecified => "",
            state => state.as_str_name(),
        };
        Ok(Ribbon {
            ribbon_id: ribbon.ribbon_id.to_string(),
            resource_id,
            resource_kind: ribbon.resource_kind,
            resource_title: ribbon.resource_title,
            approval_request_id,
            kind: kind.into(),
            action: ribbon.action,
            request_state: request_state.trim_start_matches("REQUEST_STATE_").to_owned(),
            text,
            note: ribbon.note,
            seen: ribbon.seen,
            create_time: Some(timestamp(ribbon.created_at)),
            review_url,
            review_id,
        })
    }
}

#[tonic::async_trait]
impl InboxService for Inbox {
    async fn list_ribbons(
        &self,
        request: Request<ListRibbonsRequest>,
    ) -> Result<Response<ListRibbonsResponse>, Status> {
        let (viewer, access) = self.viewer(&request, &request.get_ref().account_id).await?;
        let page = request::page(viewer, request.get_ref(), &self.tokens)?;
        let found = self
            .storage
            .ribbons(viewer.account_id, viewer.member_id, &access, page.filter, page.after, page.size)
            .await
            .map_err(Refusal::from)?;
        let next_page_token =
            found.next.map_or_else(String::new, |position| page.token(&self.tokens, position));
        let language =
            self.storage.locale(viewer.account_id, viewer.member_id).await.map_err(Refusal::from)?;
        let locale = self.composer.locales().of(language.as_deref().unwrap_or_default());
        let ribbons = found.items.into_iter().map(|ribbon| self.ribbon(viewer, locale, ribbon));
        let ribbons = ribbons.collect::<Result<_, _>>()?;
        Ok(Response::new(ListRibbonsResponse { ribbons, next_page_token }))
    }

    async fn get_counts(
        &self,
        request: Request<GetCountsRequest>,
    ) -> Result<Response<GetCountsResponse>, Status> {
        let (viewer, access) = self.viewer(&request, &request.get_ref().account_id).await?;
        let now = self.storage.counts(viewer.account_id, viewer.member_id, &access).await;
        let now = now.map_err(Refusal::from)?;
        Ok(Response::new(GetCountsResponse { counts: Some(counts(now)) }))
    }

    async fn mark(&self, request: Request<MarkRequest>) -> Result<Response<MarkResponse>, Status> {
        let (viewer, access) = self.writer(&request, &request.get_ref().account_id).await?;
        let (ribbon_ids, mark) = request::marks(request.get_ref())?;
        let (storage, changes, now) = (self.storage.clone(), self.changes.clone(), self.clock.now_us());
        // Also when the call ends before (SEC-12).
        let marked = to_its_end(async move {
            let Viewer { account_id, member_id } = viewer;
            let marked = storage.mark(account_id, member_id, &access, &ribbon_ids, mark, now).await?;
            changes.announce(account_id);
            Ok::<_, StorageError>(marked)
        })
        .await
        .map_err(Refusal::from)?;
        Ok(Response::new(MarkResponse { marked: i32::try_from(marked).unwrap_or(i32::MAX) }))
    }

    type WatchStream = CountsStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<CountsStream>, Status> {
        let watched = request::watched(&self.authenticator, request.metadata(), request.get_ref())?;
        if let Watched::Own(viewer) = watched {
            access(&self.storage, viewer).await?;
        }
        let stream = watch::counts_stream(self.storage.clone(), watched, &self.changes, self.stop.clone());
        Ok(Response::new(stream))
    }

    async fn get_preferences(
        &self,
        request: Request<GetPreferencesRequest>,
    ) -> Result<Response<GetPreferencesResponse>, Status> {
        let (viewer, _) = self.viewer(&request, &request.get_ref().account_id).await?;
        let stored = self.storage.preferences(viewer.account_id, viewer.member_id).await;
        let preferences = Some(preferences::message(stored.map_err(Refusal::from)?));
        Ok(Response::new(GetPreferencesResponse { preferences }))
    }

    async fn update_preferences(
        &self,
        request: Request<UpdatePreferencesRequest>,
    ) -> Result<Response<UpdatePreferencesResponse>, Status> {
        let (viewer, _) = self.writer(&request, &request.get_ref().account_id).await?;
        let change = Change::read(request.get_ref())?;
        let Viewer { account_id, member_id } = viewer;
        let (storage, now) = (self.storage.clone(), self.clock.now_us());
        // Also when the call ends before (SEC-12).
        let changed = to_its_end(async move {
            let version = change.version;
            let apply = |preferences| change.apply(preferences);
            storage.change_preferences(account_id, member_id, version, apply, now).await
        })
        .await
        .map_err(Refusal::from)?;
        match changed {
            Changed::To(stored) => {
                let preferences = Some(preferences::message(stored));
                Ok(Response::new(UpdatePreferencesResponse { preferences }))
            }
            Changed::Since(current) => Err(Refusal::EtagMismatch(current).into()),
            Changed::Gone => Err(Refusal::NoAccess.into()),
        }
    }
}

/// An id as the contract has it; nothing where there is none.
fn text_of(id: Uuid) -> String {
    if id.is_nil() { String::new() } else { id.to_string() }
}

/// What the viewer may see now; a refusal if that is nothing of this account.
pub(super) async fn access(storage: &Storage, viewer: Viewer) -> Result<Access, Refusal> {
    storage.access(viewer.account_id, viewer.member_id).await?.ok_or(Refusal::NoAccess)
}

/// The counts as the contract has them.
pub(super) fn counts(counts: storage::Counts) -> Counts {
    let storage::Counts { decide, awaiting, results, reviews, unseen } = counts;
    Counts { decide, awaiting, results, unseen, reviews }
}

pub(super) fn timestamp(us: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(us.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    prost_types::Timestamp { seconds: us.div_euclid(1_000_000), nanos }
}
