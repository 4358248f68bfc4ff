//! Running accounts: features, suspension, deletion. The platform's operator alone may.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Account, AccountState, Actor, Area, Context, Feature, Refusal, perform::check_version,
    permission::denied, refusal::Permission,
};

/// A change of an account. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// The `rules_version` that the change was made from, if the caller says so.
    pub expected_version: Option<i64>,
    /// The new name.
    pub name: Option<String>,
    /// The new features.
    pub features: Option<BTreeSet<Feature>>,
    /// The new time zone; `Some(None)` is UTC.
    pub time_zone: Option<Option<String>>,
}

/// Changes name, features and time zone. A feature stays while the workflow that needs it is on (POL-1).
pub fn update(context: &Context<'_>, change: AccountChange) -> Result<Account, Refusal> {
    require_platform(context)?;
    context.check_account_is_active()?;
    check_version(change.expected_version, context.account.rules_version)?;
    let features = change.features.unwrap_or_else(|| context.account.features.clone());
    for (area, feature) in Area::BUILT_IN.into_iter().filter_map(|area| Some((area.clone(), area.feature()?)))
    {
        let is_taken = context.account.features.contains(&feature) && !features.contains(&feature);
        if is_taken && context.workflow_is_on(&area) {
            return Err(Refusal::FeatureInUse { area, feature });
        }
    }
    Ok(Account {
        name: change.name.unwrap_or_else(|| context.account.name.clone()),
        features,
        time_zone: change.time_zone.unwrap_or_else(|| context.account.time_zone.clone()),
        ..next(context)
    })
}

/// Makes it read only.
pub fn suspend(context: &Context<'_>) -> Result<Account, Refusal> {
    require_platform(context)?;
    match context.account.state {
        AccountState::Active | AccountState::Suspended => {
            Ok(Account { state: AccountState::Suspended, ..next(context) })
        }
        state @ AccountState::Deleted { .. } => Err(Refusal::AccountState(state)),
    }
}

/// Ends a suspension, or takes a deletion back while its time of grace lasts.
pub fn resume(context: &Context<'_>) -> Result<Account, Refusal> {
    require_platform(context)?;
    match context.account.state {
        state @ AccountState::Deleted { erase_at } if erase_at <= context.now => {
            Err(Refusal::AccountState(state))
        }
        _ => Ok(Account { state: AccountState::Active, ..next(context) }),
    }
}

/// Deletes it: read only from now on, erased after `grace`. Deleting twice does not put the end off.
pub fn delete(context: &Context<'_>, grace: Duration) -> Result<Account, Refusal> {
    require_platform(context)?;
    let state = match context.account.state {
        AccountState::Active | AccountState::Suspended => {
            AccountState::Deleted { erase_at: context.now.plus(grace) }
        }
        deleted @ AccountState::Deleted { .. } => deleted,
    };
    Ok(Account { state, ..next(context) })
}

fn require_platform(context: &Context<'_>) -> Result<(), Refusal> {
    match context.actor {
        Actor::Platform => Ok(()),
        _ => Err(denied(Permission::Operate, "platform")),
    }
}

/// The account with the version that the commit gives it.
fn next(context: &Context<'_>) -> Account {
    Account { rules_version: context.account.rules_version + 1, ..context.account.clone() }
}
