//! Numbers for people, and for machines.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The middle one; of an even count the mean of the middle two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[upper],
        _ => f64::midpoint(sorted[upper - 1], sorted[upper]),
    }
}

/// The time within which this share of them ended, in milliseconds.
pub fn percentile_ms(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// Writes a result beside the others.
pub fn save(folder: &Path, name: &str, result: &Value) -> Result<()> {
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, format!("{result:#}\n"))
        .with_context(|| format!("{} could not be written", path.display()))?;
    println!("written to {}", path.display());
    Ok(())
}

/// Says how a ratio compares with its target; missing it is an error if that is `checked`.
pub fn judge(name: &str, ratio: f64, target: f64, checked: bool) -> Result<()> {
    let met = ratio >= target;
    println!("{name}: ratio {ratio:.2}, target {target:.2}: {}", if met { "met" } else { "MISSED" });
    if checked && !met {
        bail!("{name} misses its target");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn percentiles_are_taken_from_the_sorted_times() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert!((percentile_ms(&mut times, 50) - 51.0).abs() < 1e-9);
        assert!((percentile_ms(&mut times, 99) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_missed_target_fails_only_when_checked() {
        assert!(judge("b0", 0.5, 0.6, false).is_ok());
        assert!(judge("b0", 0.5, 0.6, true).is_err());
        assert!(judge("b0", 0.6, 0.6, true).is_ok());
    }
}
