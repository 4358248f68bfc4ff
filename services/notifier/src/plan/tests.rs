use countersign_proto::inbox::RibbonKind;
use serde_json::{Value, json};

use super::*;

const ADA: &str = "0190aaaa-0000-7000-8000-000000000001";
const LENA: &str = "0190aaaa-0000-7000-8000-000000000002";

fn event(event_type: &str, data: Value) -> Event {
    Event {
        id: Uuid::from_u128(1),
        event_type: event_type.to_owned(),
        source: "/test".to_owned(),
        subject: "x".to_owned(),
        time_us: 5,
        account_id: Uuid::from_u128(2),
        sequence: 3,
        traceparent: None,
        data,
    }
}

fn recipient(member: &str, ribbon: &str, mail: bool) -> Value {
    json!({"memberId": member, "email": "a@example.com", "displayName": "A", "locale": "de",
        "reason": "RECIPIENT_REASON_OWNER", "mail": mail, "ribbon": ribbon})
}

fn request(recipients: &[Value]) -> Value {
    json!({
        "actor": {"memberId": ADA, "displayName": "Ada"},
        "recipients": recipients,
        "request": {
            "approvalRequestId": "0190aaaa-0000-7000-8000-00000000000a",
            "resource": {"resourceId": "0190aaaa-0000-7000-8000-00000000000b", "title": "T", "kind": "campaign"},
            "action": "LAUNCH", "note": "please", "feedback": "fine"
        }
    })
}

#[test]
fn each_member_is_told_once_and_only_as_the_event_says() {
    let data = request(&[
        recipient(ADA, "RECIPIENT_RIBBON_DECIDE", true),
        recipient(ADA, "RECIPIENT_RIBBON_DECIDE", true),
        recipient(LENA, "RECIPIENT_RIBBON_UNSPECIFIED", false),
    ]);
    let plan = Plan::of(event("countersign.request.submitted.v1", data)).unwrap();
    assert_eq!(plan.mails.iter().map(|mail| mail.member_id.to_string()).collect::<Vec<_>>(), [ADA]);
    assert_eq!(
        (plan.mails[0].locale.as_str(), plan.mails[0].reason),
        ("de", event::RecipientReason::Owner as i32)
    );
    let change = plan.ribbons.unwrap();
    assert_eq!((change.sequence, change.note.as_str()), (3, "please"));
    let RibbonEffect::Replace(ribbons) = change.effect else { panic!("{:?}", change.effect) };
    assert_eq!(
        ribbons,
        [
            NewRibbon { viewer_id: ADA.parse().unwrap(), kind: RibbonKind::Decide },
            NewRibbon { viewer_id: EVERYBODY, kind: RibbonKind::Awaiting },
        ]
    );
    // What is kept for the mails names nobody who is not told.
    let kept = plan.data.unwrap();
    assert!(kept.contains("\"please\"") && !kept.contains("recipients"), "{kept}");
}

#[test]
fn without_mail_nothing_is_kept_of_the_event() {
    let data = request(&[recipient(LENA, "RECIPIENT_RIBBON_RESULT", false)]);
    let plan = Plan::of(event("countersign.request.rejected.v1", data)).unwrap();
    assert_eq!((plan.data, plan.mails), (None, Vec::new()));
    assert_eq!(plan.ribbons.unwrap().note, "fine");
}

#[test]
fn an_approval_withdraws_from_who_gave_it() {
    let plan = Plan::of(event("countersign.request.approval_recorded.v1", request(&[]))).unwrap();
    assert_eq!(plan.ribbons.unwrap().effect, RibbonEffect::Withdraw(vec![ADA.parse().unwrap()]));
}

#[test]
fn a_weaker_policy_is_told_and_can_t_be_muted() {
    let weaker = json!({"area": "CAMPAIGNS", "weakened": [{"setting": "required_approvals", "before": "2", "after": "1"}]});
    let data =
        json!({"recipients": [recipient(ADA, "RECIPIENT_RIBBON_UNSPECIFIED", true)], "policy": weaker});
    let plan = Plan::of(event("countersign.policy.weakened.v1", data)).unwrap();
    assert_eq!((plan.mails.len(), plan.ribbons.as_ref(), plan.group), (1, None, EventGroup::RoleSeparation));
    assert_eq!(plan.choosers(), Vec::<Uuid>::new());
    let wrong = Plan::of(event("countersign.policy.weakened.v1", request(&[])));
    assert!(matches!(wrong, Err(Unusable::Payload("policy"))));
}

#[test]
fn a_workflow_event_touches_no_ribbons() {
    let data = json!({"recipients": [recipient(ADA, "RECIPIENT_RIBBON_RESULT", true)], "workflow": {"area": "CAMPAIGNS"}});
    let plan = Plan::of(event("countersign.workflow.disabled.v1", data)).unwrap();
    assert_eq!((plan.mails.len(), plan.ribbons), (1, None));
    let wrong = Plan::of(event("countersign.workflow.disabled.v1", request(&[])));
    assert!(matches!(wrong, Err(Unusable::Payload("workflow"))));
}

#[test]
fn lost_approvers_are_asked_no_more() {
    let mut data = request(&[recipient(LENA, "RECIPIENT_RIBBON_UNSPECIFIED", true)]);
    let lost = "countersign.request.assignment_expired.v1";
    let nobody = Plan::of(event(lost, data.clone()));
    assert!(matches!(nobody, Err(Unusable::Payload("request.lostApprovers"))));
    data["request"]["lostApprovers"] = json!([{"memberId": ADA}, {"memberId": LENA}]);
    let plan = Plan::of(event(lost, data)).unwrap();
    let both = vec![ADA.parse().unwrap(), LENA.parse().unwrap()];
    assert_eq!((plan.ribbons.unwrap().effect, plan.mails.len()), (RibbonEffect::Withdraw(both), 1));
}

/// Proves ACC-14: an invitation that could not be accepted, or that would go to several, is nothing to send.
#[test]
fn an_invitation_needs_its_token_and_one_recipient() {
    let invitation = |token: &str, recipients: &[Value]| {
        let data = json!({"recipients": recipients, "invitation": {"invitationId": ADA, "token": token}});
        Plan::of(event("countersign.invitation.sent.v1", data))
    };
    let to = |member| recipient(member, "RECIPIENT_RIBBON_UNSPECIFIED", true);
    assert!(matches!(invitation("", &[to(ADA)]), Err(Unusable::Payload("invitation.token"))));
    assert!(matches!(invitation("t", &[to(ADA), to(LENA)]), Err(Unusable::Invited(2))));
    let plan = invitation("t", &[to(ADA)]).unwrap();
    assert_eq!((plan.mails.len(), plan.ribbons, plan.access), (1, None, None));
    // Without a mail the token is not even kept.
    let silent = recipient(ADA, "RECIPIENT_RIBBON_UNSPECIFIED", false);
    assert_eq!(invitation("t", &[silent]).unwrap().data, None);
}

/// Nobody is told of access, whomever the event names.
#[test]
fn access_has_no_mails_and_no_ribbons() {
    let data = json!({"recipients": [recipient(ADA, "RECIPIENT_RIBBON_RESULT", true)],
        "access": {"members": [{"memberId": LENA, "active": true, "readableKinds": ["campaign"]}]}});
    let plan = Plan::of(event("countersign.access.changed.v1", data)).unwrap();
    assert_eq!((plan.mails, plan.ribbons, plan.data), (Vec::new(), None, None));
    let change = plan.access.unwrap();
    assert_eq!((change.sequence, change.members[0].member_id.to_string().as_str()), (3, LENA));
    assert!(change.members[0].access.reads("campaign") && !change.members[0].access.approves("campaign"));
}

/// What else it says does not matter: nothing is left to tell, and nobody to tell it to.
#[test]
fn an_erased_account_has_no_mails_and_no_ribbons() {
    let data = request(&[recipient(ADA, "RECIPIENT_RIBBON_RESULT", true)]);
    let plan = Plan::of(event("countersign.account.erased.v1", data)).unwrap();
    assert!(plan.erases && !plan.keeps(), "{plan:?}");
    assert_eq!((plan.account_id, plan.data), (Uuid::from_u128(2), None));
    let empty = Plan::of(event("countersign.account.erased.v1", json!({}))).unwrap();
    assert!(empty.erases && !empty.keeps(), "{empty:?}");
    let other = Plan::of(event("countersign.account.suspended.v1", json!({}))).unwrap();
    assert!(!other.erases, "{other:?}");
}

fn bypass(recipients: &[Value]) -> Value {
    json!({
        "actor": {"memberId": LENA, "displayName": "Lena"},
        "recipients": recipients,
        "bypass": {
            "reviewId": "0190aaaa-0000-7000-8000-00000000000c",
            "resource": {"resourceId": "0190aaaa-0000-7000-8000-00000000000b", "title": "T", "kind": "campaign"},
            "action": "LAUNCH", "bypassedBy": {"memberId": ADA, "displayName": "Ada"}, "reason": "fire"
        }
    })
}

/// Proves NOT-8: who is told gets mail, and ribbons stay as they are.
#[test]
fn a_comment_and_a_reminder_touch_no_ribbons() {
    for (what, group) in [("commented", EventGroup::Comments), ("reminded", EventGroup::Reminders)] {
        let event_type = format!("countersign.request.{what}.v1");
        let data = request(&[recipient(ADA, "RECIPIENT_RIBBON_DECIDE", true)]);
        let plan = Plan::of(event(&event_type, data)).unwrap();
        assert_eq!((plan.mails.len(), &plan.ribbons, plan.group), (1, &None, group));
        assert_eq!(plan.reminds.is_some(), what == "reminded");
        let wrong = Plan::of(event(&event_type, json!({"workflow": {"area": "CAMPAIGNS"}})));
        assert!(matches!(wrong, Err(Unusable::Payload("request"))), "{wrong:?}");
    }
}

/// Proves NOT-12: everybody who is asked now, told by mail or not, and nobody else; it is still the submitter who asks.
#[test]
fn a_reassignment_asks_whom_it_names() {
    let mut data = request(&[
        recipient(ADA, "RECIPIENT_RIBBON_DECIDE", false),
        recipient(LENA, "RECIPIENT_RIBBON_DECIDE", true),
    ]);
    data["request"]["submitter"] = json!({"memberId": LENA, "displayName": "Lena"});
    let plan = Plan::of(event("countersign.request.reassigned.v1", data)).unwrap();
    assert_eq!(plan.mails.iter().map(|mail| mail.member_id.to_string()).collect::<Vec<_>>(), [LENA]);
    let change = plan.ribbons.unwrap();
    assert_eq!((change.actor_name.as_str(), change.note.as_str()), ("Lena", "please"));
    let RibbonEffect::Replace(ribbons) = change.effect else { panic!("{:?}", change.effect) };
    let of = |viewer: &str, kind| NewRibbon { viewer_id: viewer.parse().unwrap(), kind };
    assert_eq!(
        ribbons,
        [
            of(ADA, RibbonKind::Decide),
            of(LENA, RibbonKind::Decide),
            NewRibbon { viewer_id: EVERYBODY, kind: RibbonKind::Awaiting },
        ]
    );
}

/// Proves NOT-9.
#[test]
fn a_bypass_asks_for_a_review() {
    let told = recipient(LENA, "RECIPIENT_RIBBON_REVIEW", true);
    let silent = recipient(ADA, "RECIPIENT_RIBBON_UNSPECIFIED", false);
    let plan = Plan::of(event("countersign.resource.bypassed.v1", bypass(&[told, silent]))).unwrap();
    assert_eq!((plan.mails.len(), plan.group), (1, EventGroup::RequestsToAct));
    let change = plan.ribbons.unwrap();
    assert_eq!((change.actor_name.as_str(), change.note.as_str()), ("Ada", "fire"));
    let review_id = "0190aaaa-0000-7000-8000-00000000000c".parse().unwrap();
    let viewers = vec![LENA.parse().unwrap()];
    assert_eq!(change.effect, RibbonEffect::Review { review_id, viewers });
    let closed = Plan::of(event("countersign.review.closed.v1", bypass(&[]))).unwrap();
    assert_eq!(closed.ribbons.unwrap().effect, RibbonEffect::CloseReview(review_id));
    let wrong = Plan::of(event("countersign.review.closed.v1", request(&[])));
    assert!(matches!(wrong, Err(Unusable::Payload("bypass"))));
}

/// Proves NOT-14: each is told as they prefer, and only that differs.
#[test]
fn preferences_take_out_what_was_turned_off() {
    let data = request(&[
        recipient(ADA, "RECIPIENT_RIBBON_RESULT", true),
        recipient(LENA, "RECIPIENT_RIBBON_RESULT", true),
    ]);
    let plan = Plan::of(event("countersign.request.approved.v1", data)).unwrap();
    let (ada, lena): (Uuid, Uuid) = (ADA.parse().unwrap(), LENA.parse().unwrap());
    assert_eq!(plan.choosers(), [ada, lena]);
    assert_eq!(plan.preferred(&HashMap::new(), true), plan);
    let quiet = Preferences { results_mail: false, results_ribbon: false, ..Preferences::default() };
    let preferred = plan.preferred(&[(ada, quiet)].into(), true);
    assert_eq!(preferred.mails.iter().map(|mail| mail.member_id).collect::<Vec<_>>(), [lena]);
    let left = vec![NewRibbon { viewer_id: lena, kind: RibbonKind::Result }];
    assert_eq!(preferred.ribbons.unwrap().effect, RibbonEffect::Replace(left));
}

/// Proves NOT-14: nobody left who could decide is a notice that can't be turned off, where a deadline is.
#[test]
fn who_may_decide_is_told_whatever_is_preferred() {
    let mut data = request(&[recipient(ADA, "RECIPIENT_RIBBON_RESULT", true)]);
    for (reason, group) in
        [("DEADLINE", EventGroup::Expiries), ("NO_ELIGIBLE_APPROVERS", EventGroup::RoleSeparation)]
    {
        data["request"]["expiryReason"] = reason.into();
        let plan = Plan::of(event("countersign.request.expired.v1", data.clone())).unwrap();
        assert_eq!((plan.group, plan.choosers().is_empty()), (group, group == EventGroup::RoleSeparation));
    }
}

/// Reminders are gathered for those who prefer it, where there is a span to gather them in.
#[test]
fn reminders_are_gathered_where_they_are_preferred_so() {
    let data = request(&[
        recipient(ADA, "RECIPIENT_RIBBON_DECIDE", true),
        recipient(LENA, "RECIPIENT_RIBBON_DECIDE", true),
    ]);
    let plan = Plan::of(event("countersign.request.reminded.v1", data)).unwrap();
    let lena: Uuid = LENA.parse().unwrap();
    let at_once = Preferences { reminders_digest: false, ..Preferences::default() };
    let preferred = plan.preferred(&[(lena, at_once)].into(), true);
    assert_eq!((preferred.mails[0].member_id, preferred.mails.len(), preferred.gathered.len()), (lena, 1, 1));
    let preferred = plan.preferred(&HashMap::new(), false);
    assert_eq!((preferred.mails.len(), preferred.gathered.len()), (2, 0));
}
