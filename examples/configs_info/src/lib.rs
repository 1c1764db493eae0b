//! Settings of the module, settings of the server, INFO out and in.
//!
//! A setting is a `static`: the server reads and writes it through CONFIG GET, CONFIG SET, CONFIG REWRITE and its
//! configuration file, the module by `get`, from any thread and without a call. INFO is written by a closure, and read
//! field by field.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_configs_info.so --configs_info.cache-max 10mb
//! > CONFIG GET configs_info.cache-max
//! 1) "configs_info.cache-max"
//! 2) "10485760"
//! > CONFIG SET configs_info.strategy eager configs_info.record "reads writes"       OK
//! > CONFIG SET configs_info.banner ""
//! (error) ERR CONFIG SET failed (possibly related to argument 'configs_info.banner') - a banner says something
//! > CONFIGS_INFO.SHOW                                # with Redis 8.0 and later a worker for each core
//!  1) "workers"
//!  2) (integer) ..
//!  3) "cache-max"
//!  4) (integer) 10485760
//!  5) "seed"
//!  6) (integer) 42
//!  7) "trace"
//!  8) (integer) 0
//!  9) "strategy"
//! 10) "eager"
//! 11) "record"
//! 12) 1) "reads"
//!     2) "writes"
//! 13) "banner"
//! 14) "hello"
//! > INFO configs_info
//! # configs_info_settings
//! configs_info_shown:1
//! configs_info_cache_max_mb:10
//! configs_info_banner:hello
//! configs_info_workers:least=1,now=..
//! > CONFIGS_INFO.FIELD memory maxmemory_policy       "noeviction"
//! > CONFIGS_INFO.SERVER maxmemory-policy             # from Redis 8.2, not on Valkey
//! 1) "choice"
//! 2) "noeviction"
//! > CONFIGS_INFO.TUNE maxmemory-policy allkeys-lru   OK       # from Redis 8.2, not on Valkey
//! > CONFIGS_INFO.TUNE databases 32                   # from Redis 8.2, not on Valkey
//! (error) ERR the server refused the config: Config is immutable
//! > CONFIGS_INFO.NAMES maxmemory*                    # from Redis 8.2, not on Valkey
//! 1) "maxmemory"
//! 2) "maxmemory-clients"
//! ..
//! ```
//!
//! On other servers the commands answer which version brought the function.
#![forbid(unsafe_code)]

mod report;
mod server;
mod settings;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "configs_info",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    settings::register(load)?;
    server::register(load)?;
    report::register(load)
}
