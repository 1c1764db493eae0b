//! Values of real servers told in pieces, rebuilt on a server of the same kind and compared there.

use redis_replica::rdb::{Item, Limits, Loss, Reader, Rebuild, Step, parse_dump};

use super::compare::{REBUILT, assert_same};
use super::dataset::{self, PROFILES};
use super::server::Server;

/// Key, expiry, and the commands' losses.
type Rebuilt = (Vec<u8>, Option<u64>, Vec<Loss>);

/// Rebuilds on `target` all that comes in pieces, reading `step` bytes at a time.
fn rebuild_all(rdb: &[u8], step: usize, target: &mut Server) -> Vec<Rebuilt> {
    let mut reader = Reader::new(Limits::default().with_pieces_above_bytes(0));
    let (mut at, mut there) = (0, 0);
    let mut begun: Option<(Rebuild, Vec<u8>, Option<u64>)> = None;
    let mut all = Vec::new();
    loop {
        match reader.next(&rdb[at..there]).expect("a real server's snapshot reads") {
            Step::Need(bytes) => there = (at + bytes).max(there + step).min(rdb.len()),
            Step::Item { item: Item::End, .. } => return all,
            Step::Item { item, consumed } => {
                match item {
                    Item::ValueBegin(begin) => {
                        let rebuild = Rebuild::new(&begin.key, target.target);
                        begun = Some((rebuild, begin.key.to_vec(), begin.expire_at_ms));
                    }
                    Item::Piece(piece) => {
                        let (rebuild, ..) = begun.as_mut().expect("a begun value");
                        rebuild.piece(&piece, &mut |command| drop(target.must(command)));
                    }
                    Item::ValueEnd => {
                        let (rebuild, key, expire_at_ms) = begun.take().expect("a begun value");
                        all.push((key, expire_at_ms, rebuild.finish()));
                    }
                    Item::Rejected(rejected) => panic!("refused {:?}", rejected.defect),
                    _ => {}
                }
                at += consumed;
            }
        }
    }
}

/// What the commands of the whole value say they lose.
fn losses_of_the_whole(source: &mut Server, key: &[u8]) -> Vec<Loss> {
    let payload = source.must(&[b"DUMP", key]).bytes();
    let object = parse_dump(&payload, source.target.family, Limits::default()).expect("a real server's DUMP");
    let value = object.decode().expect("validated");
    value.commands(key, source.target, &mut |_| {}).expect("no module's value")
}

pub fn rebuilt(source: &mut Server) {
    let mut target = Server::start(&source.name, &source.program);
    for profile in &PROFILES {
        profile.apply(source);
        dataset::fill(source);
        let rdb = source.snapshot();
        let rebuilt = rebuild_all(&rdb, 1000, &mut target);
        assert!(rebuilt.len() >= 10, "{}: {} values came in pieces", source.name, rebuilt.len());
        for (key, expire_at_ms, losses) in rebuilt {
            if let Some(at) = expire_at_ms {
                target.must(&[b"PEXPIREAT", &key, at.to_string().as_bytes()]);
            }
            let mut whole = losses_of_the_whole(source, &key);
            // Which pending entries were deleted only the replies tell.
            let told = |loss: &&Loss| !matches!(loss, Loss::PendingDeleted(_));
            assert_eq!(losses, whole.iter().filter(told).copied().collect::<Vec<_>>());
            whole.push(REBUILT);
            let losses = whole;
            assert_same(source, &mut target, &key, &key, &losses, "pieces");
        }
        target.run(&["FLUSHALL"]);
    }
}
