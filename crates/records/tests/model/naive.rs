//! The store as simply as it can be told: everything in vectors, every question answered by looking at all of it.

use record_store::lease::Wish;
use record_store::options::{StorePatch, TypePatch};
use record_store::put::{Action, Condition, Fence, Op};
use record_store::upkeep::Trim;
use record_store::{Change, Cursor, EpochId, Kind, Limits, Reason, StoreOptions, TypeOptions};

/// A change by its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub version: u64,
    pub at: u64,
    pub end: Option<u64>,
    pub kind: Kind,
    pub type_name: Vec<u8>,
    pub id: Vec<u8>,
    pub data: Vec<u8>,
}

impl Told {
    pub fn of(change: &Change) -> Told {
        Told {
            version: change.version(),
            at: change.modified_at(),
            end: change.expires_at(),
            kind: change.kind(),
            type_name: change.type_name().to_vec(),
            id: change.id().to_vec(),
            data: change.data().to_vec(),
        }
    }

    pub fn cost(&self) -> u64 {
        (self.type_name.len() + self.id.len() + self.data.len() + 64) as u64
    }

    pub fn is(&self, type_name: &[u8], id: &[u8]) -> bool {
        self.type_name == type_name && self.id == id
    }

    pub fn has_ended(&self, now: u64) -> bool {
        self.end.is_some_and(|end| end <= now)
    }
}

/// What a put did: the time, the version of each operation, what was evicted.
pub type Done = (u64, Vec<u64>, Vec<Told>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub name: Vec<u8>,
    pub holder: Vec<u8>,
    pub token: u64,
    pub end: u64,
}

/// Of whom a write is.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub now: u64,
    pub term: u64,
    pub fresh: EpochId,
}

#[derive(Debug, Clone)]
pub struct Naive {
    pub limits: Limits,
    pub version: u64,
    pub compact_version: u64,
    pub last_time: u64,
    pub last_token: u64,
    pub term: Option<u64>,
    pub epochs: Vec<(EpochId, u64)>,
    /// By version.
    pub records: Vec<Told>,
    pub log: Vec<Told>,
    pub type_options: Vec<(Vec<u8>, TypeOptions)>,
    pub options: StoreOptions,
    pub leases: Vec<Held>,
    pub cursors: Vec<(Vec<u8>, Cursor)>,
}

pub const LIMIT: &str = "RECLIMIT";

impl Naive {
    pub fn new(limits: Limits) -> Naive {
        Naive {
            limits,
            version: 0,
            compact_version: 0,
            last_time: 0,
            last_token: 0,
            term: None,
            epochs: Vec::new(),
            records: Vec::new(),
            log: Vec::new(),
            type_options: Vec::new(),
            options: StoreOptions::default(),
            leases: Vec::new(),
            cursors: Vec::new(),
        }
    }

    pub fn time(&self, now: u64) -> u64 {
        now.max(self.last_time)
    }

    pub fn type_option(&self, type_name: &[u8]) -> TypeOptions {
        let found = self.type_options.iter().find(|(name, _)| name == type_name);
        found.map_or(TypeOptions::default(), |(_, options)| *options)
    }

    fn has_type(&self, type_name: &[u8]) -> bool {
        self.type_option(type_name) != TypeOptions::default()
            || self.records.iter().chain(&self.log).any(|told| told.type_name == type_name)
    }

    fn count_types(&self) -> usize {
        let names = self.type_options.iter().map(|(name, _)| name);
        let mut names: Vec<_> =
            names.chain(self.records.iter().chain(&self.log).map(|told| &told.type_name)).collect();
        names.sort();
        names.dedup();
        names.len()
    }

    pub fn record(&self, type_name: &[u8], id: &[u8], now: u64) -> Option<&Told> {
        let now = self.time(now);
        self.records.iter().find(|told| told.is(type_name, id) && !told.has_ended(now))
    }

    fn begin(&mut self, when: When) {
        if self.term != Some(when.term) {
            self.term = Some(when.term);
            self.epochs.push((when.fresh, self.version));
            let leap = (1 << 20) + when.fresh.get() % (1 << 20);
            self.last_token = self.last_token.max(self.version) + leap;
        }
    }

    fn end(&mut self, at: u64) {
        let over = |naive: &Naive| {
            let cost: u64 = naive.log.iter().map(Told::cost).sum();
            naive.options.changes_max.is_some_and(|max| naive.log.len() as u64 > max)
                || naive.options.bytes_max.is_some_and(|max| cost > max)
        };
        while over(self) {
            self.compact(self.compact_version + 1);
        }
        self.last_time = at;
    }

    fn compact(&mut self, version: u64) {
        self.compact_version = version;
        self.log.retain(|told| told.version > version);
        while self.epochs.len() > 1 && self.epochs[1].1 < version {
            self.epochs.remove(0);
        }
    }

    fn change(&mut self, when: When, told: Told) -> Told {
        self.begin(when);
        self.version += 1;
        let told = Told { version: self.version, at: self.time(when.now), ..told };
        self.records.retain(|record| !record.is(&told.type_name, &told.id));
        if told.kind == Kind::Set {
            self.records.push(told.clone());
        }
        self.log.push(told.clone());
        told
    }

    fn delete(&mut self, when: When, type_name: &[u8], id: &[u8], reason: Reason) -> Told {
        let (type_name, id) = (type_name.to_vec(), id.to_vec());
        let kind = Kind::Delete(reason);
        self.change(when, Told { version: 0, at: 0, end: None, kind, type_name, id, data: Vec::new() })
    }

    fn name_fits(&self, name: &[u8]) -> bool {
        (1..=self.limits.name_bytes_max).contains(&name.len())
    }

    pub fn put(&mut self, when: When, fence: Option<Fence<'_>>, ops: &[Op<'_>]) -> Result<Done, String> {
        let at = self.time(when.now);
        let mut fits = (1..=self.limits.batch_ops_max).contains(&ops.len());
        let mut new = Vec::new();
        for op in ops {
            fits &= self.name_fits(op.type_name) && self.name_fits(op.id);
            if let Action::Set { data, ttl_ms } = op.action {
                fits &= data.len() <= self.limits.data_bytes_max && ttl_ms != Some(0);
                new.push(op.type_name);
            }
        }
        new.retain(|name| !self.has_type(name));
        new.sort_unstable();
        new.dedup();
        if !fits || (!new.is_empty() && self.count_types() + new.len() > self.limits.types_max) {
            return Err(LIMIT.into());
        }
        if let Some(fence) = fence
            && !self
                .leases
                .iter()
                .any(|held| held.name == fence.lease && held.token == fence.token && held.end > at)
        {
            return Err("RECFENCED".into());
        }
        self.conditions(at, ops)?;
        let before = self.version;
        let versions = ops.iter().map(|op| self.run(when, at, op)).collect();
        let mut evicted = Vec::new();
        for op in ops {
            evicted.extend(self.evict(when, at, op.type_name));
        }
        if self.version != before {
            self.end(at);
        }
        Ok((at, versions, evicted))
    }

    fn conditions(&self, at: u64, ops: &[Op<'_>]) -> Result<(), String> {
        for (index, op) in ops.iter().enumerate() {
            let before = ops[..index].iter().rev().find(|b| b.type_name == op.type_name && b.id == op.id);
            let version = self.record(op.type_name, op.id, at).map_or(0, |record| record.version);
            let exists = before.map_or(version != 0, |op| matches!(op.action, Action::Set { .. }));
            let problem = match op.condition {
                Condition::Missing if exists => "RECEXISTS",
                Condition::Exists if !exists => "RECVERSION",
                Condition::Version(0) if !exists => continue,
                Condition::Version(_) if before.is_some() => "RECVERSION",
                Condition::Version(wanted) if wanted != version => "RECVERSION",
                _ => continue,
            };
            return Err(format!("{problem} operation {index}"));
        }
        Ok(())
    }

    fn run(&mut self, when: When, at: u64, op: &Op<'_>) -> u64 {
        let ended = self.records.iter().any(|told| told.is(op.type_name, op.id) && told.has_ended(at));
        if ended {
            self.delete(when, op.type_name, op.id, Reason::Ttl);
        }
        let exists = self.records.iter().any(|told| told.is(op.type_name, op.id));
        match op.action {
            Action::Set { data, ttl_ms } => {
                let end = ttl_ms.or(self.type_option(op.type_name).ttl_ms).map(|ttl| at + ttl);
                let (type_name, id) = (op.type_name.to_vec(), op.id.to_vec());
                let told = Told { version: 0, at, end, kind: Kind::Set, type_name, id, data: data.to_vec() };
                self.change(when, told).version
            }
            Action::Delete if exists => self.delete(when, op.type_name, op.id, Reason::User).version,
            Action::Delete => 0,
        }
    }

    fn evict(&mut self, when: When, at: u64, type_name: &[u8]) -> Vec<Told> {
        let mut evicted = Vec::new();
        let Some(capacity) = self.type_option(type_name).capacity else { return evicted };
        loop {
            let of_type = || self.records.iter().filter(|told| told.type_name == type_name);
            if of_type().count() as u64 <= capacity {
                return evicted;
            }
            let ended =
                of_type().filter(|told| told.has_ended(at)).min_by_key(|told| (told.end, told.version));
            let reason = if ended.is_some() { Reason::Ttl } else { Reason::Capacity };
            let Some(first) = ended.or(of_type().min_by_key(|told| told.version)).cloned() else {
                return evicted;
            };
            evicted.push(self.delete(when, type_name, &first.id, reason));
        }
    }

    pub fn set_type_options(&mut self, when: When, type_name: &[u8], patch: TypePatch) -> Result<(), String> {
        let zero = patch.capacity == Some(Some(0)) || patch.ttl_ms == Some(Some(0));
        let full = !self.has_type(type_name) && self.count_types() >= self.limits.types_max;
        if zero || full || !self.name_fits(type_name) {
            return Err(LIMIT.into());
        }
        let old = self.type_option(type_name);
        let new = TypeOptions {
            capacity: patch.capacity.unwrap_or(old.capacity),
            ttl_ms: patch.ttl_ms.unwrap_or(old.ttl_ms),
        };
        if new != old {
            self.begin(when);
            self.type_options.retain(|(name, _)| name != type_name);
            if new != TypeOptions::default() {
                self.type_options.push((type_name.to_vec(), new));
            }
            let at = self.time(when.now);
            self.evict(when, at, type_name);
            self.end(at);
        }
        Ok(())
    }

    pub fn set_options(&mut self, when: When, patch: StorePatch) -> Result<(), String> {
        if patch.retain_ms == Some(Some(0)) {
            return Err(LIMIT.into());
        }
        let old = self.options;
        let new = StoreOptions {
            retain_ms: patch.retain_ms.unwrap_or(old.retain_ms),
            changes_max: patch.changes_max.unwrap_or(old.changes_max),
            bytes_max: patch.bytes_max.unwrap_or(old.bytes_max),
        };
        if new != old {
            self.begin(when);
            self.options = new;
            self.end(self.time(when.now));
        }
        Ok(())
    }

    pub fn tend(&mut self, when: When, steps_max: usize) {
        let (at, mut left, mut changed) = (self.time(when.now), steps_max, false);
        while left > 0 {
            let ended = self.leases.iter().filter(|held| held.end <= at);
            let Some(name) = ended.min_by_key(|held| (held.end, &held.name)).map(|held| held.name.clone())
            else {
                break;
            };
            self.begin(when);
            self.leases.retain(|held| held.name != name);
            (left, changed) = (left - 1, true);
        }
        while left > 0 {
            let ended = self.records.iter().filter(|told| told.has_ended(at));
            let Some(first) = ended.min_by_key(|told| (told.end, told.version)).cloned() else { break };
            self.delete(when, &first.type_name, &first.id, Reason::Ttl);
            (left, changed) = (left - 1, true);
        }
        if let Some(from) = self.options.retain_ms.and_then(|retain| at.checked_sub(retain)) {
            let old = self.log.iter().take(left).take_while(|told| told.at < from).count() as u64;
            if old > 0 {
                self.begin(when);
                self.compact(self.compact_version + old);
                changed = true;
            }
        }
        if changed {
            self.end(at);
        }
    }

    pub fn trim(&mut self, when: When, trim: Trim) -> Result<u64, String> {
        let version = match trim {
            Trim::Version(version) if version > self.version => return Err(LIMIT.into()),
            Trim::Version(version) => version,
            Trim::Before(time) => {
                let old = self.log.iter().take_while(|told| told.at < time).count();
                self.compact_version + old as u64
            }
            Trim::Keep(count) => self.version.saturating_sub(count),
        };
        let count = version.saturating_sub(self.compact_version);
        if count > 0 {
            self.begin(when);
            self.compact(version);
            self.end(self.time(when.now));
        }
        Ok(count)
    }

    pub fn clear(&mut self, when: When) {
        self.begin(when);
        self.records.clear();
        self.log.clear();
        self.version += 1;
        self.compact(self.version);
        self.end(self.time(when.now));
    }

    pub fn lease(&self, name: &[u8], now: u64) -> Option<&Held> {
        let now = self.time(now);
        self.leases.iter().find(|held| held.name == name && held.end > now)
    }

    /// `again` is for what may be asked of a lease that the holder has already.
    pub fn wish(
        &mut self,
        when: When,
        name: &[u8],
        holder: &[u8],
        ttl_ms: u64,
        again: bool,
    ) -> Result<Wish, String> {
        let at = self.time(when.now);
        if !self.name_fits(name) || !self.name_fits(holder) || (ttl_ms == 0 && !again) {
            return Err(LIMIT.into());
        }
        let token = match self.lease(name, at).cloned() {
            Some(held) if held.holder != holder || !again => {
                return Ok(Wish::Held { holder: held.holder.into(), left_ms: held.end - at });
            }
            Some(_) if ttl_ms == 0 => {
                self.begin(when);
                self.leases.retain(|held| held.name != name);
                self.end(at);
                return Ok(Wish::Released);
            }
            None if ttl_ms == 0 => return Ok(Wish::Released),
            Some(held) => {
                self.begin(when);
                held.token
            }
            None => {
                let new = !self.leases.iter().any(|held| held.name == name);
                if new && self.leases.len() >= self.limits.leases_max {
                    return Err(LIMIT.into());
                }
                self.begin(when);
                self.last_token = (self.last_token + 1).max(self.version);
                self.last_token
            }
        };
        self.hold(at, Held { name: name.into(), holder: holder.into(), token, end: at + ttl_ms });
        Ok(Wish::Granted { token, left_ms: ttl_ms })
    }

    fn hold(&mut self, at: u64, new: Held) {
        self.leases.retain(|held| held.name != new.name);
        self.leases.push(new);
        self.end(at);
    }

    /// Renews, or gives back without a time.
    pub fn keep(&mut self, when: When, wanted: &Held, ttl_ms: Option<u64>) -> Result<(), String> {
        if ttl_ms == Some(0) {
            return Err(LIMIT.into());
        }
        let at = self.time(when.now);
        let held = self.lease(&wanted.name, at).cloned();
        let held = held.filter(|held| held.holder == wanted.holder && held.token == wanted.token);
        let held = held.ok_or("RECLEASE")?;
        self.begin(when);
        match ttl_ms {
            Some(ttl_ms) => self.hold(at, Held { end: at + ttl_ms, ..held }),
            None => {
                self.leases.retain(|other| other.name != held.name);
                self.end(at);
            }
        }
        Ok(())
    }

    /// Sets a named cursor, or deletes it.
    pub fn note(&mut self, when: When, name: &[u8], cursor: Option<Cursor>) -> Result<(), String> {
        let old = self.cursors.iter().find(|(known, _)| known == name).map(|(_, cursor)| *cursor);
        if let Some(cursor) = cursor {
            let full = old.is_none() && self.cursors.len() >= self.limits.cursors_max;
            if full || !self.name_fits(name) {
                return Err(LIMIT.into());
            }
            match self.check_cursor(cursor, Some(when.term)) {
                Err("RECCOMPACTED") | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if old != cursor {
            self.begin(when);
            self.cursors.retain(|(known, _)| known != name);
            self.cursors.extend(cursor.map(|cursor| (name.to_vec(), cursor)));
            self.end(self.time(when.now));
        }
        Ok(())
    }
}
