//! End-to-end tests: real binaries, `PostgreSQL`, `RabbitMQ` and SMTP. They live in `e2e/`.
