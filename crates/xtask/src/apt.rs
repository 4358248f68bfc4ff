//! Installing a server where nobody has: only on Debian and its kin, only as root.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use crate::exec::which;

/// Tries to install a package; whether that helped is for the caller to see, because a package's own service may fail
/// to start (there may be no init system) after its programs have been put in place.
///
/// The packages start a server of their own on the usual port where there is an init system. It is left alone: what is
/// started here uses ports and folders of its own.
pub fn install(package: &str, root: bool) {
    static UPDATED: Once = Once::new();
    if !root || !Path::new("/etc/debian_version").exists() || which("apt-get").is_none() {
        return;
    }
    UPDATED.call_once(|| apt_get(&["update", "-qq"]));
    apt_get(&["install", "-y", "-qq", "--no-install-recommends", package]);
}

fn apt_get(args: &[&str]) {
    println!("$ apt-get {}", args.join(" "));
    let status = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => println!("apt-get {} ended with {status}", args[0]),
        Err(error) => println!("apt-get could not be started: {error}"),
    }
}
