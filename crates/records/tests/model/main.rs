//! A million random operations beside a store that is too simple to be wrong.
//!
//! ```text
//! operation -> primary --commit--> replica      equal dumps
//!          \-> naive store                      equal answers, equal state
//! crash:       a replica that lagged behind goes on, what came since is lost
//! consumers    list and follow all the time; who saw what is lost is told so, who did not goes on, and at the end each has
//!              put together the exact state
//! ```
#![allow(clippy::unwrap_used)]

mod consumer;
mod naive;
mod ops;
mod reads;
#[path = "../common/rng.rs"]
mod rng;
mod world;

use world::World;

const STEPS: u64 = 50_000;

fn run(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.step = step;
            world.operate();
            if step % 127 == 0 {
                world.compare();
                world.check_replica();
            }
            match step % 1_009 {
                300 => drop(world.reload()),
                600 => world.fork(),
                900 => world.drain(),
                _ => {}
            }
        }
        world.compare();
        world.drain();
        println!("seed {seed}: version {}, {:?}", world.naive.version, world.counts);
        let counts = &world.counts;
        assert!(counts.crashes > 20 && counts.lost > 500, "{counts:?}");
        assert!(counts.epoch_errors > 50 && counts.compacted > 50 && counts.went_on > 2_000, "{counts:?}");
    }
}

// A million operations: 20 seeds, in parts that run beside each other.

#[test]
fn a_million_operations_first_quarter() {
    run(0..5);
}

#[test]
fn a_million_operations_second_quarter() {
    run(5..10);
}

#[test]
fn a_million_operations_third_quarter() {
    run(10..15);
}

#[test]
fn a_million_operations_fourth_quarter() {
    run(15..20);
}
