//! Servers that mirror each other, every mirror with a scope of its own, against a model that follows each key alone.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Name = (u32, String);
/// A server and a name there.
type Place = (usize, Name);

/// A mirror: from a server to another, with options.
#[derive(Debug, Clone)]
struct Link {
    from: usize,
    to: usize,
    options: String,
}

impl Link {
    fn scope(&self) -> Scope {
        Scope::new(&parse(&words(&format!("m redis://h {}", self.options))).expect("valid").definition)
    }
}

/// What a unit of a server's stream sets, and the origins it brings.
#[derive(Debug, Clone)]
struct Unit {
    names: Vec<Name>,
    origins: Vec<Origin>,
}

/// The servers' streams are all they are: what is in one was applied there.
struct Servers {
    streams: Vec<Vec<Unit>>,
    links: Vec<(Link, Planner, usize)>,
}

fn server_id(server: usize) -> ReplId {
    id(b'a' + u8::try_from(server).expect("few servers"))
}

impl Servers {
    fn new(count: usize, links: &[Link]) -> Servers {
        let planner = |link: &Link| {
            let local = LocalServer::by_release(Target::redis(8, 6, 0));
            let mut planner = Planner::new(Arc::new(link.scope()), local, PlanLimits::default());
            planner.set_own_replids(&[server_id(link.to)]);
            planner.start(server_id(link.from), &mut Batch::new()).expect("another server");
            planner
        };
        let links = links.iter().map(|link| (link.clone(), planner(link), 0)).collect();
        Servers { streams: vec![Vec::new(); count], links }
    }

    /// Lets every mirror take what its source has, until none finds anything.
    fn settle(&mut self) -> Result<(), PlanError> {
        loop {
            let mut moved = false;
            for at in 0..self.links.len() {
                moved |= self.take_one(at)?;
            }
            if !moved {
                return Ok(());
            }
            assert!(
                self.streams.iter().all(|stream| stream.len() < 10_000),
                "they feed each other unnoticed"
            );
        }
    }

    fn take_one(&mut self, at: usize) -> Result<bool, PlanError> {
        let (link, planner, next) = &mut self.links[at];
        let Some(unit) = self.streams[link.from].get(*next) else { return Ok(false) };
        *next += 1;
        let mut out = Batch::new();
        planner.multi(&mut out)?;
        for (db, name) in &unit.names {
            let _inside = feed(planner, *db, &format!("SET {name} v"), 1, &mut out);
        }
        if !unit.origins.is_empty() {
            let _inside = planner.command(0, &checkpoint(&unit.origins), 2, &mut out)?;
        }
        let _first = planner.exec(0, 3, &mut out)?;
        let sets = out.ops().iter().filter(|op| matches!(op.kind, OpKind::SetString { .. }));
        let name = |op: &Op| String::from_utf8(out.args(op).next().expect("a key").to_vec()).expect("text");
        let names: Vec<Name> = sets.map(|op| (op.db, name(op))).collect();
        if !names.is_empty() {
            self.streams[link.to].push(Unit { names, origins: out.origins().to_vec() });
        }
        Ok(true)
    }

    fn held(&self) -> BTreeSet<Place> {
        let units = self.streams.iter().enumerate();
        units
            .flat_map(|(at, units)| {
                units.iter().flat_map(move |u| u.names.iter().map(move |n| (at, n.clone())))
            })
            .collect()
    }
}

/// Follows one name along every chain of mirrors. `Err`: it comes to a server for the third time, under other names
/// each time.
fn follow(way: &mut Vec<Place>, links: &[Link], held: &mut BTreeSet<Place>) -> Result<(), ()> {
    let (server, (db, name)) = way.last().expect("a beginning").clone();
    held.insert((server, (db, name.clone())));
    for link in links.iter().filter(|link| link.from == server) {
        let mut buffer = Vec::new();
        let scope = link.scope();
        let Some((db, key)) = scope.map(db, name.as_bytes(), &mut buffer) else { continue };
        let next = (link.to, (db, String::from_utf8(key.to_vec()).expect("text")));
        if way.contains(&next) {
            continue;
        }
        if way.iter().filter(|(server, _)| *server == link.to).count() > 1 {
            return Err(());
        }
        way.push(next);
        follow(way, links, held)?;
        way.pop();
    }
    Ok(())
}

fn expected(at: usize, names: &[Name], links: &[Link]) -> Result<BTreeSet<Place>, ()> {
    let mut held = BTreeSet::new();
    for name in names {
        follow(&mut vec![(at, name.clone())], links, &mut held)?;
    }
    Ok(held)
}

fn check(count: usize, links: &[Link], at: usize, names: &[Name]) {
    let mut servers = Servers::new(count, links);
    servers.streams[at].push(Unit { names: names.to_vec(), origins: Vec::new() });
    let outcome = servers.settle();
    match expected(at, names, links) {
        Ok(held) => {
            assert_eq!(outcome, Ok(()), "{links:?}");
            assert_eq!(servers.held(), held, "{links:?}");
        }
        Err(()) => assert_eq!(outcome, Err(PlanError::MirrorsFeedEachOther), "{links:?}"),
    }
}

fn link(
    servers: usize,
    names: &'static [&'static str],
    dbs: &'static [&'static str],
) -> impl Strategy<Value = Link> {
    let options = (prop::sample::select(names), prop::sample::select(dbs));
    (0..servers, 1..servers, options).prop_map(move |(from, step, (names, dbs))| Link {
        from,
        to: (from + step) % servers,
        options: format!("{dbs} {names}"),
    })
}

/// Every server mirrors the one before it, and some more mirrors.
fn ring(
    servers: usize,
    names: &'static [&'static str],
    dbs: &'static [&'static str],
) -> impl Strategy<Value = Vec<Link>> {
    let around: Vec<_> = (0..servers)
        .map(|from| {
            link(servers, names, dbs).prop_map(move |link| Link { from, to: (from + 1) % servers, ..link })
        })
        .collect();
    (around, prop::collection::vec(link(servers, names, dbs), 0..3))
        .prop_map(|(around, more)| around.into_iter().chain(more).collect())
}

fn names() -> impl Strategy<Value = Vec<Name>> {
    let name = prop::sample::select(vec!["a1", "b1", "p:a1", "q:b1", "p:q:a1", "q:p:b"]);
    prop::collection::vec((0..3_u32, name.prop_map(str::to_owned)), 1..4)
}

const KEPT: &[&str] = &["", "", "MATCH a*", "MATCH *1", "EXCEPT a*", "MATCH p:*", "MATCH *:* EXCEPT q:*"];
const RENAMED: &[&str] = &[
    "",
    "MATCH a*",
    "EXCEPT p:*",
    "PREFIX p:",
    "PREFIX q:",
    "STRIP p:",
    "STRIP q:",
    "STRIP p: PREFIX q:",
    "STRIP q: PREFIX p:",
    "MATCH a* PREFIX p:",
    "MATCH p:* PREFIX q:",
    "EXCEPT p:p:* PREFIX p:",
];
const SAME_DBS: &[&str] = &["", "", "DB 0", "DB 0 DB 1", "DB 2 DB 1"];
const OTHER_DBS: &[&str] =
    &["", "DB 0 TO 1", "DB 1 TO 0", "DB 0 TO 1 DB 1 TO 0", "DB 0 DB 1 TO 2", "DB 2 TO 1 DB 0", "DB 0 TO 2"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn two_with_kept_names(links in ring(2, KEPT, SAME_DBS), at in 0..2_usize, names in names()) {
        check(2, &links, at, &names);
    }

    #[test]
    fn three_with_kept_names(links in ring(3, KEPT, SAME_DBS), at in 0..3_usize, names in names()) {
        check(3, &links, at, &names);
    }

    #[test]
    fn two_with_other_names(links in ring(2, RENAMED, OTHER_DBS), at in 0..2_usize, names in names()) {
        check(2, &links, at, &names);
    }

    #[test]
    fn three_with_other_names(links in ring(3, RENAMED, OTHER_DBS), at in 0..3_usize, names in names()) {
        check(3, &links, at, &names);
    }
}

fn links(texts: &[(usize, usize, &str)]) -> Vec<Link> {
    let link = |(from, to, options): &(usize, usize, &str)| Link {
        from: *from,
        to: *to,
        options: (*options).into(),
    };
    texts.iter().map(link).collect()
}

fn held(texts: &[(usize, usize, &str)], name: &str) -> Result<Vec<(usize, String)>, PlanError> {
    let links = links(texts);
    let mut servers = Servers::new(3, &links);
    servers.streams[0].push(Unit { names: vec![(0, name.into())], origins: Vec::new() });
    servers.settle()?;
    Ok(servers.held().into_iter().map(|(server, (db, name))| (server, format!("{db} {name}"))).collect())
}

fn places(texts: &[(usize, &str)]) -> Vec<(usize, String)> {
    texts.iter().map(|(server, name)| (*server, (*name).to_owned())).collect()
}

#[test]
fn what_comes_back_under_another_name_is_applied_once() {
    let there_and_back = [(0, 1, "EXCEPT b:* PREFIX copy:"), (1, 0, "PREFIX b:")];
    let expected = places(&[(0, "0 b:copy:k"), (0, "0 k"), (1, "0 copy:k")]);
    assert_eq!(held(&there_and_back, "k"), Ok(expected));
}

#[test]
fn what_comes_back_under_its_own_name_is_dropped_whatever_was_filtered_on_the_way() {
    let filtered = [(0, 1, "MATCH a:*"), (1, 0, "")];
    assert_eq!(held(&filtered, "a:1"), Ok(places(&[(0, "0 a:1"), (1, "0 a:1")])));
    assert_eq!(held(&filtered, "b:1"), Ok(places(&[(0, "0 b:1")])));
    for undone in [[(0, 1, "PREFIX a:"), (1, 0, "STRIP a:")], [(0, 1, "DB 0 TO 1"), (1, 0, "DB 1 TO 0")]] {
        assert_eq!(held(&undone, "k").map(|held| held.len()), Ok(2), "{undone:?}");
    }
}

#[test]
fn mirrors_that_feed_each_other_are_told_so() {
    let endless = [(0, 1, "PREFIX copy:"), (1, 0, "PREFIX b:")];
    assert_eq!(held(&endless, "k"), Err(PlanError::MirrorsFeedEachOther));
}
