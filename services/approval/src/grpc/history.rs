//! `HistoryService`.

use countersign_domain::{
    MemberId, RequestId, ResourceId, Timestamp,
    history::{EntryHash, access::Use},
    permission,
    refusal::{Missing, Permission},
};
use countersign_proto::approval::{self as api, history_service_server::HistoryService};
use countersign_runtime::listing::{self, Seen};
use countersign_store::{About, HistoryFilter, HistoryItem, HistoryKey};
use prost_types::Timestamp as Time;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{
    Edge,
    account_history::AccountExport,
    convert::history as convert,
    export::{self, Export},
    validate::Fields,
};
use crate::{
    fault::Fault,
    pages::rows,
    road::{Call, Road, actor_of, context_of},
};

#[tonic::async_trait]
impl HistoryService for Edge {
    type ExportHistoryStream = ReceiverStream<Result<api::ExportHistoryResponse, Status>>;
    type ExportAccountHistoryStream = ReceiverStream<Result<api::ExportAccountHistoryResponse, Status>>;

    async fn list_history(
        &self,
        request: Request<api::ListHistoryRequest>,
    ) -> Result<Response<api::ListHistoryResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let filter = fields.history_filter(Given {
            resource: &request.resource_id,
            request: &request.approval_request_id,
            actor: &request.actor_id,
            start: request.start_time,
            end: request.end_time,
        });
        let size = fields.page_size(request.page_size);
        let filtered = format!("{filter:?}");
        let listing = ["history", request.account_id.as_str(), filtered.as_str()];
        let after: Option<HistoryKey> = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let (seen, page) = self.road.history_page(&call, &filter, Use::Read, after, size).await?;
        Ok(Response::new(api::ListHistoryResponse {
            entries: seen.iter().map(|item| convert::entry(&item.recorded, page.masked)).collect(),
            next_page_token: self.token(&listing, page.next),
        }))
    }

    async fn export_history(
        &self,
        request: Request<api::ExportHistoryRequest>,
    ) -> Result<Response<Self::ExportHistoryStream>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let filter = fields.history_filter(Given {
            resource: &request.resource_id,
            request: &request.approval_request_id,
            actor: &request.actor_id,
            start: request.start_time,
            end: request.end_time,
        });
        let format = fields.history_format(request.format);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let format = Fields::present("format", format)?;
        let file = Export { road: self.road.clone(), call, filter, format };
        Ok(Response::new(export::stream(file, self.ending.clone()).await?))
    }

    async fn verify_history(
        &self,
        request: Request<api::VerifyHistoryRequest>,
    ) -> Result<Response<api::VerifyHistoryResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let id = fields.id::<ResourceId>("resource_id", &request.resource_id);
        let expected = fields.expected(request.expected_sequence, &request.expected_hash);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let id = Fields::present("resource_id", id)?;
        let snapshot = self.road.snapshot(&call, &About::Resource(id), &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        permission::view(&context, snapshot.resource.as_ref(), Missing::Resource(id))
            .map_err(Fault::Refused)?;
        let masked = context.is_masked();
        if masked && expected.is_some() {
            // A hash can be made of a guess, and whether it is there would confirm it (ACC-19).
            return Err(Fault::Refused(permission::denied(Permission::ReadPii, "resource")).into());
        }
        let store = &self.road.store;
        let chain = store.verify_history(call.account, id).await.map_err(Fault::Store)?;
        let found = match expected {
            None => None,
            Some((sequence, hash)) => {
                let kept = store.history_hash(call.account, id, sequence).await.map_err(Fault::Store)?;
                Some(kept == Some(hash))
            }
        };
        Ok(Response::new(convert::verified(&chain, found, masked)))
    }

    async fn list_account_history(
        &self,
        request: Request<api::ListAccountHistoryRequest>,
    ) -> Result<Response<api::ListAccountHistoryResponse>, Status> {
        Ok(Response::new(self.page_of_account_history(request).await?))
    }

    async fn export_account_history(
        &self,
        request: Request<api::ExportAccountHistoryRequest>,
    ) -> Result<Response<Self::ExportAccountHistoryStream>, Status> {
        let file: AccountExport = self.file_of_account_history(request)?;
        Ok(Response::new(export::stream(file, self.ending.clone()).await?))
    }

    async fn verify_account_history(
        &self,
        request: Request<api::VerifyAccountHistoryRequest>,
    ) -> Result<Response<api::VerifyAccountHistoryResponse>, Status> {
        Ok(Response::new(self.account_history_verified(request).await?))
    }
}

/// Where the next page begins.
pub(super) struct Rest {
    /// After this; none: there is no more.
    pub(super) next: Option<HistoryKey>,
    /// Whether personal data is masked for the reader.
    pub(super) masked: bool,
}

impl Road {
    /// A page of history: what of it the actor may use so, as their rights are now.
    pub(super) async fn history_page(
        &self,
        call: &Call,
        filter: &HistoryFilter,
        wanted: Use,
        after: Option<HistoryKey>,
        size: u32,
    ) -> Result<(Vec<HistoryItem>, Rest), Fault> {
        let about = match filter {
            HistoryFilter::Resource(id) => About::Resource(*id),
            HistoryFilter::Request(id) => About::Request(*id),
            HistoryFilter::Account { .. } => About::Nothing,
        };
        let snapshot = self.snapshot(call, &about, &[]).await?;
        let actor = actor_of(call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.now());
        let resource = snapshot.resource.as_ref();
        match filter {
            HistoryFilter::Resource(id) => wanted.check(&context, resource, Missing::Resource(*id))?,
            HistoryFilter::Request(id) => wanted.check(&context, resource, Missing::Request(*id))?,
            HistoryFilter::Account { .. } => wanted.check_any(&context)?,
        }
        let access = context.actors_access();
        let (store, account) = (&self.store, call.account);
        let read =
            |after, limit| async move { store.list_history(account, filter, after, limit).await.map(rows) };
        let sees = |item: &HistoryItem| match (&access, &item.kind) {
            (Some(access), Some(kind)) => wanted.includes(context.lifecycles, access, kind, &item.audience),
            _ => false,
        };
        let Seen { items, next } = listing::page(size, after, read, HistoryItem::key, sees).await?;
        Ok((items, Rest { next, masked: context.is_masked() }))
    }
}

/// The filters of a call, as they were given.
#[derive(Clone, Copy)]
struct Given<'a> {
    resource: &'a str,
    request: &'a str,
    actor: &'a str,
    start: Option<Time>,
    end: Option<Time>,
}

impl Fields {
    /// Filters combine where one index serves them.
    fn history_filter(&mut self, given: Given<'_>) -> HistoryFilter {
        let resource = self.optional_id::<ResourceId>("resource_id", given.resource);
        let request = self.optional_id::<RequestId>("approval_request_id", given.request);
        let actor = self.optional_id::<MemberId>("actor_id", given.actor);
        let (from, until) = self.span_of_time(given.start, given.end);
        let alone = match (given.resource, given.request) {
            ("", "") => return HistoryFilter::Account { actor, from, until },
            (_, "") => "resource_id",
            _ => "approval_request_id",
        };
        let others = [
            ("resource_id", alone != "resource_id" && !given.resource.is_empty()),
            ("actor_id", !given.actor.is_empty()),
            ("start_time", given.start.is_some()),
            ("end_time", given.end.is_some()),
        ];
        for (other, _) in others.into_iter().filter(|(_, is_given)| *is_given) {
            self.violation(other, format!("can't be combined with {alone}"));
        }
        match (request, resource) {
            (Some(request), _) => HistoryFilter::Request(request),
            (None, Some(resource)) => HistoryFilter::Resource(resource),
            // What was given is no id: refused.
            (None, None) => HistoryFilter::Account { actor, from, until },
        }
    }

    /// From when on, and until when.
    pub(super) fn span_of_time(
        &mut self,
        start: Option<Time>,
        end: Option<Time>,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let (from, until) = (self.time("start_time", start), self.time("end_time", end));
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            self.violation("end_time", "must be after start_time");
        }
        (from, until)
    }

    /// A hash that was noted, and of which entry; both or none.
    pub(super) fn expected(&mut self, sequence: i64, hash: &str) -> Option<(i64, EntryHash)> {
        match (sequence, hash) {
            (0, "") => None,
            (_, "") => {
                self.violation("expected_hash", "is required with expected_sequence");
                None
            }
            (..1, _) => {
                self.violation("expected_sequence", "must be the sequence of an entry: 1 or more");
                None
            }
            (_, text) => {
                let hash = EntryHash::parse(text);
                if hash.is_none() {
                    self.violation("expected_hash", "must be `v1:` and 64 lower-case hex digits");
                }
                hash.map(|hash| (sequence, hash))
            }
        }
    }
}
