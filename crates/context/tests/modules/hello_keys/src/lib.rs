//! What tests want of keys and no reader of an example does: many operations on one open key, odd orders, panics.
#![forbid(unsafe_code)]

mod dataset;
mod elements;
mod generic;
mod lists;
mod zsets;

use redis_context::{Error, LoadContext, RedisStr, Reply};

redis_context::module! {
    name: "hello_keys",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    dataset::register(load)?;
    elements::register(load)?;
    generic::register(load)?;
    lists::register(load)?;
    zsets::register(load)
}

/// What a step answers: an error is an answer too, and the steps go on.
fn answer(step: Result<Reply, Error>) -> Reply {
    step.unwrap_or_else(|error| Reply::Bulk(error.to_string().into_bytes()))
}

fn number(text: RedisStr<'_>) -> Result<f64, Error> {
    text.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Error::Syntax)
}

fn count(yes: bool) -> Reply {
    Reply::Int(yes.into())
}
