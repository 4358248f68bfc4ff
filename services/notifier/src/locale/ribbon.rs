//! A ribbon's sentence.

use countersign_proto::inbox::RibbonKind;
use countersign_proto::types::RequestState;
use fluent_bundle::FluentArgs;

use super::Locale;
use super::value::constant;
use crate::mail::sanitize;
use crate::template_error::TemplateError;

/// What a ribbon's sentence is made from.
#[derive(Clone, Copy, Debug)]
pub struct RibbonFacts<'a> {
    /// DECIDE, AWAITING, RESULT or REVIEW.
    pub kind: RibbonKind,
    /// A `RequestState`.
    pub request_state: i32,
    /// The action.
    pub action: &'a str,
    /// The resource's title.
    pub title: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// Why the request expired, if it did.
    pub expiry_reason: &'a str,
}

impl Locale {
    /// A ribbon's sentence.
    pub fn ribbon(&self, facts: RibbonFacts<'_>) -> Result<String, TemplateError> {
        let RibbonFacts { kind, request_state, action, title, actor, expiry_reason } = facts;
        let mut args = FluentArgs::new();
        constant(&mut args, "action", action);
        args.set("title", title);
        args.set("actor", self.person(actor)?);
        args.set("expiry", expiry_reason);
        let message = match (kind, RequestState::try_from(request_state).unwrap_or_default()) {
            (RibbonKind::Decide, _) => "ribbon-decide",
            (RibbonKind::Awaiting, _) => "ribbon-awaiting",
            (RibbonKind::Review, _) => "ribbon-review",
            (_, RequestState::Approved) => "ribbon-approved",
            (_, RequestState::Rejected) => "ribbon-rejected",
            (_, RequestState::Cancelled) => "ribbon-cancelled",
            (_, RequestState::Expired) => "ribbon-expired",
            (_, RequestState::Reverted) => "ribbon-reverted",
            (_, RequestState::Pending | RequestState::Unspecified) => "ribbon-updated",
        };
        self.text(message, &args).map(|text| sanitize::title(&text))
    }
}
