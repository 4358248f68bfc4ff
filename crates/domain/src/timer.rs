//! What time alone does: start and complete (LIF-17). Deadlines of requests are in [`crate::decide::expire`].

use crate::{
    Context, Outcome, Resource, Timestamp,
    history::HistoryEvent,
    lifecycle::{Lifecycles, TimedAt},
    outcome::{Event, EventKind},
    perform::{enter, entry, next},
};

/// When time alone changes `resource` next; never while a request locks it: a request that could be in the way of a start
/// expires at the start time (REQ-14).
pub fn due_at(lifecycles: &Lifecycles, resource: &Resource) -> Option<Timestamp> {
    if resource.lock.is_some() {
        return None;
    }
    let timed = lifecycles.of(resource)?.timed_from(&resource.state)?;
    match timed.at {
        TimedAt::Start => Some(resource.schedule.start.unwrap_or(resource.updated_at)),
        TimedAt::End => resource.schedule.end,
    }
}

/// Lets the time that has come take effect (LIF-17, REQ-15); none where none has.
pub fn fire(context: &Context<'_>, resource: &Resource) -> Option<Outcome> {
    if due_at(context.lifecycles, resource)? > context.now {
        return None;
    }
    let lifecycle = context.lifecycle(resource)?;
    let timed = lifecycle.timed_from(&resource.state)?;
    let mut after = next(resource, context.now);
    enter(&mut after, &timed.to);
    let mut at = timed.at;
    // After an outage the end may have come as well: what is over must not reach customers any more (REQ-15).
    if let Some(end) = lifecycle.timed_from(&timed.to).filter(|then| then.at == TimedAt::End)
        && resource.schedule.end.is_some_and(|end| end <= context.now)
    {
        enter(&mut after, &end.to);
        at = end.at;
    }
    let event = match at {
        TimedAt::Start => HistoryEvent::Started,
        TimedAt::End => HistoryEvent::Completed,
    };
    Some(Outcome {
        history: entry(context, resource, &after, event, None),
        resource: after,
        request: None,
        review: None,
        event: Event { kind: EventKind::ResourceChanged, recipients: Vec::new() },
    })
}
