//! Lists.

use redis_mirror_test_support::{Client, Command, Random};

use super::{line, on_each_server, on_each_server_with};

/// A list as it should be.
#[derive(Default)]
struct Model(Vec<String>);

impl Model {
    fn at(&self, index: i64) -> Option<usize> {
        let len = self.0.len() as i64;
        (-len..len).contains(&index).then(|| index.rem_euclid(len.max(1)) as usize)
    }

    fn place(&self, index: i64) -> Option<usize> {
        let len = self.0.len() as i64;
        (-len - 1..=len).contains(&index).then(|| if index < 0 { index + len + 1 } else { index } as usize)
    }

    /// Does one step, and says what is answered.
    fn step(&mut self, words: &[String]) -> String {
        let index = words.get(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        let said = |yes: bool| i64::from(yes).to_string();
        let popped = |element: Option<String>| element.unwrap_or_else(|| "nil".to_owned());
        match words[0].as_str() {
            "GET" => popped(self.at(index).map(|at| self.0[at].clone())),
            "SET" => said(self.at(index).map(|at| self.0[at] = words[2].clone()).is_some()),
            "INSERT" => said(self.place(index).map(|at| self.0.insert(at, words[2].clone())).is_some()),
            "DELETE" => said(self.at(index).map(|at| self.0.remove(at)).is_some()),
            "PUSH" => {
                self.0.push(words[1].clone());
                said(true)
            }
            "UNSHIFT" => {
                self.0.insert(0, words[1].clone());
                said(true)
            }
            "POP" => popped(self.0.pop()),
            "SHIFT" => popped((!self.0.is_empty()).then(|| self.0.remove(0))),
            "LEN" => self.0.len().to_string(),
            "EXPIRE" | "PERSIST" => {
                if self.0.is_empty() {
                    "no such key".to_owned()
                } else {
                    said(true)
                }
            }
            "KEYDEL" | "UNLINK" => said(!std::mem::take(&mut self.0).is_empty()),
            other => panic!("{other} is no step"),
        }
    }
}

fn random_step(random: &mut Random, len: usize) -> Vec<String> {
    let reach = len as i64 + 2;
    let index = (random.below(2 * reach as usize + 1) as i64 - reach).to_string();
    // Small, large enough to need a node of its own, and numbers, which are stored in another way.
    let element = match random.below(12) {
        0 => "x".repeat(9000),
        1..=3 => random.below(100_000).to_string(),
        _ => random.text(6),
    };
    let words: &[&str] = match random.below(30) {
        0 if random.one_in(4) => &["KEYDEL"],
        1 if random.one_in(4) => &["UNLINK"],
        2 => &["EXPIRE", "100000"],
        3 => &["PERSIST"],
        4..=7 => &["SET", &index, &element],
        8..=11 => &["INSERT", &index, &element],
        12..=14 => &["DELETE", &index],
        15..=17 => &["PUSH", &element],
        18 | 19 => &["UNSHIFT", &element],
        20 => &["POP"],
        21 => &["SHIFT"],
        22 => &["LEN"],
        _ => &["GET", &index],
    };
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Random steps, many on each open key, with the model beside.
fn compare(client: &mut Client, seed: u64) {
    let (mut random, mut model) = (Random::new(seed), Model::default());
    for _ in 0..60 {
        let (mut command, mut told) = (Command::new("HK.LIST l"), Vec::new());
        for _ in 0..1 + random.below(40) {
            let words = random_step(&mut random, model.0.len());
            told.push((model.step(&words), words.join(" ")));
            command = command.args(words);
        }
        let answers = client.run(command);
        let answers = answers.as_array().expect("an answer to each step");
        assert_eq!(answers.len(), told.len());
        for (answer, (expected, step)) in answers.iter().zip(told) {
            assert!(
                super::shown(answer) == expected,
                "seed {seed}: {step:.60} answers {answer}, not {expected:.60}"
            );
        }
        assert!(client.texts("LRANGE l 0 -1") == model.0, "seed {seed}");
    }
    client.run("DEL l");
}

#[test]
fn lists_are_what_a_vector_would_be_through_any_steps_on_one_open_key() {
    on_each_server(|_, client| (0..12).for_each(|seed| compare(client, seed)));
    // Many small nodes, those in the middle compressed.
    let small = |options: redis_mirror_test_support::Options| {
        options.set("list-max-listpack-size", 3).set("list-compress-depth", 1)
    };
    on_each_server_with(small, |_, client| (100..112).for_each(|seed| compare(client, seed)));
}

#[test]
fn the_iterator_goes_before_the_value_does() {
    on_each_server(|_, client| {
        // Without that, closing the key ends the server (`serverAssert(key->iter == NULL)`).
        for steps in [
            "GET 1 KEYDEL",
            "GET 1 UNLINK",
            "GET 1 STRING v",
            "DELETE 0 KEYDEL",
            "DELETE 0 UNLINK PUSH x GET 0 GET -1 KEYDEL PUSH y",
            "GET 2 EXPIRE 100000 GET 1 PERSIST GET 0 EXPIREAT 99999999999999 GET 1 DELETE 1 GET 1 UNLINK",
            "DELETE 0 DELETE 0 DELETE 0 DELETE 0 STRING v",
        ] {
            client.run("DEL l");
            client.run("RPUSH l a b c");
            line(client, format!("HK.LIST l {steps}").as_str());
        }
        client.run("DEL l");
        client.run("RPUSH l a b c");
        assert_eq!(line(client, "HK.LIST l GET 1 EXPIRE 100000 GET 1 LEN GET 2"), "b 1 b 3 c");
        assert_eq!(
            client.texts("LRANGE l 0 -1"),
            ["a", "b", "c"],
            "what lets the iterator go leaves no trace"
        );
    });
}

#[test]
fn a_place_that_is_not_there_is_no_place() {
    on_each_server(|_, client| {
        // Redis 7.2 and later read through the missing list here.
        assert_eq!(
            line(client, "HK.LIST l INSERT 5 x INSERT -2 x SET 0 x DELETE 0 GET 0 POP SHIFT"),
            "0 0 0 0 nil nil nil"
        );
        assert_eq!(client.int("EXISTS l"), 0);
        assert_eq!(
            line(client, "HK.LIST l INSERT -1 b INSERT 0 a INSERT 2 d INSERT -2 c INSERT 9 x"),
            "1 1 1 1 0"
        );
        assert_eq!(client.texts("LRANGE l 0 -1"), ["a", "b", "c", "d"]);
        let extreme =
            format!("HK.LIST l GET {} GET {} SET {} x DELETE {}", i64::MIN, i64::MAX, i64::MIN, i64::MAX);
        assert_eq!(line(client, extreme.as_str()), "nil nil 0 0");
        client.run("SET s v");
        let wrong =
            line(client, "HK.LIST s GET 0 SET 0 x INSERT 0 x INSERT 7 x DELETE 0 PUSH x UNSHIFT x POP SHIFT");
        assert_eq!(wrong.matches("wrong kind of value").count(), 9, "{wrong}");
    });
}

#[test]
fn elements_are_any_bytes() {
    on_each_server(|_, client| {
        let large = vec![b'x'; 1 << 20];
        let elements: [&[u8]; 7] = [b"", b"\0", b"%s%n", b"\xff\xfe", b"a\r\nb", b"-12", &large];
        for element in elements {
            let steps = Command::new("HK.LIST l PUSH").arg(element).arg("INSERT").arg(0).arg(element);
            assert_eq!(line(client, steps.arg("SET").arg(-1).arg(element)), "1 1 1");
            let got = client.run("HK.LIST l GET 0 POP SHIFT");
            let got = got.as_array().expect("three answers");
            assert!(got.iter().all(|got| got.as_bytes() == Some(element)));
        }
        assert_eq!(client.int("EXISTS l"), 0);
    });
}

#[test]
fn who_waits_for_a_list_is_served() {
    on_each_server(|server, client| {
        let mut waiting = server.client();
        waiting.send(&Command::new("BLPOP l 0")).expect("it is sent");
        redis_mirror_test_support::wait::wait_until("it waits", || {
            server.info("clients").number("blocked_clients") == Some(1)
        });
        line(client, "HK.LIST l PUSH a PUSH b");
        let served = waiting.receive().expect("an element");
        assert_eq!(served.as_array().and_then(|served| served[1].as_text()).as_deref(), Some("a"));
        assert_eq!(client.texts("LRANGE l 0 -1"), ["b"]);
    });
}
