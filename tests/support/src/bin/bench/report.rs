use std::time::Duration;

/// Prints the medians of both sides and how many times faster than native we are; what wasn't measured is `-`.
pub fn print(name: &str, results: [Vec<Duration>; 2]) {
    let [ours, native] = results.map(|times| (!times.is_empty()).then(|| median(times).as_secs_f64()));
    let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}s"));
    let ratio =
        ours.zip(native).map_or_else(|| "-".to_owned(), |(ours, native)| format!("{:.2}", native / ours));
    println!("bench {name} ours={} native={} ratio={ratio}", seconds(ours), seconds(native));
}

/// The middle one; zero of none.
pub fn median(times: Vec<Duration>) -> Duration {
    percentile(times, 0.5)
}

/// The value below which that share of all lies.
pub fn percentile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort();
    let index = (times.len() as f64 * share) as usize;
    times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_values() {
        let times: Vec<Duration> = [5, 1, 4, 2, 3].map(Duration::from_secs).to_vec();
        assert_eq!(median(times.clone()), Duration::from_secs(3));
        assert_eq!(percentile(times.clone(), 0.999), Duration::from_secs(5));
        assert_eq!(percentile(times, 0.0), Duration::from_secs(1));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
