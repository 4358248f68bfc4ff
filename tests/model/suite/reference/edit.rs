//! Registering and editing (LIF-20 to LIF-22).

use std::collections::BTreeSet;

use countersign_proto::types::ErrorReason;

use super::lifecycle::{Editing, editing};
use super::{Answer, Done, Reference, Resource, denied, refused};
use crate::cast::{Audience, Kind, Mode, Who};

/// A new schedule, as times.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub start: Option<i64>,
    pub end: Option<i64>,
}

/// What an edit writes.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    Content,
    Title,
    Schedule(Schedule),
}

/// The variants of every A/B test.
pub const VARIANTS: [&str; 2] = ["green", "blue"];

impl Resource {
    /// Whether an edit could be taken.
    pub fn takes_edits(&self) -> bool {
        self.pending.is_none() && editing(self.kind, self.state) != Editing::Refused
    }
}

impl Reference {
    pub fn register(&mut self, by: Who, kind: Kind, schedule: Schedule, audience: Audience) -> Answer {
        if !self.rights(by, kind.area()).write {
            return denied();
        }
        let mut why = BTreeSet::new();
        if !self.inside(by, audience.countries()) {
            why.insert(ErrorReason::OutOfScope);
        }
        if !self.is_to_come(schedule, None) {
            why.insert(ErrorReason::InvalidFields);
        }
        if !why.is_empty() {
            return Answer::Refused(why);
        }
        let live = self.new_content();
        self.resources.push(Resource {
            kind,
            owner: by,
            audience,
            state: "DRAFT",
            status: "NONE",
            pending: None,
            title: "Title".to_owned(),
            live,
            staged: None,
            start: schedule.start,
            end: schedule.end,
            winner: None,
            mode: None,
            version: 0,
            authors: vec![by],
            ribbon: None,
            review: None,
        });
        self.record(self.resources.len() - 1, "REGISTERED", Some(by), "", "");
        Answer::Done(Done::Changed)
    }

    /// Whether times that are set anew are to come, and the end after the start. What stays as it is may have passed.
    fn is_to_come(&self, new: Schedule, old: Option<Schedule>) -> bool {
        let to_come = |new: Option<i64>, old: Option<Option<i64>>| {
            new.is_none_or(|time| time > self.now || old == Some(Some(time)))
        };
        let in_order = match (new.start, new.end) {
            (Some(start), Some(end)) => start < end,
            _ => true,
        };
        to_come(new.start, old.map(|old| old.start)) && to_come(new.end, old.map(|old| old.end)) && in_order
    }

    pub fn edit(&mut self, by: Who, index: usize, edit: Edit) -> Answer {
        let resource = &self.resources[index];
        if !self.rights_on(by, resource).write {
            return denied();
        }
        if resource.pending.is_some() {
            return refused(ErrorReason::ResourceLocked);
        }
        let how = editing(resource.kind, resource.state);
        // LIF-22. A launch in another mode was never gated.
        let waits = match resource.state {
            "SCHEDULED" => resource.mode == Some(Mode::Active),
            state => state == "PLANNED",
        };
        let voids = waits && self.policy(index).enabled;
        let acceptable = match (how, edit) {
            (Editing::Refused, _) => return refused(ErrorReason::EditNotAllowed),
            (Editing::Staged, Edit::Content) | (Editing::Direct, Edit::Content | Edit::Title) => true,
            (Editing::Staged, _) => false,
            (Editing::Direct, Edit::Schedule(new)) => {
                let old = Schedule { start: resource.start, end: resource.end };
                // An edit can't make an immediate launch of one that waits for its start (POL-6).
                let immediate = waits && !voids && new.start.is_none();
                self.is_to_come(new, Some(old)) && !immediate
            }
        };
        if !acceptable {
            return refused(ErrorReason::InvalidFields);
        }
        let (from, version) = (resource.state, resource.version);
        let content = self.new_content();
        let resource = &mut self.resources[index];
        match edit {
            Edit::Content if how == Editing::Staged => resource.staged = Some(content),
            Edit::Content => resource.live = content,
            Edit::Title => resource.title = format!("Title {version}"),
            Edit::Schedule(new) => (resource.start, resource.end) = (new.start, new.end),
        }
        if !matches!(edit, Edit::Title) && !resource.authors.contains(&by) {
            resource.authors.push(by);
        }
        let (event, done) = match how {
            Editing::Staged => ("STAGED", Done::Staged),
            _ if voids => {
                (resource.state, resource.status, resource.mode) = ("DRAFT", "NONE", None);
                ("APPROVAL_VOIDED", Done::Voided)
            }
            _ => ("EDITED", Done::Written),
        };
        self.record(index, event, Some(by), "", from);
        Answer::Done(done)
    }
}
