//! Sorted sets.

use redis_mirror_test_support::{Command, Random};

use super::{line, on_each_server};

#[test]
fn each_condition_sets_a_score_when_zadd_does() {
    on_each_server(|_, client| {
        let conditions = ["ALWAYS", "NX", "XX", "GT", "LT", "XXGT", "XXLT"];
        let zadd = |condition: &str| {
            condition.replace("ALWAYS", "").replace("XXGT", "XX GT").replace("XXLT", "XX LT")
        };
        for condition in conditions {
            for (member, score) in [("a", 1), ("a", 5), ("a", 9), ("new", 5)] {
                client.run("DEL ours theirs");
                client.run("ZADD ours 5 a");
                client.run("ZADD theirs 5 a");
                let ours = line(client, format!("HK.ZSET ours ADD {condition} {score} {member}").as_str());
                let theirs =
                    client.int(format!("ZADD theirs {} CH {score} {member}", zadd(condition)).as_str());
                let has_changed = matches!(ours.as_str(), "Added" | "Updated");
                assert_eq!(has_changed, theirs == 1, "{condition} {member} {score}: {ours}");
                let range = "0 -1 WITHSCORES";
                let same = client.texts(format!("ZRANGE ours {range}").as_str());
                assert_eq!(same, client.texts(format!("ZRANGE theirs {range}").as_str()));
            }
        }
        client.run("ZADD z 5 a");
        let steps =
            "HK.ZSET z ADD ALWAYS 5 a ADD NX 6 a ADD ALWAYS 7 a ADD GT 6 a ADD XX 1 b ADD LT 1 b SCORE b";
        assert_eq!(line(client, steps), "Unchanged Skipped Updated Skipped Skipped Added 1");
        let steps =
            "HK.ZSET z INCR ALWAYS 2 a INCR NX 2 a INCR XX 2 none INCR GT -1 a INCR ALWAYS 0 a INCR NX 4 new";
        assert_eq!(line(client, steps), "9 nil nil nil 9 4");
    });
}

#[test]
fn nothing_is_left_of_what_is_refused() {
    on_each_server(|_, client| {
        // Each of these makes the server's own function leave a sorted set without members.
        let steps = "HK.ZSET z ADD XX 1 a ADD XXGT 1 a ADD XXLT 1 a INCR XX 1 a REMOVE a LEN";
        assert_eq!(line(client, steps), "Skipped Skipped Skipped nil 0 0");
        let steps = "HK.ZSET z ADD ALWAYS nan a INCR ALWAYS nan a";
        let refusal = "the score is not valid: it is not a number";
        assert_eq!(line(client, steps), format!("{refusal} {refusal}"));
        assert_eq!(client.int("EXISTS z"), 0);
        // A sum that is no number leaves the score.
        let steps = "HK.ZSET z ADD ALWAYS inf a INCR ALWAYS -inf a SCORE a";
        assert_eq!(line(client, steps), format!("Added {refusal} inf"));
        let steps = "HK.ZSET z REMOVE a SCORE a ADD NX 1 b REMOVE b LEN KEYDEL";
        assert_eq!(line(client, steps), "1 nil Added 1 0 0");
        assert_eq!(client.int("EXISTS z"), 0);
        client.run("SET s v");
        let wrong =
            line(client, "HK.ZSET s ADD ALWAYS 1 a INCR ALWAYS 1 a SCORE a REMOVE a SCORES * * NAMES * *");
        assert_eq!(wrong.matches("wrong kind of value").count(), 6, "{wrong}");
        assert_eq!(line(client, "HK.ZSET missing SCORES * * NAMES * * SCORE a"), "[[] []] [[] []] nil");
    });
}

#[test]
fn ranges_are_those_of_zrangebyscore_and_zrangebylex_from_both_ends() {
    on_each_server(|_, client| {
        let mut random = Random::new(34);
        // Small ones are one block of memory, large ones a skip list.
        for count in [1, 5, 40, 400] {
            client.run("DEL z names");
            for at in 0..count {
                let score = random.below(count) as f64 / 2.0;
                client.run(format!("ZADD z {score} m{at}").as_str());
                client.run(format!("ZADD names 0 {}", random.text(2)).as_str());
            }
            client.run("ZADD z inf top -inf bottom");
            for _ in 0..40 {
                let bound = |random: &mut Random| match random.below(8) {
                    0 => "-inf".to_owned(),
                    1 => "inf".to_owned(),
                    2 | 3 => format!("({}", random.below(count)),
                    _ => format!("{}", random.below(count) as f64 / 2.0),
                };
                let (min, max) = (bound(&mut random), bound(&mut random));
                let up = client.texts(format!("ZRANGEBYSCORE z {min} {max}").as_str()).join(" ");
                let down = client.texts(format!("ZREVRANGEBYSCORE z {max} {min}").as_str()).join(" ");
                let ours = line(client, format!("HK.ZSET z SCORES {min} {max}").as_str());
                assert_eq!(ours, format!("[[{up}] [{down}]]"), "{min} {max}");

                let name = |edge: &str, random: &mut Random| match random.below(4) {
                    0 => ("*".to_owned(), edge.to_owned()),
                    kind => {
                        let name = format!("{}{}", if kind == 1 { '(' } else { '[' }, random.text(1));
                        (name.clone(), name)
                    }
                };
                let ((min, their_min), (max, their_max)) = (name("-", &mut random), name("+", &mut random));
                let up =
                    client.texts(format!("ZRANGEBYLEX names {their_min} {their_max}").as_str()).join(" ");
                let down = format!("ZREVRANGEBYLEX names {their_max} {their_min}");
                let down = client.texts(down.as_str()).join(" ");
                let ours = line(client, format!("HK.ZSET names NAMES {min} {max}").as_str());
                assert_eq!(ours, format!("[[{up}] [{down}]]"), "{min} {max}");
            }
        }
    });
}

#[test]
fn a_walk_turns_round_and_stops_at_both_ends() {
    on_each_server(|_, client| {
        client.run("ZADD small 1 a 2 b 3 c 4 d");
        client.run("ZADD large 1 a 2 b 3 c 4 d");
        for at in 0..300 {
            client.run(format!("ZADD large {} x{at}", at + 100).as_str());
        }
        for key in ["small", "large"] {
            let walk = |steps: &str| format!("HK.WALK {key} {steps}");
            assert_eq!(
                line(client, walk("1 4 FIRST . > . > . < . ! < . < ! .").as_str()),
                "a 1 b 1 c 1 b 0 1 a 0 1 a"
            );
            assert_eq!(line(client, walk("(1 (4 LAST . ! > ! . < . < .").as_str()), "c 0 0 1 c 1 b 0 b");
            assert_eq!(line(client, walk("1 3 FIRST * * . < . * =").as_str()), "[a b c] [] c 1 b [b c] 3");
            assert_eq!(line(client, walk("1 3 LAST > * . > * =").as_str()), "0 [c b a] a 1 [b a] 1");
            assert_eq!(line(client, walk("9 10 FIRST . > < ! * =").as_str()), "nil 0 0 1 [] nil");
            assert_eq!(line(client, walk("4 1 FIRST . !").as_str()), "nil 1");
        }
        assert_eq!(line(client, "HK.WALK missing * * FIRST . > < ! *"), "nil 0 0 1 []");
        assert!(client.refusal("HK.WALK small nan 1 FIRST").contains("not a number"));
    });
}

#[test]
fn a_walk_that_is_never_dropped_harms_nothing() {
    on_each_server(|_, client| {
        client.run("ZADD z 0 a 0 b");
        let steps = "HK.ZSET z LEAK LEAK NAMES * * LEAK ADD ALWAYS 0 c SCORES * * LEAK REMOVE a REMOVE b REMOVE c \
                     ADD ALWAYS 1 d LEAK KEYDEL ADD ALWAYS 2 e LEAK SCORES * *";
        let told = line(client, steps);
        assert!(told.starts_with("1 1 [[a b] [b a]] 1 Added [[a b c] [c b a]]"), "{told}");
        assert!(told.ends_with("1 [[e] [e]]"), "{told}");
        assert_eq!(client.texts("ZRANGE z 0 -1"), ["e"]);
    });
}

#[test]
fn members_and_bounds_are_any_bytes() {
    on_each_server(|_, client| {
        let large = vec![b'x'; 1 << 20];
        let names: [&[u8]; 8] = [b"", b"\0", b"%s%n", b"\xff\xfe", b"a\r\nb", b"(", b"12", &large];
        for name in names {
            let add = Command::new("HK.ZSET z ADD ALWAYS 0").arg(name).arg("SCORE").arg(name);
            assert_eq!(line(client, add), "Added 0");
        }
        for name in names {
            let bound = [b"[", name].concat();
            let up = client.run(Command::new("HK.ZSET z NAMES").arg(bound.as_slice()).arg(bound.as_slice()));
            let up = up.as_array().and_then(|steps| steps[0].as_array()?[0].as_array().map(<[_]>::to_vec));
            assert_eq!(up.expect("one range")[0].as_bytes(), Some(name));
        }
        for name in names {
            assert_eq!(line(client, Command::new("HK.ZSET z REMOVE").arg(name)), "1");
        }
        assert_eq!(client.int("EXISTS z"), 0);
    });
}
