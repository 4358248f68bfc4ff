//! `PermissionService`: the answers that every other call would give (ACC-15).

use countersign_domain::{
    Actor, Component, Context, Member, MemberId, Refusal, RequestId, ResourceId, Violation,
    access::explain,
    permission::{self, Target},
    refusal::{Missing, Permission},
};
use countersign_proto::access::{
    self as api, permission_question::Target as Asked, permission_service_server::PermissionService,
};
use countersign_store::{About, Snapshot};
use tonic::{Request, Response, Status};

use super::{
    Edge, by_name::page_by_name, convert::permission as convert, members::find_member, status,
    validate::Fields,
};
use crate::{
    fault::Fault,
    road::{Call, actor_of, context_of},
};

/// So many questions are answered at a time.
const QUESTIONS: usize = 100;

/// A question whose fields are acceptable.
#[derive(Clone)]
struct Question {
    /// Its field in the call.
    field: String,
    member: Option<MemberId>,
    permission: Permission,
    with: With,
}

/// What it is about.
#[derive(Clone, PartialEq, Eq)]
enum With {
    Account,
    /// By its id: whether the account has it is for its rules to say.
    Component(Component),
    Resource(ResourceId),
    Request(RequestId),
}

impl With {
    fn about(&self) -> About {
        match self {
            Self::Account | Self::Component(_) => About::Nothing,
            Self::Resource(id) => About::Resource(*id),
            Self::Request(id) => About::Request(*id),
        }
    }
}

#[tonic::async_trait]
impl PermissionService for Edge {
    async fn check_permission(
        &self,
        request: Request<api::CheckPermissionRequest>,
    ) -> Result<Response<api::CheckPermissionResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let question = fields.question("question", request.question.as_ref());
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let question = Fields::present("question", question)?;
        let answers = self.answers(&call, &[question]).await?;
        Ok(Response::new(api::CheckPermissionResponse { answer: answers.into_iter().next() }))
    }

    async fn batch_check_permission(
        &self,
        request: Request<api::BatchCheckPermissionRequest>,
    ) -> Result<Response<api::BatchCheckPermissionResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let mut questions = Vec::new();
        if (1..=QUESTIONS).contains(&request.questions.len()) {
            for (index, question) in request.questions.iter().enumerate() {
                questions.extend(fields.question(&format!("questions[{index}]"), Some(question)));
            }
        } else {
            let text = format!("must be 1 to {QUESTIONS}, are {}", request.questions.len());
            fields.violation("questions", text);
        }
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let answers = self.answers(&call, &questions).await?;
        Ok(Response::new(api::BatchCheckPermissionResponse { answers }))
    }

    async fn explain_permission(
        &self,
        request: Request<api::ExplainPermissionRequest>,
    ) -> Result<Response<api::ExplainPermissionResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let question = fields.question("question", request.question.as_ref());
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let question = Fields::present("question", question)?;
        let snapshot = self.asked(&call, &question.with, std::slice::from_ref(&question)).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        check_components(&context, std::slice::from_ref(&question))?;
        let subject = subject(&context, &question).map_err(Fault::Refused)?;
        let answer = answer(&context, subject, &question, &snapshot);
        if check_seen(&context, &question, &snapshot).is_err() {
            // Nothing of the thing itself: whether it is there is not for the asker to know.
            let answer = Some(answer);
            let response = api::ExplainPermissionResponse { answer, in_scope: true, ..Default::default() };
            return Ok(Response::new(response));
        }
        let target = target(&question, &snapshot);
        let component = target.ok().and_then(|target| target.component(&context));
        let audience = snapshot.resource.as_ref().map(|resource| &resource.audience);
        let response = match component {
            Some(component) => {
                let access = context.access(subject);
                let explanation = explain(subject, &access, component, audience);
                let why = explanation.why_not(question.permission, component, audience);
                let why = why.filter(|_| !answer.allowed).unwrap_or_else(|| answer.message.clone());
                api::ExplainPermissionResponse {
                    why,
                    ..convert::explanation(&explanation, subject, component)
                }
            }
            None => api::ExplainPermissionResponse {
                in_scope: true,
                why: answer.message.clone(),
                ..Default::default()
            },
        };
        Ok(Response::new(api::ExplainPermissionResponse { answer: Some(answer), ..response }))
    }

    async fn list_approvers(
        &self,
        request: Request<api::ListApproversRequest>,
    ) -> Result<Response<api::ListApproversResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let resource = fields.optional_id::<ResourceId>("resource_id", &request.resource_id);
        let area = fields.filter(&request.area, Fields::area);
        let size = fields.page_size(request.page_size);
        let listing = ["approvers", &request.account_id, &request.area, &request.resource_id];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        if request.area.is_empty() && request.resource_id.is_empty() {
            fields.violation("area", "is required where no resource_id is given");
        }
        let call = caller.call(fields.must(account)?)?;
        let about = resource.map_or(About::Nothing, About::Resource);
        let snapshot = self.road.snapshot(&call, &about, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        if let Some(area) = &area {
            fields.also(context.check_area(area));
        }
        fields.finish()?;
        let resource = match resource {
            Some(id) => Some(
                permission::view(&context, snapshot.resource.as_ref(), Missing::Resource(id))
                    .map_err(Fault::Refused)?,
            ),
            None => None,
        };
        let of_resource = resource.and_then(|resource| context.lifecycle(resource)).map(|it| &it.area);
        if let (Some(area), Some(of_resource)) = (&area, of_resource)
            && area != of_resource
        {
            let text = format!("is {of_resource} for this resource");
            return Err(Fault::Invalid(vec![Violation::new("area", text)]).into());
        }
        let area = Fields::present("area", area.as_ref().or(of_resource))?;
        let component = Component::of_area(area);
        permission::check(&context, Permission::Read, Target::Component(&component))
            .map_err(Fault::Refused)?;
        let policy = context.policies.of(area);
        let authors = resource.map_or(&[][..], |resource| &resource.authors);
        let approvers = context
            .approvers_of(&component, resource.map(|resource| &resource.audience))
            .filter(|member| !policy.excludes(member.id, call.actor, authors));
        let page = page_by_name(approvers, after.as_ref(), size);
        Ok(Response::new(api::ListApproversResponse {
            approvers: page.items.iter().map(|(_, member)| convert::approver(member)).collect(),
            next_page_token: self.next_page(&listing, &page, |(place, _)| place.clone()),
        }))
    }
}

impl Edge {
    /// One snapshot for questions in a row about one thing; no more are held at a time, since each may have a resource's content.
    async fn answers(
        &self,
        call: &Call,
        questions: &[Question],
    ) -> Result<Vec<api::PermissionAnswer>, Fault> {
        let mut held: Option<(With, Snapshot)> = None;
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            let with = match &question.with {
                With::Component(_) => With::Account,
                with => with.clone(),
            };
            let snapshot = match held.take() {
                Some((last, snapshot)) if last == with => snapshot,
                _ => self.asked(call, &with, questions).await?,
            };
            let (_, snapshot) = held.insert((with, snapshot));
            let actor = actor_of(call, snapshot)?;
            let context = context_of(snapshot, &actor, self.road.now());
            if answers.is_empty() {
                check_components(&context, questions)?;
            }
            let subject = subject(&context, question)?;
            answers.push(answer(&context, subject, question, snapshot));
        }
        Ok(answers)
    }

    async fn asked(&self, call: &Call, with: &With, questions: &[Question]) -> Result<Snapshot, Fault> {
        let named: Vec<MemberId> = questions.iter().filter_map(|question| question.member).collect();
        self.road.snapshot(call, &with.about(), &named).await
    }
}

/// That the account has the components that questions are about.
fn check_components(context: &Context<'_>, questions: &[Question]) -> Result<(), Fault> {
    let unknown = questions.iter().filter(|question| match &question.with {
        With::Component(component) => context.component(component.as_str()).is_none(),
        _ => false,
    });
    let violation = |question: &Question| {
        let text = "is no component: ListComponents has them all";
        Violation::new(format!("{}.component", question.field), text)
    };
    let unknown: Vec<Violation> = unknown.map(violation).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Fault::Invalid(unknown)) }
}

/// The member whom a question is about: the actor, or for those who may ask for others anybody.
fn subject<'c>(context: &Context<'c>, question: &Question) -> Result<&'c Member, Refusal> {
    let actor = permission::require_member(context)?;
    match question.member {
        Some(id) if id != actor.id => {
            permission::check(context, Permission::AskForOthers, Target::Account)?;
            find_member(context, id)
        }
        _ => Ok(actor),
    }
}

/// Whether the asker may see what the question is about: else they could learn by asking what others may do with it (ACC-16).
fn check_seen(context: &Context<'_>, question: &Question, snapshot: &Snapshot) -> Result<(), Refusal> {
    match question.with {
        With::Account | With::Component(_) => Ok(()),
        With::Resource(id) => {
            permission::view(context, snapshot.resource.as_ref(), Missing::Resource(id)).map(|_| ())
        }
        With::Request(id) => {
            permission::view(context, snapshot.resource.as_ref(), Missing::Request(id)).map(|_| ())
        }
    }
}

/// The answer: as the call itself would be answered if `subject` made it.
fn answer(
    context: &Context<'_>,
    subject: &Member,
    question: &Question,
    snapshot: &Snapshot,
) -> api::PermissionAnswer {
    let check = || {
        let as_subject = Actor::Member { member: subject.clone(), service: None };
        let subjects = Context { actor: &as_subject, ..context.clone() };
        match check_seen(context, question, snapshot) {
            Ok(()) => {}
            // What the asker knows to be missing need not be known to the subject.
            Err(Refusal::NotFound(missing)) => return permission::view(&subjects, None, missing).map(|_| ()),
            Err(refusal) => return Err(refusal),
        }
        if !matches!(question.permission, Permission::Read | Permission::ReadPii) {
            context.check_account_is_active()?;
        }
        permission::check(&subjects, question.permission, target(question, snapshot)?)
    };
    match check() {
        Ok(()) => api::PermissionAnswer { allowed: true, ..Default::default() },
        Err(refusal) => convert::refused(status::reason_of(refusal)),
    }
}

fn target<'s>(question: &'s Question, snapshot: &'s Snapshot) -> Result<Target<'s>, Refusal> {
    let missing = |missing| Refusal::NotFound(missing);
    match &question.with {
        With::Account => Ok(Target::Account),
        With::Component(component) => Ok(Target::Component(component)),
        With::Resource(id) => {
            snapshot.resource.as_ref().map(Target::Resource).ok_or(missing(Missing::Resource(*id)))
        }
        With::Request(id) => match (&snapshot.resource, &snapshot.request) {
            (Some(resource), Some(request)) => Ok(Target::Request(resource, request)),
            _ => Err(missing(Missing::Request(*id))),
        },
    }
}

impl Fields {
    fn question(&mut self, field: &str, given: Option<&api::PermissionQuestion>) -> Option<Question> {
        let Some(given) = given else {
            self.violation(field, "is required");
            return None;
        };
        let member = self.optional_id::<MemberId>(&format!("{field}.member_id"), &given.member_id);
        let permission = match api::Permission::try_from(given.permission) {
            Ok(api::Permission::Read) => Some(Permission::Read),
            Ok(api::Permission::Write) => Some(Permission::Write),
            Ok(api::Permission::Approve) => Some(Permission::Approve),
            Ok(api::Permission::Cancel) => Some(Permission::Cancel),
            Ok(api::Permission::ReadPii) => Some(Permission::ReadPii),
            Ok(api::Permission::ManageMembers) => Some(Permission::ManageMembers),
            Ok(api::Permission::Invite) => Some(Permission::Invite),
            Ok(api::Permission::ManageRoles) => Some(Permission::ManageRoles),
            Ok(api::Permission::ManagePolicy) => Some(Permission::ManagePolicy),
            Ok(api::Permission::Reassign) => Some(Permission::Reassign),
            Ok(api::Permission::Bypass) => Some(Permission::Bypass),
            Ok(api::Permission::Unspecified) | Err(_) => {
                self.violation(format!("{field}.permission"), "is required: one of those of the contract");
                None
            }
        };
        let with = match &given.target {
            None => Some(With::Account),
            Some(Asked::Component(id)) => Some(With::Component(Component::given(id))),
            Some(Asked::ResourceId(id)) => self.id(&format!("{field}.resource_id"), id).map(With::Resource),
            Some(Asked::ApprovalRequestId(id)) => {
                self.id(&format!("{field}.approval_request_id"), id).map(With::Request)
            }
        };
        let (permission, with) = (permission?, with?);
        if let Some(wanted) = wanted(permission, &with) {
            self.violation(format!("{field}.target"), format!("must be {wanted} for this permission"));
            return None;
        }
        Some(Question { field: field.to_owned(), member, permission, with })
    }
}

/// What the permission takes, if it does not take this.
fn wanted(permission: Permission, with: &With) -> Option<&'static str> {
    match permission {
        Permission::Read | Permission::Write | Permission::Approve => {
            (*with == With::Account).then_some("a component, a resource or an approval request")
        }
        Permission::ReadPii => (!matches!(with, With::Resource(_))).then_some("a resource"),
        Permission::Cancel | Permission::Reassign => {
            (!matches!(with, With::Request(_))).then_some("an approval request")
        }
        Permission::Bypass => (!matches!(with, With::Component(_))).then_some("a component"),
        Permission::ManageMembers
        | Permission::Invite
        | Permission::ManageRoles
        | Permission::ManagePolicy
        | Permission::Operate
        | Permission::AskForOthers => (*with != With::Account).then_some("left out"),
    }
}
