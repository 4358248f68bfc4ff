//! The history of the account itself (ACC-17): for its Admins.

use countersign_domain::{
    MemberId,
    history::account::{AccountEntry, AccountEvent, SubjectKind},
    permission,
    refusal::Permission,
};
use countersign_proto::approval as api;
use countersign_store::{About, AccountHistoryFilter};
use prost_types::Timestamp as Time;
use tonic::Request;

use super::{
    Edge,
    convert::{history as convert, time},
    export::{File, Format, csv_row},
    validate::Fields,
};
use crate::{
    fault::Fault,
    road::{Call, Road, actor_of, context_of},
};

impl Edge {
    pub(super) async fn page_of_account_history(
        &self,
        request: Request<api::ListAccountHistoryRequest>,
    ) -> Result<api::ListAccountHistoryResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let filter = fields.account_history_filter(Given {
            kind: &request.subject_kind,
            subject: &request.subject,
            actor: &request.actor_id,
            event: &request.event,
            start: request.start_time,
            end: request.end_time,
        });
        let size = fields.page_size(request.page_size);
        let filtered = format!("{filter:?}");
        let listing = ["account history", request.account_id.as_str(), filtered.as_str()];
        let before: Option<i64> = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        self.road.check_reads_account_history(&call).await?;
        let page = self.road.store.list_account_history(call.account, &filter, before, size).await?;
        Ok(api::ListAccountHistoryResponse {
            entries: page.items.iter().map(convert::account_entry).collect(),
            next_page_token: self.next_page(&listing, &page, |entry| entry.sequence),
        })
    }

    pub(super) fn file_of_account_history(
        &self,
        request: Request<api::ExportAccountHistoryRequest>,
    ) -> Result<AccountExport, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let filter = fields.account_history_filter(Given {
            kind: &request.subject_kind,
            subject: &request.subject,
            actor: &request.actor_id,
            event: &request.event,
            start: request.start_time,
            end: request.end_time,
        });
        let format = fields.history_format(request.format);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let format: Format = Fields::present("format", format)?;
        Ok(AccountExport { road: self.road.clone(), call, filter, format })
    }

    pub(super) async fn account_history_verified(
        &self,
        request: Request<api::VerifyAccountHistoryRequest>,
    ) -> Result<api::VerifyAccountHistoryResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let expected = fields.expected(request.expected_sequence, &request.expected_hash);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        self.road.check_reads_account_history(&call).await?;
        let store = &self.road.store;
        let chain = store.verify_account_history(call.account).await?;
        let found = match expected {
            None => None,
            Some((sequence, hash)) => {
                Some(store.account_history_hash(call.account, sequence).await? == Some(hash))
            }
        };
        Ok(convert::account_verified(&chain, found))
    }
}

impl Road {
    /// ACC-17: Admins read it.
    pub(super) async fn check_reads_account_history(&self, call: &Call) -> Result<(), Fault> {
        let snapshot = self.snapshot(call, &About::Nothing, &[]).await?;
        let actor = actor_of(call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.now());
        Ok(permission::require_admin(&context, Permission::Read)?)
    }
}

/// Entries in a piece of the file. One can be long: what a role gave, and what it gives.
const PIECE: u32 = 50;

const COLUMNS: [&str; 11] = [
    "time",
    "sequence",
    "event",
    "subject_kind",
    "subject",
    "actor_id",
    "actor_name",
    "actor_service",
    "before_json",
    "after_json",
    "hash",
];

/// The history of an account as a file.
pub(super) struct AccountExport {
    road: Road,
    call: Call,
    filter: AccountHistoryFilter,
    format: Format,
}

impl AccountExport {
    fn line(&self, entry: &AccountEntry) -> Result<String, Fault> {
        let at = time::text(entry.at);
        self.format.line(&convert::account_entry(entry), |entry| csv_line(entry, &at))
    }
}

impl File for AccountExport {
    type Key = i64;
    type Piece = api::ExportAccountHistoryResponse;

    fn header(&self) -> String {
        self.format.header(&COLUMNS)
    }

    async fn piece(&self, before: Option<i64>) -> Result<(String, Option<i64>), Fault> {
        self.road.check_reads_account_history(&self.call).await?;
        let store = &self.road.store;
        let page = store.list_account_history(self.call.account, &self.filter, before, PIECE).await?;
        let next = page.items.last().filter(|_| page.more).map(|entry| entry.sequence);
        let lines: Result<String, Fault> = page.items.iter().map(|entry| self.line(entry)).collect();
        Ok((lines?, next))
    }

    fn carry(chunk: Vec<u8>) -> Self::Piece {
        Self::Piece { chunk }
    }
}

/// In the order of [`COLUMNS`].
fn csv_line(entry: &api::AccountHistoryEntry, at: &str) -> String {
    let actor = entry.actor.clone().unwrap_or_default();
    let sequence = entry.sequence.to_string();
    let cells: [&str; COLUMNS.len()] = [
        at,
        &sequence,
        &entry.event,
        &entry.subject_kind,
        &entry.subject,
        &actor.member_id,
        &actor.display_name,
        &actor.service,
        &entry.before_json,
        &entry.after_json,
        &entry.hash,
    ];
    csv_row(&cells)
}

/// The filters of a call, as they were given.
#[derive(Clone, Copy)]
struct Given<'a> {
    kind: &'a str,
    subject: &'a str,
    actor: &'a str,
    event: &'a str,
    start: Option<Time>,
    end: Option<Time>,
}

impl Fields {
    fn account_history_filter(&mut self, given: Given<'_>) -> AccountHistoryFilter {
        let kind = SubjectKind::parse(given.kind);
        if kind.is_none() && !given.kind.is_empty() {
            self.violation("subject_kind", one_of(SubjectKind::ALL.iter().map(|kind| kind.as_str())));
        }
        if given.kind.is_empty() && !given.subject.is_empty() {
            self.violation("subject_kind", "is required with subject");
        }
        let event = AccountEvent::parse(given.event);
        if event.is_none() && !given.event.is_empty() {
            self.violation("event", one_of(AccountEvent::ALL.iter().map(|event| event.as_str())));
        }
        if !given.subject.is_empty() {
            self.line("subject", given.subject, 1..=SUBJECT);
        }
        let actor = self.optional_id::<MemberId>("actor_id", given.actor);
        let (from, until) = self.span_of_time(given.start, given.end);
        let subject = (!given.subject.is_empty()).then(|| given.subject.to_owned());
        AccountHistoryFilter { kind, subject, actor, event, from, until }
    }
}

/// The longest subject, in characters: a UUID, or the name of a kind or an area.
const SUBJECT: usize = 64;

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("must be one of {}", names.collect::<Vec<_>>().join(", "))
}
