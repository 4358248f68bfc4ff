//! A status per fault.
