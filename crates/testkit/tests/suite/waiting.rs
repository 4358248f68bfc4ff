use std::time::Duration;

use countersign_testkit::wait_for;

#[tokio::test]
#[should_panic(expected = "in vain for the end of time")]
async fn what_was_waited_for_is_named() {
    wait_for("the end of time", Duration::from_millis(20), async || None::<()>).await;
}

#[tokio::test]
#[should_panic(expected = "in vain for a probe that hangs")]
async fn a_probe_that_hangs_does_not_hang_the_test() {
    wait_for("a probe that hangs", Duration::from_millis(20), std::future::pending::<Option<()>>).await;
}
