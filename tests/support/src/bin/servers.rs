//! Prints which server versions the tests use, and which programs they leave out.
#![forbid(unsafe_code)]

use redis_mirror_test_support::survey;

fn main() {
    let (found, left_out) = survey();
    let names: Vec<String> = found.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => println!("servers: none; run make servers"),
        names => println!("servers: testing with {}", names.join(", ")),
    }
    for reason in left_out {
        println!("servers: not used: {reason}");
    }
    if found.len() == 1 {
        println!("servers: only one version: make servers fetches the others");
    }
}
