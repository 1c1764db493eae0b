//! Some work that takes its time.

/// How many primes there are up to `limit`; `None` if `is_cancelled` says so.
pub fn count(limit: u64, is_cancelled: impl Fn() -> bool) -> Option<u64> {
    let mut count = 0;
    for number in 2..=limit {
        if number % 1024 == 0 && is_cancelled() {
            return None;
        }
        count += u64::from(is_prime(number));
    }
    Some(count)
}

fn is_prime(number: u64) -> bool {
    (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}
