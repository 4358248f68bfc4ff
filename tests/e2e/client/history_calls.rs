//! History, and watching requests.

use countersign_proto::approval::{
    self, approval_service_client::ApprovalServiceClient, history_service_client::HistoryServiceClient,
    watch_approval_requests_response::Message,
};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::Caller;
use crate::system::PATIENCE;

impl Caller {
    /// The whole history of a resource.
    pub async fn history(&self, resource: &str) -> Vec<approval::HistoryEntry> {
        let message = approval::ListHistoryRequest {
            resource_id: resource.into(),
            page_size: 200,
            ..Default::default()
        };
        self.list_history(message).await.unwrap().entries
    }

    pub async fn list_history(
        &self,
        mut message: approval::ListHistoryRequest,
    ) -> Result<approval::ListHistoryResponse, Status> {
        message.account_id.clone_from(&self.account);
        let mut client = HistoryServiceClient::new(self.approval.clone());
        Ok(client.list_history(self.request(message)).await?.into_inner())
    }

    /// A file, put together.
    pub async fn export_history(
        &self,
        mut message: approval::ExportHistoryRequest,
    ) -> Result<String, Status> {
        message.account_id.clone_from(&self.account);
        let mut client = HistoryServiceClient::new(self.approval.clone());
        let mut stream = client.export_history(self.request(message)).await?.into_inner();
        let mut file = vec![];
        while let Some(piece) = stream.message().await? {
            file.extend(piece.chunk);
        }
        Ok(String::from_utf8(file).unwrap())
    }

    pub async fn verify_history(
        &self,
        mut message: approval::VerifyHistoryRequest,
    ) -> Result<approval::VerifyHistoryResponse, Status> {
        message.account_id.clone_from(&self.account);
        let mut client = HistoryServiceClient::new(self.approval.clone());
        Ok(client.verify_history(self.request(message)).await?.into_inner())
    }

    pub async fn list_account_history(
        &self,
        mut message: approval::ListAccountHistoryRequest,
    ) -> Result<approval::ListAccountHistoryResponse, Status> {
        message.account_id.clone_from(&self.account);
        let mut client = HistoryServiceClient::new(self.approval.clone());
        Ok(client.list_account_history(self.request(message)).await?.into_inner())
    }

    /// A file, put together.
    pub async fn export_account_history(
        &self,
        mut message: approval::ExportAccountHistoryRequest,
    ) -> Result<String, Status> {
        message.account_id.clone_from(&self.account);
        let mut client = HistoryServiceClient::new(self.approval.clone());
        let mut stream = client.export_account_history(self.request(message)).await?.into_inner();
        let mut file = vec![];
        while let Some(piece) = stream.message().await? {
            file.extend(piece.chunk);
        }
        Ok(String::from_utf8(file).unwrap())
    }

    pub async fn verify_account_history(
        &self,
        mut message: approval::VerifyAccountHistoryRequest,
    ) -> Result<approval::VerifyAccountHistoryResponse, Status> {
        message.account_id.clone_from(&self.account);
        let mut client = HistoryServiceClient::new(self.approval.clone());
        Ok(client.verify_account_history(self.request(message)).await?.into_inner())
    }

    /// What happens to requests after `cursor`, or from now on.
    pub async fn watch(&self, cursor: &str) -> Result<Watching, Status> {
        let message = approval::WatchApprovalRequestsRequest {
            account_id: self.account.clone(),
            resume_cursor: cursor.into(),
            ..Default::default()
        };
        let mut client = ApprovalServiceClient::new(self.approval.clone());
        let stream = client.watch_approval_requests(self.request(message)).await?.into_inner();
        Ok(Watching { stream, cursor: cursor.into() })
    }
}

/// A stream of what happens to requests.
pub struct Watching {
    stream: Streaming<approval::WatchApprovalRequestsResponse>,
    /// That of the last message.
    pub cursor: String,
}

impl Watching {
    /// The next message: a change, or nothing in a heartbeat. None: the stream ended without an error.
    pub async fn message(&mut self) -> Result<Option<Option<approval::ApprovalRequestChange>>, Status> {
        let message = timeout(PATIENCE, self.stream.message()).await.expect("nothing comes")?;
        let Some(message) = message else { return Ok(None) };
        self.cursor = message.cursor;
        Ok(Some(match message.message.unwrap() {
            Message::Heartbeat(_) => None,
            Message::Change(change) => Some(change),
        }))
    }

    /// The next change: request, event, and number.
    pub async fn change(&mut self) -> Result<(String, String, i64), Status> {
        loop {
            match self.message().await? {
                Some(Some(change)) => {
                    let entry = change.entry.unwrap();
                    return Ok((entry.approval_request_id, entry.event, entry.sequence));
                }
                Some(None) => {}
                None => return Err(Status::unknown("the stream ended")),
            }
        }
    }
}
