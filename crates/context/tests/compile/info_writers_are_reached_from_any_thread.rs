//! A crash report is written on the thread that crashed.
use std::cell::Cell;

use redis_context::{Error, LoadContext};

fn report(load: &LoadContext<'_>) -> Result<(), Error> {
    let count = Cell::new(0);
    load.info(move |_| count.set(count.get() + 1))
}

fn main() {
    let _ = report;
}
