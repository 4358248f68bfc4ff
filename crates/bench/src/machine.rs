//! How busy the machine was, and with whom: a ratio is worth little if a third party had the processors.

use std::fs;

/// Processor time in clock ticks since the start of whatever it is of; zero where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticks {
    /// All processors together.
    pub all: u64,
    /// Of it, not idle.
    pub busy: u64,
    /// Of it, this process.
    pub this: u64,
    /// Of it, the process that was asked for.
    pub other: u64,
}

impl Ticks {
    /// Now. `other` is a process.
    pub fn now(other: u32) -> Self {
        let (all, busy) = machine().unwrap_or_default();
        Self {
            all,
            busy,
            this: process("self").unwrap_or(0),
            other: process(&other.to_string()).unwrap_or(0),
        }
    }

    /// What passed since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            all: self.all - earlier.all,
            busy: self.busy - earlier.busy,
            this: self.this - earlier.this,
            other: self.other - earlier.other,
        }
    }

    /// Percent of the machine: everything, this process, the other.
    pub fn percent(self) -> [u64; 3] {
        [self.busy, self.this, self.other].map(|part| (part * 100).checked_div(self.all).unwrap_or(0))
    }
}

/// `/proc/stat`: user, nice, system, idle, iowait, … of all processors.
fn machine() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let all: u64 = fields.iter().sum();
    Some((all, all - fields.get(3)? - fields.get(4)?))
}

/// `/proc/PID/stat`: after the name in parentheses, user and system time are the 12th and 13th field.
fn process(id: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}
