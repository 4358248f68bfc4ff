use super::*;

fn told(kind: RibbonKind, state: RequestState, expiry_reason: &str) -> String {
    ribbon(RibbonFacts {
        kind,
        request_state: state.into(),
        action: "PUBLISH_EDITS",
        title: "Checkout button",
        actor: "Ada",
        expiry_reason,
    })
}

#[test]
fn each_ribbon_has_its_sentence() {
    use RequestState::{Approved, Cancelled, Expired, Pending, Rejected, Reverted};
    let what = "publish the edits of “Checkout button”";
    for (kind, state, expected) in [
        (RibbonKind::Decide, Pending, format!("Ada asks for approval to {what}")),
        (RibbonKind::Awaiting, Pending, format!("Awaiting approval: Ada asked to {what}")),
        (RibbonKind::Result, Approved, format!("Ada approved the request to {what}")),
        (RibbonKind::Result, Rejected, format!("Ada rejected the request to {what}")),
        (RibbonKind::Result, Cancelled, format!("Ada cancelled the request to {what}")),
        (RibbonKind::Result, Expired, format!("The request to {what} expired: nobody decided it in time")),
        (RibbonKind::Result, Reverted, format!("The request to {what} ended: approvals were switched off")),
    ] {
        assert_eq!(told(kind, state, "DEADLINE"), expected);
    }
    let nobody = told(RibbonKind::Result, Expired, "NO_ELIGIBLE_APPROVERS");
    assert_eq!(nobody, format!("The request to {what} expired: nobody was left who could decide it"));
}

#[test]
fn constants_of_later_versions_still_read_as_words() {
    assert_eq!(deed("SHIP_IT", "x"), "ship it “x”");
    assert_eq!((kind("push_journey"), area("MY_AREA")), ("push journey".to_owned(), "my area".to_owned()));
}

#[test]
fn moments_are_utc_and_any_number_is_one() {
    assert_eq!(at(1_777_629_660_000_000), "1 May 2026, 10:01 UTC");
    assert_eq!(at(i64::MAX), "at an unknown time");
}

#[test]
fn a_list_of_names_reads_as_one() {
    let names = |count: usize| ["Ada", "Bo", "Zoe", "Lena", "Max"].map(str::to_owned)[..count].to_vec();
    assert_eq!(list(&names(1)), "Ada");
    assert_eq!(list(&names(2)), "Ada and Bo");
    assert_eq!(list(&names(3)), "Ada, Bo and Zoe");
    assert_eq!(list(&names(5)), "Ada, Bo and 3 others");
}
