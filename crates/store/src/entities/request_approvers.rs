//! The approvers chosen for a request, a row each: an assignment can end by itself (REQ-10).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request_approvers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: Uuid,
    /// The place in the order in which they were chosen, from 1.
    pub position: i16,
    /// When the assignment ended because the right to decide was lost (REQ-10).
    pub expired_at_us: Option<i64>,
    /// Whether the approver is still asked: for lists.
    pub open: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
