//! The turns of the event loop and the server's clock.

use redis_module::raw;

use super::{Fired, Sealed, ServerEvent};
use crate::context::Context;

/// Each turn of the event loop, twice. Fired very often: do little.
pub struct EventLoop;

/// Where in its turn the event loop is. Neither fires while a busy script or a load serves clients in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventLoopEvent {
    /// About to wait for events. The server's clock is fresh.
    BeforeSleep,
    /// Events have come and are not handled yet. From Redis 7.2 on the server's cached clock may be one
    /// sleep old here.
    AfterSleep,
    /// A place this crate has no name for.
    Unknown(u64),
}

impl Sealed for EventLoop {}
impl ServerEvent for EventLoop {
    type Payload<'e> = EventLoopEvent;
    const ID: u64 = raw::REDISMODULE_EVENT_EVENTLOOP;
    const NAME: &'static str = "the EventLoop event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> EventLoopEvent {
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP => EventLoopEvent::BeforeSleep,
            raw::REDISMODULE_SUBEVENT_EVENTLOOP_AFTER_SLEEP => EventLoopEvent::AfterSleep,
            other => EventLoopEvent::Unknown(other),
        }
    }
}

/// The server's regular work, `hz` times a second.
pub struct CronLoop;

/// A run of the server's regular work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronLoopEvent {
    /// How often it runs in a second, if the server said so.
    pub hz: Option<u32>,
}

impl Sealed for CronLoop {}
impl ServerEvent for CronLoop {
    type Payload<'e> = CronLoopEvent;
    const ID: u64 = raw::REDISMODULE_EVENT_CRON_LOOP;
    const NAME: &'static str = "the CronLoop event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> CronLoopEvent {
        // SAFETY: R22: version 1 of this event's data.
        let data = unsafe { fired.version_1::<raw::RedisModuleCronLoopInfo>() };
        CronLoopEvent { hz: data.and_then(|data| u32::try_from(data.hz).ok()) }
    }
}
