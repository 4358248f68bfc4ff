//! A registered kind with the table of a built-in one, beside that one.

use super::{
    super::{super::builders::*, ACTIONS, STATES},
    registered, state,
};
use crate::{
    Action, Area, Kind, Lifecycle, Outcome, Policy, Refusal, Resource,
    decide::{Approve, Reject},
    edit::Edit,
    lifecycle::{Definition, OWN, Transition},
};

/// The built-in lifecycle under names of an account's own.
pub(super) fn twin(lifecycle: &Lifecycle) -> Definition {
    let states = lifecycle.states().into_iter();
    Definition {
        kind: Kind::given(format!("own_{}", lifecycle.kind)),
        area: Area::given("OWN"),
        states: states.map(|state| (state.clone(), Some(lifecycle.edit_rule(&state)))).collect(),
        transitions: lifecycle
            .transitions
            .iter()
            .map(|row| Transition { rule: OWN, ..row.clone() })
            .collect(),
        timed: lifecycle.timed.clone(),
    }
}

/// What a decision said, without the names in which twins differ.
fn said(result: &Result<Outcome, Refusal>) -> String {
    format!("{result:?}")
        .replace("own_remote_config", "remote_config")
        .replace("own_ab_test", "ab_test")
        .replace("lifecycle_version: 1", "lifecycle_version: 0")
        .replace("engagement.custom.own", "engagement.product_experiences")
        .replace("\"OWN\"", "\"PRODUCT_EXPERIENCES\"")
        .replace("approver of OWN", "approver of PRODUCT_EXPERIENCES")
}

/// Whatever anybody does to a resource of a registered kind, in any state, with the workflow on or off, goes as with the built-in
/// kind of the same table: outcome, request, history, event, recipients and refusals are the same to the letter.
///
/// Proves LIF-24, LIF-19, LIF-20, LIF-21, REQ-1, REQ-4, REQ-5, REQ-11, REQ-14, POL-1, POL-5, POL-8, ACC-8, ACC-10, NOT-2, NOT-4.
#[test]
fn a_registered_kind_obeys_every_rule_as_a_built_in_one() {
    let mut compared = 0;
    for kind in [Kind::AB_TEST, Kind::REMOTE_CONFIG] {
        let definition = twin(Lifecycle::built_in(&kind).unwrap());
        let own = definition.kind.clone();
        let states = STATES.iter().find(|(name, _)| *name == kind.as_str()).unwrap().1;
        for world in [World::new(), World::off(), World::with_every_ending()] {
            let (mut world, _) = registered(&world, definition.clone());
            world.own = vec![Policy { area: Area::given("OWN"), ..world.experiences.clone() }];
            for name in states {
                // An A/B test has variants, which only that kind has.
                let before = Resource { variants: Vec::new(), ..resource(kind.clone(), state(name)) };
                let twin = Resource { kind: own.clone(), lifecycle_version: 1, ..before.clone() };
                for who in Who::EACH {
                    let edit = || Edit { content: Some(content("new", 0)), ..Edit::default() };
                    let (one, other) = (world.update(who, &before, edit()), world.update(who, &twin, edit()));
                    assert_eq!(said(&one), said(&other), "{name}: edit by {who:?}");
                    assert_eq!(
                        said(&world.fire(&before).ok_or(Refusal::NothingStaged)),
                        said(&world.fire(&twin).ok_or(Refusal::NothingStaged))
                    );
                    for action in ACTIONS {
                        for reason in ["", "it burns"] {
                            let command = crate::perform::PerformAction {
                                emergency_reason: reason.into(),
                                ..doing(Action::known(action))
                            };
                            let one = world.perform(who, &before, &command);
                            let other = world.perform(who, &twin, &command);
                            compared += compare_endings(&world, &one, &other);
                            assert_eq!(said(&one), said(&other), "{name}: {action} by {who:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(compared > 1000, "only {compared} endings were compared");
}

/// Whoever ends what was submitted: the same again. How many endings were compared.
fn compare_endings(world: &World, one: &Result<Outcome, Refusal>, other: &Result<Outcome, Refusal>) -> usize {
    let pending = |result: &Result<Outcome, Refusal>| {
        let outcome = result.as_ref().ok().filter(|outcome| outcome.request.is_some())?;
        Some(Pending::after(outcome.clone()))
    };
    let (Some(one), Some(other)) = (pending(one), pending(other)) else { return 0 };
    let late = world.clone().at(after_hours(24 * 400));
    assert_eq!(
        said(&late.expire(&one).ok_or(Refusal::NothingStaged)),
        said(&late.expire(&other).ok_or(Refusal::NothingStaged))
    );
    for who in Who::EACH {
        let [approve, reject] = [&one, &other].map(|it| {
            (
                said(&world.approve_with(who, it, &Approve::default())),
                said(&world.reject_with(who, it, &Reject { note: "no".into(), ..Reject::default() })),
            )
        });
        assert_eq!(approve, reject);
        assert_eq!(said(&world.cancel(who, &one)), said(&world.cancel(who, &other)));
    }
    3 * Who::EACH.len()
}
