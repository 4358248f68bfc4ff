//! Reads requests. Everything that is wrong with one is found before it is refused.

use countersign_proto::inbox::{ListRibbonsRequest, MarkRequest, RibbonKind, RibbonMark, WatchRequest};
use countersign_runtime::identity::{Authenticator, Principal};
use countersign_runtime::page_token::PageTokens;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::status::{Refusal, Violation};
use crate::storage::{Filter, Mark, Position};

const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;
const MAX_MARKS: usize = 100;
/// Each is looked at every second.
const MAX_WATCHED: usize = 100;

/// Whose ribbons a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Viewer {
    pub(super) account_id: Uuid,
    pub(super) member_id: Uuid,
}

/// A page of ribbons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) viewer: Viewer,
    pub(super) filter: Filter,
    pub(super) after: Option<Position>,
    pub(super) size: u32,
}

/// The member who calls. The request's account must be theirs: whether another exists is none of their business (ACC-16).
pub(super) fn viewer(
    authenticator: &Authenticator,
    metadata: &MetadataMap,
    account_id: &str,
) -> Result<Viewer, Refusal> {
    let identity = authenticator.identity_of(metadata.as_ref())?;
    let Principal::Member(member_id) = identity.principal else { return Err(Refusal::NotAMember) };
    let asked = account(account_id).map_err(|violation| Refusal::Invalid(vec![violation]))?;
    if identity.account_id != Some(asked) {
        return Err(Refusal::OtherAccount);
    }
    Ok(Viewer { account_id: asked, member_id })
}

fn account(account_id: &str) -> Result<Uuid, Violation> {
    Uuid::try_parse(account_id).map_err(|_| {
        let description = if account_id.is_empty() { "must be given" } else { "must be a UUID" };
        violation("account_id", description)
    })
}

/// Whose counts a stream is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// The caller's own.
    Own(Viewer),
    /// Several members', for the platform's operator.
    Members(Vec<Viewer>),
}

/// Only the platform's operator watches for others.
pub(super) fn watched(
    authenticator: &Authenticator,
    metadata: &MetadataMap,
    request: &WatchRequest,
) -> Result<Watched, Refusal> {
    let identity = authenticator.identity_of(metadata.as_ref())?;
    let given = &request.member_ids;
    if identity.principal != Principal::Platform || given.is_empty() {
        let viewer = viewer(authenticator, metadata, &request.account_id)?;
        let own = |id: &String| Uuid::try_parse(id) == Ok(viewer.member_id);
        return if given.iter().all(own) { Ok(Watched::Own(viewer)) } else { Err(Refusal::OtherMember) };
    }
    let account = account(&request.account_id);
    if let Ok(asked) = account
        && identity.account_id != Some(asked)
    {
        return Err(Refusal::OtherAccount);
    }
    let mut violations: Vec<_> = account.as_ref().err().cloned().into_iter().collect();
    if given.len() > MAX_WATCHED {
        let description = format!("must be 1 to {MAX_WATCHED} members, are {}", given.len());
        violations.push(violation("member_ids", &description));
    }
    let mut members: Vec<Viewer> = Vec::new();
    for (index, id) in given.iter().enumerate().take(MAX_WATCHED) {
        let field = format!("member_ids[{index}]");
        match Uuid::try_parse(id) {
            Ok(id) if members.iter().any(|member| member.member_id == id) => {
                violations.push(violation(&field, "is given twice"));
            }
            Ok(member_id) => {
                members.push(Viewer { account_id: account.as_ref().copied().unwrap_or_default(), member_id });
            }
            Err(_) => violations.push(violation(&field, "must be a UUID")),
        }
    }
    if violations.is_empty() { Ok(Watched::Members(members)) } else { Err(Refusal::Invalid(violations)) }
}

pub(super) fn page(
    viewer: Viewer,
    request: &ListRibbonsRequest,
    tokens: &PageTokens,
) -> Result<Page, Refusal> {
    let mut violations = Vec::new();
    let size = match u32::try_from(request.page_size) {
        Ok(0) => DEFAULT_PAGE,
        Ok(size) => size.min(MAX_PAGE),
        Err(_) => {
            violations.push(violation("page_size", "must not be negative"));
            DEFAULT_PAGE
        }
    };
    let resource_id = match request.resource_id.as_str() {
        "" => None,
        id => {
            let id = Uuid::try_parse(id).ok();
            if id.is_none() {
                violations.push(violation("resource_id", "must be a UUID"));
            }
            id
        }
    };
    let kind = match RibbonKind::try_from(request.kind) {
        Ok(RibbonKind::Unspecified) => None,
        Ok(kind) => Some(kind),
        Err(_) => {
            violations.push(violation(
                "kind",
                "must be RIBBON_KIND_DECIDE, RIBBON_KIND_AWAITING, RIBBON_KIND_RESULT or RIBBON_KIND_REVIEW",
            ));
            None
        }
    };
    let mut page = Page { viewer, filter: Filter { resource_id, kind }, after: None, size };
    // With a broken filter nothing could be said about the token.
    if violations.iter().all(|violation| violation.field == "page_size") {
        match page.read_token(tokens, &request.page_token) {
            Ok(after) => page.after = after,
            Err(problem) => violations.push(violation("page_token", &problem)),
        }
    }
    if violations.is_empty() { Ok(page) } else { Err(Refusal::Invalid(violations)) }
}

impl Page {
    /// What the page depends on; a token is good for nothing else.
    fn listing(&self) -> [String; 5] {
        [
            "ListRibbons".to_owned(),
            self.viewer.account_id.to_string(),
            self.viewer.member_id.to_string(),
            self.filter.resource_id.map(|id| id.to_string()).unwrap_or_default(),
            self.filter.kind.map(|kind| kind.as_str_name().to_owned()).unwrap_or_default(),
        ]
    }

    /// The token for the page after `position`.
    pub(super) fn token(&self, tokens: &PageTokens, position: Position) -> String {
        let listing = self.listing();
        let cursor = format!("{} {}", position.created_at, position.ribbon_id);
        tokens.seal(&listing.each_ref().map(String::as_str), &cursor)
    }

    fn read_token(&self, tokens: &PageTokens, token: &str) -> Result<Option<Position>, String> {
        let listing = self.listing();
        let cursor =
            tokens.open(&listing.each_ref().map(String::as_str), token).map_err(|error| error.to_string())?;
        let position = |cursor: &str| {
            let (created_at, ribbon_id) = cursor.split_once(' ')?;
            Some(Position { created_at: created_at.parse().ok()?, ribbon_id: ribbon_id.parse().ok()? })
        };
        Ok(cursor.as_deref().and_then(position))
    }
}

pub(super) fn marks(request: &MarkRequest) -> Result<(Vec<Uuid>, Mark), Refusal> {
    let mut violations = Vec::new();
    let given = request.ribbon_ids.len();
    if !(1..=MAX_MARKS).contains(&given) {
        violations.push(violation("ribbon_ids", &format!("must be 1 to {MAX_MARKS} ribbons, are {given}")));
    }
    let mut ribbon_ids = Vec::new();
    for (index, id) in request.ribbon_ids.iter().enumerate().take(MAX_MARKS) {
        match Uuid::try_parse(id) {
            Ok(id) if !ribbon_ids.contains(&id) => ribbon_ids.push(id),
            Ok(_) => {}
            Err(_) => violations.push(violation(&format!("ribbon_ids[{index}]"), "must be a UUID")),
        }
    }
    let mark = match RibbonMark::try_from(request.mark) {
        Ok(RibbonMark::Seen) => Mark::Seen,
        Ok(RibbonMark::Dismissed) => Mark::Dismissed,
        Ok(RibbonMark::Unspecified) | Err(_) => {
            violations.push(violation("mark", "must be RIBBON_MARK_SEEN or RIBBON_MARK_DISMISSED"));
            Mark::Seen
        }
    };
    if violations.is_empty() { Ok((ribbon_ids, mark)) } else { Err(Refusal::Invalid(violations)) }
}

pub(super) fn violation(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}
