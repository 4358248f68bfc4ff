//! What the service shows, in the words of the reference.

use std::collections::BTreeSet;

use countersign_proto::approval::{
    ApprovalRequest, GetApprovalRequestRequest, GetResourceRequest, HistoryEntry,
    ListApprovalRequestsRequest, ListHistoryRequest, Resource,
    approval_service_client::ApprovalServiceClient, history_service_client::HistoryServiceClient,
    resource_service_client::ResourceServiceClient,
};
use countersign_proto::inbox::{ListRibbonsRequest, inbox_service_client::InboxServiceClient};
use countersign_proto::types::{Actor, LaunchMode};
use prost_types::{Struct, Timestamp, Value, value::Kind as Json};
use sha2::{Digest as _, Sha256};
use tonic::Code;

use super::account::Account;
use crate::cast::{Area, Mode, Who};
use crate::reference::{RequestView, ResourceView, RibbonView};

/// As many as a page can hold: more than a story makes.
const ALL: i32 = 200;

impl Account<'_> {
    pub async fn resource_view(&self, by: Who, index: usize) -> ResourceView {
        let message = GetResourceRequest {
            account_id: self.id.clone(),
            resource_id: self.resources[index].clone(),
            ..Default::default()
        };
        let answer = ResourceServiceClient::new(self.channel()).get_resource(self.by(by, message)).await;
        self.seen_resource(answer.unwrap().into_inner().resource.unwrap())
    }

    fn seen_resource(&self, it: Resource) -> ResourceView {
        let (status, mode) = (it.approval_status(), mode(it.launch_mode()));
        let schedule = it.schedule.unwrap_or_default();
        let text = |content: Option<countersign_proto::approval::Content>| {
            let content = content?;
            let text = text_of(content.body.as_ref().unwrap());
            assert_eq!(content.digest, digest(&text), "the digest is not that of the content");
            Some(text)
        };
        ResourceView {
            kind: match it.kind.as_str() {
                "campaign" => "campaign",
                "ab_test" => "ab_test",
                "remote_config" => "remote_config",
                "journey" => "journey",
                other => panic!("a resource of kind {other}"),
            },
            owner: self.who(&it.owner_id),
            title: it.title,
            state: it.state,
            approval_status: status.as_str_name().trim_start_matches("APPROVAL_STATUS_").to_owned(),
            pending_label: it.pending_label,
            pending_request: self.request_number(&it.pending_approval_request_id),
            live: text(it.live).unwrap_or_default(),
            staged: text(it.staged),
            start: schedule.start_time.as_ref().map(micros),
            end: schedule.end_time.as_ref().map(micros),
            winner: it.winning_variant,
            mode,
            allowed_actions: it.allowed_actions.into_iter().collect(),
            version: it.etag.trim_matches('"').parse().unwrap(),
        }
    }

    /// Every request of the account, by number.
    pub async fn request_views(&self, by: Who) -> Vec<RequestView> {
        let message =
            ListApprovalRequestsRequest { account_id: self.id.clone(), page_size: ALL, ..Default::default() };
        let answer =
            ApprovalServiceClient::new(self.channel()).list_approval_requests(self.by(by, message)).await;
        let mut requests = answer.unwrap().into_inner().approval_requests;
        requests.sort_by_key(|request| self.request_number(&request.approval_request_id));
        requests.into_iter().map(|request| self.seen_request(request)).collect()
    }

    /// The requests that `by` finds in a list, newest first; none: they may not list any. Pages are full up to the last one, so that
    /// their length tells nothing of what is hidden (ACC-16).
    pub async fn listed(&self, by: Who, waiting: bool) -> Option<Vec<usize>> {
        const SIZE: i32 = 3;
        let mut service = ApprovalServiceClient::new(self.channel());
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let message = ListApprovalRequestsRequest {
                account_id: self.id.clone(),
                page_size: SIZE,
                page_token: token,
                waiting_for_me: waiting,
                ..Default::default()
            };
            let page = match service.list_approval_requests(self.by(by, message)).await {
                Ok(page) => page.into_inner(),
                Err(refused) => {
                    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
                    return None;
                }
            };
            let size = page.approval_requests.len();
            found.extend(
                page.approval_requests.iter().map(|it| self.request_number(&it.approval_request_id).unwrap()),
            );
            if page.next_page_token.is_empty() {
                return Some(found);
            }
            assert_eq!(i32::try_from(size).unwrap(), SIZE, "a page of {by:?} is short before the list ends");
            token = page.next_page_token;
        }
    }

    pub async fn request_view(&self, by: Who, number: usize) -> RequestView {
        let message = GetApprovalRequestRequest {
            account_id: self.id.clone(),
            approval_request_id: self.requests[number].clone(),
        };
        let answer =
            ApprovalServiceClient::new(self.channel()).get_approval_request(self.by(by, message)).await;
        self.seen_request(answer.unwrap().into_inner().approval_request.unwrap())
    }

    fn seen_request(&self, it: ApprovalRequest) -> RequestView {
        let (state, mode) = (it.state(), mode(it.launch_mode()));
        let who = |ids: &[String]| ids.iter().filter_map(|id| self.who(id)).collect::<BTreeSet<_>>();
        let actor = |actor: &Option<Actor>| self.who(&actor.as_ref().unwrap().member_id);
        RequestView {
            resource: self.resource_number(&it.resource_id),
            area: Area::ALL.into_iter().map(Area::name).find(|name| *name == it.area).unwrap(),
            action: it.action,
            from: it.from_state,
            label: it.pending_label,
            target: it.target_state,
            submitter: actor(&it.submitter),
            authors: it.author_ids.iter().filter_map(|id| self.who(id)).collect(),
            mode,
            digest: it.digest,
            chosen: who(&it.approver_ids),
            lost: who(&it.expired_approver_ids),
            required: it.required_approvals.try_into().unwrap(),
            decisions: it
                .decisions
                .iter()
                .filter(|decision| decision.voided_time.is_none())
                .map(|decision| {
                    let verdict = decision.verdict().as_str_name().trim_start_matches("VERDICT_");
                    (actor(&decision.actor), verdict.to_owned())
                })
                .collect(),
            voided: it
                .decisions
                .iter()
                .filter(|decision| decision.voided_time.is_some())
                .filter_map(|decision| actor(&decision.actor))
                .collect(),
            deadline: it.deadline.as_ref().map(micros),
            remind: it.remind_time.as_ref().map(micros),
            state: state.as_str_name().trim_start_matches("REQUEST_STATE_").to_owned(),
            expiry_reason: it.expiry_reason,
            ended: it.end_time.as_ref().map(|time| (actor(&it.ended_by), micros(time))),
            winner: it.winning_variant,
        }
    }

    /// A resource's history.
    pub async fn history(&self, by: Who, index: usize) -> Vec<HistoryEntry> {
        let message = ListHistoryRequest {
            account_id: self.id.clone(),
            resource_id: self.resources[index].clone(),
            page_size: ALL,
            ..Default::default()
        };
        let answer = HistoryServiceClient::new(self.channel()).list_history(self.by(by, message)).await;
        answer.unwrap().into_inner().entries
    }

    /// The ribbons of a member; none where the call is refused.
    pub async fn ribbon_views(&self, who: Who) -> Option<BTreeSet<RibbonView>> {
        let message =
            ListRibbonsRequest { account_id: self.id.clone(), page_size: ALL, ..Default::default() };
        let answer = InboxServiceClient::new(self.channel()).list_ribbons(self.by(who, message)).await;
        let ribbons = match answer {
            Ok(answer) => answer.into_inner().ribbons,
            Err(status) => {
                assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
                return None;
            }
        };
        let seen = ribbons.iter().map(|ribbon| RibbonView {
            resource: self.resource_number(&ribbon.resource_id),
            request: self.request_number(&ribbon.approval_request_id),
            review: self.review_number(&ribbon.review_id),
            kind: ribbon.kind().as_str_name().trim_start_matches("RIBBON_KIND_"),
            state: ribbon.request_state.clone(),
        });
        let distinct: BTreeSet<_> = seen.collect();
        assert_eq!(distinct.len(), ribbons.len(), "a ribbon is shown twice: {ribbons:?}");
        Some(distinct)
    }
}

pub(super) fn mode(mode: LaunchMode) -> Option<Mode> {
    match mode {
        LaunchMode::Unspecified => None,
        LaunchMode::Active => Some(Mode::Active),
        LaunchMode::Test => Some(Mode::Test),
        LaunchMode::Passive => Some(Mode::Passive),
    }
}

/// Content that says `text`.
pub(super) fn content(text: &str) -> Struct {
    let value = Value { kind: Some(Json::StringValue(text.to_owned())) };
    Struct { fields: [("text".to_owned(), value)].into() }
}

fn text_of(content: &Struct) -> String {
    match content.fields["text"].kind.as_ref() {
        Some(Json::StringValue(text)) => text.clone(),
        other => panic!("content that nobody wrote: {other:?}"),
    }
}

/// The digest of the content that says `text`, whose canonical form is `{"text":"…"}`.
pub fn digest(text: &str) -> String {
    let hash = Sha256::digest(format!("{{\"text\":\"{text}\"}}"));
    hash.iter().fold("sha256:".to_owned(), |digest, byte| format!("{digest}{byte:02x}"))
}

pub(super) fn micros(time: &Timestamp) -> i64 {
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}

pub(super) fn timestamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap();
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
