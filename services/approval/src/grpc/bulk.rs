//! `ApprovalService.BulkDecide`: many decisions in one call, each by itself.

use std::collections::HashSet;

use countersign_proto::approval::{self as api, bulk_decision::Decision, bulk_result::Result as Outcome};
use countersign_store::About;
use futures_util::{StreamExt as _, stream};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{Caller, Edge, validate::Fields};
use crate::{fault::Fault, road::actor_of};

/// How many are decided in one call.
const MOST: usize = 100;
/// How many at a time: most of it is waiting for the disk, and others need connections too.
const AT_ONCE: usize = 4;

impl Edge {
    pub(super) async fn bulk(
        &self,
        caller: &Caller,
        request: api::BulkDecideRequest,
    ) -> Result<api::BulkDecideResponse, Fault> {
        let account_id = request.account_id;
        let mut fields = Fields::default();
        let account = fields.account(&account_id);
        let decisions = fields.bulk_decisions(&account_id, request.decisions);
        fields.finish()?;
        // The account first: who may not act in it is told nothing of each.
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        actor_of(&call, &snapshot)?;
        // Made first: a closure in the stream would have to hold for any lifetime.
        let deciding: Vec<_> =
            decisions.into_iter().map(|decision| self.decide_one(caller, decision)).collect();
        let results = stream::iter(deciding).buffered(AT_ONCE).collect().await;
        Ok(api::BulkDecideResponse { results })
    }

    async fn decide_one(&self, caller: &Caller, decision: Decision) -> api::BulkResult {
        let id = request_of(&decision).to_owned();
        let decided = match decision {
            Decision::Approve(approve) => {
                self.approve_one(caller, approve).await.map(|done| done.approval_request)
            }
            Decision::Reject(reject) => {
                self.reject_one(caller, reject).await.map(|done| done.approval_request)
            }
        };
        let result = match decided {
            Ok(request) => request.map(Outcome::ApprovalRequest),
            Err(fault) => Some(Outcome::Error(error(&fault.into()))),
        };
        api::BulkResult { approval_request_id: id, result }
    }
}

fn request_of(decision: &Decision) -> &str {
    match decision {
        Decision::Approve(approve) => &approve.approval_request_id,
        Decision::Reject(reject) => &reject.approval_request_id,
    }
}

fn key_of(decision: &Decision) -> &str {
    match decision {
        Decision::Approve(approve) => &approve.request_id,
        Decision::Reject(reject) => &reject.request_id,
    }
}

/// What the decision's own call would have been answered.
fn error(status: &Status) -> api::BulkError {
    let details = status.get_error_details();
    api::BulkError {
        code: status.code().into(),
        reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
        message: status.message().to_owned(),
        metadata: details
            .error_info()
            .map(|info| info.metadata.clone())
            .unwrap_or_default()
            .into_iter()
            .collect(),
    }
}

impl Fields {
    fn bulk_decisions(&mut self, account: &str, given: Vec<api::BulkDecision>) -> Vec<Decision> {
        if given.is_empty() || given.len() > MOST {
            self.violation("decisions", format!("must be 1 to {MOST}, are {}", given.len()));
            return Vec::new();
        }
        let (mut requests, mut keys) = (HashSet::new(), HashSet::new());
        let mut decisions = Vec::with_capacity(given.len());
        for (index, api::BulkDecision { decision }) in given.into_iter().enumerate() {
            let field = format!("decisions[{index}]");
            let Some(mut decision) = decision else {
                self.violation(field, "must be one of approve, reject");
                continue;
            };
            let own = match &mut decision {
                Decision::Approve(approve) => &mut approve.account_id,
                Decision::Reject(reject) => &mut reject.account_id,
            };
            if own.is_empty() {
                account.clone_into(own);
            } else if own != account {
                self.violation(format!("{field}.account_id"), "must be that of the call, or left out");
            }
            if !requests.insert(request_of(&decision).to_lowercase()) {
                self.violation(format!("{field}.approval_request_id"), "is decided twice in this call");
            }
            let key = key_of(&decision).to_lowercase();
            if !key.is_empty() && !keys.insert(key) {
                self.violation(format!("{field}.request_id"), "is used twice in this call");
            }
            decisions.push(decision);
        }
        decisions
    }
}
