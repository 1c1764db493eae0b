//! A walk follows the tree's nodes: the dict is not changed meanwhile, and the key of a step ends with the next.
use redis_context::{Dict, DictSeek};

fn change(mut dict: Dict<u32>) {
    let mut walk = dict.seek(DictSeek::First);
    while let Some((key, _)) = walk.next() {
        dict.remove(key);
    }
}

fn keep(dict: &Dict<u32>) {
    let mut walk = dict.seek(DictSeek::First);
    let first = walk.next();
    let second = walk.next();
    drop((first, second));
}

fn main() {
    let _ = (change, keep);
}
