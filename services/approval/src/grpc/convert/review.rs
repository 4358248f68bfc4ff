//! Reviews of emergency bypasses.

use countersign_domain::Review;
use countersign_proto::approval;

use super::{actor, digest, time};

/// A review as the contract writes it, for a reader for whom personal data is `masked` or not.
pub fn review(review: &Review, masked: bool) -> approval::Review {
    let closed = review.closed.as_ref();
    approval::Review {
        account_id: review.account_id.to_string(),
        review_id: review.id.to_string(),
        resource_id: review.resource_id.to_string(),
        kind: review.kind.as_str().to_owned(),
        resource_title: review.resource_title.clone(),
        area: review.area.as_str().to_owned(),
        action: review.action.as_str().to_owned(),
        from_state: review.from_state.as_str().to_owned(),
        target_state: review.target_state.as_str().to_owned(),
        bypassed_by: Some(actor(&review.bypassed_by)),
        reason: review.reason.clone(),
        digest: digest(&review.digest, masked),
        create_time: Some(time::to_proto(review.opened_at)),
        close_time: closed.map(|closed| time::to_proto(closed.at)),
        closed_by: closed.map(|closed| actor(&closed.by)),
        note: closed.map(|closed| closed.note.clone()).unwrap_or_default(),
    }
}
