//! Calls of this process to its own service, made as anybody makes them.

use tonic::{
    Request, Status,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
};

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The account.
    pub account: &'a str,
    /// The member, or `platform`.
    pub actor: &'a str,
}

impl Caller<'_> {
    /// A call of theirs.
    #[expect(clippy::disallowed_methods, reason = "it is shown on a page of this process")]
    pub fn call<T>(&self, message: T) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        for (key, value) in [("countersign-account", self.account), ("countersign-actor", self.actor)] {
            let value = AsciiMetadataValue::try_from(value)
                .map_err(|_| Status::invalid_argument("an id can't be sent in metadata"))?;
            request.metadata_mut().insert(AsciiMetadataKey::from_static(key), value);
        }
        Ok(request)
    }
}
