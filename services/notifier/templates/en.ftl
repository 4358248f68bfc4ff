# The words of mails and ribbons, in English. The syntax is that of Project Fluent.
#
# `$…` are values that Countersign fills in: names and titles as people typed them; what ends in `-words` is a name of the
# account's own (a kind, an action, a state, an area) as words, for where there is no word here.

## People

somebody = Somebody
the-platform = The platform
through = { $name } (through { $service })
list-two = { $first } and { $second }
list-three = { $first }, { $second } and { $third }
# $count: how many others, two or more.
list-more = { $first }, { $second } and { $count ->
    [one] { $count } other
   *[other] { $count } others
}

## Things

kind = { $kind ->
    [campaign] campaign
    [ab_test] A/B test
    [remote_config] remote config variable
   *[other] { $kind-words }
}
area = { $area ->
    [CAMPAIGNS] campaigns
    [PRODUCT_EXPERIENCES] product experiences
   *[other] { $area-words }
}
# After “is”.
state = { $state ->
    [DRAFT] a draft
   *[other] { $state-words }
}
# What is asked for, in a sentence: “asks for approval to …”, “the request to …”.
deed = { $action ->
    [PUBLISH_EDITS] publish the edits of “{ $title }”
   *[other] { $action-words } “{ $title }”
}
# The same after a colon.
deed-title = { deed }
# The same as the value of a fact.
thing = { $action ->
    [PUBLISH_EDITS] Publication of the edits
    [LAUNCH] Launch
    [START] Start
    [SCHEDULE] Scheduling
    [UNSCHEDULE] Unscheduling
    [PAUSE] Pause
    [RESUME] Resumption
    [FINISH] End
    [PUBLISH] Publication
    [DELETE] Deletion
   *[other] Action { $action-words }
} of the { kind } “{ $title }”
now = The { kind } is { state } now.
unchanged = Nothing has changed: the { kind } is { state }.
# $month: 1 to 12. $hour and $minute have two digits; $hour-of-half is 1 to 12, $half AM or PM.
# $zone: the reader's time zone and how far it is from UTC then, “Europe/Berlin, UTC+2”, or “UTC”.
moment = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }, { $hour }:{ $minute } { $zone ->
    [UTC] UTC
   *[other] ({ $zone })
}
unknown-moment = at an unknown time

## Every mail

hello = Hello { $name },
hello-nobody = Hello,
reason = You get this mail because { $reason ->
    [ASSIGNED_APPROVER] you were chosen as an approver of this request
    [AREA_APPROVER] you are an approver of { area }
    [SUBMITTER] you submitted this request
    [OWNER] you own what it is about
    [ADMIN] you are an Admin of this account
    [INVITED] you are invited to join this account
   *[other] you are a member of this account
}.
# After a label or link in the text part.
colon = :
footer = Sent by Countersign. Opening the link decides nothing; you decide on the page.
view-request = View the request
review-request = Review the request
note-from = Note from { $name }
feedback-from = Feedback from { $name }

## Facts, as label and value

fact-account = Account
fact-what = What
# From which state to which: of a kind of the account's own alone, whose names say little about where an action leads.
fact-leads-to = Leads to
fact-submitted-by = Submitted by
fact-approved-by = Approved by
fact-rejected-by = Rejected by
fact-cancelled-by = Cancelled by
fact-applied-by = Applied by
fact-closed-by = Review closed by
fact-lost = No longer asked
fact-when = When
fact-audience = Audience
audience-active = Customers (active launch)
audience-test = Test devices only
audience-passive = Nobody (passive launch)
fact-starts = Starts
fact-ends = Ends
fact-winner = Winning variant
fact-approvals = Approvals
approvals = { $approvals } of { $required ->
    [one] { $required } approval
   *[other] { $required } approvals
}
approvals-so-far = { $approvals } of { $required }
fact-decide-by = Decide by
fact-invited-by = Invited by
fact-roles = { $count ->
    [one] Your role
   *[other] Your roles
}
fact-accept-by = Accept by

## Approval requests

# One subject for all mails about a request: mail programs put together what has the same (NOT-16). What happened is the
# headline.

submitted =
    .subject = Approval request: { deed-title }
    .headline = { $actor } asks for approval to { deed }
    .consequence = Nothing changes for customers until this is decided, and it can't be edited meanwhile.
approval-recorded =
    .subject = Approval request: { deed-title }
    .headline = { $actor } approved the request to { deed }
    .consequence = It has { approvals } now.
# $lost: names. $count: how many. $voided: how many of their approvals no longer count.
assignment-expired =
    .subject = Approval request: { deed-title }
    .headline = { $lost } can no longer decide the request to { deed }
    .consequence = { $voided ->
        [0] The others who were asked still are, so it goes on waiting for a decision.
       *[other] What they approved does not count any more: the request has { approvals } now, and goes on waiting for a decision.
    }
reassigned =
    .subject = Approval request: { deed-title }
    .headline = { $actor } asks you to decide the request to { deed }
    .consequence = The approvers were changed, and you are one of them now. Nothing changes for customers until this is decided.
reminded =
    .subject = Approval request: { deed-title }
    .headline = The request to { deed } still waits for a decision
    .consequence = You are one of those who can decide it. Nothing changes for customers until then.
commented =
    .subject = Approval request: { deed-title }
    .headline = { $actor } commented on the request to { deed }
    .consequence = The request goes on waiting for a decision.
    .quote = Comment from { $actor }
approved =
    .subject = Approval request: { deed-title }
    .headline = { $actor } approved the request to { deed }
    .consequence = { now }
rejected =
    .subject = Approval request: { deed-title }
    .headline = { $actor } rejected the request to { deed }
    .consequence = { unchanged }
cancelled =
    .subject = Approval request: { deed-title }
    .headline = { $actor } cancelled the request to { deed }
    .consequence = There is nothing left to decide. { unchanged }
expired =
    .subject = Approval request: { deed-title }
    .headline = The request to { deed } expired
    .consequence = { $expiry ->
        [NO_ELIGIBLE_APPROVERS] Nobody was left who could decide it.
       *[other] Nobody decided it in time.
    } The { kind } can be edited again; to go on, submit it again.
reverted =
    .subject = Approval request: { deed-title }
    .headline = The request to { deed } ended
    .consequence = { $actor } switched approvals off for { area }. { unchanged }

## Several reminders in one mail

# $count: how many requests, two or more.
reminders =
    .subject = { $count ->
        [one] { $count } request waits for your decision
       *[other] { $count } requests wait for your decision
    }
    .headline = { $count ->
        [one] { $count } request waits for your decision
       *[other] { $count } requests wait for your decision
    }
    .consequence = Nothing changes for customers until they are decided.
    .reason = You get this mail because you are one of those who can decide these requests.
    .footer = Sent by Countersign. Opening a link decides nothing; you decide on the page.

## Emergency bypasses and their reviews

# One subject for both, as with requests.

bypassed =
    .subject = Emergency bypass: { deed-title }
    .headline = { $actor } bypassed approval to { deed }
    .consequence = It took effect at once, in an emergency. { now } Another approver than { $actor } has to look at it and close the review.
    .quote = Reason given by { $actor }
    .link = Open the review
review-closed =
    .subject = Emergency bypass: { deed-title }
    .headline = { $actor } closed the review of a bypass by { $bypasser }
    .consequence = Approval was bypassed to { deed }. There is nothing left to do.
    .link = See the review

## The workflow of an area

workflow-enabled =
    .subject = Approvals are on for { area }
    .headline = { $actor } switched approvals on for { area }
    .consequence = From now on, a change that reaches customers waits for a second person.
workflow-disabled =
    .subject = Approvals are off for { area }
    .headline = { $actor } switched approvals off for { area }
    .consequence = Changes take effect at once from now on. Requests that were waiting have ended; submitted edits are kept.
## A policy that got weaker

policy-weakened =
    .subject = Weaker rules of approval for { area }
    .headline = { $actor } made the rules of approval for { area } weaker
    .consequence = You get this mail because a second signature protects less from now on. If this surprises you, speak to { $actor } or to another Admin.
# The settings of a policy. $setting-words: for one that has no words here.
setting = { $setting ->
    [enabled] Approvals
    [required_approvals] Approvals needed
    [allow_self_approval] Submitters may approve their own requests
    [exclude_authors] Authors may not approve
    [cancellation] Who may cancel
    [request_max_age] Requests expire after
    [minimum_lead_time] Launches are at least so far ahead
    [cooling_off] Cooling off
   *[other] { $setting-words }
}
setting-change = { $before } → { $after }
setting-value = { $value ->
    [true] yes
    [false] no
    [NOBODY] nobody
    [WRITERS] whoever may edit, approvers and Admins
   *[other] { $value-words }
}
# $unit: the largest one of which there are $count whole ones.
span = { $unit ->
    [days] { $count ->
        [one] { $count } day
       *[other] { $count } days
    }
    [hours] { $count ->
        [one] { $count } hour
       *[other] { $count } hours
    }
    [minutes] { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
   *[seconds] { $count ->
        [one] { $count } second
       *[other] { $count } seconds
    }
}
span-never = never
fact-changed-by = Changed by
fact-cooling-off-until = Can't approve until
open-countersign = Open Countersign

## Invitations

an-account = an account
invitation =
    .subject = Invitation to { $account }
    .headline = { $actor } invites you to join { $account } on Countersign
    .consequence = To become a member, accept the invitation. You can do so once.
    .consequence-until = To become a member, accept the invitation. You can do so once, until { $until }.
    .link = See the invitation
    .footer = Sent by Countersign. Opening the link accepts nothing; you accept on the page. The link is for you alone: don't pass it on. If you did not expect it, you need do nothing.

## Ribbons

ribbon-decide = { $actor } asks for approval to { deed }
ribbon-awaiting = Awaiting approval: { $actor } asked to { deed }
ribbon-approved = { $actor } approved the request to { deed }
ribbon-rejected = { $actor } rejected the request to { deed }
ribbon-cancelled = { $actor } cancelled the request to { deed }
ribbon-expired = The request to { deed } expired: { $expiry ->
    [NO_ELIGIBLE_APPROVERS] nobody was left who could decide it
   *[other] nobody decided it in time
}
ribbon-reverted = The request to { deed } ended: approvals were switched off
ribbon-updated = The request to { deed } was updated
ribbon-review = { $actor } bypassed approval to { deed }: the review is open
