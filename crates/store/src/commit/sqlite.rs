//! The guarded commit on `SQLite`: statement by statement in one immediate transaction.
//!
//! The transaction takes the file's write lock when it begins, so between its guards and its end nobody else writes. Nothing
//! relies on row locks, which `SQLite` does not have. An abandoned transaction is rolled back.

use std::sync::LazyLock;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IdenStatic,
    IntoActiveModel, Iterable, ModelTrait, QueryFilter,
};
use uuid::Uuid;

use super::{Lost, RequestRows, ReviewRow, Rows, Table, Tried, insert, refused};
use crate::{
    Store, StoreError,
    entities::{columns, decisions, history, request_approvers, requests, resources, reviews, values},
    error::failed,
    store::statement,
};

pub(super) async fn write(store: &Store, rows: Rows) -> Result<Tried, StoreError> {
    let what = failed("commit");
    let transaction = store.write.begin().await.map_err(what)?;
    let tried = write_in(&transaction, rows).await?;
    if tried == Tried::Done {
        transaction.commit().await.map_err(what)?;
    } else {
        transaction.rollback().await.map_err(what)?;
    }
    Ok(tried)
}

/// Stops at the first statement that does not do what it should.
pub(super) async fn write_in(transaction: &DatabaseTransaction, rows: Rows) -> Result<Tried, StoreError> {
    let Rows { rules_version, resource, request, review, history, outbox, idempotency } = rows;
    let mut tried = check_rules(transaction, resource.account_id, rules_version).await?;
    if tried == Tried::Done {
        tried = if resource.version == 1 && request.is_none() {
            insert(transaction, resource, Table::Resources).await?
        } else {
            update_resource(transaction, resource).await?
        };
    }
    if let (Tried::Done, Some(request)) = (tried, request) {
        tried = write_request(transaction, request).await?;
    }
    if let (Tried::Done, Some(review)) = (tried, review) {
        tried = match review {
            ReviewRow::Open(review) => insert(transaction, *review, Table::Reviews).await?,
            ReviewRow::Close(review) => close_review(transaction, &review).await?,
        };
    }
    if tried == Tried::Done {
        tried = insert_history(transaction, &history).await?;
    }
    for event in outbox {
        if tried == Tried::Done {
            tried = insert(transaction, event, Table::Other).await?;
        }
    }
    if let (Tried::Done, Some(answer)) = (tried, idempotency) {
        tried = insert(transaction, answer, Table::Idempotency).await?;
    }
    Ok(tried)
}

async fn check_rules(
    transaction: &DatabaseTransaction,
    account: Uuid,
    version: i64,
) -> Result<Tried, StoreError> {
    let sql = "SELECT 1 FROM accounts WHERE account_id = $1 AND rules_version = $2";
    let select = statement(transaction, sql, vec![account.into(), version.into()]);
    let row = transaction.query_one_raw(select).await.map_err(failed("commit"))?;
    Ok(done_if(row.is_some()))
}

async fn update_resource(
    transaction: &DatabaseTransaction,
    resource: resources::Model,
) -> Result<Tried, StoreError> {
    let updated = resources::Entity::update_many()
        .filter(resources::Column::AccountId.eq(resource.account_id))
        .filter(resources::Column::ResourceId.eq(resource.resource_id))
        .filter(resources::Column::Version.eq(resource.version - 1))
        .set(resource.into_active_model().reset_all())
        .exec(transaction)
        .await
        .map_err(failed("commit"))?;
    Ok(done_if(updated.rows_affected == 1))
}

async fn write_request(transaction: &DatabaseTransaction, request: RequestRows) -> Result<Tried, StoreError> {
    match request {
        RequestRows::Insert { request, approvers } => {
            let (account_id, request_id) = (request.account_id, request.request_id);
            let mut tried = insert(transaction, request, Table::Requests).await?;
            if tried == Tried::Done {
                tried = insert_approvers(transaction, account_id, request_id, approvers).await?;
            }
            Ok(tried)
        }
        RequestRows::Update { request, decision, anew, lost, voided } => {
            let mut tried = update_request(transaction, &request).await?;
            if let (Tried::Done, Some(decision)) = (tried, decision) {
                tried = if anew {
                    decide_anew(transaction, decision).await?
                } else {
                    insert(transaction, decision, Table::Decisions).await?
                };
            }
            if tried == Tried::Done {
                void(transaction, &request, voided).await?;
            }
            if tried == Tried::Done && request.assigned {
                for lost in lost {
                    end_assignment(transaction, &request, lost).await?;
                }
                if request.state != "PENDING" {
                    close_assignments(transaction, &request).await?;
                }
            }
            Ok(tried)
        }
        RequestRows::Reassign { request, approvers, voided, .. } => {
            let (account_id, request_id) = (request.account_id, request.request_id);
            let mut tried = update_request(transaction, &request).await?;
            if tried == Tried::Done {
                // All anew: in one transaction nobody sees them gone.
                let sql = "DELETE FROM request_approvers WHERE account_id = $1 AND request_id = $2";
                execute(transaction, sql, vec![account_id.into(), request_id.into()]).await?;
                tried = insert_approvers(transaction, account_id, request_id, approvers).await?;
                void(transaction, &request, voided).await?;
            }
            Ok(tried)
        }
        RequestRows::Noted(request) => {
            let sql = "UPDATE requests SET remind_at_us = $4, comments = $5 \
                WHERE account_id = $1 AND request_id = $2 AND version = $3 AND state = 'PENDING'";
            let values = vec![
                request.account_id.into(),
                request.request_id.into(),
                request.version.into(),
                request.remind_at_us.into(),
                request.comments.into(),
            ];
            Ok(done_if(execute(transaction, sql, values).await? == 1))
        }
    }
}

async fn insert_approvers(
    transaction: &DatabaseTransaction,
    account_id: Uuid,
    request_id: Uuid,
    approvers: Vec<Uuid>,
) -> Result<Tried, StoreError> {
    let mut tried = Tried::Done;
    for (position, member_id) in (1..).zip(approvers) {
        if tried == Tried::Done {
            let approver = request_approvers::Model {
                account_id,
                request_id,
                member_id,
                position,
                expired_at_us: None,
                open: true,
            };
            tried = insert(transaction, approver, Table::Other).await?;
        }
    }
    Ok(tried)
}

async fn close_review(
    transaction: &DatabaseTransaction,
    review: &reviews::Model,
) -> Result<Tried, StoreError> {
    let mut changes = <reviews::ActiveModel as ActiveModelTrait>::default();
    for column in reviews::Column::iter().filter(|column| reviews::CLOSING.contains(&column.as_str())) {
        changes.set(column, review.get(column));
    }
    let updated = reviews::Entity::update_many()
        .filter(reviews::Column::AccountId.eq(review.account_id))
        .filter(reviews::Column::ReviewId.eq(review.review_id))
        .filter(reviews::Column::ClosedAtUs.is_null())
        .set(changes)
        .exec(transaction)
        .await
        .map_err(failed("commit"))?;
    Ok(done_if(updated.rows_affected == 1))
}

async fn execute(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: Vec<sea_orm::Value>,
) -> Result<u64, StoreError> {
    let done = transaction.execute_raw(statement(transaction, sql, values)).await;
    Ok(done.map_err(failed("commit"))?.rows_affected())
}

async fn end_assignment(
    transaction: &DatabaseTransaction,
    request: &requests::Model,
    lost: Lost,
) -> Result<(), StoreError> {
    let sql = "UPDATE request_approvers SET expired_at_us = $4, open = false \
        WHERE account_id = $1 AND request_id = $2 AND member_id = $3";
    let values =
        vec![request.account_id.into(), request.request_id.into(), lost.member_id.into(), lost.at_us.into()];
    execute(transaction, sql, values).await.map(|_| ())
}

/// A decision in the place of one that does not count any more; where the earlier one still counts, nothing (POL-3).
async fn decide_anew(
    transaction: &DatabaseTransaction,
    decision: decisions::Model,
) -> Result<Tried, StoreError> {
    let updated = decisions::Entity::update_many()
        .filter(decisions::Column::AccountId.eq(decision.account_id))
        .filter(decisions::Column::RequestId.eq(decision.request_id))
        .filter(decisions::Column::MemberId.eq(decision.member_id))
        .filter(decisions::Column::VoidedAtUs.is_not_null())
        .set(decision.into_active_model().reset_all())
        .exec(transaction)
        .await
        .map_err(failed("commit"))?;
    Ok(done_if(updated.rows_affected == 1))
}

/// Notes that decisions don't count any more.
async fn void(
    transaction: &DatabaseTransaction,
    request: &requests::Model,
    voided: Vec<Lost>,
) -> Result<(), StoreError> {
    let sql = "UPDATE decisions SET voided_at_us = $4 \
        WHERE account_id = $1 AND request_id = $2 AND member_id = $3 AND voided_at_us IS NULL";
    for Lost { member_id, at_us } in voided {
        let key = [request.account_id.into(), request.request_id.into()];
        execute(transaction, sql, key.into_iter().chain([member_id.into(), at_us.into()]).collect()).await?;
    }
    Ok(())
}

/// Nobody is asked any more.
async fn close_assignments(
    transaction: &DatabaseTransaction,
    request: &requests::Model,
) -> Result<(), StoreError> {
    let sql = "UPDATE request_approvers SET open = false WHERE account_id = $1 AND request_id = $2";
    execute(transaction, sql, vec![request.account_id.into(), request.request_id.into()]).await.map(|_| ())
}

async fn update_request(
    transaction: &DatabaseTransaction,
    request: &requests::Model,
) -> Result<Tried, StoreError> {
    let mut changes = <requests::ActiveModel as ActiveModelTrait>::default();
    for column in requests::Column::iter().filter(|column| requests::CHANGING.contains(&column.as_str())) {
        changes.set(column, request.get(column));
    }
    let updated = requests::Entity::update_many()
        .filter(requests::Column::AccountId.eq(request.account_id))
        .filter(requests::Column::RequestId.eq(request.request_id))
        .filter(requests::Column::Version.eq(request.version - 1))
        .filter(requests::Column::State.eq("PENDING"))
        .set(changes)
        .exec(transaction)
        .await
        .map_err(failed("commit"))?;
    Ok(done_if(updated.rows_affected == 1))
}

/// With its place in the order of what watchers get, if it concerns a request: nobody else draws one before this transaction's end.
async fn insert_history(
    transaction: &DatabaseTransaction,
    entry: &history::Model,
) -> Result<Tried, StoreError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let columns = columns::<history::Entity>();
        let parameters: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        format!(
            "INSERT INTO history ({columns}, position) SELECT {parameters}, CASE WHEN ${request} IS NOT NULL THEN ( \
             SELECT coalesce(max(position), 0) + 1 FROM history \
             WHERE account_id = $1 AND request_id IS NOT NULL AND position IS NOT NULL) END",
            request = columns.iter().position(|column| *column == "request_id").map_or(0, |index| index + 1),
            columns = columns.join(", "),
            parameters = parameters.join(", "),
        )
    });
    let inserted = transaction.execute_raw(statement(transaction, &SQL, values(entry))).await;
    inserted.map_or_else(|error| refused(error, Table::Other), |_| Ok(Tried::Done))
}

const fn done_if(hit: bool) -> Tried {
    if hit { Tried::Done } else { Tried::Conflict }
}
