//! Which links run: started on a primary, ended on a replica, restarted when that can help.

use std::time::{Duration, Instant};

use mirror_engine::LocalServer;
use mirror_engine::definition::Scheme;
use redis_context::{Context, ContextFlags, LogLevel};
use redis_replica::transport::{BackoffConfig, Endpoint};

use super::contain::caught;
use crate::configs;
use crate::link::{Access, Link, LinkConfig, LinkState, Password};
use crate::mirror::Mirror;
use crate::registry::{Fixed, Registry};

/// The delays between full resyncs that the mirror itself asks for: each costs the source a snapshot.
const RESTART_DELAYS: BackoffConfig =
    BackoffConfig { first: Duration::from_secs(1), max: Duration::from_secs(60), jitter_percent: 25 };

/// A mirror that ran this long starts over without delay the next time.
const RAN_WELL: Duration = Duration::from_secs(300);

/// Looks after the links. Called each turn; cheap when there is nothing to do.
pub fn supervise(ctx: &Context<'_>, registry: &mut Registry) {
    if !registry.ending.is_empty() {
        registry.bury();
    }
    let may_run = may_run(ctx);
    if may_run && !registry.mirrors.is_empty() {
        registry.keep_own_replids(ctx);
    }
    if !may_run && registry.mirrors.iter().any(|mirror| mirror.link.is_some()) {
        registry.stop_links("this server is not a primary, or is loading");
    }
    for at in 0..registry.mirrors.len() {
        let mirror = &mut registry.mirrors[at];
        mirror.contain("in the care for its link", Mirror::look_after_link);
        if mirror.loss_to_tell {
            registry.ending.extend(mirror.stop_link("the mirror has failed"));
        } else if may_run && mirror.wants_link() && caught(|| start(ctx, registry, at)).is_none() {
            registry.mirrors[at].poison("while its link was started");
        }
    }
}

fn may_run(ctx: &Context<'_>) -> bool {
    let flags = ctx.flags();
    flags.contains(ContextFlags::PRIMARY)
        && !flags.intersects(ContextFlags::LOADING | ContextFlags::ASYNC_LOADING | ContextFlags::CLUSTER)
}

impl Mirror {
    fn look_after_link(&mut self) {
        self.note_state();
        let Some(link) = &self.link else { return };
        if link.shared.state() == LinkState::Failed && link.shared.queue.bytes() == 0 {
            let why = link.shared.last_error().map_or_else(|| "the link failed".to_owned(), |(_, why)| why);
            redis_context::log(LogLevel::Warning, format!("mirror {}: {why}", self.name()));
            self.waiters.fail_all(&why);
            self.failure = Some(why);
            return;
        }
        self.request_fetch();
    }

    fn wants_link(&self) -> bool {
        self.link.is_none()
            && self.failure.is_none()
            && !self.stored.definition.paused
            && !self.is_dropping
            && !self.lacks_credentials()
            && self.restart_at.is_none_or(|at| Instant::now() >= at)
    }

    /// The next link may only start after a delay that grows with each time this happens in a row.
    pub fn delay_restart(&mut self) {
        if self.started_at.is_some_and(|at| at.elapsed() > RAN_WELL) {
            self.restart_delay = Duration::ZERO;
        }
        self.restart_at = Some(Instant::now() + self.restart_delay);
        self.restart_delay = (self.restart_delay * 2).clamp(RESTART_DELAYS.first, RESTART_DELAYS.max);
    }

    fn link_config(
        &self,
        registry_ids: &[mirror_engine::ReplId],
        local: LocalServer,
        maxmemory: u64,
    ) -> LinkConfig {
        LinkConfig {
            name: self.name(),
            access: self.access(),
            position: self.position(),
            scope: std::sync::Arc::clone(&self.scope),
            local,
            own_replids: registry_ids.to_vec(),
            ack: configs::ack(),
            queue_bytes: configs::queue_bytes(),
            spool: configs::spool_limits(),
            unit: configs::unit_limits(maxmemory),
            backoff: configs::backoff(),
            random: [0; 2],
        }
    }

    fn access(&self) -> Access {
        let definition = &self.stored.definition;
        let source = &definition.source;
        Access {
            endpoint: Endpoint::new(source.host.clone(), source.port),
            user: source.user.as_ref().map(|user| String::from_utf8_lossy(user).into_owned()),
            password: match &self.password {
                Some(password) => Password::Inline(password.clone()),
                None => Password::Named(definition.credentials.clone()),
            },
            tls: (source.scheme == Scheme::Tls).then(|| definition.tls.clone()),
            policy: configs::source_policy(),
            secrets: configs::secrets_dir(),
        }
    }
}

fn start(ctx: &Context<'_>, registry: &mut Registry, at: usize) {
    registry.note_own_replids(ctx);
    let Some(Fixed { waker, local }) = &registry.fixed else { return };
    let mirror = &mut registry.mirrors[at];
    mirror.fields_may_expire &= local.has_field_expiry();
    let mut config = mirror.link_config(&registry.own_replids, local.clone(), maxmemory(ctx));
    let mut random = [0; 16];
    ctx.random_bytes(&mut random);
    config.random = [0, 8].map(|from| random[from..].first_chunk().map_or(0, |b| u64::from_ne_bytes(*b)));
    mirror.started_at = Some(Instant::now());
    match Link::start(config, waker.clone()) {
        Ok(link) => mirror.link = Some(link),
        Err(error) => {
            mirror.note_refusal(format!("no thread for the link: {error}"));
            mirror.delay_restart();
        }
    }
}

/// This server's memory limit in bytes; 0 if it has none.
fn maxmemory(ctx: &Context<'_>) -> u64 {
    ctx.server_info(c"memory").and_then(|info| info.unsigned(c"maxmemory")).unwrap_or(0)
}

impl Registry {
    /// Tells the links what a unit may take now: a setting was changed.
    pub fn note_unit_limits(&mut self, ctx: &Context<'_>) {
        let limits = configs::unit_limits(maxmemory(ctx));
        for link in self.mirrors.iter().filter_map(|mirror| mirror.link.as_ref()) {
            link.shared.set_unit_limits(limits);
        }
    }
}
