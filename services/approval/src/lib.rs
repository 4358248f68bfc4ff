//! Countersign's approval service: gRPC, workflow, roles, history, outbox relay.
