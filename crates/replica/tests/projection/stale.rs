//! What is not known of the source makes keys stale, and nothing else does.

use redis_replica::Place;
use redis_replica::callback::{Batch, Handler, Phase, Whereabouts};
use redis_replica::projection::{Lookup, Projection, Tables};

fn run(projection: &mut Projection, line: &str) {
    let mut batch = Batch::new(Phase::Streaming);
    let at = Whereabouts { db: 0, offset: 1, place: Place::Alone };
    batch.push(at, line.split(' ').map(str::as_bytes));
    projection.batch(&batch).unwrap();
}

/// After these commands, whether `k` is stale.
fn is_stale(lines: &[&str]) -> bool {
    let mut projection = Projection::one_table();
    lines.iter().for_each(|line| run(&mut projection, line));
    projection.view().read(|tables: &Tables| {
        assert_eq!(tables.unknown_commands(), 0, "{lines:?}");
        tables.get(0, b"k") == Lookup::Stale
    })
}

const STREAM: [&str; 4] = ["XADD k 1-1 f v", "XADD k 2-1 f v", "XADD k 3-1 f v", "XGROUP CREATE k g 1-1"];

/// Each command makes `k` stale behind the first lines, and does not behind the second.
#[test]
fn v19_stale_is_what_the_source_alone_knows() {
    let lists = "RPUSH l b a c";
    let cases: &[(&[&str], &[&str], &str)] = &[
        (&["SET k x"], &[], "PFADD k a"),
        (&["SET k x"], &[], "PFCOUNT k"),
        (&["ZADD from 1 a"], &[], "GEOSEARCHSTORE k from FROMLONLAT 1 2 BYRADIUS 3 km"),
        (&["ZADD from 1 a"], &[], "GEORADIUS from 1 2 3 km STORE k"),
        // Without weights all are equal, and nobody knows in which order they are left.
        (&[lists], &[lists, "MSET w:a 1 w:b 2"], "SORT l BY w:* ALPHA STORE k"),
        (&[lists, "PFADD w:a x"], &[lists], "SORT l BY w:* STORE k"),
        (
            &[lists, "HSET h:a f 1", "HPEXPIREAT h:a 9 FIELDS 1 f"],
            &[lists, "HSET h:a f 1"],
            "SORT l ALPHA GET h:*->f STORE k",
        ),
        (&["RPUSH l x 1"], &["RPUSH l 2 1"], "SORT l STORE k"),
        (&["ZADD from 1 a 2 b"], &["ZADD from 1 a 1 b"], "ZRANGESTORE k from - + BYLEX"),
        (&["ZADD k 1 a 2 b"], &["ZADD k 1 a 1 b"], "ZREMRANGEBYLEX k - +"),
        // 2-1 is still to be read; then 1-1 is still pending.
        (&STREAM, &STREAM[..3], "XTRIM k MAXLEN 1 ACKED"),
        (
            &[&STREAM[..], &["XCLAIM k g c 0 1-1 TIME 1 RETRYCOUNT 1 FORCE JUSTID"]].concat(),
            &STREAM,
            "XTRIM k MAXLEN 2 ACKED",
        ),
        // What an approximate one has passed over is not told.
        (&STREAM, &STREAM[..3], "XADD k MINID = 2-1 ACKED 4-1 f v"),
        (&STREAM, &STREAM[..0], "XADD k MAXLEN ~ 2 4-1 f v"),
        (&STREAM, &STREAM[..0], "XCLAIM k g c 0 1-1"),
        (&["SET k 1"], &[], "RESTORE k 0 nonsense REPLACE"),
        (&["SET k 1"], &[], "RESTORE k 10 nonsense REPLACE"),
        (&["HSET k f v"], &[], "HEXPIRE k 10 FIELDS 1 f"),
    ];
    for (stale, known, command) in cases {
        assert!(is_stale(&[stale, &[*command][..]].concat()), "{command} behind {stale:?}");
        assert!(!is_stale(stale), "{stale:?}");
        if !known.is_empty() {
            assert!(!is_stale(&[known, &[*command][..]].concat()), "{command} behind {known:?}");
        }
    }
}

#[test]
fn v19_stale_ends_where_a_key_is_replaced_or_deleted() {
    let stale = ["SET k x", "PFADD k a"];
    let payload_free: &[&str] = &[
        "SET k 1",
        "DEL k",
        "MSETEX 1 k 1",
        "BITOP OR k none",
        "SORT l STORE k",
        "ZRANGESTORE k none 0 -1",
        "SUNIONSTORE k none",
        "RENAME other k",
        "FLUSHALL",
    ];
    for command in payload_free {
        let lines = [&["SET other x"], &stale[..], &[*command]].concat();
        assert!(!is_stale(&lines), "{command}");
    }
    for command in
        ["APPEND k x", "SET k x KEEPTTL", "MSETEX 1 k 1 KEEPTTL", "PEXPIREAT k 9", "BITFIELD k SET u8 0 1"]
    {
        assert!(is_stale(&[&stale[..], &[command]].concat()), "{command}");
    }
}

#[test]
fn v19_messages_and_functions_concern_no_key() {
    assert!(!is_stale(&["SET k 1", "PUBLISH k x", "SPUBLISH k x", "FUNCTION LOAD k"]));
}
