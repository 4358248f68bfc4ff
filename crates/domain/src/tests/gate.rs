//! The gate: what may go out, and every reason why not.

use super::builders::*;
use crate::{
    Action, Area, Digest, Kind, LaunchMode, Lifecycle, Lifecycles, Outcome, PendingLabel, Policy, Resource,
    State,
    edit::Edit,
    gate::{self, Hindrance, Question, Standing},
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Definition, EditRule, OWN, Registered, Target, Transition},
    perform::PerformAction,
};

/// A resource with its history.
struct Told {
    world: World,
    resource: Resource,
    history: Vec<HistoryEntry>,
}

impl Told {
    fn new(world: World, resource: Resource) -> Self {
        Self { world, resource, history: Vec::new() }
    }

    fn then(mut self, outcome: Outcome) -> Self {
        self.resource = outcome.resource;
        self.history.push(outcome.history);
        self
    }

    /// `action`, asked for by the Creator and approved.
    fn approved(self, action: Action) -> Self {
        let submitted = self.world.perform(Who::Creator, &self.resource, &doing(action)).unwrap();
        let pending = Pending::after(submitted.clone());
        let approved = self.world.approve(Who::Approver, &pending).unwrap();
        self.then(submitted).then(approved)
    }

    fn edited(self, text: &str) -> Self {
        let edit = Edit { content: Some(content(text, 0)), ..Edit::default() };
        let outcome = self.world.update(Who::Creator, &self.resource, edit).unwrap();
        self.then(outcome)
    }

    fn started(self) -> Self {
        let outcome = self.world.fire(&self.resource).unwrap();
        self.then(outcome)
    }

    fn at(mut self, hours: u64) -> Self {
        self.world.now = after_hours(hours);
        self
    }

    fn lifecycle(&self) -> &Lifecycle {
        self.world.lifecycles.of(&self.resource).unwrap()
    }

    fn standing(&self, action: &Action) -> Standing {
        let newest =
            |is: &dyn Fn(&HistoryEntry) -> bool| self.history.iter().rev().find(|it| is(it)).cloned();
        let lifecycle = self.lifecycle();
        let gated = |entry: &HistoryEntry| {
            let done = entry.from.as_ref().zip(entry.action.as_ref());
            let row = done.and_then(|(from, action)| lifecycle.transition(from, action));
            row.is_some_and(|row| row.pending.is_some())
        };
        let granted = |entry: &HistoryEntry| gate::GRANTS.contains(&entry.event);
        Standing {
            granted: newest(&|entry| granted(entry) && entry.action.as_ref() == Some(action)),
            moved: newest(&|entry| {
                entry.from.as_ref() != Some(&entry.to) && entry.event != HistoryEvent::Started
            }),
            content: newest(&|entry| {
                granted(entry) && (gated(entry) || entry.from.as_ref() == Some(&State::DRAFT))
                    || entry.event == HistoryEvent::Edited && entry.to != State::DRAFT
            }),
        }
    }

    fn ask(&self, action: Action, digest: &Digest, launch_mode: Option<LaunchMode>) -> Vec<Hindrance> {
        let lifecycle = self.lifecycle();
        let standing = self.standing(&action);
        let question = Question { action, digest: digest.clone(), launch_mode };
        self.world
            .act(Who::Member, |context| gate::check(context, lifecycle, &self.resource, &standing, &question))
    }

    /// About the content that is live.
    fn live(&self, action: Action) -> Vec<Hindrance> {
        self.ask(action, &self.resource.live.digest, None)
    }
}

fn launched() -> Told {
    let mut campaign = campaign();
    (campaign.schedule.start, campaign.schedule.end) = (Some(after_hours(10)), Some(after_hours(20)));
    Told::new(World::new(), campaign).approved(Action::LAUNCH)
}

/// A launch is allowed from its start to its end, and not a moment before or after.
#[test]
fn a_campaign_goes_out_in_its_time() {
    let told = launched();
    assert_eq!(told.live(Action::LAUNCH), [Hindrance::TooEarly(after_hours(10))]);
    // The start has come; the timer may not have come round yet.
    let told = told.at(10);
    assert_eq!(told.live(Action::LAUNCH), []);
    let told = told.started();
    assert_eq!(told.live(Action::LAUNCH), []);
    let told = told.at(20);
    assert_eq!(told.live(Action::LAUNCH), [Hindrance::TooLate(after_hours(20))]);
    let told = told.started();
    let both = [Hindrance::NotInForce(State::COMPLETED), Hindrance::TooLate(after_hours(20))];
    assert_eq!(told.live(Action::LAUNCH), both);
}

/// Only the content that was approved.
#[test]
fn other_content_does_not_go_out() {
    let told = launched().at(10);
    let allowed = told.resource.live.digest.clone();
    let other = content("other", 1).digest;
    assert_eq!(told.ask(Action::LAUNCH, &other, None), [Hindrance::OtherContent { allowed }]);

    // A rejected change of what runs: the old content is in force, the new one is not.
    let test = Told::new(World::new(), ab_test(State::DRAFT)).approved(Action::START);
    let before = test.resource.live.digest.clone();
    let test = test.edited("changed");
    let staged = test.resource.staged.clone().unwrap().digest;
    assert_eq!(test.ask(Action::START, &before, None), []);
    let refused = [Hindrance::OtherContent { allowed: before.clone() }];
    assert_eq!(test.ask(Action::START, &staged, None), refused);
    assert_eq!(test.live(Action::PUBLISH_EDITS), [Hindrance::NeverAllowed]);
    // Published, it is the other way round.
    let test = test.approved(Action::PUBLISH_EDITS);
    assert_eq!(test.ask(Action::START, &staged, None), []);
    assert_eq!(test.ask(Action::PUBLISH_EDITS, &staged, None), []);
    assert_eq!(test.ask(Action::START, &before, None), [Hindrance::OtherContent { allowed: staged }]);
}

/// What was allowed once and taken back is no more allowed than what never was.
#[test]
fn what_was_taken_back_does_not_go_out() {
    let draft = Told::new(World::new(), campaign());
    assert_eq!(draft.live(Action::LAUNCH), [Hindrance::NeverAllowed]);
    let submitted = draft.world.perform(Who::Creator, &draft.resource, &doing(Action::LAUNCH)).unwrap();
    let pending = draft.then(submitted);
    assert_eq!(pending.live(Action::LAUNCH), [Hindrance::Pending(REQUEST), Hindrance::NeverAllowed]);

    let told = launched().at(10);
    let stopped = told.world.perform(Who::Creator, &told.resource, &doing(Action::STOP)).unwrap();
    let told = told.then(stopped);
    assert_eq!(told.live(Action::LAUNCH), [Hindrance::NotInForce(State::STOPPED)]);
    assert_eq!(told.live(Action::STOP), []);

    // LIF-22: an edit voids the approval. Asked with the content that was approved, and with the new one.
    let voided = launched();
    let approved = voided.resource.live.digest.clone();
    let voided = voided.edited("changed after the approval").at(10);
    let other = Hindrance::OtherContent { allowed: approved.clone() };
    let not_in_force = Hindrance::NotInForce(State::DRAFT);
    assert_eq!(voided.live(Action::LAUNCH), [not_in_force.clone(), other.clone()]);
    assert_eq!(voided.ask(Action::LAUNCH, &approved, None), [not_in_force, other]);
}

/// A launch for test devices needs no approval, and so must never let one for customers through.
#[test]
fn a_test_launch_is_no_launch() {
    let world = World::new();
    let command = PerformAction { launch_mode: Some(LaunchMode::Test), ..doing(Action::LAUNCH) };
    let applied = world.perform(Who::Creator, &campaign(), &command).unwrap();
    let told = Told::new(world, campaign()).then(applied);
    let told = Told { world: told.world.clone().at(told.resource.schedule.start.unwrap()), ..told };
    let digest = told.resource.live.digest.clone();
    assert_eq!(told.ask(Action::LAUNCH, &digest, Some(LaunchMode::Test)), []);
    let refused = [Hindrance::OtherMode(LaunchMode::Test)];
    assert_eq!(told.ask(Action::LAUNCH, &digest, None), refused);
    assert_eq!(told.ask(Action::LAUNCH, &digest, Some(LaunchMode::Active)), refused);
}

/// Where the workflow is off nothing needs approval, edits neither: what was written then goes out, and still does once the workflow
/// is on, because nothing has to be approved afterwards.
#[test]
fn without_a_workflow_what_is_live_goes_out() {
    let world = World::off();
    let applied = world.perform(Who::Creator, &campaign(), &doing(Action::LAUNCH)).unwrap();
    let start = applied.resource.schedule.start.unwrap();
    let told = Told::new(world, campaign()).then(applied);
    let before = told.resource.live.digest.clone();
    let mut told = told.edited("changed");
    told.world = told.world.at(start);
    assert_eq!(told.live(Action::LAUNCH), []);
    let other = Hindrance::OtherContent { allowed: told.resource.live.digest.clone() };
    assert_eq!(told.ask(Action::LAUNCH, &before, None), [other]);
    told.world = told.world.with(|policy| policy.enabled = true);
    assert_eq!(told.live(Action::LAUNCH), []);
}

/// An action that another one took back is not in force again when a third one leads to the same state.
#[test]
fn an_old_approval_does_not_come_back_to_life() {
    let mut test = ab_test(State::DRAFT);
    test.schedule.start = Some(after_hours(10));
    let told = Told::new(World::new(), test).approved(Action::SCHEDULE).approved(Action::UNSCHEDULE);
    let told = told.edited("other content").approved(Action::START).at(11);
    assert_eq!(told.resource.state, State::RUNNING);
    assert_eq!(told.live(Action::START), []);
    assert_eq!(told.live(Action::SCHEDULE), [Hindrance::NotInForce(State::RUNNING)]);

    // Published edits stay published through a pause; a start does not outlive it: RESUME is what leads on.
    let told = told.edited("changed").approved(Action::PUBLISH_EDITS).approved(Action::PAUSE);
    assert_eq!(told.live(Action::PUBLISH_EDITS), []);
    assert_eq!(told.live(Action::START), [Hindrance::NotInForce(State::PAUSED)]);
    let told = told.approved(Action::RESUME);
    assert_eq!(told.live(Action::PUBLISH_EDITS), []);
    assert_eq!(told.live(Action::RESUME), []);
    assert_eq!(told.live(Action::START), [Hindrance::NotInForce(State::RUNNING)]);
    let told = told.approved(Action::FINISH);
    assert_eq!(told.live(Action::PUBLISH_EDITS), [Hindrance::NotInForce(State::FINISHED)]);
}

/// What needs no approval says nothing of content: a stop does not make an unapproved edit an approved one.
#[test]
fn an_action_that_needs_no_approval_allows_no_content() {
    let told = launched().at(10).started();
    let allowed = told.resource.live.digest.clone();
    let mut told = told;
    told.resource.live = content("written by nobody who asked", 9);
    let stopped = told.world.perform(Who::Creator, &told.resource, &doing(Action::STOP)).unwrap();
    let told = told.then(stopped);
    assert_eq!(told.live(Action::STOP), [Hindrance::OtherContent { allowed }]);
}

/// What is suspended is only read.
#[test]
fn nothing_goes_out_of_a_suspended_account() {
    let mut told = launched().at(10);
    told.world.account.state = crate::AccountState::Suspended;
    assert_eq!(told.live(Action::LAUNCH), [Hindrance::AccountNotActive]);
}

/// Price lists, of which one action has several rows: PUBLISH puts them in force and makes edits live, in two states.
fn price_list() -> Told {
    let states = ["DRAFT", "VALID", "HIDDEN", "GONE"].map(State::known);
    let [draft, valid, hidden, gone] = states.clone();
    let row = |from: &State, action, pending: Option<&'static str>, target| Transition {
        rule: OWN,
        from: vec![from.clone()],
        action: Action::known(action),
        pending: pending.map(PendingLabel::known),
        target,
    };
    let to = |state: &State| Target::State(state.clone());
    let definition = Definition {
        kind: Kind::known("price_list"),
        area: Area::given("PRICES"),
        transitions: vec![
            row(&draft, "PUBLISH", Some("PUBLISH_PENDING"), to(&valid)),
            row(&hidden, "PUBLISH", Some("EDITS_PENDING"), Target::StagedGoesLive),
            row(&valid, "PUBLISH", Some("EDITS_PENDING"), Target::StagedGoesLive),
            row(&valid, "HIDE", None, to(&hidden)),
            row(&hidden, "REOPEN", None, to(&draft)),
            row(&draft, "PREVIEW", None, to(&gone)),
        ],
        timed: Vec::new(),
        states: states
            .into_iter()
            .map(|state| {
                let staged = [&valid, &hidden].contains(&&state);
                (state, staged.then_some(EditRule::Staged))
            })
            .collect(),
    };
    assert_eq!(definition.violations(), []);
    let mut world = World::new();
    world.own = vec![Policy { enabled: true, ..Policy::default_of(definition.area.clone()) }];
    let lifecycle = definition.lifecycle(1);
    let registered = Registered { lifecycle, by: Who::Admin.as_ref(), at: CREATED, retired: None };
    world.lifecycles = Lifecycles::new([registered]);
    let list = resource(Kind::known("price_list"), State::DRAFT);
    Told::new(world, Resource { lifecycle_version: 1, staged: None, ..list })
}

impl Told {
    /// `action`, which needs no approval.
    fn free(self, action: &'static str) -> Self {
        let action = doing(Action::known(action));
        let outcome = self.world.perform(Who::Creator, &self.resource, &action).unwrap();
        self.then(outcome)
    }
}

/// What puts in force and what makes edits live may have one name: each is in force as its own row says.
///
/// Proves LIF-24.
#[test]
fn an_action_of_several_rows_stands_by_the_row_that_was_done() {
    let publish = || Action::PUBLISH;
    let told = price_list().approved(publish());
    assert_eq!(told.live(publish()), []);
    let hidden = told.free("HIDE");
    let taken_back = [Hindrance::NotInForce(State::known("HIDDEN"))];
    assert_eq!(hidden.live(publish()), taken_back, "it was put in force, and taken back");
    // Edits that went live there are in force there, and wherever edits go live.
    let edited = hidden.edited("lower").approved(publish());
    assert_eq!(edited.live(publish()), []);
    let reopened = edited.free("REOPEN");
    assert_eq!(reopened.live(publish()), [Hindrance::NotInForce(State::DRAFT)]);
}

/// Proves LIF-24.
#[test]
fn an_action_that_needs_no_approval_goes_out_with_what_it_was_done_with() {
    let told =
        price_list().approved(Action::PUBLISH).free("HIDE").free("REOPEN").edited("new").free("PREVIEW");
    assert_eq!(told.live(Action::known("PREVIEW")), []);
    let old = content("live", 0).digest;
    assert!(!told.ask(Action::known("PREVIEW"), &old, None).is_empty());
}

/// An end time that the lifecycle does not know says nothing.
///
/// Proves LIF-24.
#[test]
fn an_end_time_counts_where_the_lifecycle_has_one() {
    let told = price_list().approved(Action::PUBLISH).at(1_000);
    assert_eq!(told.live(Action::PUBLISH), []);
    let granted = told.standing(&Action::PUBLISH).granted.unwrap();
    assert_eq!(gate::valid_until(told.lifecycle(), &told.resource, &granted), None);
    let journey =
        Resource { lifecycle_version: 1, staged: None, ..resource(Kind::known("journey"), State::DRAFT) };
    let told =
        Told::new(World::new().with_journeys(), journey).approved(Action::known("PLAN")).at(24).started();
    assert_eq!(told.live(Action::known("PLAN")), []);
    let granted = told.standing(&Action::known("PLAN")).granted.unwrap();
    let until = gate::valid_until(told.lifecycle(), &told.resource, &granted);
    assert_eq!(until, Some(after_hours(48)));
    let over = told.at(48);
    assert_eq!(over.live(Action::known("PLAN")), [Hindrance::TooLate(after_hours(48))]);
}
