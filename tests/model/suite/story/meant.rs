//! What the numbers of a command mean when its turn comes. Whatever was left out before it, they mean something, or it is passed over.

use super::Telling;
use crate::cast::Who;
use crate::command::{Moment, Pick, Times, Wait};
use crate::reference::{ACTIONS, HOUR, MINUTE, Resource, Rights, Schedule, rows};

/// Numbers below this, of 256, mean what a command is about; the others mean anything.
pub(super) const MOSTLY: usize = 216;

impl Telling<'_> {
    /// How long a command waits; none: it has nothing to wait for.
    pub(super) fn time_to_pass(&self, wait: Wait) -> Option<i64> {
        let (resource, moment, offset) = match wait {
            Wait::Minutes(minutes) => return Some(i64::from(minutes) * MINUTE),
            Wait::Until { resource, moment, offset } => (resource, moment, offset),
        };
        let time = |it: &Resource| match moment {
            Moment::Start => it.start,
            Moment::End => it.end,
            Moment::Deadline => it.pending.and_then(|request| self.reference.requests[request].deadline),
        };
        let matters = |it: &Resource| it.pending.is_some() || ["SCHEDULED", "RUNNING"].contains(&it.state);
        let to_come = |it: &Resource| matters(it) && time(it).is_some_and(|time| time > self.reference.now);
        let resource = self.resource(resource, to_come)?;
        let left = time(&self.reference.resources[resource])? + i64::from(offset) - self.reference.now;
        (left > 0).then_some(left)
    }

    /// The resource that a number means: mostly one of those on which the command can do something, else any. None where there
    /// is no such one.
    pub(super) fn resource(&self, number: u8, fits: impl Fn(&Resource) -> bool) -> Option<usize> {
        let all = &self.reference.resources;
        let number = usize::from(number);
        let meant: Vec<usize> = (0..all.len()).filter(|it| number >= MOSTLY || fits(&all[*it])).collect();
        meant.get(number.checked_rem(meant.len())?).copied()
    }

    /// The request that a number means.
    pub(super) fn request(&self, number: u8) -> Option<usize> {
        self.reference.newest_request(self.resource(number, |it| it.pending.is_some())?)
    }

    /// The request that a number means, where `by` tries to decide it.
    pub(super) fn deciding(&self, by: Who, number: u8) -> Option<usize> {
        let request = self.request(number)?;
        let right = self.rights(by, self.reference.requests[request].resource).approve;
        Self::tries(number, right).then_some(request)
    }

    /// One of those who could decide a request, by their number.
    pub(super) fn asked(&self, request: usize, number: u8) -> Option<Who> {
        let able: Vec<Who> = self.reference.able(request).into_iter().collect();
        able.get(usize::from(number).checked_rem(able.len())?).copied()
    }

    pub(super) fn schedule(&self, times: Times) -> Schedule {
        let hours = |from: i64, hours: i8| from + i64::from(hours) * HOUR;
        let start = times.start.map(|start| hours(self.reference.now, start));
        let end = times.end.map(|end| hours(start.unwrap_or(self.reference.now), end));
        Schedule { start, end }
    }

    /// Whether a member tries something: without the right to it seldom, since that is refused in one way only.
    pub(super) fn tries(number: u8, right: bool) -> bool {
        right || number.is_multiple_of(4)
    }

    pub(super) fn rights(&self, by: Who, resource: usize) -> Rights {
        self.reference.rights_on(by, &self.reference.resources[resource])
    }

    /// Ada and Ben stand for whoever is an Admin by now.
    pub(super) fn admin(&self, by: Who) -> Who {
        match by {
            Who::Ada | Who::Ben if !self.reference.is_admin(by) => {
                self.reference.admins().into_iter().next().unwrap_or(by)
            }
            _ => by,
        }
    }

    pub(super) fn action(&self, resource: usize, pick: Pick) -> Option<&'static str> {
        let it = &self.reference.resources[resource];
        let mut allowed: Vec<_> = rows(it.kind, it.state).map(|row| row.action).collect();
        let number = match pick {
            Pick::Allowed(number) => usize::from(number),
            Pick::Any(number) => return Some(ACTIONS[usize::from(number) % ACTIONS.len()]),
        };
        if number < MOSTLY && allowed.len() > 1 {
            allowed.retain(|action| !["DELETE", "ARCHIVE", "STOP"].contains(action));
            allowed.retain(|action| match *action {
                "PUBLISH_EDITS" => it.staged.is_some(),
                "LAUNCH" | "SCHEDULE" => it.start.is_some_and(|start| start > self.reference.now),
                _ => true,
            });
        }
        allowed.get(number.checked_rem(allowed.len())?).copied()
    }
}

/// Whether something can still be done with a resource.
pub(super) fn lively(resource: &Resource) -> bool {
    !["ARCHIVED", "DELETED"].contains(&resource.state)
}
