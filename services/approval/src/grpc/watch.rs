//! `ApprovalService.WatchApprovalRequests`.

use std::{pin::Pin, time::Duration};

use countersign_domain::{ResourceId, edit};
use countersign_proto::approval::{self as api, watch_approval_requests_response::Message};
use countersign_store::About;
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Status};

use super::{Edge, convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{actor_of, context_of},
    watch::{Cursors, Watched, Watcher},
};

/// Messages that wait to be sent to one reader.
const AHEAD: usize = 16;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// What the call answers with.
pub type ChangeStream =
    Pin<Box<dyn Stream<Item = Result<api::WatchApprovalRequestsResponse, Status>> + Send>>;

impl Edge {
    /// Begins to watch. What is wrong with the call, or with its cursor, is answered before.
    pub(super) async fn watch(
        &self,
        request: Request<api::WatchApprovalRequestsRequest>,
    ) -> Result<ChangeStream, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let area = fields.filter(&request.area, Fields::area);
        let kind = fields.filter(&request.kind, Fields::kind);
        let resource = fields.optional_id::<ResourceId>("resource_id", &request.resource_id);
        let heartbeat = fields.heartbeat(request.heartbeat_interval);
        let call = caller.call(fields.must(account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        edit::readable_kinds(&context, None)?;
        if let Some(kind) = &kind {
            fields.also(context.check_kind(kind));
        }
        if let Some(area) = &area {
            fields.also(context.check_area(area));
        }
        fields.finish()?;
        let cursors = Cursors { pages: self.pages.clone(), account: call.account.to_string() };
        let after = cursors.open(&request.resume_cursor, self.road.now())?;
        if let Some(after) = after
            && after > self.road.store.feed_head(call.account).await?
        {
            return Err(Fault::CursorInvalid);
        }
        let (sender, receiver) = mpsc::channel(AHEAD);
        let ending = self.ending.clone();
        let watcher =
            Watcher { road: self.road.clone(), call, cursors, area, kind, resource, heartbeat, ending };
        tokio::spawn(watcher.run(after, sender));
        Ok(Box::pin(ReceiverStream::new(receiver).map(|message| message.map(response).map_err(Status::from))))
    }
}

fn response(message: Watched) -> api::WatchApprovalRequestsResponse {
    let told = match message.change {
        None => Message::Heartbeat(api::WatchHeartbeat {}),
        Some(change) => Message::Change(api::ApprovalRequestChange {
            entry: Some(convert::history::entry(&change.recorded, message.masked)),
            approval_request: Some(convert::request::request(&change.request, message.masked)),
        }),
    };
    api::WatchApprovalRequestsResponse { cursor: message.cursor, message: Some(told) }
}

impl Fields {
    fn heartbeat(&mut self, given: Option<prost_types::Duration>) -> Duration {
        let Some(given) = given else { return HEARTBEAT };
        match u64::try_from(given.seconds) {
            Ok(seconds @ 1..=300) if given.nanos == 0 => Duration::from_secs(seconds),
            _ => {
                self.violation("heartbeat_interval", "must be whole seconds from 1 to 300");
                HEARTBEAT
            }
        }
    }
}
