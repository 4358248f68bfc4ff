//! An account's own lifecycles as they are read with its rules.

use countersign_domain::{
    AccountId, Kind,
    lifecycle::{Lifecycles, Registered},
};

use crate::{
    StoreError,
    entities::{lifecycle_retirements, lifecycles},
    requests::aggregate,
};

/// The lifecycles of which [`all_of_account`](crate::entities::all_of_account) collected the versions and the retirements.
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
        let kind = Kind::given(row.kind.clone());
        if let Some(before) = lifecycles.registered(&kind, row.version).cloned() {
            lifecycles.insert(Registered { retired: Some(row.who_and_when()), ..before });
        }
    }
    Ok(lifecycles)
}
