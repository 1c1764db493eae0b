//! The server frees what it shows of an element when the visitor returns.
use std::ops::ControlFlow;

use redis_context::{Element, ElementCursor, Error, ReadKey};

fn collect<'k>(cursor: &mut ElementCursor, key: &'k ReadKey<'_>) -> Result<Vec<Element<'k>>, Error> {
    let mut elements = Vec::new();
    cursor.step(key, |element| {
        elements.push(element);
        ControlFlow::Continue(())
    })?;
    Ok(elements)
}

fn main() {
    let _ = collect;
}
