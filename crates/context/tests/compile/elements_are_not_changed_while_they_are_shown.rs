//! A walk over elements borrows the key: the visitor does not change it.
use std::ops::ControlFlow;

use redis_context::{ElementCursor, Error, WriteKey};

fn clear(cursor: &mut ElementCursor, key: &mut WriteKey<'_>) -> Result<(), Error> {
    cursor.step(key, |element| {
        let _ = key.hash_delete(element.name());
        ControlFlow::Continue(())
    })?;
    Ok(())
}

fn main() {
    let _ = clear;
}
