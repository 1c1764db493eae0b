//! Sizes in memory.

use redis_mirror_test_support::Value;

use super::on_each_probe;

#[test]
fn the_allocator_tells_what_a_block_takes() {
    on_each_probe(|_, client| {
        let reply = client.run("TP.SIZES");
        let sizes: Vec<i64> = reply.as_array().expect("sizes").iter().filter_map(Value::as_int).collect();
        let (blocks, rest) = sizes.split_at(10);
        for pair in blocks.chunks(2) {
            assert!((100..=160).contains(&pair[0]) && (100..=pair[0]).contains(&pair[1]), "{sizes:?}");
        }
        // Aligned to 64: 128 bytes inside a larger block.
        assert!((192..=256).contains(&rest[0]) && rest[1] <= rest[0], "{sizes:?}");
        assert!((100..=256).contains(&rest[2]) && rest[3] == 100, "{sizes:?}");
        assert_eq!(rest[4..], [0, 0]);
    });
}
