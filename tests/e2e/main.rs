//! End-to-end tests: the binaries as users run them, with a real `PostgreSQL`, `RabbitMQ` and SMTP server, and clients over
//! gRPC. The scenarios run on the services and on the all-in-one binary alike.

mod bad_input;
mod client;
mod crash;
mod main_job;
mod race;
mod scenarios;
mod snapshots;
mod standalone;
mod system;
mod tour;
