//! Reviews of emergency bypasses (POL-8).

use countersign_domain::{
    AccountId, Action, Area, Digest, Kind, MemberId, ResourceId, Review, ReviewId, State, Timestamp,
    request::Ending,
};
use sea_orm::entity::prelude::*;

use super::actor;
use crate::{StoreError, error::Corruption};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reviews")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub review_id: Uuid,
    pub resource_id: Uuid,
    pub kind: String,
    pub resource_title: String,
    pub area: String,
    pub action: String,
    pub from_state: String,
    pub target_state: String,
    pub bypassed_by_id: Uuid,
    pub bypassed_by_name: String,
    pub bypassed_by_service: Option<String>,
    pub reason: String,
    pub digest: String,
    pub opened_at_us: i64,
    pub closed_by_id: Option<Uuid>,
    pub closed_by_name: Option<String>,
    pub closed_by_service: Option<String>,
    pub closed_at_us: Option<i64>,
    pub closed_note: Option<String>,
}

/// The columns that closing touches.
pub(crate) const CLOSING: [&str; 5] =
    ["closed_by_id", "closed_by_name", "closed_by_service", "closed_at_us", "closed_note"];

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Review> for Model {
    type Error = StoreError;

    fn try_from(review: &Review) -> Result<Self, StoreError> {
        let Some(MemberId(bypassed_by_id)) = review.bypassed_by.member_id else {
            return Err(StoreError::Unstorable { what: "a bypass by nobody" });
        };
        let closed = review.closed.as_ref();
        Ok(Self {
            account_id: review.account_id.0,
            review_id: review.id.0,
            resource_id: review.resource_id.0,
            kind: review.kind.as_str().to_owned(),
            resource_title: review.resource_title.clone(),
            area: review.area.as_str().to_owned(),
            action: review.action.as_str().to_owned(),
            from_state: review.from_state.as_str().to_owned(),
            target_state: review.target_state.as_str().to_owned(),
            bypassed_by_id,
            bypassed_by_name: review.bypassed_by.name.clone(),
            bypassed_by_service: review.bypassed_by.service.clone(),
            reason: review.reason.clone(),
            digest: review.digest.as_str().to_owned(),
            opened_at_us: review.opened_at.0,
            closed_by_id: closed.and_then(|closed| closed.by.member_id).map(|id| id.0),
            closed_by_name: closed.map(|closed| closed.by.name.clone()),
            closed_by_service: closed.and_then(|closed| closed.by.service.clone()),
            closed_at_us: closed.map(|closed| closed.at.0),
            closed_note: closed.map(|closed| closed.note.clone()),
        })
    }
}

impl TryFrom<Model> for Review {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.review_id);
        let closed = match (row.closed_by_name, row.closed_at_us, row.closed_note) {
            (Some(name), Some(at), Some(note)) => Some(Ending {
                by: actor(row.closed_by_id, name, row.closed_by_service),
                at: Timestamp(at),
                note,
            }),
            (None, None, None) => None,
            _ => return Err(Corruption::new("reviews", "closed_at_us", key(), "is there in part")),
        };
        Ok(Self {
            account_id: AccountId(row.account_id),
            id: ReviewId(row.review_id),
            resource_id: ResourceId(row.resource_id),
            area: Area::given(row.area),
            kind: Kind::given(row.kind),
            resource_title: row.resource_title,
            action: Action::given(row.action),
            from_state: State::given(row.from_state),
            target_state: State::given(row.target_state),
            bypassed_by: actor(Some(row.bypassed_by_id), row.bypassed_by_name, row.bypassed_by_service),
            reason: row.reason,
            digest: Digest::from_text(row.digest),
            opened_at: Timestamp(row.opened_at_us),
            closed,
        })
    }
}
