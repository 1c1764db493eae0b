//! Sorted sets: scores, ranges. Lists: both ends, elements by index.
//!
//! ```text
//! > BOARD.ADD game 10 ann            > QUEUE.PUSH todo wash
//! added                              (integer) 1
//! > BOARD.ADD game 30 bob            > QUEUE.PUSH todo cook FIRST
//! added                              (integer) 2
//! > BOARD.ADD game 5 ann IFGREATER   > QUEUE.AT todo -1
//! skipped                            "wash"
//! > BOARD.INCR game 15 ann           > QUEUE.PUT todo 1 shop
//! "25"                               (integer) 1
//! > BOARD.ADD game 20 cid            > QUEUE.REPLACE todo 0 bake
//! added                              (integer) 1
//! > BOARD.TOP game 2                 > QUEUE.ALL todo
//! 1) "bob"                           1) "bake"
//! 2) "30"                            2) "shop"
//! 3) "ann"                           3) "wash"
//! 4) "25"                            > QUEUE.DROP todo 1
//! > BOARD.BETWEEN game 20 30         (integer) 1
//! 1) "cid"                           > QUEUE.POP todo LAST
//! 2) "ann"                           "wash"
//! > BOARD.AROUND game ann            > QUEUE.POP todo
//! 1) "cid"                           "bake"
//! 2) "ann"                           > QUEUE.POP todo
//! 3) "bob"                           (nil)
//! ```
#![forbid(unsafe_code)]

mod board;
mod queue;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "zset_range",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    board::register(load)?;
    queue::register(load)
}
