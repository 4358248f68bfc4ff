//! Running accounts.

use std::{collections::BTreeSet, time::Duration};

use super::super::builders::*;
use crate::{
    Account, AccountState, Actor, Area, Context, Feature, Refusal,
    refusal::Permission,
    tenancy::{self, AccountChange},
};

fn platform<T>(world: &World, act: impl FnOnce(&Context<'_>) -> T) -> T {
    world.act_as(&Actor::Platform, act)
}

fn in_state(state: AccountState) -> World {
    let mut world = World::off();
    world.account.state = state;
    world
}

fn deleted(hours: u64) -> AccountState {
    AccountState::Deleted { erase_at: after_hours(hours) }
}

fn features(features: &[Feature]) -> AccountChange {
    AccountChange { features: Some(features.iter().copied().collect()), ..AccountChange::default() }
}

#[test]
fn the_platform_s_operator_alone_runs_accounts() {
    let denied =
        Some(Refusal::PermissionDenied { permission: Permission::Operate, component: "platform".into() });
    for who in Who::EACH {
        in_state(deleted(0)).act(who, |context| {
            assert_eq!(tenancy::update(context, AccountChange::default()).err(), denied, "{who:?}");
            assert_eq!(tenancy::suspend(context).err(), denied, "{who:?}");
            assert_eq!(tenancy::resume(context).err(), denied, "{who:?}");
            assert_eq!(tenancy::delete(context, Duration::from_hours(1)).err(), denied, "{who:?}");
        });
    }
}

#[test]
fn what_a_change_of_an_account_names_is_set_and_the_rest_stays() {
    let world = World::off();
    let change = AccountChange { name: Some("Other".into()), ..features(&[Feature::AbTesting]) };
    let expected = Account {
        name: "Other".into(),
        features: BTreeSet::from([Feature::AbTesting]),
        rules_version: 2,
        ..world.account.clone()
    };
    assert_eq!(platform(&world, |context| tenancy::update(context, change)), Ok(expected));
    let same = Account { rules_version: 2, ..world.account.clone() };
    assert_eq!(platform(&world, |context| tenancy::update(context, AccountChange::default())), Ok(same));
    let stale = AccountChange { expected_version: Some(9), ..AccountChange::default() };
    let refused = platform(&world, |context| tenancy::update(context, stale));
    assert_eq!(refused, Err(Refusal::EtagMismatch { current: 1 }));
}

/// Proves POL-1.
#[test]
fn a_feature_stays_while_the_workflow_that_needs_it_is_on() {
    for (area, feature) in Area::BUILT_IN.into_iter().zip(Feature::ALL) {
        let others: Vec<Feature> = Feature::ALL.into_iter().filter(|other| *other != feature).collect();
        let take = |world: &World| platform(world, |context| tenancy::update(context, features(&others)));
        let mut world = World::off();
        assert!(take(&world).is_ok(), "{area}");
        if area == Area::CAMPAIGNS { &mut world.campaigns } else { &mut world.experiences }.enabled = true;
        assert_eq!(take(&world), Err(Refusal::FeatureInUse { area, feature }));
    }
}

/// Proves POL-1.
#[test]
fn what_takes_no_feature_is_not_refused_for_one() {
    let mut world = World::new();
    world.account.features = BTreeSet::from([Feature::AbTesting]);
    let rename = AccountChange { name: Some("Other".into()), ..AccountChange::default() };
    assert!(platform(&world, |context| tenancy::update(context, rename)).is_ok());
}

#[test]
fn what_is_suspended_or_deleted_is_only_read() {
    for (state, active) in
        [(AccountState::Active, true), (AccountState::Suspended, false), (deleted(1), false)]
    {
        let refused = (!active).then_some(Refusal::AccountSuspended(state));
        let world = in_state(state);
        assert_eq!(platform(&world, |context| context.check_account_is_active().err()), refused);
        let updated = platform(&world, |context| tenancy::update(context, AccountChange::default()));
        assert_eq!(updated.err(), refused);
    }
}

#[test]
fn an_account_is_suspended_and_resumed() {
    let suspend = |state| platform(&in_state(state), tenancy::suspend).map(|it| it.state);
    let resume = |state| platform(&in_state(state), tenancy::resume).map(|it| it.state);
    assert_eq!(suspend(AccountState::Active), Ok(AccountState::Suspended));
    assert_eq!(suspend(AccountState::Suspended), Ok(AccountState::Suspended));
    assert_eq!(suspend(deleted(1)), Err(Refusal::AccountState(deleted(1))));
    assert_eq!(resume(AccountState::Suspended), Ok(AccountState::Active));
    assert_eq!(resume(AccountState::Active), Ok(AccountState::Active));
}

#[test]
fn a_deletion_is_taken_back_in_time_only() {
    let resume = |at| {
        let world = in_state(deleted(5)).at(at);
        platform(&world, tenancy::resume).map(|it| it.state)
    };
    assert_eq!(resume(crate::Timestamp(after_hours(5).0 - 1)), Ok(AccountState::Active));
    for late in [after_hours(5), after_hours(6)] {
        assert_eq!(resume(late), Err(Refusal::AccountState(deleted(5))));
    }
}

#[test]
fn deleting_twice_does_not_put_the_end_off() {
    let delete = |state, grace| {
        let delete = |context: &Context<'_>| tenancy::delete(context, Duration::from_hours(grace));
        platform(&in_state(state), delete).unwrap().state
    };
    assert_eq!(delete(AccountState::Active, 24), deleted(24));
    assert_eq!(delete(AccountState::Suspended, 24), deleted(24));
    assert_eq!(delete(deleted(5), 24), deleted(5));
}
