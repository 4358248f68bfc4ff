//! All of Countersign in one process, for a newcomer, a laptop, a test of a client: `SQLite` files, events in process with the
//! same delivery promises, mail caught in a local mailbox. The same code as the services, other adapters.
//!
//! | module | what is in it |
//! |---|---|
//! | [`serve`] | the services, put together |
//! | [`data`] | the folder that holds everything, and who owns it |
//! | [`pages`] | pages for browsers on this machine |
//! | [`mailbox`] | the caught mail |
//! | [`review`] | what mails link to |
//! | [`caller`] | calls to its own service |
//! | [`demo`] | an account to try things with |
//! | [`settings`] | the command line |

pub mod caller;
pub mod data;
pub mod demo;
pub mod mailbox;
pub mod pages;
pub mod review;
pub mod serve;
pub mod settings;
