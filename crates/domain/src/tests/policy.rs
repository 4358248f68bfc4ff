//! The terms of an area, and who changes them.

use std::{collections::BTreeSet, time::Duration};

use super::builders::*;
use crate::{
    Area, Feature, Policy, Refusal,
    outcome::EventKind,
    policy::{self, Cancellation, Held, PolicyChange},
    refusal::Permission,
    rules::Told,
};

fn switch(enabled: bool) -> PolicyChange {
    PolicyChange { enabled: Some(enabled), ..PolicyChange::default() }
}

/// Proves POL-1, POL-3, POL-4, POL-7, REQ-12, REQ-17.
#[test]
fn the_defaults_are_those_of_the_rulebook() {
    let default = |area: Area, rejection_note_required, cancellation| Policy {
        area,
        enabled: false,
        required_approvals: 1,
        allow_self_approval: false,
        exclude_authors: false,
        rejection_note_required,
        cancellation,
        request_max_age: None,
        reminder_after: None,
        minimum_lead_time: Duration::ZERO,
        cooling_off: Duration::ZERO,
        held: Vec::new(),
        version: 0,
        updated_at: None,
    };
    for (area, note_required, cancellation) in [
        (Area::CAMPAIGNS, true, Cancellation::Writers),
        (Area::PRODUCT_EXPERIENCES, false, Cancellation::Nobody),
    ] {
        let expected = default(area.clone(), note_required, cancellation);
        assert_eq!(Policy::default_of(area.clone()), expected);
        assert_eq!(*crate::Policies::default().of(&area), expected);
    }
}

/// The type of the event that tells it.
pub(super) fn kind(told: &Told) -> EventKind {
    match told {
        Told::Workflow(_, event) | Told::Weakened(_, _, event) => event.kind,
        Told::AccountState(_) => EventKind::AccountStateChanged,
        Told::Invitation { .. } => EventKind::InvitationSent,
    }
}

/// Proves POL-1, ACC-8.
#[test]
fn only_admins_change_policy() {
    for who in Who::EACH {
        let result = World::off().change_policy(who, &Area::CAMPAIGNS, &switch(true));
        if who == Who::Admin {
            assert!(result.is_ok());
        } else {
            let (permission, component) = (Permission::ManagePolicy, "account");
            assert_eq!(
                result,
                Err(Refusal::PermissionDenied { permission, component: component.into() }),
                "{who:?}"
            );
        }
    }
}

/// Proves POL-1.
#[test]
fn each_workflow_needs_its_feature() {
    for (area, feature, other) in [
        (Area::CAMPAIGNS, Feature::CampaignApproval, Feature::AbTesting),
        (Area::PRODUCT_EXPERIENCES, Feature::AbTesting, Feature::CampaignApproval),
    ] {
        let mut world = World::off();
        world.account.features = BTreeSet::from([other]);
        assert_eq!(
            world.change_policy(Who::Admin, &area, &switch(true)),
            Err(Refusal::FeatureMissing { area: area.clone(), feature })
        );
        world.account.features = BTreeSet::from([feature]);
        assert!(world.change_policy(Who::Admin, &area, &switch(true)).unwrap().0.enabled);
    }
}

/// A feature that was taken away must not keep its workflow on for ever, nor freeze its other settings.
///
/// Proves POL-1.
#[test]
fn a_workflow_whose_feature_is_gone_can_be_switched_off_and_changed() {
    let mut world = World::new();
    world.account.features = BTreeSet::new();
    assert!(!world.change_policy(Who::Admin, &Area::CAMPAIGNS, &switch(false)).unwrap().0.enabled);
    let change = PolicyChange { required_approvals: Some(2), ..PolicyChange::default() };
    assert!(world.change_policy(Who::Admin, &Area::CAMPAIGNS, &change).is_ok());
}

/// What a switch off has still to revert would be pending once more.
///
/// Proves POL-2.
#[test]
fn an_area_is_not_switched_on_again_while_requests_are_being_reverted() {
    let switch_to = |world: World, on, pending| {
        world.act(Who::Admin, |context| policy::change(context, &Area::CAMPAIGNS, pending, &switch(on)))
    };
    assert!(switch_to(World::new(), false, 3).is_ok());
    assert!(switch_to(World::new(), true, 3).is_ok(), "it is on");
    assert!(switch_to(World::off(), true, 0).is_ok());
    assert_eq!(
        switch_to(World::off(), true, 3),
        Err(Refusal::RequestsPending { area: Area::CAMPAIGNS, pending: 3 })
    );
}

/// Proves POL-1, NOT-7.
#[test]
fn a_switch_is_told_and_nothing_else_is() {
    let event = |world: World, change: &PolicyChange| {
        let (_, told) = world.change_policy(Who::Admin, &Area::CAMPAIGNS, change).unwrap();
        assert!(told.len() < 2, "{told:?}");
        told.iter().map(kind).next()
    };
    let setting = PolicyChange { required_approvals: Some(2), ..PolicyChange::default() };
    assert_eq!(event(World::off(), &switch(true)), Some(EventKind::WorkflowEnabled));
    assert_eq!(event(World::new(), &switch(false)), Some(EventKind::WorkflowDisabled));
    assert_eq!(event(World::new(), &switch(true)), None);
    assert_eq!(event(World::new(), &setting), None);
}

/// Proves POL-3, POL-4, POL-7, REQ-12, REQ-17.
#[test]
fn what_a_change_names_is_set_and_the_rest_stays() {
    let before = World::new();
    let change = PolicyChange {
        required_approvals: Some(2),
        allow_self_approval: Some(true),
        exclude_authors: Some(true),
        rejection_note_required: Some(false),
        cancellation: Some(Cancellation::Nobody),
        request_max_age: Some(Duration::from_hours(24)),
        reminder_after: Some(Duration::from_hours(4)),
        minimum_lead_time: Some(Duration::from_mins(15)),
        cooling_off: Some(Duration::from_hours(2)),
        ..PolicyChange::default()
    };
    let (after, _) = before.change_policy(Who::Admin, &Area::CAMPAIGNS, &change).unwrap();
    let expected = Policy {
        area: Area::CAMPAIGNS,
        enabled: true,
        required_approvals: 2,
        allow_self_approval: true,
        exclude_authors: true,
        rejection_note_required: false,
        cancellation: Cancellation::Nobody,
        request_max_age: Some(Duration::from_hours(24)),
        reminder_after: Some(Duration::from_hours(4)),
        minimum_lead_time: Duration::from_mins(15),
        cooling_off: Duration::from_hours(2),
        held: vec![Held { member: Who::Admin.id(), until: after_hours(2) }],
        version: 1,
        updated_at: Some(NOW),
    };
    assert_eq!(after, expected);
    let nothing = PolicyChange::default();
    let mut world = before;
    world.campaigns = after.clone();
    let (again, _) = world.change_policy(Who::Admin, &Area::CAMPAIGNS, &nothing).unwrap();
    assert_eq!(again, Policy { version: 2, ..after });
}

/// Proves POL-7, REQ-14.
#[test]
fn an_age_of_zero_is_no_age() {
    let world = World::new().with(|policy| policy.request_max_age = Some(Duration::from_hours(1)));
    let change = PolicyChange { request_max_age: Some(Duration::ZERO), ..PolicyChange::default() };
    let (after, _) = world.change_policy(Who::Admin, &Area::CAMPAIGNS, &change).unwrap();
    assert_eq!(after.request_max_age, None);
}

/// Proves POL-3, POL-7.
#[test]
fn settings_stay_within_their_limits() {
    let (year, month) = (Duration::from_hours(365 * 24), Duration::from_hours(30 * 24));
    let just_over = Duration::from_secs(1);
    let try_with = |approvals, age, lead| {
        let change = PolicyChange {
            cooling_off: Some(lead),
            required_approvals: Some(approvals),
            request_max_age: Some(age),
            minimum_lead_time: Some(lead),
            ..PolicyChange::default()
        };
        World::new().change_policy(Who::Admin, &Area::CAMPAIGNS, &change)
    };
    assert!(try_with(1, Duration::ZERO, Duration::ZERO).is_ok());
    assert!(try_with(10, year, month).is_ok());
    for approvals in [0, 11, u8::MAX] {
        let refused = try_with(approvals, year + just_over, month + just_over).unwrap_err();
        let Refusal::Invalid(violations) = refused else { panic!("{refused:?}") };
        let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["required_approvals", "request_max_age", "minimum_lead_time", "cooling_off"]);
    }
}

#[test]
fn a_change_from_a_stale_etag_is_refused() {
    let stale = PolicyChange { expected_version: Some(3), ..switch(false) };
    let refused = World::new().change_policy(Who::Admin, &Area::CAMPAIGNS, &stale);
    assert_eq!(refused, Err(Refusal::EtagMismatch { current: 0 }));
}

/// Proves POL-1.
#[test]
fn one_toggle_switches_ab_tests_and_remote_config_together() {
    let areas: Vec<_> =
        crate::Lifecycle::all_built_in().iter().map(|it| (it.kind.as_str(), it.area.as_str())).collect();
    assert_eq!(
        areas,
        [
            ("ab_test", "PRODUCT_EXPERIENCES"),
            ("remote_config", "PRODUCT_EXPERIENCES"),
            ("campaign", "CAMPAIGNS")
        ]
    );
}
