//! An account's own lifecycles as they are read with its rules.

use std::sync::LazyLock;

use countersign_domain::{
    AccountId,
    lifecycle::{Lifecycles, Registered},
};
use sea_orm::EntityTrait;

use crate::{
    Backend, StoreError,
    entities::{json_object, lifecycle_retirements, lifecycles},
    requests::aggregate,
};

/// The aggregate of all versions, and that of the retirements: of the account `a`.
pub(crate) fn aggregated(backend: Backend) -> &'static [String; 2] {
    static POSTGRES: LazyLock<[String; 2]> = LazyLock::new(|| selects(Backend::Postgres));
    static SQLITE: LazyLock<[String; 2]> = LazyLock::new(|| selects(Backend::Sqlite));
    match backend {
        Backend::Postgres => &POSTGRES,
        Backend::Sqlite => &SQLITE,
    }
}

fn selects(backend: Backend) -> [String; 2] {
    [
        select::<lifecycles::Entity>(backend, "lifecycles"),
        select::<lifecycle_retirements::Entity>(backend, "lifecycle_retirements"),
    ]
}

/// All of the account's rows in one value.
pub(crate) fn select<E: EntityTrait>(backend: Backend, table: &str) -> String {
    let object = json_object::<E>(backend, "w", &[]);
    let aggregate = match backend {
        Backend::Postgres => format!("json_agg({object})::text"),
        Backend::Sqlite => format!("json_group_array({object})"),
    };
    format!("(SELECT {aggregate} FROM {table} AS w WHERE w.account_id = a.account_id)")
}

/// The lifecycles that [`aggregated`] collected.
pub(crate) fn from_aggregates(
    versions: Option<&str>,
    retirements: Option<&str>,
    account: AccountId,
) -> Result<Lifecycles, StoreError> {
    let rows: Vec<lifecycles::Model> = aggregate(versions, "lifecycles", || account.to_string())?;
    let retired: Vec<lifecycle_retirements::Model> =
        aggregate(retirements, "lifecycle_retirements", || account.to_string())?;
    let registered: Result<Vec<Registered>, _> = rows.into_iter().map(Registered::try_from).collect();
    let mut lifecycles = Lifecycles::new(registered?);
    for row in retired {
        let kind = countersign_domain::Kind::given(row.kind.clone());
        if let Some(before) = lifecycles.registered(&kind, row.version).cloned() {
            lifecycles.insert(Registered { retired: Some(row.who_and_when()), ..before });
        }
    }
    Ok(lifecycles)
}
