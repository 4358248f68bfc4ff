//! Lists of requests: every filter, both orders, page by page (REQ-19).

use countersign_domain::{
    AccountId, Area, Assignment, Kind, Member, Request, RequestId, Resource, SystemRole, Timestamp,
};
use countersign_store::{RequestCursor, RequestFilter, RequestOrder, RequestStateName, Waiting, WaitingArea};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! { every_filter_in_both_orders }

/// What the list says, in pages of `size`.
async fn listed(world: &World, filter: &RequestFilter, size: u32) -> Vec<RequestId> {
    let account: AccountId = world.account.id;
    let (mut seen, mut after): (Vec<RequestId>, _) = (vec![], None);
    loop {
        let page = world.store.list_requests(account, filter, after, size).await.unwrap();
        assert!(page.items.len() <= size as usize);
        let last = page.items.last().map(|(request, _)| request);
        after = last.map(|last| RequestCursor { id: last.id, deadline: last.deadline });
        seen.extend(page.items.iter().map(|(request, _)| request.id));
        if !page.more {
            return seen;
        }
    }
}

/// A request, whether it is pending, and who has decided on it.
struct Case {
    request: Request,
    pending: bool,
    decided_by: Vec<countersign_domain::MemberId>,
}

struct Making<'a> {
    kind: Kind,
    submitter: &'a Member,
    authors: &'a [&'a Member],
    chosen: &'a [&'a Member],
    deadline: Option<Timestamp>,
    required: u8,
}

async fn make(world: &World, making: Making<'_>) -> (Resource, Request) {
    let Making { kind, submitter, authors, chosen, deadline, required } = making;
    let resource = Resource { kind: kind.clone(), ..campaign(&world.account, &world.admin) };
    world.done(registration(&resource)).await;
    let mut request = request(&resource, submitter);
    if kind != Kind::CAMPAIGN {
        request.area = Area::PRODUCT_EXPERIENCES;
    }
    (request.deadline, request.required_approvals) = (deadline, required);
    request.authors = authors.iter().map(|member| member.id).collect();
    request.assignments = chosen.iter().map(|member| Assignment::new(member.id)).collect();
    let outcome = submission_of(&resource, request.clone());
    world.done(outcome.clone()).await;
    (outcome.resource, request)
}

/// Every combination of submitter, kind, choice, deadline and what became of it.
async fn cases(world: &World, people: [&Member; 3]) -> Vec<Case> {
    let [me, other, submitter] = people;
    let mut cases = vec![];
    for (number, kind) in
        [Kind::CAMPAIGN, Kind::AB_TEST, Kind::REMOTE_CONFIG].into_iter().cycle().take(18).enumerate()
    {
        let chosen: &[&Member] = match number % 4 {
            0 => &[me, other],
            1 => &[other],
            _ => &[],
        };
        let making = Making {
            kind,
            submitter: if number % 5 == 0 { me } else { submitter },
            authors: if number % 3 == 2 { &[other, me] } else { &[other] },
            chosen,
            deadline: (number % 3 > 0).then(|| after(1_000 - i64::try_from(number).unwrap() % 7)),
            required: if number % 6 == 2 { 2 } else { 1 },
        };
        let (resource, request) = make(world, making).await;
        let mut case = Case { request: request.clone(), pending: true, decided_by: vec![] };
        if request.required_approvals == 2 {
            world.done(partial_approval(&resource, &request, me)).await;
            case.decided_by.push(me.id);
        } else if number % 7 == 3 {
            world.done(approval(&resource, &request, other)).await;
            (case.pending, case.decided_by) = (false, vec![other.id]);
        }
        cases.push(case);
    }
    cases
}

/// Whether a request is to be found.
type Wanted<'a> = Box<dyn Fn(&Case) -> bool + 'a>;

/// Proves REQ-19, REQ-23.
async fn every_filter_in_both_orders(db: TestDatabase) {
    let mut world = World::new(db).await;
    let me = world.joined(member(&world.account, SystemRole::Approver)).await;
    let other = world.joined(member(&world.account, SystemRole::Approver)).await;
    let submitter = world.joined(member(&world.account, SystemRole::Creator)).await;
    let cases = Box::pin(cases(&world, [&me, &other, &submitter])).await;

    // What each filter is to find, said once more in other words.
    let waits = |case: &Case, areas: &[WaitingArea]| {
        let request = &case.request;
        let asked = if request.assignments.is_empty() {
            areas.iter().any(|it| {
                it.area == request.area
                    && (it.submitted_too || !request.submitted_by(me.id))
                    && (it.written_too || !request.written_by(me.id))
            })
        } else {
            request.is_assigned(me.id)
        };
        case.pending && asked && !case.decided_by.contains(&me.id)
    };
    let of = |area, submitted_too, written_too| WaitingArea { area, submitted_too, written_too };
    let both = vec![of(Area::CAMPAIGNS, false, true), of(Area::PRODUCT_EXPERIENCES, true, true)];
    let one = vec![of(Area::PRODUCT_EXPERIENCES, false, true)];
    // REQ-23: what they wrote does not wait for them where authors are excluded.
    let of_others = vec![of(Area::CAMPAIGNS, true, false), of(Area::PRODUCT_EXPERIENCES, true, false)];
    let waiting = |areas: &Vec<WaitingArea>| Some(Waiting { member: me.id, areas: areas.clone() });
    let pending = Some(RequestStateName::Pending);
    let resource = cases[4].request.resource_id;
    let filters: Vec<(RequestFilter, Wanted<'_>)> = vec![
        (RequestFilter::default(), Box::new(|_| true)),
        (RequestFilter { state: pending, ..RequestFilter::default() }, Box::new(|it| it.pending)),
        (
            RequestFilter { state: Some(RequestStateName::Approved), ..RequestFilter::default() },
            Box::new(|it| !it.pending),
        ),
        (
            RequestFilter { kinds: Some(vec![Kind::CAMPAIGN]), ..RequestFilter::default() },
            Box::new(|it| it.request.area == Area::CAMPAIGNS),
        ),
        (
            RequestFilter {
                kinds: Some(vec![Kind::AB_TEST, Kind::REMOTE_CONFIG]),
                state: pending,
                ..RequestFilter::default()
            },
            Box::new(|it| it.request.area == Area::PRODUCT_EXPERIENCES && it.pending),
        ),
        (
            RequestFilter { kinds: Some(vec![Kind::AB_TEST, Kind::CAMPAIGN]), ..RequestFilter::default() },
            Box::new(|it| it.request.kind != Kind::REMOTE_CONFIG),
        ),
        (
            RequestFilter { resource: Some(resource), ..RequestFilter::default() },
            Box::new(move |it| it.request.resource_id == resource),
        ),
        (
            RequestFilter { submitter: Some(me.id), ..RequestFilter::default() },
            Box::new(|it| it.request.submitted_by(me.id)),
        ),
        (
            RequestFilter { decided_by: Some(me.id), ..RequestFilter::default() },
            Box::new(|it| it.decided_by.contains(&me.id)),
        ),
        (
            RequestFilter {
                decided_by: Some(other.id),
                kinds: Some(vec![Kind::CAMPAIGN]),
                ..RequestFilter::default()
            },
            Box::new(|it| it.decided_by.contains(&other.id) && it.request.area == Area::CAMPAIGNS),
        ),
        (
            RequestFilter { waiting: waiting(&both), state: pending, ..RequestFilter::default() },
            Box::new(|it| waits(it, &both)),
        ),
        (
            RequestFilter { waiting: waiting(&of_others), ..RequestFilter::default() },
            Box::new(|it| waits(it, &of_others)),
        ),
        (
            RequestFilter {
                waiting: waiting(&one),
                kinds: Some(vec![Kind::REMOTE_CONFIG]),
                ..RequestFilter::default()
            },
            Box::new(|it| waits(it, &one) && it.request.kind == Kind::REMOTE_CONFIG),
        ),
    ];
    for (filter, wanted) in &filters {
        let mut newest: Vec<&Request> =
            cases.iter().filter(|case| wanted(case)).map(|case| &case.request).collect();
        assert!(!newest.is_empty() || filter.decided_by.is_some(), "{filter:?} shows nothing");
        newest.reverse();
        let ids = |requests: &[&Request]| requests.iter().map(|request| request.id).collect::<Vec<_>>();
        for size in [1, 4, 50] {
            assert_eq!(listed(&world, filter, size).await, ids(&newest), "{filter:?}");
        }
        let mut urgent = newest;
        urgent.sort_by_key(|request| (request.deadline.is_none(), request.deadline, request.id));
        let filter = RequestFilter { order: RequestOrder::MostUrgent, ..filter.clone() };
        for size in [1, 4, 50] {
            assert_eq!(listed(&world, &filter, size).await, ids(&urgent), "{filter:?}");
        }
    }
}
