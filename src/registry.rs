//! The mirrors of this server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mirror_engine::{LocalServer, ReplId};
use redis_context::{Context, MainCell, Waker};

use crate::apply::job::Job;
use crate::link::Link;
use crate::mirror::{Mirror, Stored};
use crate::propagation;

/// How many mirrors a server may have.
pub const MIRRORS_MAX: usize = 256;

/// How many of its own replication ids a server remembers.
const OWN_IDS_MAX: usize = 64;

/// What a link may hold while the server is out of memory.
const RELIEF_BYTES: usize = 8 * 1024 * 1024;

/// How often the replication ids are looked at; events tell of most changes.
const LOOK_AT_IDS: Duration = Duration::from_secs(1);

/// The replication ids of this server: the former one, if it counts still, and the present one.
pub fn present_replids(ctx: &Context<'_>) -> Vec<ReplId> {
    let Some(info) = ctx.server_info(c"replication") else { return Vec::new() };
    let read = |field| info.text(field).and_then(|text| ReplId::from_bytes(text).ok());
    let is_set = |id: &ReplId| id.as_bytes() != &[b'0'; 40];
    [c"master_replid2", c"master_replid"].into_iter().filter_map(read).filter(is_set).collect()
}

/// Everything the main thread knows.
pub struct Registry {
    /// In the order of their creation.
    pub mirrors: Vec<Mirror>,
    /// What a load in progress has brought so far; `None` outside a load.
    pub staged: Option<Vec<Stored>>,
    /// This server's replication ids, the present one first.
    pub own_replids: Vec<ReplId>,
    /// Links that were told to end and have not yet.
    pub ending: Vec<Link>,
    /// Whose turn it is.
    pub turn: usize,
    /// When the last slice ended, if it left work.
    pub idle_since: Option<Instant>,
    /// Walks that clients wait for.
    pub jobs: Vec<Job>,
    /// When this server's replication ids were looked at last; `None` when they may have changed since.
    pub ids_looked_at: Option<Instant>,
    /// Whether the followers don't know the present ids yet.
    pub ids_to_tell: bool,
    /// Whether a child was forked that may write an AOF without the mirrors' state.
    pub has_forked: bool,
    /// Whether keyspace events are subscribed to.
    pub watches_keys: bool,
    /// What the first mirror brings.
    pub fixed: Option<Fixed>,
}

/// Found when the first mirror comes, and good as long as the module stays.
pub struct Fixed {
    /// Wakes the event loop. Not made before it is needed: a module that has one can't be unloaded.
    pub waker: Waker,
    /// What this server can do.
    pub local: LocalServer,
}

/// The one registry.
pub static REGISTRY: MainCell<Registry> = MainCell::new(Registry {
    mirrors: Vec::new(),
    staged: None,
    own_replids: Vec::new(),
    ending: Vec::new(),
    turn: 0,
    idle_since: None,
    jobs: Vec::new(),
    ids_looked_at: None,
    ids_to_tell: false,
    has_forked: false,
    watches_keys: false,
    fixed: None,
});

/// Whether there is anything to do in a turn of the event loop: a turn without mirrors costs one load.
pub static IN_USE: AtomicBool = AtomicBool::new(false);

impl Registry {
    /// The mirror of that name.
    pub fn find(&mut self, name: &[u8]) -> Option<&mut Mirror> {
        self.mirrors.iter_mut().find(|mirror| mirror.stored.definition.name == name)
    }

    /// Adds a mirror.
    pub fn add(&mut self, mirror: Mirror) {
        self.mirrors.push(mirror);
        IN_USE.store(true, Ordering::Relaxed);
    }

    /// Whether links can be started: see `apply::get_ready`.
    pub fn is_ready(&self) -> bool {
        self.watches_keys && self.fixed.is_some()
    }

    /// Adds a walk that a client waits for.
    pub fn add_job(&mut self, job: Job) {
        self.jobs.push(job);
        IN_USE.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Removes a mirror; its link ends on its own.
    pub fn remove(&mut self, name: &[u8]) -> Option<Mirror> {
        let at = self.mirrors.iter().position(|mirror| mirror.stored.definition.name == name)?;
        let mut mirror = self.mirrors.remove(at);
        self.ending.extend(mirror.stop_link("the mirror was dropped"));
        Some(mirror)
    }

    /// Ends all links: this server is no primary any more, or ends.
    pub fn stop_links(&mut self, why: &str) {
        for mirror in &mut self.mirrors {
            self.ending.extend(mirror.stop_link(why));
        }
    }

    /// Wakes the event loop.
    pub fn wake(&self) {
        if let Some(fixed) = &self.fixed {
            fixed.waker.wake();
        }
    }

    /// Lets go of what waits to be applied: it may be what the server lacks memory for, and then nothing
    /// else would ever free it. The position is that of the last unit applied; the links come back later.
    pub fn relieve(&mut self) {
        for mirror in &mut self.mirrors {
            if mirror.link.as_ref().is_some_and(|link| link.shared.held_bytes() > RELIEF_BYTES) {
                let why = "this server is out of memory: raise maxmemory, or mirror less";
                mirror.note_refusal(why);
                self.ending.extend(mirror.stop_link(why));
                mirror.delay_restart();
            }
        }
    }

    /// Forgets the links that have ended.
    pub fn bury(&mut self) {
        self.ending.retain(|link| !link.has_ended());
    }

    /// Notes this server's replication ids: those of now in front, old ones kept. The links learn of a new
    /// one: a server takes one when its first replica comes, and when it is promoted.
    pub fn note_own_replids(&mut self, ctx: &Context<'_>) {
        self.ids_looked_at = Some(Instant::now());
        let before = self.own_replids.first().copied();
        for id in present_replids(ctx) {
            self.own_replids.retain(|known| *known != id);
            self.own_replids.insert(0, id);
        }
        self.own_replids.truncate(OWN_IDS_MAX);
        if self.own_replids.first().copied() != before {
            self.ids_to_tell = true;
            for link in self.mirrors.iter().filter_map(|mirror| mirror.link.as_ref()) {
                link.shared.set_own_replids(self.own_replids.clone());
            }
        }
    }

    /// Looks at the ids again if they may have changed.
    pub fn keep_own_replids(&mut self, ctx: &Context<'_>) {
        if self.ids_looked_at.is_none_or(|at| at.elapsed() >= LOOK_AT_IDS) {
            propagation::forget(ctx);
            self.note_own_replids(ctx);
        }
    }

    /// Replaces the mirrors by those that a load has brought.
    pub fn commit_staged(&mut self) {
        let Some(staged) = self.staged.take() else { return };
        self.stop_links("the server loaded other data");
        let old = std::mem::take(&mut self.mirrors);
        for stored in staged {
            // A password outlives a load in the same process.
            let kept = old.iter().find(|mirror| mirror.stored.definition.name == stored.definition.name);
            let password = kept.and_then(|mirror| mirror.password.clone());
            self.add(Mirror::new(stored, password));
        }
    }
}
