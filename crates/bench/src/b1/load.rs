//! The load: workers that each keep one cycle in flight, like services that wait for their answers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use countersign_proto::approval::{
    ApproveRequest, PerformActionRequest, approval_service_client::ApprovalServiceClient,
    resource_service_client::ResourceServiceClient,
};
use countersign_runtime::{identity, ids};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, transport::Channel};

/// An account and who acts in it, as `fill.sql` made them.
struct Account {
    id: String,
    creator: String,
    approver: String,
    /// This worker's A/B test in it: two workers never meet on one resource.
    resource: String,
    running: bool,
}

/// One cycle in flight.
pub struct Worker {
    resources: ResourceServiceClient<Channel>,
    approvals: ApprovalServiceClient<Channel>,
    accounts: Vec<Account>,
    next: usize,
}

/// What a worker saw.
#[derive(Default)]
pub struct Seen {
    /// Cycles that ended within the round.
    pub counted: u64,
    /// Cycles, with the one that ended after it.
    pub cycles: u64,
    /// How long each submission took.
    pub submits: Vec<Duration>,
    /// How long each approval took.
    pub approvals: Vec<Duration>,
}

impl Worker {
    /// A worker; each starts at another account.
    pub fn new(channel: Channel, number: u32, accounts: u32) -> Self {
        let id = |kind: char, account: u32, number: u32| {
            let hex = format!("{kind}{number:015x}{account:016x}");
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        };
        Self {
            resources: ResourceServiceClient::new(channel.clone()),
            approvals: ApprovalServiceClient::new(channel),
            next: number as usize * 7,
            accounts: (1..=accounts)
                .map(|account| Account {
                    id: id('a', account, 0),
                    creator: id('c', account, 0),
                    approver: id('d', account, 0),
                    resource: id('e', account, number),
                    running: true,
                })
                .collect(),
        }
    }

    /// The same worker over another connection.
    pub fn over(self, channel: Channel) -> Self {
        Self {
            resources: ResourceServiceClient::new(channel.clone()),
            approvals: ApprovalServiceClient::new(channel),
            ..self
        }
    }

    /// Cycles until the deadline; the last one is finished.
    pub async fn run(mut self, deadline: Instant) -> Result<(Self, Seen)> {
        let mut seen = Seen::default();
        while Instant::now() < deadline {
            let (submit, approve) = self.cycle().await?;
            seen.submits.push(submit);
            seen.approvals.push(approve);
            seen.cycles += 1;
            seen.counted += u64::from(Instant::now() <= deadline);
        }
        Ok((self, seen))
    }

    /// Submits and approves, and says how long each took.
    pub async fn cycle(&mut self) -> Result<(Duration, Duration)> {
        // 37 and the number of accounts have no common divisor, so each account has its turn, and not in a row.
        self.next = (self.next + 37) % self.accounts.len();
        let account = &mut self.accounts[self.next];
        let action = if account.running { "PAUSE" } else { "RESUME" };
        let submit = PerformActionRequest {
            account_id: account.id.clone(),
            request_id: ids::new_id().to_string(),
            resource_id: account.resource.clone(),
            action: action.to_owned(),
            note: "Please have a look".to_owned(),
            ..PerformActionRequest::default()
        };
        let submit = acting(&account.id, &account.creator, submit)?;
        let began = Instant::now();
        let submitted = self.resources.perform_action(submit).await?.into_inner();
        let submit_took = began.elapsed();

        let request = submitted.approval_request.context("the action was applied without an approval")?;
        let approve = ApproveRequest {
            account_id: account.id.clone(),
            request_id: ids::new_id().to_string(),
            approval_request_id: request.approval_request_id,
            note: "Looks good".to_owned(),
            ..ApproveRequest::default()
        };
        let approve = acting(&account.id, &account.approver, approve)?;
        let began = Instant::now();
        self.approvals.approve(approve).await?;
        account.running = !account.running;
        Ok((submit_took, began.elapsed()))
    }
}

fn acting<T>(account: &str, actor: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    let value = |text: &str| -> Result<MetadataValue<Ascii>> { Ok(text.parse()?) };
    request.metadata_mut().insert(identity::ACCOUNT, value(account)?);
    request.metadata_mut().insert(identity::ACTOR, value(actor)?);
    Ok(request)
}
